"""Who plays in a case, and what a case is; must never judge."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.cloud.certify.player import Player
from gateway.model import Stream

OK = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """Who plays: two devices of which the subscriber knows the keys, and how to count effects, if that is known."""

    one: Player
    other: Player
    count: Callable[[str, int, str], Awaitable[int]] | None = None
    restart: Callable[[], Awaitable[None]] | None = None

    async def effects(self, expected: int, stream: Stream = Stream.LIVE) -> str:
        """Empty when the subscriber holds as many effects as expected, or cannot be asked."""
        if self.count is None:
            return OK
        found = await self.count(self.one.device, self.one.epoch, stream.word)
        return OK if found == expected else f"{expected} effects expected, the query counts {found}"


@dataclass(frozen=True, slots=True)
class Case:
    """One case: the area it is graded in, what it asks for, and the play, which returns what went wrong or nothing."""

    area: str
    asks: str
    play: Callable[[Stage], Awaitable[str]]
