"""Which devices there are and how they stand; must never let an old will speak for a new connection."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from forecourt.v1 import downlink_pb2, event_pb2

from gateway.cloud.schema import signed, unsigned
from gateway.model import ClockQuality


class Seen(NamedTuple):
    """What is known of the connection that a device had last."""

    online: bool
    epoch: int
    boot: int
    connect: int


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

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._boots: dict[tuple[str, int], tuple[int, int]] = {}

    def take(self, device: str, state: downlink_pb2.DeviceState, now_us: int) -> bool:
        """Notes a birth, a farewell or a will; whether it was believed."""
        row = self._db.execute("select online, epoch, boot, connect from device where device = ?", (device,)).fetchone()
        known = None
        if row is not None and row[1] is not None:
            known = Seen(bool(row[0]), unsigned(row[1]), unsigned(row[2]), unsigned(row[3]))
        if not speaks(state, known):
            return False
        self._db.execute(
            "insert into device (device, online, boot, connect, epoch, version, capabilities, born_us, seen_us)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set online = excluded.online,"
            " boot = excluded.boot, connect = excluded.connect, epoch = excluded.epoch, version = excluded.version,"
            " capabilities = excluded.capabilities, born_us = coalesce(excluded.born_us, born_us),"
            " seen_us = iif(excluded.online, excluded.seen_us, seen_us)",
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
            ),
        )
        return True

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
            if self._boots.get(key) != now:
                self._db.execute(
                    "insert into boot values (?, ?, ?, ?) on conflict do update set"
                    " wall_at_boot_us = excluded.wall_at_boot_us, quality = excluded.quality",
                    (device, signed(boot.id), *now),
                )
                if len(self._boots) >= _BOOTS_CACHED_MAX:
                    self._boots.clear()
                self._boots[key] = now
        return quality

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
