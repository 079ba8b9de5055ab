"""When an edit was really made: exchanges with the authority, boots, wrong clocks; must never need a real clock."""

import random
from dataclasses import replace

import pytest

from gateway.clock import BUILD_TIME_US, ManualClock
from gateway.errors import InputError
from gateway.model import ClockQuality
from gateway.profile import (
    Conflict,
    DatedBy,
    Document,
    Edit,
    Hlc,
    HlcClock,
    Moment,
    Offsets,
    Origin,
    Pending,
    exchange,
    merge,
    moment_of,
    new_epoch,
    rebuilt,
    restamp,
    take,
)
from gateway.profile.offset import BOOTS_MAX, DRIFT, EXCHANGES_MAX, ROUND_TRIP_MS_MAX

NOW_MS = BUILD_TIME_US // 1_000
YEAR_S, HOUR_S = 365 * 86_400, 3_600
EPOCH = new_epoch(NOW_MS)
GROUP, KEY = "climate.driver", "climate.driver.temperature_c"


class Device:
    """A device whose clock may be wrong, in a world whose time is the authority's."""

    def __init__(self, name: str = "car", wrong_s: float = 0.0, quality: ClockQuality = ClockQuality.HOLDOVER) -> None:
        self.clock, self.true_ms, self.name = ManualClock(), NOW_MS, name
        self.clock.trust = quality
        self.clock.advance(1_000)
        self.clock.jump(wrong_s - 1_000)
        self.offsets, self.hlc = Offsets(), HlcClock(name)
        self.base, self.pending = Document(EPOCH), list[Pending]()

    @property
    def now(self) -> Moment:
        """What it shows."""
        return moment_of(self.clock)

    def wait(self, seconds: float) -> None:
        """Time passes here and there."""
        self.clock.advance(seconds)
        self.true_ms += round(seconds * 1_000)

    def reboot(self, down_s: float = 60) -> None:
        """Off for a while."""
        self.clock.reboot(down_s)
        self.true_ms += round(down_s * 1_000)

    def measure(self, there_s: float = 0.05, back_s: float = 0.05) -> None:
        """Asks the authority for its time."""
        sent = self.now
        self.wait(there_s)
        arrived_ms = self.true_ms
        self.wait(back_s)
        assert self.offsets.measured(sent, arrived_ms, arrived_ms, self.now) is not None

    def edit(self, value: float) -> Edit:
        """The guest turns a knob."""
        shown = rebuilt(self.base, self.pending)
        stamp = self.hlc.stamp(self.offsets.stamping_ms(self.now))
        self.pending.append(Pending(shown.edit(GROUP, {KEY: value}, stamp, Origin(self.name)), self.now))
        return self.pending[-1].edit

    def restamp(self) -> list[Hlc]:
        """The stamps of what waits, as far as they can be told now."""
        self.pending = restamp(self.pending, self.offsets, self.now, self.hlc)
        return [one.edit.hlc for one in self.pending]


def test_the_offset_is_the_middle_and_its_uncertainty_half_the_way() -> None:
    """A question of 100 ms, held by the authority for 20 ms: 40 ms either way."""
    sent, received = Moment(5_000, 1_000, 7), Moment(5_100, 1_100, 7)
    found = exchange(sent, 90_030, 90_050, received)
    assert (found.ahead_ms, found.uncertainty_ms) == (90_040 - 1_050, 41)


def test_the_uncertainty_holds_whatever_the_way_and_the_drift() -> None:
    """Two thousand devices: ways of 1 ms to 4 s, one-sided, clocks that drift by up to 100 ppm: never off by more."""
    chance = random.Random(3)
    widest = 0.0
    for _ in range(2_000):
        drift, ahead = chance.uniform(-DRIFT, DRIFT), chance.uniform(0, 1e12)
        boot = chance.uniform(0, 1e8)
        offsets = Offsets()
        for _ in range(chance.randint(1, 12)):
            there, back, held = chance.uniform(0.5, 2_000), chance.uniform(0.5, 2_000), chance.uniform(0, 500)
            sent_ms = boot * (1 + drift) + ahead
            answered_ms = sent_ms + there + held
            received = boot + (there + held + back) / (1 + drift)
            offsets.measured(
                Moment(0, round(boot), 1), round(sent_ms + there), round(answered_ms), Moment(0, round(received), 1)
            )
            boot = received + chance.choice([10.0, 1e3, 1e6, 1e8])
        at = Moment(0, round(boot + chance.uniform(-1e8, 1e8)), 1)
        off, may = abs(offsets.date(at, at).ms - (at.boottime_ms * (1 + drift) + ahead)), offsets.uncertainty_ms(at)
        assert may is not None
        assert off <= may + 2
        widest = max(widest, off / may)
    assert widest > 0.5, "nothing came near the bound: the test proves nothing"


