"""Three devices with wrong clocks, one profile, and which edit survives; must never tell a device the true time.

All sides live through the same edits: ours as a device and the authority run it, hybrid logical clocks without measured
offsets, the newest wall clock, and the order of arrival.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from benchmarks.figures import NotWholeError
from gateway.model import ClockQuality
from gateway.profile import (
    Document,
    Edit,
    Hlc,
    HlcClock,
    Moment,
    Offsets,
    Origin,
    Pending,
    merge,
    new_epoch,
    rebuilt,
    restamp,
    take,
)

T0_MS = 1_800_000_000_000
DEVICES, EDITS, OFFLINE, ASKED = 3, 6, 0.25, 4
AWAY_GAPS = 3.4
"""How long a device stays offline, in mean gaps between edits: so long that the order of arrival loses 38 %."""
DRIFT = 5e-5
RESTARTS, SET_BY_OTHERS, FORGETS = 0.5, 0.1, 0.1
"""While a device is offline: restarts before and after an edit; the network sets its clock; it starts in 1970."""
EPOCH = new_epoch(T0_MS)
GROUP, KEY = "climate.driver", "climate.driver.temperature_c"


@dataclass(frozen=True, slots=True)
class Trouble:
    """How wrong clocks are (standard deviation) and how far edits lie apart (mean), in seconds.

    `restarts`: devices that are offline may restart and forget the date; the network sets the clock of who is online.
    """

    name: str
    clock_s: float
    gap_s: float
    restarts: bool = False


class What(Enum):
    """What happens to a device."""

    EDIT = "edit"
    GOES = "goes"
    COMES = "comes"
    RESTARTS = "restarts"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Happens:
    """When (in ms since the start), to which device, what; an edit has a value."""

    at_ms: float
    device: int
    what: What
    value: float = 0.0


def schedule(rng: random.Random, trouble: Trouble) -> list[Happens]:
    """A guest who goes from device to device, a quarter of them offline; at last everybody is online.

    A device that is offline was started there: it knows no time in this boot until it comes online.
    """
    gap_ms, now_ms, back_ms = trouble.gap_s * 1_000, 0.0, [0.0] * DEVICES
    found = [Happens(0.0, device, What.COMES) for device in range(DEVICES)]
    for number in range(EDITS):
        now_ms += rng.expovariate(1 / gap_ms)
        online = [device for device in range(DEVICES) if back_ms[device] <= now_ms]
        if online and rng.random() >= OFFLINE:
            found.append(Happens(now_ms, rng.choice(online), What.EDIT, 16.0 + number))
            continue
        device = rng.randrange(DEVICES)
        if device in online:
            back_ms[device] = now_ms + rng.expovariate(1 / (AWAY_GAPS * gap_ms))
            found += [Happens(now_ms - 1, device, What.GOES), Happens(back_ms[device], device, What.COMES)]
        if trouble.restarts:
            found += _restarts(rng, device, now_ms, back_ms[device])
        found.append(Happens(now_ms, device, What.EDIT, 16.0 + number))
    return sorted(found, key=lambda one: one.at_ms)


def _restarts(rng: random.Random, device: int, now_ms: float, back_ms: float) -> list[Happens]:
    """Around an edit that is made offline."""
    found = []
    if rng.random() < RESTARTS:
        found.append(Happens(now_ms - 0.5, device, What.RESTARTS))
    if rng.random() < RESTARTS:
        found.append(Happens(rng.uniform(now_ms, back_ms), device, What.RESTARTS))
    if rng.random() < SET_BY_OTHERS:
        found.append(Happens(rng.uniform(now_ms, back_ms), device, What.SET))
    return found


class Device:
    """One device: its clocks, its copy, what waits. `corrects`: as ours; else hybrid logical clocks alone."""

    def __init__(self, rng: random.Random, number: int, trouble: Trouble, corrects: bool) -> None:
        self.name, self.corrects = f"car-{number}", corrects
        self.wrong_ms, self.drift = rng.gauss(0, trouble.clock_s * 1_000), rng.uniform(-DRIFT, DRIFT)
        self.after_start_ms = self.wrong_ms
        self.begun_ms, self.boot, self.quality = -rng.uniform(0, 3e6), 1, ClockQuality.HOLDOVER
        self.offsets, self.clock = Offsets(), HlcClock(self.name)
        self.online, self.base, self.pending = False, Document(EPOCH), list[Pending]()

    def at(self, now_ms: float) -> Moment:
        """What its clocks show."""
        up_ms = round((now_ms - self.begun_ms) * (1 + self.drift))
        return Moment(round(T0_MS + now_ms + self.wrong_ms), up_ms, self.boot, self.quality)

    def edits(self, now_ms: float, value: float) -> Edit:
        """The guest changes the field here."""
        made = self.at(now_ms)
        stamp = self.clock.stamp(self.offsets.stamping_ms(made) if self.corrects else made.wall_ms)
        edit = rebuilt(self.base, self.pending).edit(GROUP, {KEY: value}, stamp, Origin(self.name))
        self.pending.append(Pending(edit, made))
        return edit

    def restarts(self, now_ms: float, *, forgets: bool = False) -> None:
        """As wrong as ever, since nobody wrote the time back; the process keeps what it wrote down."""
        self.begun_ms, self.boot = now_ms, self.boot + 1
        self.quality, self.wrong_ms = ClockQuality.HOLDOVER, self.after_start_ms
        if forgets:
            self.quality, self.wrong_ms = ClockQuality.UNTRUSTED, -T0_MS - now_ms
        self.offsets = Offsets(self.offsets.remembered())
        self.offsets.noticed(self.at(now_ms))

    def is_set(self, rng: random.Random) -> None:
        """The network sets the wall clock."""
        self.wrong_ms, self.quality = rng.gauss(0, 50), ClockQuality.SYNCHRONISED

    def asks(self, rng: random.Random, now_ms: float) -> None:
        """The time of the authority, a few times, over ways that differ."""
        for _ in range(ASKED):
            there_ms, back_ms = rng.lognormvariate(4, 0.7), rng.lognormvariate(4, 0.7)
            arrived_ms = round(T0_MS + now_ms + there_ms)
            sent, now_ms = self.at(now_ms), now_ms + there_ms + back_ms
            self.offsets.measured(sent, arrived_ms, arrived_ms, self.at(now_ms))

    def hears(self, document: Document) -> None:
        """The authority's copy."""
        self.base = merge(self.base, document).document
        stamp = document.stamp(GROUP)
        if stamp is not None:
            self.clock.saw(stamp)


