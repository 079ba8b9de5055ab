"""Room for what comes in, and what goes for it; must never take a bag in flight, an urgent or a control event."""

import sqlite3
from collections.abc import Sequence

from gateway.errors import StoreFull
from gateway.limits import EVICT_SHARE, PAGE_BYTES
from gateway.model import GapReason, Stream
from gateway.outbox.core import Change, Core, cost
from gateway.outbox.ranges import of_bags
from gateway.outbox.schema import PENDING, SETTLED, table

_MARGIN_PAGES = 12
_ROWS_MAX = 4_096
_EVICTABLE = (Stream.BULK, Stream.LIVE)
Claims = list[tuple[Stream, set[int]]]


def make_room(change: Change, stream: Stream, need_bytes: int, claims: Claims) -> None:
    """Evicts until `need_bytes` more of `stream` fit; raises StoreFull when nothing may go any more.

    First of all settled rows that were retained, then expired ones, then the oldest of bulk, then of live; a bulk
    event never displaces a live one.
    """
    core = change.core
    while (shortage := _shortage(change, stream, need_bytes)) > 0:
        own = change.heads[stream].bytes + need_bytes > core.quotas.bytes_max(stream, core.budget_bytes)
        streams = (stream,) if own else tuple(Stream)
        if not _evict_some(change, stream, streams, shortage, claims):
            core.counters["store_full"] += 1
            raise StoreFull(f"no room for {need_bytes} bytes of {stream.word}, and nothing may be evicted")


def _shortage(change: Change, stream: Stream, need_bytes: int) -> int:
    """Bytes that must go before `need_bytes` fit; 0 or less when they do."""
    core, heads = change.core, change.heads
    free = core.budget.free_pages(change.db) * PAGE_BYTES
    shortage = need_bytes + _MARGIN_PAGES * PAGE_BYTES - free
    if stream in _EVICTABLE:
        reserve = core.quotas.reserved * core.budget_bytes - heads[Stream.URGENT].bytes - heads[Stream.CONTROL].bytes
        shortage += max(0, int(reserve) - _MARGIN_PAGES * PAGE_BYTES)
        over = heads[stream].bytes + need_bytes - core.quotas.bytes_max(stream, core.budget_bytes)
        shortage = max(shortage, over)
    return shortage


def _evict_some(change: Change, wants: Stream, streams: Sequence[Stream], shortage: int, claims: Claims) -> bool:
    """One slab of the first sort that has any; False when there is none."""
    goal = max(shortage, int(EVICT_SHARE * change.core.budget_bytes))
    if any(_retained(change, stream, goal, claims) for stream in streams):
        return True
    if any(_expired(change, stream, goal, claims) for stream in streams):
        return True
    below = [stream for stream in _EVICTABLE if stream in streams and (wants != Stream.BULK or stream == Stream.BULK)]
    return any(_oldest(change, stream, goal, claims) for stream in below)


def _retained(change: Change, stream: Stream, goal: int, claims: Claims) -> bool:
    if change.heads[stream].kept_bytes <= 0:
        return False
    rows = victims(change, stream, f"state = {SETTLED}", goal, claims)
    remove(change.db, stream, rows)
    change.took(stream, rows, kept=True)
    return bool(rows)


def _expired(change: Change, stream: Stream, goal: int, claims: Claims) -> bool:
    due = f"state = {PENDING} and expires between 1 and {change.core.ttl.bucket()}"
    return lose(change, stream, victims(change, stream, due, goal, claims), GapReason.EXPIRED)


def _oldest(change: Change, stream: Stream, goal: int, claims: Claims) -> bool:
    return lose(change, stream, victims(change, stream, f"state = {PENDING}", goal, claims), GapReason.EVICTED)


def victims(
    change: Change, stream: Stream, where: str, goal: int, claims: Claims, rows_max: int = _ROWS_MAX
) -> list[tuple[int, int, int]]:
    """The oldest rows (first, count, sealed bytes) that are not in flight, worth about `goal` bytes, claimed."""
    found: list[tuple[int, int, int]] = []
    after, size = 0, 0
    query = (
        f"select first_seq, count, length(sealed) from {table(stream)}"
        f" where first_seq > ? and {where} order by first_seq limit 256"
    )
    while size < goal and len(found) < rows_max:
        rows = change.db.execute(query, (after,)).fetchall()
        if not rows:
            break
        rows = _worth(rows, goal - size)
        after = rows[-1][0]
        free = change.core.flights.claim(stream, (row[0] for row in rows))
        claims.append((stream, free))
        chosen = [row for row in rows if row[0] in free]
        found += chosen
        size += sum(cost(row[2]) for row in chosen)
    return found


def _worth(rows: list[tuple[int, int, int]], goal: int) -> list[tuple[int, int, int]]:
    """The first rows that are worth `goal` bytes; no more is claimed, since hand-outs pass over what is."""
    size = 0
    for number, row in enumerate(rows, 1):
        size += cost(row[2])
        if size >= goal:
            return rows[:number]
    return rows


def lose(change: Change, stream: Stream, rows: list[tuple[int, int, int]], reason: GapReason) -> bool:
    """Takes rows off the shelf with a gap; False when there are none."""
    remove(change.db, stream, rows)
    change.took(stream, rows)
    change.gap(stream, of_bags(rows), reason)
    change.core.counters[f"{reason.name.lower()}_bags"] += len(rows)
    return bool(rows)


def remove(db: sqlite3.Connection, stream: Stream, rows: Sequence[tuple[int, int, int]]) -> None:
    """Deletes rows."""
    db.executemany(f"delete from {table(stream)} where first_seq = ?", [(row[0],) for row in rows])


def release_claims(core: Core, claims: Claims) -> None:
    """After the commit of the job that claimed, or its failure."""
    for stream, firsts in claims:
        core.flights.resolved(stream, firsts)
    claims.clear()
