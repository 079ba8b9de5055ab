"""When an edit was really made: boots, wrong clocks, restarts; must never need a real clock."""

from dataclasses import replace

from gateway.model import ClockQuality
from gateway.profile import (
    Conflict,
    DatedBy,
    Document,
    Hlc,
    HlcClock,
    Offsets,
    Origin,
    merge,
    rebuilt,
    take,
)
from tests.unit.profile.device import EPOCH, GROUP, HOUR_S, KEY, NOW_MS, YEAR_S, Device


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