def test_the_best_of_the_recent_round_trips_counts() -> None:
    """A slow one-sided answer after a quick one moves nothing; long after, it is better than the old one."""
    device = Device()
    device.measure(0.010, 0.010)
    device.wait(1)
    device.measure(4.0, 0.0)
    assert device.offsets.now_ms(device.now) == device.true_ms
    assert device.offsets.uncertainty_ms(device.now) == pytest.approx(11.5, abs=0.01)
    device.wait(2 * 86_400)
    device.measure(0.1, 0.0)
    assert device.offsets.uncertainty_ms(device.now) == pytest.approx(51)


def test_what_cannot_have_been_is_refused_and_counted() -> None:
    """Another boot, too slow, answered before it was asked, a time that is none; nothing is learned of it."""
    offsets, sent, received = Offsets(), Moment(0, 1_000, 1), Moment(100, 1_100, 1)
    wrong = [
        (sent, 5, 5, replace(received, boot_id=2)),
        (sent, 5, 5, Moment(0, 1_001 + ROUND_TRIP_MS_MAX, 1)),
        (received, 5, 5, sent),
        (sent, 6, 5, received),
        (sent, 5, 500, received),
        (sent, -1, 5, received),
        (sent, 5, 1 << 48, received),
    ]
    for one in wrong:
        assert offsets.measured(*one) is None
        with pytest.raises(InputError, match="ask"):
            exchange(*one)
    assert offsets.refused == len(wrong)
    assert offsets.now_ms(received) is None
    assert offsets.remembered() == ()


def test_of_two_offsets_that_cannot_both_be_true_the_later_is_believed() -> None:
    """The authority's clock was set by an hour."""
    device = Device()
    device.measure()
    device.true_ms += HOUR_S * 1_000
    device.measure(1.0, 1.0)
    assert device.offsets.now_ms(device.now) == device.true_ms
    assert len(device.offsets.remembered()) == 1


def test_memory_is_bounded() -> None:
    """Whatever a device lives through."""
    device = Device()
    for _ in range(3 * BOOTS_MAX):
        for _ in range(3 * EXCHANGES_MAX):
            device.measure()
        device.reboot()
    kept = device.offsets.remembered()
    assert len(kept) == BOOTS_MAX * EXCHANGES_MAX
    assert Offsets(kept).remembered() == kept


def test_case_2_a_clock_a_year_ahead_poisons_nobody() -> None:
    """Case 2: edits made before the time was known get their true time; the next ones are stamped right at once."""
    device = Device(wrong_s=YEAR_S)
    made = []
    for value in (20.0, 21.0):
        assert device.edit(value).hlc.ahead_ms(device.true_ms) > 360 * 86_400_000
        made.append(device.true_ms)
        device.wait(600)
    device.measure()
    assert [stamp.physical_ms for stamp in device.restamp()] == made
    last = device.edit(22.0)
    assert last.hlc.physical_ms == device.true_ms
    assert [one.edit.seen for one in device.pending[1:]] == [one.edit.hlc for one in device.pending[:-1]]
    other = Document(EPOCH).edit(GROUP, {KEY: 18.0}, Hlc(device.true_ms + 1, 0, "app"), Origin("app"))
    document = Document(EPOCH)
    for edit in (*(one.edit for one in device.pending), other):
        taken = take(document, edit, device.true_ms)
        assert (taken.changed, taken.ahead) == (True, False)
        document = taken.document
    assert document.values == {KEY: 18.0}


def test_case_2_a_restart_does_not_bring_the_wrong_year_back() -> None:
    """Case 2: the process dies while an edit of next year waits; the one after the correction is of this year."""
    device = Device(wrong_s=YEAR_S)
    first = device.edit(20.0)
    device.hlc = HlcClock(device.name)
    device.hlc.gave(first.hlc)
    assert device.edit(21.0).hlc > first.hlc
    device.measure()
    device.restamp()
    assert device.edit(22.0).hlc.physical_ms == device.true_ms


def test_case_2_a_device_that_never_measured_is_not_believed() -> None:
    """Case 2: its edit stays where it is until its clock is known; nobody's clock follows it."""
    device, cloud = Device(wrong_s=YEAR_S), HlcClock("cloud")
    edit = device.edit(20.0)
    taken = take(Document(EPOCH), edit, device.true_ms)
    assert (taken.ahead, taken.changed) == (True, False)
    assert not cloud.saw(edit.hlc, device.true_ms)
    assert cloud.stamp(device.true_ms).physical_ms == device.true_ms


def test_case_3_a_clock_that_steps_back_in_a_visit_reorders_nothing() -> None:
    """Case 3: before the measurement and after it; the guest's last word stays the last."""
    device = Device()
    device.edit(20.0)
    device.wait(60)
    device.clock.jump(-HOUR_S)
    device.edit(21.0)
    stamps = [one.edit.hlc for one in device.pending]
    assert stamps == sorted(stamps)
    device.measure()
    assert device.restamp()[1].physical_ms - device.restamp()[0].physical_ms == 60_000
    device.clock.jump(-HOUR_S)
    assert device.edit(22.0).hlc.physical_ms == device.true_ms
    assert rebuilt(device.base, device.pending).values == {KEY: 22.0}


