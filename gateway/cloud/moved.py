"""Bags that a rescue numbered anew: which of their events had their effect already; must never lose one."""

import sqlite3
from collections.abc import Callable, Sequence

from forecourt.v1 import event_pb2

from gateway.cloud.numbers import SEQ_MAX, Numbers
from gateway.cloud.poison import Poison, Reason
from gateway.cloud.streams import StreamKey, Streams
from gateway.model import GapReason, SeqRange

_ELSEWHERE = (int(GapReason.MOVED), int(GapReason.REPEATED))


class Moved:
    """Looks at both numbers of an event, in the caller's transaction: it has one effect, under one of them."""

    def __init__(self, db: sqlite3.Connection, streams: Streams, count: Callable[[str, int], None]) -> None:
        self._db, self._streams, self._count = db, streams, count

    def fresh(self, key: StreamKey, bag: event_pb2.Bag, missing: list[SeqRange]) -> list[SeqRange]:
        """Of the `missing` numbers of a bag, those whose events had no effect under their earlier number either.

        Raises Poison for an origin that cannot be.
        """
        if not bag.origin_epoch:
            return missing
        if bag.origin_epoch == key.epoch or not 1 <= bag.origin_first <= SEQ_MAX - bag.count:
            raise Poison(Reason.NUMBERS, "a bag that came from nowhere")
        old, offset = self._old(key, bag)
        found: list[SeqRange] = []
        for first, last in missing:
            without = self._without_effect(old, first - offset, last - offset)
            found += [SeqRange(a + offset, b + offset) for a, b in without]
        return found

    def note(
        self, key: StreamKey, bag: event_pb2.Bag, missing: Sequence[SeqRange], fresh: Sequence[SeqRange], now_us: int
    ) -> None:
        """The `fresh` ones of the `missing` numbers have their effect now; the rest had it before. Explains both."""
        if not bag.origin_epoch:
            return
        taken = Numbers(0, fresh)
        repeated = [part for first, last in missing for part in taken.missing(first, last)]
        self._explain(key, repeated, GapReason.REPEATED, now_us)
        self._count("salvaged_repeated", sum(part.size for part in repeated))
        old, offset = self._old(key, bag)
        numbers = self._streams.to_change(old)
        for first, last in fresh:  # a late copy under the earlier numbers is to have no effect
            self._explain(old, numbers.missing(first - offset, last - offset), GapReason.MOVED, now_us)
            numbers.add(first - offset, last - offset)

    @staticmethod
    def _old(key: StreamKey, bag: event_pb2.Bag) -> tuple[StreamKey, int]:
        return key._replace(epoch=bag.origin_epoch), bag.first_seq - bag.origin_first

    def _without_effect(self, old: StreamKey, first: int, last: int) -> list[SeqRange]:
        """Numbers that are not held, or only because a gap was told for them."""
        told = self._db.execute(
            "select max(first, ?), min(last, ?) from gap where device = ? and epoch = ? and stream = ?"
            f" and first <= ? and last >= ? and reason not in {_ELSEWHERE}",
            (first, last, *old.row, last, first),
        ).fetchall()
        found = Numbers(0, [*self._streams.held(old).missing(first, last), *told])
        return found.above if first > 1 or not found.floor else [SeqRange(1, found.floor), *found.above]

    def _explain(self, key: StreamKey, ranges: Sequence[SeqRange], reason: GapReason, now_us: int) -> None:
        self._db.executemany(
            "insert into gap values (?, ?, ?, ?, ?, ?, ?)",
            [(*key.row, first, last, int(reason), now_us) for first, last in ranges],
        )
