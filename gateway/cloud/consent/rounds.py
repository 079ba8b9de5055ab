"""Keeps devices and recipients current: records, epochs, leases, erasures; must never push what is not kept."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import consent_pb2, downlink_pb2

from gateway.clock import Clock
from gateway.cloud.consent.desk import ConsentDesk
from gateway.cloud.consent.erasure import Recipient
from gateway.cloud.consent.ledger import Session
from gateway.cloud.schema import signed
from gateway.errors import ForecourtError
from gateway.log import Log
from gateway.wire.signing import sign
from gateway.wire.topics import Topics

T = TypeVar("T")
PUT = "consent.put"
END = "session.end"
LOOK_S = 30.0
RECIPIENT_S = 30.0
Retain = Callable[[str, bytes], None]
"""Publishes (topic, payload) retained, when there is a connection; otherwise the next connection does."""

log = Log("cloud")


class Books(Protocol):
    """The inbox, as far as it is needed here."""

    async def write(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `fn` in a transaction of its own, on disk for good when this returns."""
        ...

    async def read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `fn` between two groups of messages."""
        ...


class Issue(Protocol):
    """The commander, as far as it is needed here."""

    async def issue(self, device: str, kind: str, body: bytes = b"", *, life_s: int = 3_600) -> int:
        """Keeps a command and sends it; its id."""
        ...


class Rounds:
    """Makes the round of what is due, for ever. Methods are for the loop's thread."""

    def __init__(
        self,
        inbox: Books,
        desk: ConsentDesk,
        commander: Issue,
        key: Ed25519PrivateKey,
        clock: Clock,
        recipients: Sequence[Recipient] = (),
    ) -> None:
        """`recipients` are those that the desk was told of by name."""
        self._inbox, self._desk, self._ledger, self._commander = inbox, desk, desk.ledger, commander
        self._key, self._clock = key, clock
        self._recipients = {one.name: one for one in recipients}
        self._retain: Retain | None = None
        self._due: set[str] = set()
        self._wake = asyncio.Event()

    def due(self, device: str) -> None:
        """Something of this device's consent has changed, or it asked."""
        self._due.add(device)
        self._wake.set()

    async def connected(self, retain: Retain) -> None:
        """A connection is there: every device's epoch is published anew, a broker may have forgotten it."""
        self._retain = retain

        def find(db: sqlite3.Connection) -> list[tuple[str, int]]:
            return db.execute("select device, epoch from consent_epoch").fetchall()

        for device, epoch in await self._inbox.read(find):
            self._publish(device, epoch)

    def disconnected(self) -> None:
        """The connection is over."""
        self._retain = None

    async def run(self) -> None:
        """Puts records where they are due, for ever."""
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                self._due.update(await self._inbox.read(self._leases))
            self._wake.clear()
            due, self._due = self._due, set()
            for device in due:
                try:
                    await self._put(device)
                except ForecourtError as error:
                    log.warning("consent_not_put", device=device, error=type(error).__name__)
            await self._tell_recipients()

    async def _tell_recipients(self) -> None:
        """Asks every recipient for the erasures that it has not confirmed; those that fail are asked again."""
        for entry, name in await self._inbox.read(lambda _: self._desk.erasures.untold()):
            done: int | None = None
            try:
                if name in self._recipients:
                    async with asyncio.timeout(RECIPIENT_S):
                        await self._recipients[name].erase(entry.subject, entry.purposes)
                    done = self._clock.wall_us()
            except Exception as error:  # noqa: BLE001 - a recipient may fail in any way, and is asked again
                log.warning("recipient_not_told", recipient=name, error=type(error).__name__)
            await self._inbox.write(partial(self._note_told, entry.n, name, done))

    def _note_told(self, n: int, name: str, done: int | None, _: sqlite3.Connection) -> None:
        self._desk.erasures.told(n, name, done)

    async def tell(self, subject: int) -> None:
        """What is in force for a subject has changed: its device is to be told, and who was given its data."""
        session = await self._inbox.read(lambda _: self._ledger.session(subject))
        if session is not None:
            self._due.add(session.device)
        self._wake.set()

    async def _put(self, device: str) -> None:
        epoch, letters = await self._inbox.write(lambda db: self._letters(db, device))
        for session, version, letter in letters:
            number = await self._commander.issue(device, PUT, letter, life_s=session.lease_s)
            row = signed(number), device, session.subject, version, self._clock.wall_us()
            await self._inbox.write(partial(_note, row))
        self._publish(device, epoch)

    def _letters(self, db: sqlite3.Connection, device: str) -> tuple[int, list[tuple[Session, int, bytes]]]:
        """The device's epoch, and what it is to be told: new versions, what it asked for, and leases to renew."""
        epoch = self._ledger.epoch(device) or self._ledger.raise_epoch(device)
        found = []
        for session in self._ledger.sessions(device):
            raw, record = self._ledger.raw(session.subject), self._ledger.current(session.subject)
            if raw is None or record is None:
                continue
            if not self._wanted(db, session, record.version):
                continue
            put = consent_pb2.PutConsent(
                record=raw, epoch=epoch, changes_seen=session.changes_seen, lease_s=session.lease_s
            )
            found.append((session, record.version, put.SerializeToString()))
        return epoch, found

    def _wanted(self, db: sqlite3.Connection, session: Session, version: int) -> bool:
        (asked,) = db.execute("select asked from consent_session where subject = ?", (session.subject,)).fetchone()
        row = db.execute(
            "select max(at_us) from consent_push where subject = ? and version = ? and device = ?",
            (session.subject, version, session.device),
        ).fetchone()
        if asked or row[0] is None:
            return True
        return self._clock.wall_us() - int(row[0]) >= session.lease_s * 1_000_000 // 3

    def _leases(self, db: sqlite3.Connection) -> set[str]:
        """Devices whose leases are to be renewed, or whose last change was not put."""
        rows = db.execute(
            "select s.device, s.lease_s, max(p.at_us) from consent_session s left join consent_push p"
            " on p.subject = s.subject and p.device = s.device where s.ended_us is null group by s.subject"
        ).fetchall()
        now_us = self._clock.wall_us()
        return {device for device, lease_s, at in rows if at is None or now_us - at >= lease_s * 1_000_000 // 3}

    def _publish(self, device: str, epoch: int) -> None:
        if self._retain is not None:
            topic = Topics(device).epoch
            message = downlink_pb2.ConsentEpoch(epoch=epoch).SerializeToString()
            self._retain(topic, sign(self._key, topic, message))


def _note(row: tuple[int, str, int, int, int], db: sqlite3.Connection) -> None:
    db.execute("insert into consent_push values(?, ?, ?, ?, ?)", row)
    db.execute("update consent_session set asked = 0 where subject = ?", (row[2],))
