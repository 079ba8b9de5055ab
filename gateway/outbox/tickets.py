"""What becomes of each append; must never say kept before it is durable."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.model import Appended, Event, Lane


@dataclass(slots=True)
class Ticket:
    """One append: resolved when the last of its parts is durable, with the first error that any had."""

    future: "asyncio.Future[Appended]"
    denied: int = 0
    kept: int = 0
    refused: int = 0
    parts_left: int = 0
    error: Exception | None = None

    def part_done(self, outcome: "Outcome | Exception") -> None:
        """On the loop."""
        self.parts_left -= 1
        if isinstance(outcome, Exception):
            self.error = self.error or outcome
        else:
            self.kept += outcome.kept
            self.denied += outcome.denied
            self.refused += outcome.refused
        if self.parts_left == 0 and not self.future.done():
            if self.error is not None:
                self.future.set_exception(self.error)
            else:
                self.future.set_result(Appended(self.kept, self.denied, self.refused))


@dataclass(slots=True)
class Outcome:
    """What became of a part."""

    kept: int = 0
    denied: int = 0
    refused: int = 0


@dataclass(slots=True)
class Part:
    """Events of one lane of one append."""

    lane: Lane
    events: Sequence[Event]
    ticket: Ticket
