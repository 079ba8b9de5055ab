"""Saves what still opens of a damaged store under a new epoch; must never send an event that was altered."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, cast

from forecourt.v1 import control_pb2

from gateway.errors import InputError
from gateway.limits import SWEEP_BAGS_MAX
from gateway.log import Log
from gateway.model import Boot, ClockQuality, Stream
from gateway.outbox import heads, origins
from gateway.outbox.core import Core, change
from gateway.outbox.origins import Origin, Origins, save
from gateway.outbox.owner import holds
from gateway.outbox.references import entry_holds, read_dictionary, write_boot, write_entry, write_sizes
from gateway.outbox.schema import BAG_WIDTH, PENDING, Row, check_numbers, check_of, table
from gateway.outbox.ttl import TtlClock
from gateway.store import DamagedStore, Store
from gateway.store.rescue import OLD_COPY
from gateway.wire.codec import decode
from gateway.wire.dictionary import Types, shape_types
from gateway.wire.seal import Place, unseal

_log = Log("outbox")
_ROOM = "outbox"


@dataclass(frozen=True, slots=True)
class _Found:
    """What bags of the damaged store need: its epochs and device, the types of its shapes where some are lost, and the
    origins of bags that an earlier rescue saved. `genuine`: up to where numbers of an old copy are not given twice, by
    epoch and stream; None where no number is.
    """

    epochs: list[int]
    types: Types | None
    device: str
    origins: Origins
    genuine: dict[tuple[int, int], int] | None

    def origin(self, epoch: int, stream: Stream, row: Row) -> Origin | None:
        """Where a bag came from first; None where its number may have been given to other events before."""
        if (known := self.origins.get((stream, row.first_seq))) is not None:
            return known
        if self.genuine is not None and row.last_seq > self.genuine.get((epoch, stream), 0):
            return None
        return Origin(epoch, row.first_seq)


class _Bag(NamedTuple):
    """A bag that still opens."""

    row: Row
    body: bytes
    origin: Origin | None


async def run(core: Core, store: Store) -> None:
    """Saves references and bags, in commits that each remember how far they went; then records that it is done."""
    damaged = await store.damaged(_ROOM)
    if damaged is None:
        return
    found = await store.write(lambda db: _references(core, damaged, db))
    saved = 0
    for stream in Stream:
        rows = await store.read(lambda _, s=stream: _opening(core, damaged, s, found))  # type: ignore[misc]
        for start in range(0, len(rows), SWEEP_BAGS_MAX):
            part = rows[start : start + SWEEP_BAGS_MAX]
            saved += await store.write(lambda db, s=stream, p=part: _put(core, db, s, p))  # type: ignore[misc]
    await store.salvage(_ROOM, lambda _, db: _finish(core, damaged, db, found.epochs))
    _log.warning("salvaged", events=saved)


def _references(core: Core, damaged: DamagedStore, db: sqlite3.Connection) -> _Found:
    """Takes over dictionary, boots and TTL clock as far as their checks hold."""
    rows = [row for rowid, values in damaged.rows("dictionary", 4) if entry_holds(row := (rowid, *values[1:]))]
    signals, shapes, whole = read_dictionary(rows)
    for index, signal in enumerate(signals):
        write_entry(db, 2 * index, signal.SerializeToString(deterministic=True))
    for index, shape in enumerate(shapes):
        write_entry(db, 2 * index + 1, shape.SerializeToString(deterministic=True))
    write_sizes(db, len(signals), len(shapes))
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
    owners = [str(values[1]) for _, values in damaged.rows("owner", 3) if holds(*values[1:])]
    types = None if whole else shape_types(signals, shapes)
    proof = origins.genuine(damaged) if OLD_COPY in damaged.why else None
    device = owners[0] if owners else core.device
    return _Found(sorted(epochs - {core.epoch}), types, device, origins.found(damaged), proof)


def _finish(core: Core, damaged: DamagedStore, db: sqlite3.Connection, epochs: list[int]) -> None:
    """Tells the numbers of the old epoch that will not come any more, as far as its heads can be trusted."""
    records = []
    for rowid, (_, *values) in damaged.rows("tally", len(heads.FIELDS) + 1):
        numbers = [rowid, *values[:-1]]
        epoch = next((one for one in epochs if heads.holds(one, numbers, values[-1])), None)
        head = None if epoch is None else heads.Head(*cast("list[int]", numbers))
        if epoch is None or head is None or head.last <= head.floor:
            continue
        open_range = control_pb2.Range(first=head.floor + 1, last=head.last)
        gap = control_pb2.Gap(epoch=epoch, stream=head.stream, ranges=[open_range], reason="GAP_REASON_CORRUPT")
        records.append(control_pb2.ControlRecord(at_us=core.clock.wall_us(), gap=gap))
    if records:
        with change(core, db) as one:
            one.control(records)
    db.execute("delete from salvage")


def _opening(core: Core, damaged: DamagedStore, stream: Stream, found: _Found) -> list[_Bag]:
    """The pending bags of a stream whose check and seal hold, once each, in order, with their bodies."""
    rows: dict[int, _Bag] = {}
    for row in _rows(damaged, stream):
        if row.state != PENDING or row.first_seq in rows:
            continue
        opened = _body(core, stream, row, found)
        if opened is not None and _understood(stream, row, opened[1], found.types):
            epoch, body = opened
            rows[row.first_seq] = _Bag(row, body, found.origin(epoch, stream, row))
    return [rows[first] for first in sorted(rows)]


def _understood(stream: Stream, row: Row, body: bytes, types: Types | None) -> bool:
    """Whether the dictionary still says what a bag holds; looked at only where some of it is lost."""
    if types is None or stream == Stream.CONTROL:
        return True
    try:
        decode(row.codec, body, row.first_seq, row.events, types)
    except InputError:
        return False
    return True


def _rows(damaged: DamagedStore, stream: Stream) -> Iterator[Row]:
    for rowid, (_, *values) in damaged.rows(table(stream), BAG_WIDTH):
        if not all(isinstance(value, int) for value in values[:-1]) or not isinstance(values[-1], bytes):
            continue
        row = Row(rowid, *values)  # type: ignore[arg-type]
        if row.row_check == check_of(stream, row):
            yield row


def _body(core: Core, stream: Stream, row: Row, found: _Found) -> tuple[int, bytes] | None:
    """The epoch that a bag was sealed in, and its body."""
    key = core.gate.key(row.key_id)
    if key is None:
        return None
    for epoch in found.epochs:
        try:
            place = Place(found.device, epoch, stream, row.first_seq, row.events, row.key_id)
            return epoch, unseal(key, place, row.sealed)
        except InputError:
            continue
    return None


def _put(core: Core, db: sqlite3.Connection, stream: Stream, rows: list[_Bag]) -> int:
    """Puts bags on the new shelf, numbered anew, unless an earlier try did."""
    done = db.execute("select first_seq from salvage where stream = ?", (stream,)).fetchone()
    with change(core, db) as one:
        first, fresh, came_from = one.heads[stream].last + 1, [], {}
        for row, body, origin in rows:
            key = core.gate.key(row.key_id)
            if key is None or (done is not None and row.first_seq <= done[0]):
                continue
            fresh.append(core.sealed(stream, row._replace(first_seq=first), key, body))
            if origin is not None:
                came_from[first] = origin
            first += row.events
        if not fresh:
            return 0
        one.put(stream, fresh)
        save(db, stream, came_from)
    db.execute("insert or replace into salvage values(?, ?)", (stream, rows[-1].row.first_seq))
    return sum(row.events for row in fresh)
