"""Signals, shapes and boots that bags refer to; must never be behind the bags that use them.

Entries are written in the commit that first uses them, under their rank, so that writing them twice changes nothing.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from struct import pack
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
_SIZES = -2
"""Rank of the entry that tells how many signals and shapes there are."""


class References:
    """The dictionary and the boots, in memory and in the store."""

    def __init__(self, dictionary: Dictionary, clock: Clock, epoch: int) -> None:
        self._dictionary, self._clock, self._epoch = dictionary, clock, epoch
        self._stored = (0, 0)
        self._tried = False
        self.boots: dict[int, Boot] = {}

    def load(self, db: sqlite3.Connection) -> None:
        """Takes over what is stored; raises Damaged when an entry was altered or one is missing."""
        rows = db.execute("select rank, shape, body, body_check from dictionary").fetchall()
        signals, shapes, whole = read_dictionary(rows)
        if rows and not whole:
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
                write_entry(db, 2 * index + shape, body)
        write_sizes(db, len(entries[0]), len(entries[1]))

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
        """Stored entries, of signals and of shapes."""
        counts = dict(db.execute("select shape, count(*) from dictionary where rank >= 0 group by shape"))
        return counts.get(0, 0), counts.get(1, 0)


def write_boot(db: sqlite3.Connection, boot: Boot, epoch: int) -> None:
    """Writes one boot."""
    numbers = (boot.id, boot.wall_at_boot_us, int(boot.quality), epoch)
    db.execute("insert or replace into boot values(?, ?, ?, ?, ?)", (*numbers, check_numbers(*numbers)))


def entry_holds(row: tuple[Any, ...]) -> bool:
    """Whether a row (rank, shape, body, check) is as it was written."""
    rank, shape, body, check = row
    return isinstance(body, bytes) and rank % 2 == shape and check == check_text(rank, body.hex())


def write_entry(db: sqlite3.Connection, rank: int, body: bytes) -> None:
    """Writes a signal (even rank) or a shape (odd rank)."""
    row = (rank, rank % 2, body, check_text(rank, body.hex()))
    db.execute("insert or replace into dictionary values(?, ?, ?, ?)", row)


def write_sizes(db: sqlite3.Connection, signals: int, shapes: int) -> None:
    """Writes how many entries there are, so that a lost one is missed."""
    write_entry(db, _SIZES, pack(">II", signals, shapes))


def read_dictionary(
    rows: Iterable[tuple[Any, ...]],
) -> tuple[list[event_pb2.Signal], list[event_pb2.Shape], bool]:
    """Signals and shapes of rows (rank, shape, body, check) up to the first that is lost; and whether none is."""
    good = {row[0]: row[2] for row in rows if entry_holds(row)}
    signals: list[event_pb2.Signal] = []
    shapes: list[event_pb2.Shape] = []
    while (body := good.get(2 * len(signals))) is not None:
        signals.append(event_pb2.Signal.FromString(body))
    while (body := good.get(2 * len(shapes) + 1)) is not None:
        shape = event_pb2.Shape.FromString(body)
        if any(signal > len(signals) for signal in shape.signals):
            break
        shapes.append(shape)
    return signals, shapes, good.get(_SIZES) == pack(">II", len(signals), len(shapes))


def _better(new: Boot, known: Boot) -> bool:
    if new.quality != known.quality:
        return new.quality > known.quality
    return abs(new.wall_at_boot_us - known.wall_at_boot_us) > _SLEW_US
