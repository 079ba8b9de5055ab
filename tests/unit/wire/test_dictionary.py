"""The dictionary: one meaning for an id, for ever."""

import hashlib

import pytest
from forecourt.v1 import event_pb2

from gateway.errors import InputError, TooLarge
from gateway.limits import DICTIONARY_SIGNALS_MAX, EVENT_VALUES_MAX
from gateway.model import Stream, ValueType
from gateway.wire.dictionary import Dictionary, shape_types
from gateway.wire.drafts import Drafts
from tests.kit.wires import DRIVING, EVERY_TYPE, kind_of


def test_same_content_is_the_same_object() -> None:
    """The gate compares kinds by identity, so equal content must be one object; ids count from 1."""
    one = Dictionary()
    speed = one.intern_signal("Vehicle.Speed", ValueType.FLOAT, "km/h")
    assert one.intern_signal("Vehicle.Speed", ValueType.FLOAT, "km/h") is speed
    metric = one.intern_signal("Vehicle.Speed", ValueType.FLOAT, "m/s")
    assert [speed.id, metric.id] == [1, 2]
    live = one.intern_kind("drive", Stream.LIVE, DRIVING, [speed])
    assert one.intern_kind("drive", Stream.LIVE, DRIVING, (speed,)) is live
    bulk = one.intern_kind("drive", Stream.BULK, DRIVING, [speed])
    assert bulk is not live
    assert bulk.id == live.id, "stream and purposes do not change how values are written"
    assert one.intern_kind("drive", Stream.LIVE, DRIVING, [metric]).id == 2


def test_a_narrowed_kind_has_fewer_signals_and_an_id_of_its_own() -> None:
    """The name stays, the order stays, and asking again gives the same object."""
    one = Dictionary()
    kind = kind_of(one, EVERY_TYPE)
    narrow = one.narrowed(kind, (4, 1))
    assert [signal.type for signal in narrow.signals] == [ValueType.STRING, ValueType.INT]
    assert narrow.id != kind.id
    assert (narrow.name, narrow.stream, narrow.purposes) == (kind.name, kind.stream, kind.purposes)
    assert one.narrowed(kind, [4, 1]) is narrow
    assert one.types[narrow.id] == (ValueType.STRING, ValueType.INT)


def test_a_loaded_dictionary_goes_on_where_it_was() -> None:
    """After a restart ids mean what they meant, new content gets new ids, and the digest is the same."""
    old = Dictionary()
    kind = kind_of(old, EVERY_TYPE)
    old.narrowed(kind, [0])
    new = Dictionary()
    new.load(old.signals, old.shapes)
    assert new.digest == old.digest
    assert new.types == old.types
    assert new.kind(kind.id).name == kind.name
    assert kind_of(new, EVERY_TYPE).id == kind.id
    assert kind_of(new, EVERY_TYPE, "test.other").id == 3
    with pytest.raises(KeyError):
        new.kind(4)


def test_the_digest_names_the_content() -> None:
    """Eight bytes of SHA-256 over the dictionary alone; every addition changes it."""
    one = Dictionary()
    seen = {one.digest}
    for types in (EVERY_TYPE[:1], EVERY_TYPE[:2], EVERY_TYPE):
        kind_of(one, types)
        seen.add(one.digest)
    assert len(seen) == 4
    alone = event_pb2.EventBatch(signals=one.signals, shapes=one.shapes).SerializeToString(deterministic=True)
    assert one.digest.to_bytes(8, "little") == hashlib.sha256(alone).digest()[:8]


def test_a_dictionary_that_contradicts_itself_is_not_loaded() -> None:
    """Ids that do not count, or a shape of unknown signals: the store was damaged."""
    good = Dictionary()
    kind_of(good, EVERY_TYPE)
    with pytest.raises(InputError):
        Dictionary().load(good.signals[1:], [])
    with pytest.raises(InputError):
        Dictionary().load(good.signals, [event_pb2.Shape(id=2, kind="x", signals=[1])])
    with pytest.raises(InputError):
        Dictionary().load(good.signals, [event_pb2.Shape(id=1, kind="x", signals=[9])])


def test_what_a_stranger_sends_is_judged() -> None:
    """Unknown signals, unknown types and shapes of a million columns are malformed input."""
    signal = event_pb2.Signal(id=1, path="Vehicle.Speed", type=event_pb2.VALUE_TYPE_FLOAT)
    assert shape_types([signal], [event_pb2.Shape(id=5, signals=[1, 1])]) == {5: (ValueType.FLOAT, ValueType.FLOAT)}
    with pytest.raises(InputError):
        shape_types([signal], [event_pb2.Shape(id=5, signals=[2])])
    with pytest.raises(InputError):
        shape_types([event_pb2.Signal(id=1, path="x")], [])
    with pytest.raises(TooLarge):
        shape_types([signal], [event_pb2.Shape(id=5, signals=[1] * (EVENT_VALUES_MAX + 1))])


def test_it_is_bounded() -> None:
    """Paths, signals of a kind, and signals in all."""
    one = Dictionary()
    for path in ("", "V" * 513, "é" * 257):
        with pytest.raises(InputError):
            one.intern_signal(path, ValueType.INT)
    signals = [one.intern_signal(f"Vehicle.S{n}", ValueType.INT) for n in range(DICTIONARY_SIGNALS_MAX)]
    with pytest.raises(TooLarge):
        one.intern_signal("Vehicle.More", ValueType.INT)
    assert one.intern_signal("Vehicle.S7", ValueType.INT) is signals[7]
    with pytest.raises(TooLarge):
        one.intern_kind("wide", Stream.LIVE, DRIVING, signals[: EVENT_VALUES_MAX + 1])


def test_of_a_draft_only_what_is_adopted_is_learnt() -> None:
    """A signal that the gate does not let through is not named on the wire either."""
    drafts, one = Drafts(), Dictionary()
    asked = [("Vehicle.Speed", ValueType.FLOAT, "km/h"), ("Vehicle.Secret", ValueType.STRING, "")]
    draft = drafts.kind("drive", Stream.LIVE, DRIVING, asked)
    assert drafts.kind("drive", Stream.LIVE, DRIVING, tuple(asked)) is draft
    assert (draft.id, [signal.id for signal in draft.signals]) == (0, [0, 0])
    assert not one.signals
    kept = one.adopt(draft, (0,))
    assert [entry.path for entry in one.signals] == ["Vehicle.Speed"]
    assert kept is one.adopt(draft, (0,))
    assert kept is one.adopt(kept)
    assert (kept.id, kept.name, [signal.path for signal in kept.signals]) == (1, "drive", ["Vehicle.Speed"])
    whole = one.adopt(draft)
    assert [(entry.id, entry.path) for entry in one.signals] == [(1, "Vehicle.Speed"), (2, "Vehicle.Secret")]
    assert one.adopt(whole, (0,)) is kept


def test_a_draft_is_bounded_as_a_dictionary_is() -> None:
    """What no dictionary could take is refused where it is asked for."""
    drafts = Drafts()
    with pytest.raises(InputError):
        drafts.kind("drive", Stream.LIVE, DRIVING, [("", ValueType.FLOAT, "")])
    with pytest.raises(TooLarge):
        drafts.kind("x" * 600, Stream.LIVE, DRIVING)
    with pytest.raises(TooLarge):
        drafts.kind("wide", Stream.LIVE, DRIVING, [("Vehicle.Speed", ValueType.FLOAT, "")] * (EVENT_VALUES_MAX + 1))
