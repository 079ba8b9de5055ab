"""Signals, shapes and boots that bags refer to; must never be behind the bags that use them.

Entries are written in the commit that first uses them, under their rank, so that writing them twice changes nothing.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from forecourt.v1 import event_pb2
from google.protobuf.message import Message

from gateway.clock import Clock
from gateway.limits import BOOTS_KEPT_MAX
from gateway.model import Boot, ClockQuality, Stream
from gateway.outbox.schema import check_numbers, check_text, table
from gateway.store.damage import Damaged
from gateway.wire.dictionary import Dictionary

_SLEW_US = 1_000_000


class References:
    """The dictionary and the boots, in memory and in the store."""

    def __init__(self, dictionary: Dictionary, clock: Clock, epoch: int) -> None:
        self._dictionary, self._clock, self._epoch = dictionary, clock, epoch
        self._stored = (0, 0)
        self._tried = False
        self.boots: dict[int, Boot] = {}

    def load(self, db: sqlite3.Connection) -> None:
        """Takes over what is stored; raises Damaged when an entry was altered or one is missing."""
        signals, shapes = read_dictionary(
            db.execute("select rank, shape, body, body_check from dictionary order by rank")
        )
        if self._count(db) != (len(signals), len(shapes)):
            raise Damaged("dictionary")
        self._dictionary.load(signals, shapes)
        self._stored = (len(signals), len(shapes))
        for boot_id, wall_us, quality, epoch, check in db.execute("select * from boot"):
            if check != check_numbers(boot_id, wall_us, quality, epoch):
                raise Damaged("boot")
            self.boots[boot_id] = Boot(boot_id, wall_us, ClockQuality(quality))

    def save_new(self, db: sqlite3.Connection) -> None:
        """Writes the entries of the dictionary that are not stored yet; inside the commit that may use them."""
        entries: tuple[Sequence[Message], Sequence[Message]] = (self._dictionary.signals, self._dictionary.shapes)
        if (len(entries[0]), len(entries[1])) == self._stored:
            return
        self._tried = True
        for shape, (stored, known) in enumerate(zip(self._stored, entries, strict=True)):
            for index in range(stored, len(known)):
                body = known[index].SerializeToString(deterministic=True)
                row = (2 * index + shape, shape, body, check_text(2 * index + shape, body.hex()))
                db.execute("insert or ignore into dictionary values(?, ?, ?, ?)", row)

    def durable(self, db: sqlite3.Connection) -> None:
        """After a commit: remembers how far the stored dictionary goes."""
        if self._tried:
            self._tried = False
            self._stored = self._count(db)

    def now(self) -> Boot:
        """The present boot as the clock tells it."""
        clock = self._clock
        began_us = clock.wall_us() - round(clock.boottime_s() * 1_000_000)
        return Boot(clock.boot_id(), began_us, clock.quality())

    def refresh(self, db: sqlite3.Connection) -> Boot | None:
        """Writes what is known of the present boot if it is new or better, and forgets boots that no bag names."""
        boot = self.now()
        known = self.boots.get(boot.id)
        if known is not None and not _better(boot, known):
            return None
        write_boot(db, boot, self._epoch)
        if len(self.boots) >= BOOTS_KEPT_MAX:
            used = " union ".join(f"select boot from {table(stream)}" for stream in Stream)
            db.execute(f"delete from boot where id <> ? and id not in ({used})", (boot.id,))
        return boot

    def _count(self, db: sqlite3.Connection) -> tuple[int, int]:
        """Entries without a hole, of signals and of shapes."""
        counts = dict(db.execute("select shape, count(*) from dictionary group by shape"))
        return counts.get(0, 0), counts.get(1, 0)


def write_boot(db: sqlite3.Connection, boot: Boot, epoch: int) -> None:
    """Writes one boot."""
    numbers = (boot.id, boot.wall_at_boot_us, int(boot.quality), epoch)
    db.execute("insert or replace into boot values(?, ?, ?, ?, ?)", (*numbers, check_numbers(*numbers)))


def entry_holds(row: tuple[Any, ...]) -> bool:
    """Whether a row (rank, shape, body, check) is as it was written."""
    rank, shape, body, check = row
    return isinstance(body, bytes) and rank % 2 == shape and check == check_text(rank, body.hex())


def read_dictionary(rows: Iterable[tuple[Any, ...]]) -> tuple[list[event_pb2.Signal], list[event_pb2.Shape]]:
    """Signals and shapes of rows (rank, shape, body, check), as far as they follow each other without a hole."""
    good = {row[0]: row[2] for row in rows if entry_holds(row)}
    signals: list[event_pb2.Signal] = []
    shapes: list[event_pb2.Shape] = []
    while (body := good.get(2 * len(signals))) is not None:
        signals.append(event_pb2.Signal.FromString(body))
    while (body := good.get(2 * len(shapes) + 1)) is not None:
        shapes.append(event_pb2.Shape.FromString(body))
    return signals, shapes


def _better(new: Boot, known: Boot) -> bool:
    if new.quality != known.quality:
        return new.quality > known.quality
    return abs(new.wall_at_boot_us - known.wall_at_boot_us) > _SLEW_US