def test_an_earlier_boot_that_was_measured_dates_by_its_own_clock() -> None:
    """Its offset was kept over the restart, however wrong the wall clock was."""
    device = Device(wrong_s=-YEAR_S)
    device.measure()
    device.wait(HOUR_S)
    device.edit(20.0)
    made_ms = device.true_ms
    device.reboot()
    device.clock.jump(-10 * YEAR_S)
    device.offsets = Offsets(device.offsets.remembered())
    device.wait(60)
    device.measure()
    assert device.restamp()[0].physical_ms == made_ms
    assert device.offsets.date(device.pending[0].made, device.now).by is DatedBy.BOOT


def test_an_earlier_boot_goes_by_the_wall_clock_as_far_as_it_is_to_be_believed() -> None:
    """As wrong then as now: corrected. Set in between, or never right: as it is, but not after this boot began."""
    synchronised, holdover, untrusted = ClockQuality.SYNCHRONISED, ClockQuality.HOLDOVER, ClockQuality.UNTRUSTED
    for then, later, by, off_s in [
        (holdover, holdover, DatedBy.WALL, 0),
        (synchronised, synchronised, DatedBy.WALL, 0),
        (holdover, synchronised, DatedBy.AS_IS, -HOUR_S),
        (untrusted, untrusted, DatedBy.AS_IS, -HOUR_S),
    ]:
        device = Device(wrong_s=-HOUR_S, quality=then)
        device.edit(20.0)
        made_ms = device.true_ms
        device.reboot()
        device.clock.trust = later
        device.measure()
        dated = device.offsets.date(device.pending[0].made, device.now)
        assert (dated.by, dated.ms - made_ms) == (by, off_s * 1_000)
        assert device.restamp()[0].physical_ms == dated.ms


def test_a_wall_clock_that_the_network_sets_was_looked_at_before() -> None:
    """A car comes online, its clock is set, and only then the authority is asked: yesterday's edit is dated right."""
    device = Device(wrong_s=-HOUR_S)
    device.edit(20.0)
    made_ms = device.true_ms
    device.reboot()
    device.offsets.noticed(device.now)
    device.wait(60)
    device.clock.jump(HOUR_S)
    device.clock.trust = ClockQuality.SYNCHRONISED
    device.measure()
    assert device.restamp()[0].physical_ms == made_ms
    assert device.offsets.date(device.pending[0].made, device.now).by is DatedBy.WALL


def test_an_earlier_boot_that_was_a_year_ahead_is_not_after_this_one() -> None:
    """Nobody knows when; but it was before this boot, so it waits for no year and beats nothing later."""
    device = Device(wrong_s=YEAR_S, quality=ClockQuality.UNTRUSTED)
    device.edit(20.0)
    device.edit(21.0)
    device.reboot()
    begun_ms = device.true_ms
    device.wait(30)
    device.edit(22.0)
    device.wait(30)
    device.measure()
    assert [(one.physical_ms, one.counter) for one in device.restamp()] == [
        (begun_ms, 0), (begun_ms, 1), (begun_ms + 30_000, 0)
    ]  # fmt: skip


def test_a_clock_of_1970_stays_after_what_its_guest_saw() -> None:
    """Untrusted and unmeasured in its boot: the stamp follows the one that the guest changed."""
    device = Device(wrong_s=-NOW_MS / 1_000, quality=ClockQuality.UNTRUSTED)
    first = Document(EPOCH).edit(GROUP, {KEY: 18.0}, Hlc(NOW_MS, 0, "app"), Origin("app"))
    device.base = take(device.base, first).document
    assert device.hlc.saw(first.hlc)
    edit = device.edit(20.0)
    assert (edit.hlc, edit.seen) == (Hlc(NOW_MS, 1, "car"), first.hlc)
    device.reboot()
    device.measure()
    assert device.restamp() == [edit.hlc]
    assert rebuilt(device.base, device.pending).values == {KEY: 20.0}


def test_what_was_sent_keeps_its_stamp() -> None:
    """It may have been taken: under another stamp it would count twice. Again with the same offsets changes nothing."""
    device = Device(wrong_s=-30)
    device.edit(20.0)
    device.measure(0.0, 4.0)
    first = device.restamp()
    assert device.restamp() == first
    device.pending = [replace(one, final=True) for one in device.pending]
    device.wait(5)
    device.edit(21.0)
    device.measure(0.0, 0.0)
    again = device.restamp()
    assert again[0] == first[0]
    assert again[1].physical_ms == device.true_ms
    assert device.pending[1].edit.seen == first[0]


def test_a_conflict_is_told_by_true_times() -> None:
    """The app's change of between the two is the older one, whatever the car's clock showed."""
    device = Device(wrong_s=-HOUR_S)
    device.wait(600)
    device.edit(21.0)
    app = Document(EPOCH).edit(GROUP, {KEY: 18.0}, Hlc(device.true_ms - 300_000, 0, "app"), Origin("app"))
    device.measure()
    (stamp,) = device.restamp()
    found = merge(take(Document(EPOCH), app).document, rebuilt(device.base, device.pending))
    assert found.document.values == {KEY: 21.0}
    assert found.conflicts == (Conflict(GROUP, stamp, app.hlc, "newer"),)
