"""Which devices there are and how they stand; must never let an old will speak for a new connection."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from forecourt.v1 import downlink_pb2, event_pb2

from gateway.cloud.schema import signed, unsigned
from gateway.cloud.shares import Shares
from gateway.limits import CLOUD_BOOTS_MAX, CLOUD_EPOCHS_MAX
from gateway.model import ClockQuality


class Seen(NamedTuple):
    """What is known of the connection that a device had last."""

    online: bool
    epoch: int
    boot: int
    connect: int
    birth: int = 0


def goes_on_from_a_copy(state: downlink_pb2.DeviceState, known: Seen | None) -> bool:
    """Whether a birth comes from a store that forgot the birth that is known: somebody put an old copy in its place.

    Connections of one store are numbered in order, over restarts too; and a store remembers the names of its births
    from the last that was answered. A device that names none is not judged: it would not understand the answer.
    """
    if known is None or not state.online or not state.birth or state.epoch != known.epoch:
        return False
    forgotten = known.birth != 0 and known.birth not in {state.birth, *state.births}
    return forgotten or state.connect < known.connect


def speaks(state: downlink_pb2.DeviceState, known: Seen | None) -> bool:
    """Whether a state that arrived is to be believed after what is known.

    A birth speaks unless the same store has connected again since. A will, or a farewell, speaks only for the
    connection that is known.
    """
    if known is None:
        return True
    if state.online:
        return state.epoch != known.epoch or state.connect >= known.connect
    return (state.epoch, state.boot, state.connect) == (known.epoch, known.boot, known.connect)


@dataclass(frozen=True, slots=True)
class Device:
    """A device as the cloud sees it; times in microseconds since 1970 UTC by the cloud's clock."""

    device: str
    online: bool
    epoch: int
    boot: int
    connect: int
    version: str
    capabilities: tuple[str, ...]
    clock: ClockQuality | None
    born_us: int | None
    seen_us: int


class Fleet:
    """The table of devices; every method is part of the caller's transaction."""

    def __init__(self, db: sqlite3.Connection, shares: Shares) -> None:
        self._db, self._shares = db, shares
        self._boots: dict[tuple[str, int], tuple[int, int]] = {}

    def known(self, device: str) -> Seen | None:
        """What is known of the last connection."""
        query = "select online, epoch, boot, connect, birth from device where device = ?"
        row = self._db.execute(query, (device,)).fetchone()
        if row is None or row[1] is None:
            return None
        return Seen(bool(row[0]), *(unsigned(number) for number in row[1:]))

    def take(self, device: str, state: downlink_pb2.DeviceState, now_us: int) -> bool:
        """Notes a birth, a farewell or a will; whether it was believed."""
        known = self.known(device)
        if not speaks(state, known):
            return False
        if known is None or state.epoch != known.epoch:
            for epoch in (state.epoch,) if known is None else (known.epoch, state.epoch):
                self._rank(device, epoch)
        self._db.execute(
            "insert into device (device, online, boot, connect, epoch, version, capabilities, born_us, seen_us, birth)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set online = excluded.online,"
            " boot = excluded.boot, connect = excluded.connect, epoch = excluded.epoch, version = excluded.version,"
            " capabilities = excluded.capabilities, born_us = coalesce(excluded.born_us, born_us),"
            " seen_us = iif(excluded.online, excluded.seen_us, seen_us),"
            " birth = iif(excluded.online, excluded.birth, birth)",
            (
                device,
                state.online,
                signed(state.boot),
                signed(state.connect),
                signed(state.epoch),
                state.version[:64],
                json.dumps([word[:64] for word in state.capabilities[:64]]),
                now_us if state.online else None,
                now_us,
                signed(state.birth),
            ),
        )
        return True

    def _rank(self, device: str, epoch: int) -> None:
        """Epochs of a device in the order of their first births; of too many the oldest are forgotten."""
        self._db.execute(
            "insert into born select ?1, ?2, coalesce(max(rank), 0) + 1 from born where device = ?1"
            " on conflict do nothing",
            (device, signed(epoch)),
        )
        self._db.execute(
            "delete from born where device = ?1 and rank <= (select max(rank) from born where device = ?1) - ?2",
            (device, CLOUD_EPOCHS_MAX),
        )

    def heard(self, devices: Mapping[str, int], now_us: int) -> None:
        """Batches came from these devices, whose clocks are of this quality."""
        self._db.executemany(
            "insert into device (device, clock, seen_us) values (?, ?, ?)"
            " on conflict do update set clock = excluded.clock, seen_us = excluded.seen_us",
            [(device, clock, now_us) for device, clock in devices.items()],
        )

    def boots(self, device: str, boots: Iterable[event_pb2.Boot]) -> int:
        """Notes boots with the wall time at which they began, as known by now; the quality of the last, 0 for none."""
        quality = 0
        for boot in boots:
            key, now = (device, boot.id), (boot.wall_at_boot_us, int(boot.quality))
            quality = now[1]
            if self._boots.get(key) != now and self._room_for(device, boot.id):
                self._db.execute(
                    "insert into boot values (?, ?, ?, ?) on conflict do update set"
                    " wall_at_boot_us = excluded.wall_at_boot_us, quality = excluded.quality",
                    (device, signed(boot.id), *now),
                )
                if len(self._boots) >= _BOOTS_CACHED_MAX:
                    self._boots.clear()
                self._boots[key] = now
        return quality

    def _room_for(self, device: str, boot: int) -> bool:
        known = "select 1 from boot where device = ? and id = ?"
        if self._db.execute(known, (device, signed(boot))).fetchone():
            return True
        return self._shares.take("boot", device, CLOUD_BOOTS_MAX)

    def forget(self) -> None:
        """A transaction was undone: the table is the truth."""
        self._boots.clear()


_BOOTS_CACHED_MAX = 4_096


def devices(db: sqlite3.Connection) -> list[Device]:
    """Every device that was ever heard, by id."""
    rows = db.execute(
        "select device, online, epoch, boot, connect, version, capabilities, clock, born_us, seen_us from device"
        " order by device"
    )
    return [
        Device(
            device=row[0],
            online=bool(row[1]),
            epoch=unsigned(row[2] or 0),
            boot=unsigned(row[3] or 0),
            connect=unsigned(row[4] or 0),
            version=row[5],
            capabilities=tuple(json.loads(row[6])),
            clock=ClockQuality(row[7]) if row[7] in set(ClockQuality) else None,
            born_us=row[8],
            seen_us=row[9],
        )
        for row in rows
    ]
