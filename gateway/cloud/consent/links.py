"""Joins an anonymous visit to a person, if the guest said so; must never give one visit to two people.

A handle is new for every visit, so that a shared device cannot merge its guests; and it belongs to at most one person.
"""

import sqlite3
from collections.abc import Callable, Iterable
from typing import cast

from forecourt.v1 import record_pb2
from google.protobuf.message import DecodeError

from gateway.clock import Clock
from gateway.cloud.schema import signed
from gateway.cloud.sinks import Effects
from gateway.model import Purpose

PERSON_CHARACTERS_MAX = 128
_SCRIPT = """
create table if not exists identity_link (subject integer primary key, person text not null, linked_us integer not null,
    backfill integer not null, unlinked_us integer)
"""


class Links:
    """Which visits are whose, in the caller's transaction on the inbox's thread."""

    def __init__(self, db: sqlite3.Connection, clock: Clock, count: Callable[[str, int], None]) -> None:
        self._db, self._clock, self._count = db, clock, count
        db.execute(_SCRIPT)
        db.execute("create index if not exists identity_link_by_person on identity_link (person)")

    def note(self, effects: Iterable[Effects]) -> None:
        """Takes up the links among new events. What cannot be joined is counted, and joins nothing."""
        for effect in effects:
            if effect.shape.signals or not effect.purposes >> Purpose.IDENTITY_LINK & 1:
                continue
            for raw in cast("list[bytes]", effect.columns[0]):
                try:
                    record = record_pb2.Record.FromString(raw)
                except DecodeError:
                    continue
                if record.WhichOneof("record") == "link":
                    self._link(effect.subject, record.link)

    def person(self, subject: int) -> str | None:
        """Whose visit it is; None while it is nobody's."""
        row = self._db.execute(
            "select person from identity_link where subject = ? and unlinked_us is null", (signed(subject),)
        ).fetchone()
        return str(row[0]) if row else None

    def visits(self, person: str) -> list[int]:
        """The visits of a person."""
        query = "select subject from identity_link where person = ? and unlinked_us is null order by subject"
        return [row[0] for row in self._db.execute(query, (person,))]

    def may_join(self, subject: int, purposes: int, ts_us: int) -> bool:
        """Whether an event of a visit may be joined to the person: by its own grants, and its time or a backfill."""
        if not purposes >> Purpose.CDP_PROFILE & 1:
            return False
        row = self._db.execute(
            "select linked_us, backfill from identity_link where subject = ? and unlinked_us is null",
            (signed(subject),),
        ).fetchone()
        return row is not None and (bool(row[1]) or ts_us >= int(row[0]))

    def forget(self, subject: int) -> None:
        """Erasure: the visit is nobody's, and its handle cannot be joined again."""
        self._db.execute(
            "update identity_link set person = '', unlinked_us = ? where subject = ?",
            (self._clock.wall_us(), signed(subject)),
        )

    def _link(self, subject: int, link: record_pb2.IdentityLink) -> None:
        if subject == 0 or not 0 < len(link.person) <= PERSON_CHARACTERS_MAX:
            self._count("identity_links_refused", 1)
            return
        row = self._db.execute(
            "select person, unlinked_us from identity_link where subject = ?", (signed(subject),)
        ).fetchone()
        if row is not None and row[0] != link.person:  # the wrong person, or one whose link was erased: an alarm
            self._count("identity_links_refused", 1)
            return
        if link.unlink:
            if row is not None:
                self._db.execute(
                    "update identity_link set unlinked_us = ? where subject = ?",
                    (self._clock.wall_us(), signed(subject)),
                )
            return
        self._db.execute(
            "insert into identity_link values(?, ?, ?, ?, null) on conflict do update set unlinked_us = null,"
            " backfill = max(backfill, excluded.backfill)",
            (signed(subject), link.person, self._clock.wall_us(), link.backfill),
        )
