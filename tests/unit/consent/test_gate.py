"""The gate: what it lets in and out, what it strips, how long its answers hold, and that no change slips past."""

import threading
from pathlib import Path

import pytest

from gateway.clock import BUILD_TIME_US, ManualClock
from gateway.consent import Decision, Gate, Grant, Keyring, Moment, Narrowing, decide
from gateway.consent.grants import SECOND_US
from gateway.errors import InputError, TooLarge
from gateway.limits import GATE_LANES_MAX, KEY_SLOTS, KEY_SLOTS_RESERVED, LEASE_CHECK_S
from gateway.model import ClockQuality, Kind, Purpose, PurposeSet, Stream, purpose_set
from tests.unit.consent.parts import (
    AIR,
    ANALYTICS,
    DOOR,
    DRIVING,
    HEART,
    HVAC,
    OPERATION,
    POLICIES,
    POSITION,
    PROFILE,
    SAFETY,
    SPEED,
    Shapes,
    gate_of,
    kind_of,
)

NOW = Moment.of(ManualClock())
DRIVE = kind_of(SPEED, DOOR, AIR, HEART, purposes=[DRIVING])
MESSAGES = Purpose.COCKPIT_MESSAGES
D, A, P, V, S = (1 << purpose for purpose in (DRIVING, ANALYTICS, PROFILE, OPERATION, SAFETY))


@pytest.mark.parametrize(
    ("kind", "subject", "granted", "expected"),
    [
        (kind_of(SPEED, DOOR, purposes=[DRIVING]), 5, [DRIVING], Decision(D, None)),
        (DRIVE, 5, [DRIVING], Decision(D, (0, 1, 2))),
        (DRIVE, 5, [], None),
        (DRIVE, 5, [ANALYTICS], None),
        (DRIVE, 6, [DRIVING], None),
        (DRIVE, 0, [DRIVING], None),
        (kind_of(SPEED, DOOR, purposes=[DRIVING, ANALYTICS]), 5, [ANALYTICS], Decision(A, (1,))),
        (kind_of(SPEED, POSITION, purposes=[DRIVING, ANALYTICS]), 5, [DRIVING, ANALYTICS], Decision(D, None)),
        (kind_of(SPEED, HVAC, purposes=[DRIVING, PROFILE]), 5, [DRIVING, PROFILE, ANALYTICS], Decision(D | P, None)),
        (kind_of(HEART, purposes=[DRIVING]), 5, [DRIVING], None),
        (kind_of("Vehicle.Unknown", purposes=[DRIVING]), 5, [DRIVING], None),
        (kind_of(AIR, SPEED, purposes=[OPERATION]), 0, [], Decision(V, (0,))),
        (kind_of(AIR, SPEED, purposes=[OPERATION, DRIVING]), 0, [], Decision(V, (0,))),
        (kind_of(AIR, purposes=[OPERATION]), 5, [DRIVING, OPERATION], None),
        (kind_of("Vehicle.IsBrokenDown", purposes=[SAFETY]), 0, [], Decision(S, None)),
        (kind_of(SPEED, purposes=[SAFETY]), 0, [], None),
        (kind_of(SPEED, purposes=[]), 5, [DRIVING], None),
        (kind_of(purposes=[DRIVING, MESSAGES]), 5, [DRIVING, MESSAGES], Decision(D, None)),
        (kind_of(purposes=[MESSAGES]), 5, [MESSAGES], None),
        (kind_of(purposes=[PROFILE]), 5, [PROFILE], Decision(P, None)),
        (kind_of(purposes=[OPERATION]), 0, [], Decision(V, None)),
        (kind_of(purposes=[OPERATION]), 5, [DRIVING], None),
        (kind_of(purposes=[SAFETY]), 0, [], None),
    ],
)
def test_the_decision(kind: Kind, subject: int, granted: list[Purpose], expected: Decision | None) -> None:
    """Each signal and purpose by itself: grants, the kind's wish and the table must all agree."""
    assert decide(kind, subject, [Grant(5, purpose) for purpose in granted], NOW, POLICIES) == expected


def test_a_gate_without_grants_denies(tmp_path: Path) -> None:
    """Default deny, in and out, and no key is made for what is denied."""
    gate = gate_of(tmp_path)
    assert gate.lane(DRIVE, 5) is None
    assert not gate.may_leave(5, D)
    assert not gate.may_leave(5, 0)
    assert not gate.may_leave(0, D)
    assert gate.key(1) is None


def test_a_lane_carries_the_narrowed_kind_and_its_key(tmp_path: Path) -> None:
    """What the outbox needs to write: which values, under which kind, sealed with what."""
    gate = gate_of(tmp_path, [Grant(5, DRIVING)])
    lane = gate.lane(DRIVE, 5)
    assert lane is not None
    assert [signal.path for signal in lane.kind.signals] == [SPEED, DOOR, AIR]
    assert (lane.picks, lane.subject, lane.purposes) == ((0, 1, 2), 5, D)
    assert gate.key(lane.key_id) is lane.key
    assert gate.lane(DRIVE, 5) is lane
    assert gate.may_keep(lane)


