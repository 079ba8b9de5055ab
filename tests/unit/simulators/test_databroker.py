"""Proves the databroker's memory without a server: values, bounds, watchers, providers, scopes."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from forecourt.kuksa.v2 import val_pb2 as v2

from simulators.databroker import Catalogue, Leaf
from simulators.databroker.access import Scopes
from simulators.databroker.mailbox import Mailbox
from simulators.databroker.patterns import matcher
from simulators.databroker.refusals import Refused, Why
from simulators.databroker.tree import Counters, Entry, Tree, stamp
from simulators.databroker.values import KINDS, check, from_v1, message_of, to_v1

LEAVES = [
    Leaf("Vehicle.Speed", "float"),
    Leaf("Vehicle.Pedal", "uint8", low=0, high=100),
    Leaf("Vehicle.Mode", "string", allowed=("ECO", "SPORT")),
    Leaf("Vehicle.Seat.Position", "uint16", "actuator"),
    Leaf("Vehicle.Seat.Heating", "int8", "actuator", low=-100, high=100),
    Leaf("Vehicle.Codes", "string[]"),
    Leaf("Vehicle.Doors", "uint8", "attribute", default=4),
]
SPEED, SEAT, HEATING = "Vehicle.Speed", "Vehicle.Seat.Position", "Vehicle.Seat.Heating"


@pytest.fixture
def tree() -> Tree:
    """A small vehicle."""
    return Tree(Catalogue.of(LEAVES), Counters())


@pytest.mark.parametrize(
    ("datatype", "value", "kept"),
    [
        ("uint8", 37.6, 38),
        ("int16", -2.4, -2),
        ("uint32", 12_345_000, 12_345_000),
        ("float", 3, 3.0),
        ("boolean", 1, True),
        ("string", 7, "7"),
        ("string", True, "true"),
        ("int64", -(1 << 63), -(1 << 63)),
        ("uint64", (1 << 64) - 1, (1 << 64) - 1),
    ],
)
def test_values_take_the_type_of_their_signal(datatype: str, value: object, kept: object) -> None:
    """Rounded, widened or read as a word, as a vehicle's gateway would do it."""
    kind = KINDS[datatype]
    assert getattr(message_of(kind, value), kind.field) == kept


@pytest.mark.parametrize(
    ("datatype", "value", "why"),
    [
        ("uint8", 256, Why.TYPE_BOUNDS),
        ("uint8", -1, Why.TYPE_BOUNDS),
        ("int8", 128.0, Why.TYPE_BOUNDS),
        ("uint8", math.nan, Why.WRONG_TYPE),
        ("int64", math.inf, Why.WRONG_TYPE),
        ("float", 1e39, Why.TYPE_BOUNDS),
        ("double", 1 << 2_000, Why.TYPE_BOUNDS),
        ("float", True, Why.WRONG_TYPE),
        ("uint8", "7", Why.WRONG_TYPE),
        ("boolean", "yes", Why.WRONG_TYPE),
        ("boolean", 2, Why.WRONG_TYPE),
        ("string[]", "ab", Why.WRONG_TYPE),
        ("string", None, Why.WRONG_TYPE),
    ],
)
def test_values_of_another_type_are_refused(datatype: str, value: object, why: Why) -> None:
    """Nothing is cut off or turned over silently."""
    with pytest.raises(Refused) as raised:
        message_of(KINDS[datatype], value)
    assert raised.value.why is why


def test_arrays_keep_their_items_in_both_protocols() -> None:
    """Also an empty array, which is a value and not none."""
    for items in (["a", "b"], []):
        point = v2.Datapoint(value=message_of(KINDS["string[]"], items))
        back = from_v1(to_v1(point))
        assert back is not None
        assert list(back.string_array.values) == items
        assert back.WhichOneof("typed_value") == "string_array"
    assert from_v1(to_v1(v2.Datapoint())) is None


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("Vehicle.Pedal", v2.Value(uint32=101), Why.BOUNDS),
        ("Vehicle.Pedal", v2.Value(uint32=300), Why.TYPE_BOUNDS),
        ("Vehicle.Pedal", v2.Value(int32=1), Why.WRONG_TYPE),
        ("Vehicle.Pedal", v2.Value(), Why.WRONG_TYPE),
        ("Vehicle.Mode", v2.Value(string="eco"), Why.NOT_ALLOWED),
        (HEATING, v2.Value(int32=-101), Why.BOUNDS),
    ],
)
def test_messages_are_checked_against_the_leaf(tree: Tree, path: str, value: v2.Value, why: Why) -> None:
    """Type, what the type holds, bounds, allowed values: in that order."""
    with pytest.raises(Refused) as raised:
        check(tree.by_path[path].leaf, value)
    assert raised.value.why is why
    assert path in str(raised.value)


