"""What a withdrawal does to rows; must never leave one that opens for a purpose that was withdrawn."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import InputError
from gateway.model import AeadKey, Event, GapReason, Kind, PurposeSet, Stream
from gateway.outbox.core import Change, Core, body_of, change, cost
from gateway.outbox.ranges import of_bags
from gateway.outbox.schema import COLUMNS, PENDING, SETTLED, Row, proven, table
from gateway.wire.codec import decode


class Narrowing(Protocol):
    """How the bags of one subject shrink; its keys are durable before it is used."""

    def rest(self, purposes: PurposeSet) -> PurposeSet:
        """What remains of a bag's purposes; 0 when the bag has to go."""
        ...

    def picks(self, kind: Kind, rest: PurposeSet) -> tuple[int, ...] | None:
        """Indices of the values of `kind` that may stay; None when none may."""
        ...

    def record(self, body: bytes, rest: PurposeSet) -> bytes:
        """The record without what `rest` does not allow; raises InputError."""
        ...

    def key(self, rest: PurposeSet) -> tuple[int, AeadKey] | None:
        """Id and key of the smaller set; None when there is no room for one, then the bag has to go."""
        ...


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What happened to the events of a subject. `more`: some bags are still to be looked at."""

    purged: int
    resealed: int
    kept: int
    more: bool = False


def withdraw_rows(
    core: Core,
    db: sqlite3.Connection,
    subject: int,
    gone: PurposeSet,
    narrowing: Narrowing | None,
    bags_max: int = 1 << 62,
    reason: GapReason = GapReason.REVOKED,
) -> Withdrawn:
    """Shrinks or purges every bag of `subject` that stands on a purpose in `gone`; numbers stay, gaps tell the rest.

    Without `narrowing` every such bag goes. Bags in flight are not spared: the caller fences what was sent. With
    `bags_max` it takes a part only, for a disk that has no room for one large commit; then `more` may be told.
    """
    purged = resealed = 0
    budget = bags_max
    with change(core, db) as one:
        for stream in Stream:
            if stream == Stream.CONTROL:
                continue
            _drop_retained(one, stream, subject, gone)
            lost: list[tuple[int, int, int]] = []
            rows = _touched(db, stream, subject, gone, budget)
            budget -= len(rows)
            for row in rows:
                smaller = None if narrowing is None else _narrowed(core, stream, row, narrowing)
                if smaller is None:
                    lost.append((row.first_seq, row.events, len(row.sealed)))
                else:
                    _replace(one, stream, row, smaller)
                    resealed += row.events
            db.executemany(f"delete from {table(stream)} where first_seq = ?", [(row[0],) for row in lost])
            purged += one.took(stream, lost)
            one.gap(stream, of_bags(lost), reason)
            core.flights.release(stream, [row[0] for row in lost])
        db.execute("delete from quarantined where subject = ? and purposes & ? <> 0", (subject, gone))
    return Withdrawn(purged, resealed, waiting(db, subject) - resealed, more=budget == 0)


def key_ids(db: sqlite3.Connection) -> set[int]:
    """Ids of the keys that any row needs."""
    tables = [table(stream) for stream in Stream] + ["quarantined"]
    query = " union ".join(f"select key_id from {name}" for name in tables)
    return {key_id for (key_id,) in db.execute(query)}


def _touched(db: sqlite3.Connection, stream: Stream, subject: int, gone: PurposeSet, limit: int) -> Sequence[Row]:
    query = f"select {COLUMNS} from {table(stream)} where subject = ? and purposes & ? <> 0 order by first_seq limit ?"
    return [proven(stream, Row(*values)) for values in db.execute(query, (subject, gone, limit))]


def _drop_retained(one: Change, stream: Stream, subject: int, gone: PurposeSet) -> None:
    """What the cloud has and we keep for requests only goes without a gap."""
    query = (
        f"delete from {table(stream)} where state = {SETTLED} and subject = ? and purposes & ? <> 0"
        " returning first_seq, count, length(sealed)"
    )
    one.took(stream, one.db.execute(query, (subject, gone)).fetchall(), kept=True)


def _narrowed(core: Core, stream: Stream, row: Row, narrowing: Narrowing) -> Row | None:
    """The bag under the smaller set, sealed with that set's key; None when nothing may stay or it does not open."""
    rest = narrowing.rest(row.purposes)
    fresh = narrowing.key(rest) if rest else None
    body = body_of(core, stream, row) if fresh else None
    if fresh is None or body is None:
        return None
    try:
        events = _events(core, row, body, narrowing, rest)
        codec, smaller = core.encoder.encode(events)
    except (InputError, ValueError, TypeError, KeyError):
        return None
    key_id, key = fresh
    return core.sealed(stream, row._replace(purposes=rest, key_id=key_id, codec=codec), key, smaller)


def _events(core: Core, row: Row, body: bytes, narrowing: Narrowing, rest: PurposeSet) -> list[Event]:
    """The events of a bag in the order of their numbers, with what may stay of each."""
    dictionary = core.dictionary
    found: dict[int, Event] = {}
    for group in decode(row.codec, body, row.first_seq, row.events, dictionary.types):
        kind = dictionary.kind(group.shape)
        picks = narrowing.picks(kind, rest)
        if picks is None:
            raise InputError("a kind of which nothing may stay")
        smaller = kind if len(picks) == len(kind.signals) else dictionary.narrowed(kind, picks)
        for seq, ts_us, received_ms, *values in group.rows():
            kept = tuple(values[i] for i in picks) if kind.signals else narrowing.record(values[0], rest)
            found[seq] = Event(smaller, row.subject, ts_us, received_ms, kept)
    if len(found) != row.events:
        raise InputError("events are missing")
    return [found[seq] for seq in sorted(found)]


def _replace(one: Change, stream: Stream, old: Row, new: Row) -> None:
    query = (
        f"update {table(stream)} set purposes = ?, key_id = ?, codec = ?, row_check = ?, sealed = ? where first_seq = ?"
    )
    one.db.execute(query, (new.purposes, new.key_id, new.codec, new.row_check, new.sealed, new.first_seq))
    one.heads[stream].bytes += cost(len(new.sealed)) - cost(len(old.sealed))


def waiting(db: sqlite3.Connection, subject: int) -> int:
    """Pending events of a subject."""
    query = "select coalesce(sum(count), 0) from {} where subject = ? and state = {}"
    return sum(db.execute(query.format(table(stream), PENDING), (subject,)).fetchone()[0] for stream in Stream)