def test_kinds_of_the_same_purposes_share_a_key(tmp_path: Path) -> None:
    """One key per subject and set of purposes; other subjects and sets have their own."""
    gate = gate_of(tmp_path, [Grant(5, DRIVING), Grant(5, ANALYTICS), Grant(6, DRIVING)])
    both = kind_of(DOOR, purposes=[DRIVING, ANALYTICS], stream=Stream.BULK)
    lanes = [gate.lane(k, s) for k, s in ((DRIVE, 5), (kind_of(SPEED, purposes=[DRIVING]), 5), (both, 5), (DRIVE, 6))]
    ids = [lane.key_id for lane in lanes if lane]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_without_a_dictionary_every_kind_is_denied(tmp_path: Path) -> None:
    """In doubt nothing is kept; with one that is full neither, and it is counted."""
    gate = Gate(POLICIES, Keyring.open(tmp_path), ManualClock())
    gate.replace([Grant(5, DRIVING)], 1)
    assert gate.lane(DRIVE, 5) is None
    assert gate.lane(kind_of(SPEED, purposes=[DRIVING]), 5) is None
    gate.bind(Full())
    assert gate.lane(DRIVE, 5) is None
    assert gate.dictionary_full == 1
    gate.bind(Shapes())
    assert gate.lane(DRIVE, 5) is not None


class Full:
    """A dictionary that takes no more."""

    def adopt(self, kind: Kind, picks: tuple[int, ...] | None = None) -> Kind:
        """Raises TooLarge."""
        raise TooLarge("more than 65536 shapes")


def test_barring_takes_effect_at_once_and_only_for_that(tmp_path: Path) -> None:
    """The lane that was out is no lane any more; other purposes and subjects go on."""
    gate = gate_of(tmp_path, [Grant(5, DRIVING), Grant(5, ANALYTICS), Grant(6, DRIVING)])
    lane, version = gate.lane(DRIVE, 5), gate.version
    assert lane is not None
    gate.bar(5, D)
    assert gate.lane(DRIVE, 5) is None
    assert not gate.may_keep(lane)
    assert not gate.may_leave(5, D | A)
    assert gate.may_leave(5, A)
    assert gate.may_leave(6, D)
    assert gate.version > version
    assert gate.key(lane.key_id) is lane.key, "needed to reseal what stays"


def test_what_is_barred_stays_barred_until_it_is_settled(tmp_path: Path) -> None:
    """Neither another grant nor a reload of the ledger lifts the bar of a withdrawal that is not written yet."""
    gate = gate_of(tmp_path, [Grant(5, DRIVING), Grant(5, ANALYTICS)])
    gate.bar(5, D | A)
    gate.replace([Grant(5, DRIVING), Grant(5, ANALYTICS)], 7)
    assert gate.granted(5) == 0
    gate.replace([Grant(5, DRIVING), Grant(5, ANALYTICS)], 8, unbar=(5, A))
    assert gate.granted(5) == A
    assert gate.barred(5) == D
    gate.replace([Grant(5, DRIVING)], 9, unbar=(5, D))
    assert gate.granted(5) == D
    assert gate.barred(5) == 0


def test_a_lane_ends_with_its_grant(tmp_path: Path) -> None:
    """Judged on the clock at every event, and the version says that something changed."""
    clock = ManualClock()
    end = BUILD_TIME_US + 30 * SECOND_US
    gate = gate_of(tmp_path, [Grant(5, DRIVING, 0, end), Grant(5, ANALYTICS)], clock)
    lane, version = gate.lane(DRIVE, 5), gate.version
    assert lane is not None
    clock.advance(29.999)
    assert gate.lane(DRIVE, 5) is lane
    clock.advance(0.001)
    assert not gate.may_leave(5, D)
    assert gate.lane(DRIVE, 5) is None
    assert gate.may_leave(5, A)
    assert gate.version == version + 1


def test_a_grant_that_begins_later_opens_the_gate_by_itself(tmp_path: Path) -> None:
    """Nobody has to wake the gate."""
    clock = ManualClock()
    gate = gate_of(tmp_path, [Grant(5, DRIVING, BUILD_TIME_US + 10 * SECOND_US)], clock)
    assert gate.lane(DRIVE, 5) is None
    clock.advance(10)
    assert gate.lane(DRIVE, 5) is not None


def test_a_jump_of_the_wall_clock_is_noticed_within_a_minute(tmp_path: Path) -> None:
    """Bounded grants are looked at again though CLOCK_BOOTTIME says that their end is far."""
    clock = ManualClock()
    gate = gate_of(tmp_path, [Grant(5, DRIVING, 0, BUILD_TIME_US + 86_400 * SECOND_US)], clock)
    assert gate.may_leave(5, D)
    clock.jump(2 * 86_400)
    clock.advance(LEASE_CHECK_S)
    assert not gate.may_leave(5, D)


