"""Copies of a profile become one, whatever the order, the repetition and the loss of what they tell each other."""

import random
from dataclasses import replace

import pytest

from gateway.errors import InputError
from gateway.profile import (
    Document,
    EpochRefused,
    Hlc,
    HlcClock,
    Origin,
    Register,
    check_document,
    check_edit,
    merge,
    new_epoch,
    stamp_after,
    take,
)
from gateway.profile.fields import FIELDS, Kind
from gateway.profile.hlc import AHEAD_MS_MAX

NOW_MS = 1_800_000_000_000
EPOCH = new_epoch(NOW_MS)
SCHEDULES = 10_000
NODES = ("car-1", "car-2", "app", "cloud")
GROUPS: dict[str, list[str]] = {}
for _key, _spec in FIELDS.items():
    if _spec.kind is Kind.FLOAT:
        GROUPS.setdefault(_spec.group, []).append(_key)


class Replica:
    """A copy with a clock of its own, which may be wrong."""

    def __init__(self, node: str, skew_ms: int) -> None:
        self.node, self.skew_ms = node, skew_ms
        self.clock, self.document = HlcClock(node), Document(EPOCH)

    def edit(self, rng: random.Random, now_ms: int) -> None:
        """The guest changes one or several fields of a group here, or deletes one."""
        group = rng.choice(sorted(GROUPS))
        keys = rng.sample(GROUPS[group], rng.randint(1, len(GROUPS[group])))
        values = {key: None if rng.random() < 0.1 else _inside(rng, key) for key in keys}
        stamp = self.clock.stamp(now_ms + self.skew_ms)
        self.document = take(self.document, self.document.edit(group, values, stamp, Origin(self.node))).document

    def hear(self, other: Document) -> None:
        """Another copy is merged in; its stamps are seen."""
        self.document = merge(self.document, other).document
        for one in other.registers.values():
            self.clock.saw(one.hlc)


def bounds(key: str) -> tuple[float, float]:
    """Of a field that holds a number."""
    low, high = FIELDS[key].low, FIELDS[key].high
    assert low is not None
    assert high is not None
    return low, high


def _inside(rng: random.Random, key: str) -> float:
    return round(rng.uniform(*bounds(key)), 1)


def content(document: Document) -> dict[str, tuple[object, Hlc]]:
    """What two copies have to agree on."""
    return {key: (one.value, one.hlc) for key, one in document.registers.items()}


def schedule(rng: random.Random) -> list[Replica]:
    """Partitions and edits at random; messages late, twice, in another order, or never; at the end all meet."""
    replicas = [
        Replica(node, rng.choice([0, 0, rng.randint(-3_600_000, 3_600_000)])) for node in NODES[: rng.randint(2, 4)]
    ]
    letters: list[Document] = []
    now_ms = NOW_MS
    for _ in range(rng.randint(2, 12)):
        now_ms += rng.randrange(600_000)
        one = rng.choice(replicas)
        if rng.random() < 0.6:
            one.edit(rng, now_ms)
            letters.append(one.document)
        elif letters:
            one.hear(rng.choice(letters))
    for first in replicas:
        for second in rng.sample(replicas, len(replicas)):
            first.hear(second.document)
    for one in replicas:
        one.hear(replicas[0].document)
    return replicas


@pytest.mark.timeout(60)
def test_ten_thousand_schedules_converge() -> None:
    """Every replica holds the same afterwards, and groups are never mixed of two edits."""
    rng, edited = random.Random(7), 0
    for _ in range(SCHEDULES):
        replicas = schedule(rng)
        first = content(replicas[0].document)
        edited += bool(first)
        for other in replicas[1:]:
            assert content(other.document) == first
        for group in replicas[0].document.groups().values():
            assert len({one.hlc for one in group.values()}) == 1
    assert edited > 0.9 * SCHEDULES


def test_merge_knows_no_order() -> None:
    """Commutative, associative, idempotent, on documents as schedules make them."""
    rng = random.Random(11)
    for _ in range(500):
        documents = [Replica(node, 0) for node in NODES[:3]]
        for one in documents:
            for _ in range(3):
                one.edit(rng, NOW_MS + rng.randrange(10))
        a, b, c = (one.document for one in documents)
        assert content(merge(a, b).document) == content(merge(b, a).document)
        left = merge(merge(a, b).document, c).document
        assert content(left) == content(merge(a, merge(b, c).document).document)
        assert content(merge(left, left).document) == content(left)


