"""Commands to devices: kept, sent after each birth until answered or expired; must never send one not on disk."""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import control_pb2, downlink_pb2

from gateway.clock import Clock
from gateway.cloud.control import Reply
from gateway.cloud.inbox import Inbox
from gateway.cloud.schema import signed, unsigned
from gateway.errors import ForecourtError, InputError, TooLarge
from gateway.limits import CLOUD_COMMANDS_MAX, COMMAND_BODY_BYTES_MAX, COMMAND_LIFE_MAX_S, COMMANDS_OPEN_MAX
from gateway.model import SeqRange, Stream
from gateway.wire.signing import sign
from gateway.wire.topics import Topics, check_device_id

RESEND = "events.resend"
Send = Callable[[str, bytes, int], None]
"""Publishes (topic, payload, expiry in seconds) when there is a connection; otherwise the next birth will ask again."""


class TooManyCommands(ForecourtError):
    """As many commands as allowed wait for this device's answer."""


class Open(NamedTuple):
    """A command that is neither answered nor expired."""

    id: int
    device: str
    kind: str
    counter: int
    body: bytes
    issued_us: int
    not_after_us: int


class Commander:
    """Issues commands and collects their answers. Made by Cloud; methods are for the loop's thread."""

    def __init__(self, inbox: Inbox, key: Ed25519PrivateKey, clock: Clock, send: Send) -> None:
        self._inbox, self._key, self._clock, self._send = inbox, key, clock, send
        self._waiting: dict[int, set[asyncio.Future[Reply]]] = {}

    async def issue(self, device: str, kind: str, body: bytes = b"", *, life_s: int = 3_600) -> int:
        """Keeps a command and sends it; returns its id once it is on disk.

        `life_s` is how long the device may begin it, in seconds. InputError or TooLarge for what cannot be sent,
        TooManyCommands when COMMANDS_OPEN_MAX wait already.
        """
        check_device_id(device)
        if not kind or len(kind) > 64:
            raise InputError("the kind of a command has 1 to 64 characters, such as events.resend")
        if len(body) > COMMAND_BODY_BYTES_MAX:
            raise TooLarge(f"a command of {len(body)} bytes; {COMMAND_BODY_BYTES_MAX} are allowed")
        if not 1 <= life_s <= COMMAND_LIFE_MAX_S:
            raise InputError(f"a command lives 1 to {COMMAND_LIFE_MAX_S} seconds, not {life_s}")
        now_us = self._clock.wall_us()
        number, not_after_us = secrets.randbits(63) | 1, now_us + life_s * 1_000_000

        def keep(db: sqlite3.Connection) -> Open:
            waiting = db.execute(
                "select count(*) from command where device = ? and stage = 0 and not_after_us > ?", (device, now_us)
            ).fetchone()[0]
            if waiting >= COMMANDS_OPEN_MAX:
                raise TooManyCommands(f"{waiting} commands to the device wait for an answer")
            # By time, so that a database that was restored from a backup gives no counter twice.
            counter = db.execute(
                "select max(coalesce(max(counter), 0) + 1, ?) from command where device = ?", (now_us, device)
            ).fetchone()[0]
            db.execute(
                "insert into command (id, device, kind, counter, body, issued_us, not_after_us)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                (number, device, kind, counter, body, now_us, not_after_us),
            )
            _trim(db, device, now_us)
            return Open(number, device, kind, counter, body, now_us, not_after_us)

        self._publish(await self._inbox.write(keep))
        return number

    async def resend(self, device: str, epoch: int, stream: Stream, numbers: SeqRange, *, life_s: int = 3_600) -> int:
        """Asks for events once more, as far as the device still keeps them; the id of the command."""
        body = downlink_pb2.ResendEvents(
            epoch=epoch, stream=int(stream), range=control_pb2.Range(first=numbers.first, last=numbers.last)
        )
        return await self.issue(device, RESEND, body.SerializeToString(), life_s=life_s)

    async def replies(self, command: int) -> list[Reply]:
        """The answers so far, in the order in which they came."""

        def find(db: sqlite3.Connection) -> list[Reply]:
            rows = db.execute(
                "select stage, reason, result from reply where command = ? order by rowid", (signed(command),)
            )
            return [Reply(command, *row) for row in rows]

        return await self._inbox.read(find)

    async def wait(self, command: int) -> Reply:
        """The final answer, as soon as it is there; bound the wait with asyncio.timeout."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        waiters = self._waiting.setdefault(command, set())
        waiters.add(future)
        try:
            for reply in await self.replies(command):
                if reply.final:
                    return reply
            return await future
        finally:
            waiters.discard(future)
            if not waiters:
                self._waiting.pop(command, None)

    def note(self, replies: Iterable[Reply]) -> None:
        """Answers arrived and are stored."""
        for reply in replies:
            if reply.final:
                for future in self._waiting.get(reply.command, ()):
                    if not future.done():
                        future.set_result(reply)

    async def send_again(self, devices: Iterable[str]) -> None:
        """Sends what these devices, which were just born, have not answered: any answer means that they keep it."""
        asked, now_us = list(devices), self._clock.wall_us()

        def find(db: sqlite3.Connection) -> list[Open]:
            found: list[Open] = []
            for device in asked:
                rows = db.execute(
                    "select id, device, kind, counter, body, issued_us, not_after_us from command"
                    " where device = ? and stage = 0 and not_after_us > ? order by counter",
                    (device, now_us),
                )
                found += map(Open._make, rows)
            return found

        for command in await self._inbox.read(find):
            self._publish(command)

    def _publish(self, command: Open) -> None:
        left_s = (command.not_after_us - self._clock.wall_us()) // 1_000_000
        if left_s <= 0:
            return
        message = downlink_pb2.Command(
            id=unsigned(command.id),
            kind=command.kind,
            issued_us=command.issued_us,
            not_after_us=command.not_after_us,
            counter=command.counter,
            body=command.body,
        )
        topic = Topics(command.device).command
        self._send(topic, sign(self._key, topic, message.SerializeToString()), left_s)


def _trim(db: sqlite3.Connection, device: str, now_us: int) -> None:
    """Of commands that are never sent again the content goes, and the oldest go whole, with their answers."""
    over = "(stage > 0 or not_after_us <= ?2)"
    db.execute(f"update command set body = x'' where device = ?1 and body <> x'' and {over}", (device, now_us))
    old = (
        f"select id from command where device = ?1 and {over} and counter <="
        " (select counter from command where device = ?1 order by counter desc limit 1 offset ?3)"
    )
    row = device, now_us, CLOUD_COMMANDS_MAX
    db.execute(f"delete from reply where command in ({old})", row)
    db.execute(f"delete from command where id in ({old})", row)
