"""Saves what still opens of a damaged store under a new epoch; must never send an event that was altered."""

import sqlite3
from collections.abc import Iterator
from typing import cast

from gateway.errors import InputError
from gateway.limits import SWEEP_BAGS_MAX
from gateway.log import Log
from gateway.model import Boot, ClockQuality, Stream
from gateway.outbox.core import Core, change
from gateway.outbox.references import entry_holds, read_dictionary, write_boot
from gateway.outbox.schema import BAG_WIDTH, PENDING, Row, check_numbers, check_of, table
from gateway.outbox.ttl import TtlClock
from gateway.store import DamagedStore, Store
from gateway.wire.seal import Place, unseal

_log = Log("outbox")
_ROOM = "outbox"


async def run(core: Core, store: Store) -> None:
    """Saves references and bags, in commits that each remember how far they went; then records that it is done."""
    damaged = await store.damaged(_ROOM)
    if damaged is None:
        return
    epochs = await store.write(lambda db: _references(core, damaged, db))
    saved = 0
    for stream in Stream:
        rows = await store.read(lambda _, s=stream: _opening(core, damaged, s, epochs))  # type: ignore[misc]
        for start in range(0, len(rows), SWEEP_BAGS_MAX):
            part = rows[start : start + SWEEP_BAGS_MAX]
            saved += await store.write(lambda db, s=stream, p=part: _put(core, db, s, p))  # type: ignore[misc]
    await store.salvage(_ROOM, lambda _, db: db.execute("delete from salvage"))
    _log.warning("salvaged", events=saved)


def _references(core: Core, damaged: DamagedStore, db: sqlite3.Connection) -> list[int]:
    """Takes over dictionary, boots and TTL clock as far as their checks hold; returns the epochs that bags may have."""
    rows = [row for rowid, values in damaged.rows("dictionary", 4) if entry_holds(row := (rowid, *values[1:]))]
    signals, shapes = read_dictionary(rows)
    whole = {2 * n for n in range(len(signals))} | {2 * n + 1 for n in range(len(shapes))}
    db.executemany("insert or ignore into dictionary values(?, ?, ?, ?)", [row for row in rows if row[0] in whole])
    epochs = set(damaged.epochs())
    for rowid, (_, *numbers) in damaged.rows("boot", 5):
        if all(isinstance(number, int) for number in numbers):
            wall_us, quality, epoch, check = cast("list[int]", numbers)
            if check == check_numbers(rowid, wall_us, quality, epoch):
                epochs.add(epoch)
                write_boot(db, Boot(rowid, wall_us, ClockQuality(quality)), core.epoch)
    for _, (_, *numbers) in damaged.rows("ttl_clock", 7):
        if all(isinstance(number, int) for number in numbers):
            *clock, check = cast("list[int]", numbers)
            if check == check_numbers(*clock):
                db.execute("insert or replace into ttl_clock values(1, ?, ?, ?, ?, ?, ?)", (*clock, check))
    core.ttl = TtlClock.load(db, core.clock)
    return sorted(epochs - {core.epoch})


def _opening(core: Core, damaged: DamagedStore, stream: Stream, epochs: list[int]) -> list[tuple[Row, bytes]]:
    """The pending bags of a stream whose check and seal hold, once each, in order, with their bodies."""
    found: dict[int, tuple[Row, bytes]] = {}
    for row in _rows(damaged, stream):
        if row.state != PENDING or row.first_seq in found:
            continue
        body = _body(core, stream, row, epochs)
        if body is not None:
            found[row.first_seq] = row, body
    return [found[first] for first in sorted(found)]


def _rows(damaged: DamagedStore, stream: Stream) -> Iterator[Row]:
    for rowid, (_, *values) in damaged.rows(table(stream), BAG_WIDTH):
        if not all(isinstance(value, int) for value in values[:-1]) or not isinstance(values[-1], bytes):
            continue
        row = Row(rowid, *values)  # type: ignore[arg-type]
        if row.row_check == check_of(stream, row):
            yield row


def _body(core: Core, stream: Stream, row: Row, epochs: list[int]) -> bytes | None:
    key = core.gate.key(row.key_id)
    if key is None:
        return None
    for epoch in epochs:
        try:
            return unseal(key, Place(core.device, epoch, stream, row.first_seq, row.events, row.key_id), row.sealed)
        except InputError:
            continue
    return None


def _put(core: Core, db: sqlite3.Connection, stream: Stream, rows: list[tuple[Row, bytes]]) -> int:
    """Puts bags on the new shelf, numbered anew, unless an earlier try did."""
    done = db.execute("select first_seq from salvage where stream = ?", (stream,)).fetchone()
    with change(core, db) as one:
        first, fresh = one.heads[stream].last + 1, []
        for row, body in rows:
            key = core.gate.key(row.key_id)
            if key is None or (done is not None and row.first_seq <= done[0]):
                continue
            fresh.append(core.sealed(stream, row._replace(first_seq=first), key, body))
            first += row.events
        if not fresh:
            return 0
        one.put(stream, fresh)
    db.execute("insert or replace into salvage values(?, ?)", (stream, rows[-1][0].first_seq))
    return sum(row.events for row in fresh)
