"""The one question to the profile authority that is open; must never let an answer in that nobody waits for."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Final

from forecourt.v1 import profile_pb2

from gateway.clock import Clock
from gateway.flow.commands import CommandFailed
from gateway.flow.profile_keeping import Kept
from gateway.flow.profile_mail import Mail
from gateway.flow.profile_views import Asked
from gateway.profile import Moment, moment_of

ANSWER_S: Final = 30.0
AGAIN_S: Final = 10.0
ENDED: Final = "visit_ended"


class Asking:
    """Belongs to the loop's thread. `again` is called where a question that is not the guest's had no answer."""

    def __init__(self, mail: Mail, clock: Clock, counters: Counter[str], again: Callable[[], None]) -> None:
        self._mail, self._clock, self._counters, self._again = mail, clock, counters, again
        self._loop = asyncio.get_running_loop()
        self.open: Asked | None = None

    def begin(self, *, by_guest: bool) -> Asked:
        """A question from now on; whoever waits for the one before waits for this."""
        done: asyncio.Future[str] = self._loop.create_future() if self.open is None else self.open.done
        self.open = Asked(secrets.randbits(62) | 1, moment_of(self._clock), by_guest, done)
        return self.open

    async def send(self, asked: Asked, kept: Kept, sealed: bytes) -> None:
        """On its way when this returns; raises StoreError. It is for others to ask again after AGAIN_S."""
        self._loop.call_later(AGAIN_S, self._unanswered, asked)
        request = profile_pb2.ProfileRequest(
            subject=kept.subject, request=asked.number, session_key=kept.session_key, proof=sealed
        )
        await self._mail.request(request)
        self._counters["requests"] += 1

    def answered(self, message: profile_pb2.ProfileAnswer, kept: Kept | None, now: Moment) -> tuple[Asked, Kept]:
        """The question that this answers, which is open no more; CommandFailed where there is none."""
        asked = self.open
        if asked is None or kept is None or (message.request, message.subject) != (asked.number, kept.subject):
            self._counters["answers_stale"] += 1
            raise CommandFailed("stale")
        if now.boottime_ms - asked.sent.boottime_ms > ANSWER_S * 1_000:
            self._counters["answers_late"] += 1
            raise CommandFailed("late")
        self.open = None
        return asked, kept

    def end(self) -> None:
        """The visit has no profile any more: nobody waits."""
        asked, self.open = self.open, None
        if asked is not None and not asked.done.done():
            asked.done.set_result(ENDED)

    def _unanswered(self, asked: Asked) -> None:
        """A sign-in is the guest's to repeat, everything else is asked again."""
        if self.open is asked:
            self._counters["unanswered"] += 1
            if not asked.by_guest:
                self.open = None
                self._again()
