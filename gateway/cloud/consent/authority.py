"""What surfaces ask of the consent authority: changes, confirmations, rights; must never answer before it is kept."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from forecourt.v1 import consent_pb2

from gateway.clock import Clock
from gateway.cloud.consent.desk import ConsentDesk
from gateway.cloud.consent.export import bundle
from gateway.cloud.consent.ledger import Change
from gateway.cloud.consent.rounds import END, Books, Issue, Rounds
from gateway.consent.record import ConsentRecord, NoticeRef
from gateway.consent.states import ConsentState
from gateway.model import WITHOUT_CONSENT, Purpose, PurposeSet, purpose_set

ALL_WITH_CONSENT: PurposeSet = purpose_set(Purpose) & ~WITHOUT_CONSENT


class Courier(Protocol):
    """Sends the request for a confirmation over its own channel."""

    async def send(self, channel: str, address: str, token: str) -> str:
        """Returns the id that the messenger gave the message; keeps neither address nor token."""
        ...


@dataclass(frozen=True, slots=True)
class Spread:
    """A version of consent on its way to a device; `confirmed` when the device has said that it holds it."""

    device: str
    version: int
    sent_us: int
    confirmed: bool


class Authority:
    """Made by Cloud where the inbox is a consent authority. Methods are for the loop's thread."""

    def __init__(self, inbox: Books, desk: ConsentDesk, commander: Issue, clock: Clock, rounds: Rounds) -> None:
        self._inbox, self._desk, self._ledger, self._commander = inbox, desk, desk.ledger, commander
        self._clock, self.rounds = clock, rounds

    async def change(self, subject: int, changes: Sequence[Change], actor: str) -> ConsentRecord | None:
        """The next version, on disk and on its way to the device of the visit; erases what a no took away."""
        gone = purpose_set(change.purpose for change in changes if not change.state.allows)

        def write(db: sqlite3.Connection) -> ConsentRecord | None:
            record = self._ledger.change(subject, changes, actor)
            if gone:
                self._desk.erase(db, subject, gone)
            return record

        record = await self._inbox.write(write)
        await self.rounds.tell(subject)
        return record

    async def hand_over(self, subject: int, device: str) -> None:
        """The visit goes on on another device; the one before ends and wipes it."""

        def write(_: sqlite3.Connection) -> str:
            before = self._ledger.session(subject)
            self._ledger.hand_over(subject, device)
            assert before is not None
            return before.device

        before = await self._inbox.write(write)
        body = consent_pb2.EndSession(subject=subject, reason="handed_over").SerializeToString()
        await self._commander.issue(before, END, body)
        self.rounds.due(device)

    async def request_marketing(
        self, subject: int, purpose: Purpose, address: str, notice: NoticeRef, courier: Courier, surface: str = "phone"
    ) -> None:
        """A yes to a channel, pending until whoever holds the address has confirmed it there."""
        asked = await self._inbox.write(lambda _: self._desk.opt_in.request(subject, purpose, address, notice, surface))
        message = await courier.send(asked.channel, address, asked.token)
        await self._inbox.write(lambda _: self._desk.opt_in.sent(asked.token, message))

    async def confirm(self, token: str, notice_sha256: str) -> ConsentRecord | None:
        """The address was confirmed; raises InputError for a token that confirms nothing."""
        record = await self._inbox.write(lambda _: self._desk.opt_in.confirm(token, notice_sha256))
        if record is not None:
            await self.rounds.tell(record.subject)
        return record

    async def erase(self, subject: int) -> int:
        """Everything about a visit (GDPR Art. 17): here, on its device, with every recipient; how many events here."""

        def write(db: sqlite3.Connection) -> int:
            record = self._ledger.current(subject)
            said = (
                [Change(one.purpose, ConsentState.WITHDRAWN) for one in record.purposes if one.allows] if record else []
            )
            self._ledger.change(subject, said, "erasure")
            self._desk.links.forget(subject)
            self._desk.opt_in.forget(subject)
            return self._desk.erase(db, subject, ALL_WITH_CONSENT)

        events = await self._inbox.write(write)
        await self.rounds.tell(subject)
        return events

    async def export(self, subject: int) -> bytes:
        """Everything that is held of a visit, as JSON (GDPR Art. 15 and 20)."""

        def read(db: sqlite3.Connection) -> bytes:
            records, erased = self._ledger.history(subject), self._desk.erasures.status(subject)
            return bundle(db, subject, self._clock.wall_us(), records, erased)

        return await self._inbox.read(read)

    async def history(self, subject: int) -> list[bytes]:
        """The records of a subject as they travel, oldest first."""
        return await self._inbox.read(lambda _: self._ledger.history(subject))

    async def spread(self, subject: int) -> list[Spread]:
        """To which devices the versions of a subject went, and who has confirmed."""

        def find(db: sqlite3.Connection) -> list[Spread]:
            rows = db.execute(
                "select p.device, p.version, p.at_us, coalesce(c.stage, 0) = 3 from consent_push p"
                " left join command c on c.id = p.command where p.subject = ? order by p.at_us",
                (subject,),
            )
            return [Spread(device, version, at_us, bool(done)) for device, version, at_us, done in rows]

        return await self._inbox.read(find)