async def test_a_watcher_gets_every_value_in_order(tree: Tree) -> None:
    """Two values of one signal in one publication become two messages; a refused one costs only itself."""
    box = Mailbox(10)
    end = tree.watch(tree.match("Vehicle"), box)
    refused = tree.publish_values(
        [(SPEED, 1.0, 1), ("Vehicle.Pedal", 5, 1), (SPEED, 2.0, 2), ("Vehicle.Pedal", 101, 2), ("Vehicle.No", 1, 2)]
    )
    assert [path for path, _ in refused] == ["Vehicle.Pedal", "Vehicle.No"]
    batches = [await box.take() for _ in range(2)]
    seen = [{entry.path: point.value.float or point.value.uint32 for entry, point in b.points.items()} for b in batches]
    assert seen == [{SPEED: 1.0, "Vehicle.Pedal": 5}, {SPEED: 2.0}]
    assert tree.by_path[SPEED].point.timestamp.ToMicroseconds() == 2
    end()
    tree.publish_values([(SPEED, 3.0, 3)])
    assert len(box) == 0
    assert (tree.counters.published, tree.counters.refused, tree.counters.messages) == (4, 2, 2)


@pytest.mark.parametrize(("size", "kept"), [(0, [9]), (1, [8, 9]), (4, [5, 6, 7, 8, 9]), (100, list(range(10)))])
async def test_a_slow_watcher_keeps_the_newest(tree: Tree, size: int, kept: list[int]) -> None:
    """buffer_size + 1 messages; each one that had to go is counted."""
    box = Mailbox(size)
    end = tree.watch([tree.by_path[SPEED]], box)
    for value in range(10):
        tree.publish_values([(SPEED, float(value), value)])
    assert tree.counters.dropped_messages == 10 - len(kept), "counted when it happens"
    assert len(box) == len(kept)
    assert [next(iter((await box.take()).points.values())).value.float for _ in kept] == kept
    end()
    assert tree.counters.dropped_messages == 10 - len(kept)


async def test_sensors_tell_every_value_and_actuators_only_changes(tree: Tree) -> None:
    """As the databroker does by the kind of the signal."""
    box = Mailbox(10)
    tree.watch(tree.match(""), box)
    for path, value in ((SPEED, 1.0), (SPEED, 1.0), (SEAT, 7), (SEAT, 7), (SEAT, 8)):
        tree.publish_values([(path, value, 1)])
    told = [next(iter((await box.take()).points)).path for _ in range(len(box))]
    assert told == [SPEED, SPEED, SEAT, SEAT]