def test_a_look_that_changes_nothing_keeps_the_version(tmp_path: Path) -> None:
    """So that the uplink does not hand everything out again every minute."""
    clock = ManualClock()
    gate = gate_of(tmp_path, [Grant(5, DRIVING, 0, BUILD_TIME_US + 86_400 * SECOND_US)], clock)
    version = gate.version
    clock.advance(2 * LEASE_CHECK_S)
    assert gate.may_leave(5, D)
    assert gate.version == version


def test_a_doubtful_clock_and_a_boot_end_bounded_grants(tmp_path: Path) -> None:
    """Grants without bounds stay."""
    clock = ManualClock()
    given = Moment.of(clock)
    grants = [Grant(5, DRIVING, 0, BUILD_TIME_US + 86_400 * SECOND_US, "", given), Grant(5, ANALYTICS, given=given)]
    clock.reboot()
    clock.trust = ClockQuality.UNTRUSTED
    gate = gate_of(tmp_path, grants, clock)
    assert gate.granted(5) == A


def test_strangers_fill_no_memory(tmp_path: Path) -> None:
    """Answers for subjects that nobody granted anything are remembered within a bound."""
    gate = gate_of(tmp_path, [Grant(5, DRIVING)])
    lane = gate.lane(DRIVE, 5)
    for subject in range(10, 10 + 2 * GATE_LANES_MAX):
        assert gate.lane(DRIVE, subject) is None
    again = gate.lane(DRIVE, 5)
    assert lane is not None
    assert again is not None
    assert again.key_id == lane.key_id


def test_a_full_keyring_denies_and_says_so(tmp_path: Path) -> None:
    """No key, no byte; those who have a key go on, and a withdrawal still gets the key of the smaller set."""
    room = KEY_SLOTS - KEY_SLOTS_RESERVED
    gate = gate_of(tmp_path, [Grant(s, p) for s in range(1, room + 2) for p in (DRIVING, ANALYTICS)])
    both = kind_of(DOOR, purposes=[DRIVING, ANALYTICS])
    assert all(gate.lane(both, subject) for subject in range(1, room + 1))
    assert gate.lane(both, room + 1) is None
    assert gate.keyring_full == 1
    assert gate.lane(both, 1) is not None
    assert gate.narrowing(1, A).key(D) is not None


def test_records_are_stripped_and_what_is_none_is_refused(tmp_path: Path) -> None:
    """The gate lends the outbox the fields' policy."""
    gate = gate_of(tmp_path)
    assert gate.record(b"", D) == b""
    with pytest.raises(InputError):
        gate.record(b"\xff", D)


def test_the_record_of_consent_is_named(tmp_path: Path) -> None:
    """By subject and purpose."""
    gate = gate_of(tmp_path, [Grant(5, DRIVING, record_id="r-1"), Grant(6, DRIVING, record_id="r-2")])
    assert (gate.records(5, DRIVING), gate.records(6, DRIVING), gate.records(5, PROFILE)) == ("r-1", "r-2", "")


def test_the_control_key_belongs_to_nobody(tmp_path: Path) -> None:
    """What the device says of itself needs no consent and has its own key, the same after a restart."""
    gate = gate_of(tmp_path, [Grant(5, DRIVING)])
    key_id, key = gate.control_key()
    assert gate.control_key() == (key_id, key)
    assert not gate.may_leave(0, 0), "nothing else has no purpose"
    gate.harden()
    assert gate_of(tmp_path).control_key()[0] == key_id


def test_a_narrowing_knows_what_stays(tmp_path: Path) -> None:
    """Which purposes, which values, and a key that is on disk before it is needed."""
    gate = gate_of(tmp_path, [Grant(5, DRIVING), Grant(5, ANALYTICS)])
    kind = kind_of(SPEED, DOOR, purposes=[DRIVING, ANALYTICS])
    assert gate.lane(kind, 5) is not None
    narrowing = gate.narrowing(5, D)
    assert isinstance(narrowing, Narrowing)
    assert narrowing.rest(D | A) == A
    assert narrowing.rest(D) == 0
    assert narrowing.picks(kind, A) == (1,)
    assert narrowing.picks(kind_of(SPEED, purposes=[DRIVING]), A) is None
    assert narrowing.picks(kind_of(purposes=[DRIVING]), A) == ()
    made = narrowing.key(A)
    assert made is not None
    assert Keyring.open(tmp_path).key(made[0]) is not None, "hardened"


def test_readers_on_other_threads_see_old_or_new_and_nothing_else(tmp_path: Path) -> None:
    """A snapshot is swapped as a whole: both purposes are in force, or neither."""
    gate = gate_of(tmp_path)
    seen: set[PurposeSet] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.add(gate.granted(5))

    reader = threading.Thread(target=look)
    reader.start()
    for version in range(1000):
        gate.replace([Grant(5, DRIVING), Grant(5, ANALYTICS)] if version % 2 else [], version)
    stop.set()
    reader.join()
    assert seen <= {0, purpose_set([DRIVING, ANALYTICS])}