class World:
    """The devices and their authority."""

    def __init__(self, rng: random.Random, trouble: Trouble, corrects: bool) -> None:
        self.rng, self.trouble, self.corrects = rng, trouble, corrects
        self.devices = [Device(rng, number, trouble, corrects) for number in range(DEVICES)]
        self.document, self.refused = Document(EPOCH), 0
        self.newest, self.arrived = (-1, 0.0), 0.0

    def live(self, one: Happens) -> None:
        """One thing happens."""
        device = self.devices[one.device]
        if one.what is What.EDIT:
            device.edits(one.at_ms, one.value)
            self.newest = max(self.newest, (device.at(one.at_ms).wall_ms, one.value))
        elif one.what is What.RESTARTS:
            device.restarts(one.at_ms, forgets=self.rng.random() < FORGETS)
        elif one.what is What.SET:
            device.is_set(self.rng)
        else:
            device.online = one.what is What.COMES
            if not device.online:
                device.restarts(one.at_ms)
            if device.online and self.trouble.restarts:
                device.is_set(self.rng)
            if device.online and self.corrects:
                device.asks(self.rng, one.at_ms)
        if device.online:
            self._sends(device, one.at_ms)

    def _sends(self, device: Device, now_ms: float) -> None:
        if self.corrects:
            device.pending = restamp(device.pending, device.offsets, device.at(now_ms), device.clock)
        for pending in device.pending:
            now = round(T0_MS + now_ms) if self.corrects else None
            taken = take(self.document, pending.edit, now)
            self.refused += taken.ahead
            self.document = taken.document
            value = pending.edit.values[KEY]
            assert isinstance(value, float)
            self.arrived = value
        device.pending = []
        for other in self.devices:
            if other.online:
                other.hears(self.document)


@dataclass(slots=True)
class Lost:
    """In how many runs the truly last edit was lost, by side; `offline`: how many of all edits were made offline."""

    runs: int = 0
    edits: int = 0
    offline: int = 0
    ours: int = 0
    hlc: int = 0
    wall: int = 0
    arrival: int = 0

    def share(self, name: str) -> float:
        """In percent of the runs."""
        return 100 * int(getattr(self, name)) / self.runs


def survives(seed: int, trouble: Trouble, runs: int) -> Lost:
    """So many runs. Raises NotWholeError where copies do not converge or an edit of ours is not believed."""
    found = Lost()
    for run in range(runs):
        happens = schedule(random.Random(f"{seed} {trouble} {run}"), trouble)
        ours, bare = (_lived(f"{seed} {run}", trouble, happens, corrects) for corrects in (True, False))
        if ours.refused or any(content(one.base) != content(ours.document) for one in ours.devices):
            raise NotWholeError("the copies of a profile differ, or an edit was refused")
        last = happens_last(happens)
        found.runs += 1
        found.ours += ours.document.values[KEY] != last
        found.hlc += bare.document.values[KEY] != last
        found.arrival += bare.arrived != last
        found.wall += bare.newest[1] != last
        found.edits += EDITS
        found.offline += _offline(happens)
    return found


def content(document: Document) -> dict[str, tuple[object, Hlc]]:
    """What copies have to agree on."""
    return {key: (one.value, one.hlc) for key, one in document.registers.items()}


def happens_last(happens: Sequence[Happens]) -> float:
    """The value that the guest wished at last."""
    return next(one.value for one in reversed(happens) if one.what is What.EDIT)


def _lived(seed: str, trouble: Trouble, happens: Sequence[Happens], corrects: bool) -> World:
    world = World(random.Random(seed), trouble, corrects)
    for one in happens:
        world.live(one)
    return world


def _offline(happens: Sequence[Happens]) -> int:
    online, count = set[int](), 0
    for one in happens:
        if one.what is What.COMES:
            online.add(one.device)
        elif one.what is What.GOES:
            online.discard(one.device)
        elif one.what is What.EDIT:
            count += one.device not in online
    return count