class Shelf:
    """A provider that keeps its orders."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, int]] = []
        self.full = False

    def expired(self) -> bool:
        """See Provider."""
        return False

    def ready(self) -> bool:
        """See Provider."""
        return not self.full

    def actuate(self, orders: Sequence[tuple[Entry, v2.Value]]) -> None:
        """See Provider."""
        self.orders += [(entry.path, value.uint32 or value.int32) for entry, value in orders]


def test_orders_go_out_together_or_not_at_all(tree: Tree) -> None:
    """One bad order of a batch, and no provider hears of the others."""
    seat, heating, shelf = tree.by_path[SEAT], tree.by_path[HEATING], Shelf()
    seat.provider = shelf
    good = (seat, v2.Value(uint32=200))
    for bad, why in (
        ((heating, v2.Value(int32=5)), Why.NO_PROVIDER),
        ((heating, v2.Value(int32=101)), Why.BOUNDS),
        ((tree.by_path[SPEED], v2.Value(float=1)), Why.NO_ACTUATOR),
    ):
        with pytest.raises(Refused) as raised:
            tree.actuate([good, bad])
        assert raised.value.why is why
    assert shelf.orders == []
    heating.provider = shelf
    tree.actuate([good, (heating, v2.Value(int32=5))])
    assert shelf.orders == [(SEAT, 200), (HEATING, 5)]
    full = heating.provider = Shelf()
    full.full = True
    with pytest.raises(Refused) as raised:
        tree.actuate([good, (heating, v2.Value(int32=6))])
    assert raised.value.why is Why.NO_PROVIDER
    assert (len(shelf.orders), full.orders) == (2, []), "a batch for two providers does not go out half"
    assert tree.counters.actuations == 2


def test_attributes_have_their_default(tree: Tree) -> None:
    """Sensors have none until somebody publishes; all have a time."""
    assert tree.by_path["Vehicle.Doors"].point.value.uint32 == 4
    assert not tree.by_path[SPEED].point.HasField("value")
    assert tree.by_path[SPEED].point.HasField("timestamp")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("Vehicle.Seat", [SEAT, HEATING]),
        ("Vehicle.Seat.*", [SEAT, HEATING]),
        ("Vehicle.*", [leaf.path for leaf in LEAVES if leaf.path.count(".") == 1]),
        ("Vehicle.**.Position", [SEAT]),
        ("**.Heating", [HEATING]),
        ("*.Speed", [SPEED]),
        ("Vehicle.Sea", []),
        ("**.**.**.**.**.**.Nothing", []),
    ],
)
def test_patterns_name_signals(tree: Tree, pattern: str, found: list[str]) -> None:
    """A star is one level, two are any number, a branch is all below it."""
    assert [entry.path for entry in tree.match(pattern)] == found


@pytest.mark.parametrize("pattern", ["Vehicle..Speed", ".", "Vehicle Speed", "Vehicle.***", "x" * 1_001])
def test_what_is_no_pattern_is_refused(tree: Tree, pattern: str) -> None:
    """As an argument, not as something that was not found."""
    with pytest.raises(Refused) as raised:
        tree.match(pattern)
    assert raised.value.why is Why.MALFORMED


def test_a_hostile_pattern_takes_no_time() -> None:
    """The work grows with pattern times path, whatever the pattern."""
    test = matcher("**." * 300 + "x")
    assert test is not None
    assert not test("a." * 100 + "y")


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("read", {"read": [SPEED, SEAT]}),
        ("read:Vehicle.Speed", {"read": [SPEED]}),
        ("read:Vehicle.Seat actuate:Vehicle.Seat.Position", {"read": [SEAT], "actuate": [SEAT]}),
        ("provide:Vehicle.Speed", {"read": [SPEED], "provide": [SPEED]}),
        ("provide actuate", {"read": [SPEED, SEAT], "provide": [SPEED, SEAT], "actuate": [SPEED, SEAT]}),
        ("", {}),
    ],
)
def test_scopes_allow_what_they_name(scope: str, may: dict[str, list[str]]) -> None:
    """Per action and path; who may provide or actuate may read."""
    access: Any = Scopes(scope.split(), 100.0, lambda: 0.0)
    for action in ("read", "provide", "actuate"):
        for path in (SPEED, SEAT):
            if path in may.get(action, []):
                getattr(access, action)(path)
            else:
                with pytest.raises(Refused) as raised:
                    getattr(access, action)(path)
                assert raised.value.why is Why.DENIED


def test_scopes_end_with_their_token() -> None:
    """Also for a caller that is connected already; a scope that is none makes the token none."""
    clock = [0.0]
    access = Scopes(["read"], 100.0, lambda: clock[0])
    access.read(SPEED)
    clock[0] = 100.0
    with pytest.raises(Refused) as raised:
        access.read(SPEED)
    assert raised.value.why is Why.EXPIRED
    for scope in ("write", "read:Vehicle..Speed", "read:Vehicle.Speed:x"):
        with pytest.raises(Refused):
            Scopes([scope], 100.0)


def test_times_before_1970_are_times() -> None:
    """A clock may be wrong by decades."""
    for ts_us in (-1, 0, 1_700_000_000_123_456, 2_840_140_800_000_000):
        assert stamp(ts_us).ToMicroseconds() == ts_us