def test_the_newest_group_wins_as_a_whole_and_the_other_is_told() -> None:
    """Case 4: two cars offline on one group: the later one, whole; a conflict names both."""
    first, second = Replica("car-1", 0), Replica("car-2", 0)
    group = min(GROUPS)
    key, *_ = GROUPS[group]
    for one, now_ms, value in ((first, NOW_MS, 1), (second, NOW_MS + 5, 2)):
        edit = one.document.edit(group, {key: bounds(key)[0] + value}, one.clock.stamp(now_ms), Origin(one.node))
        one.document = take(one.document, edit).document
    found = merge(first.document, second.document)
    assert found.document.values == {key: bounds(key)[0] + 2}
    (conflict,) = found.conflicts
    assert (conflict.group, conflict.kept.node, conflict.lost.node) == (group, "car-2", "car-1")


def test_an_old_epoch_writes_nothing_back() -> None:
    """Case 17: a car that wakes after the erasure is refused as a whole."""
    old, new = Replica("car-1", 0), Document(new_epoch(NOW_MS + 1_000))
    old.edit(random.Random(1), NOW_MS)
    with pytest.raises(EpochRefused, match="fetch the whole profile anew"):
        merge(new, old.document)
    with pytest.raises(EpochRefused):
        merge(old.document, new)
    assert new_epoch(NOW_MS) < new_epoch(NOW_MS + 1)


def test_a_clock_a_year_ahead_is_not_believed() -> None:
    """Case 2: neither an edit nor a stamp; nothing has changed."""
    far = Replica("car-1", 365 * 86_400_000)
    group = min(GROUPS)
    edit = far.document.edit(group, {GROUPS[group][0]: 1.0}, far.clock.stamp(NOW_MS + far.skew_ms), Origin("car-1"))
    document = Document(EPOCH)
    found = take(document, edit, NOW_MS)
    assert (found.ahead, found.changed, found.document) == (True, False, document)
    clock = HlcClock("cloud")
    assert not clock.saw(edit.hlc, NOW_MS)
    assert clock.stamp(NOW_MS).physical_ms == NOW_MS
    assert clock.saw(Hlc(NOW_MS + AHEAD_MS_MAX, 0, "car-1"), NOW_MS)


def test_stamps_follow_cause_where_clocks_run_back() -> None:
    """Each is above the one before, whatever the wall shows."""
    clock, before = HlcClock("car-1"), Hlc(0, 0, "")
    for now_ms in (NOW_MS, NOW_MS - 5_000, NOW_MS - 5_000, NOW_MS + 1, NOW_MS - 1):
        stamp = clock.stamp(now_ms)
        assert stamp > before
        before = stamp
    assert stamp_after(NOW_MS, Hlc(NOW_MS, (1 << 31) - 1, "x"), "a") == Hlc(NOW_MS + 1, 0, "a")


def test_what_was_delivered_twice_changes_once() -> None:
    """Cases 19 and 20: and an older edit that comes late changes nothing."""
    one = Replica("car-1", 0)
    group = min(GROUPS)
    key = GROUPS[group][0]
    first = one.document.edit(group, {key: bounds(key)[0]}, one.clock.stamp(NOW_MS), Origin("car-1"))
    second = take(one.document, first).document.edit(
        group, {key: bounds(key)[1]}, one.clock.stamp(NOW_MS + 1), Origin("car-1")
    )
    document = take(take(one.document, first).document, second).document
    assert document.version == 2
    for late in (second, first, second):
        found = take(document, late)
        assert (found.changed, found.document) == (False, document)


def test_fields_of_a_newer_schema_are_kept_and_passed_on() -> None:
    """Case 24: a reader that does not know them loses nothing."""
    stamp = Hlc(NOW_MS, 0, "car-9")
    unknown = Register("seat.massage_program", "wave", stamp, Origin("car-9"), "posture")
    newer = Document(EPOCH, 3, {unknown.key: unknown}, schema=9)
    one = Replica("car-1", 0)
    one.hear(newer)
    assert one.document.registers[unknown.key] == unknown
    assert (one.document.schema, one.document.version) == (9, 3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: replace(document, epoch=b"short"),
        lambda document: replace(document, version=-1),
        lambda document: replace(document, schema=0),
        lambda document: replace(
            document,
            registers={"seat.leg_mm": Register("seat.leg_mm", float("nan"), Hlc(NOW_MS, 0, "a"), Origin("a"))},
        ),
        lambda document: replace(
            document, registers={"seat.leg_mm": Register("seat.leg_mm", "long", Hlc(NOW_MS, 0, "a"), Origin("a"))}
        ),
    ],
)
def test_documents_that_cannot_be_are_refused(spoil: object) -> None:
    """At the border, with what would do."""
    with pytest.raises(InputError):
        check_document(spoil(Document(EPOCH)))  # type: ignore[operator]


def test_an_edit_without_fields_is_refused() -> None:
    """It would only move the stamp."""
    with pytest.raises(InputError, match="changes 1"):
        check_edit(Document(EPOCH).edit(min(GROUPS), {}, Hlc(NOW_MS, 0, "a"), Origin("a")))
