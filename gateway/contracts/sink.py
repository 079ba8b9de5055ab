"""What every sink must do, as tests to inherit from; must never know how a sink keeps its rows.

In an outside package:

    from gateway.contracts.sink import SinkContract

    class TestMySink(SinkContract):
        def make(self):
            return MySink()

        def held(self, db, sink):
            return [(event.device, event.epoch, event.stream, event.seq) for event in sink.everything()]
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing

from gateway.cloud.schema import open_database
from gateway.cloud.sinks import Effects, ShapeInfo, SignalInfo, Sink
from gateway.model import Purpose, PurposeSet, Stream, ValueType, purpose_set

Place = tuple[str, int, int, int]
"""Device, epoch, stream, number; all as on the wire."""

DRIVING = purpose_set([Purpose.DRIVING_BEHAVIOUR])
USAGE = purpose_set([Purpose.USAGE_ANALYTICS])
EPOCH, SUBJECT = (1 << 64) - 3, (1 << 64) - 5


class SinkContract:
    """Inherit, define `make` and `held`, and let pytest collect the tests."""

    def make(self) -> Sink:
        """A new sink that holds nothing yet."""
        raise NotImplementedError

    def held(self, db: sqlite3.Connection, sink: Sink) -> Iterable[Place]:
        """The events that the sink holds, each as often as it holds it."""
        raise NotImplementedError

    def test_an_event_written_is_held_once(self) -> None:
        """What write took is there, each number once."""
        with closing(open_database(":memory:")) as db:
            sink = self._opened(db)
            self._write(db, sink, _speeds(range(1, 4)), _speeds(range(4, 5)))
            assert sorted(self.held(db, sink)) == [_place(seq) for seq in range(1, 5)]
            sink.close()

    def test_nothing_is_a_batch_too(self) -> None:
        """A write of no effects does nothing."""
        with closing(open_database(":memory:")) as db:
            sink = self._opened(db)
            self._write(db, sink)
            assert list(self.held(db, sink)) == []
            sink.close()

    def test_shapes_of_any_width_and_records_are_taken(self) -> None:
        """One write may bring several shapes, of all value types, wider than any before, and records."""
        with closing(open_database(":memory:")) as db:
            sink = self._opened(db)
            self._write(db, sink, _speeds(range(1, 2)), _all_types(2), _record(3), _wide(4, 40))
            assert sorted(self.held(db, sink)) == [_place(seq) for seq in range(1, 5)]
            sink.close()

    def test_a_transaction_undone_leaves_no_trace(self) -> None:
        """After a rollback the same numbers come again, and there is one effect of each."""
        with closing(open_database(":memory:")) as db:
            sink = self._opened(db)
            db.execute("begin immediate")
            sink.write(db, [_speeds(range(1, 4)), _wide(4, 20)])
            db.execute("rollback")
            sink.open(db)
            self._write(db, sink, _speeds(range(1, 4)), _wide(4, 20))
            assert sorted(self.held(db, sink)) == [_place(seq) for seq in range(1, 5)]
            sink.close()

    def test_erasure_forgets_the_subject_for_the_purposes(self) -> None:
        """Events that stood on the withdrawn purpose alone are gone; other subjects and purposes stay."""
        with closing(open_database(":memory:")) as db:
            sink = self._opened(db)
            self._write(
                db,
                sink,
                _speeds(range(1, 3), subject=SUBJECT, purposes=DRIVING),
                _speeds(range(3, 5), subject=SUBJECT, purposes=USAGE),
                _speeds(range(5, 7), subject=7, purposes=DRIVING),
                _speeds(range(7, 9), subject=0, purposes=purpose_set([Purpose.VEHICLE_OPERATION])),
            )
            db.execute("begin immediate")
            touched = sink.erase(db, SUBJECT, DRIVING)
            db.execute("commit")
            assert touched == 2
            assert sorted(self.held(db, sink)) == [_place(seq) for seq in range(3, 9)]
            sink.close()

    def test_erasing_twice_touches_nothing_more(self) -> None:
        """A second request for the same finds nothing."""
        with closing(open_database(":memory:")) as db:
            sink = self._opened(db)
            self._write(db, sink, _speeds(range(1, 3), subject=SUBJECT, purposes=DRIVING))
            assert (sink.erase(db, SUBJECT, DRIVING), sink.erase(db, SUBJECT, DRIVING)) == (2, 0)
            sink.close()

    def test_opening_again_keeps_what_is_held(self) -> None:
        """The inbox is opened after a restart and holds what it held."""
        with closing(open_database(":memory:")) as db:
            sink = self._opened(db)
            self._write(db, sink, _speeds(range(1, 3)))
            sink.open(db)
            self._write(db, sink, _speeds(range(3, 4)))
            assert sorted(self.held(db, sink)) == [_place(seq) for seq in range(1, 4)]
            sink.close()
            sink.close()

    def _opened(self, db: sqlite3.Connection) -> Sink:
        sink = self.make()
        sink.open(db)
        return sink

    @staticmethod
    def _write(db: sqlite3.Connection, sink: Sink, *effects: Effects) -> None:
        db.execute("begin immediate")
        sink.write(db, effects)
        db.execute("commit")


def _place(seq: int) -> Place:
    return ("car-1", EPOCH, int(Stream.LIVE), seq)


def _effects(shape: ShapeInfo, seqs: range, columns: list[list[object]], subject: int, purposes: PurposeSet) -> Effects:
    return Effects(
        device="car-1",
        epoch=EPOCH,
        stream=Stream.LIVE,
        boot=1 << 63,
        subject=subject,
        purposes=purposes,
        shape=shape,
        seqs=seqs,
        ts_us=[1_788_000_000_000_000 + seq for seq in seqs],
        received_ms=[1_000 + seq for seq in seqs],
        columns=columns,  # type: ignore[arg-type]
    )


def _speeds(seqs: range, subject: int = 9, purposes: PurposeSet = DRIVING) -> Effects:
    shape = ShapeInfo(1, "speed", (SignalInfo("Vehicle.Speed", ValueType.FLOAT, "km/h"),))
    return _effects(shape, seqs, [[float(seq) for seq in seqs]], subject, purposes)


def _all_types(seq: int) -> Effects:
    values: list[object] = [True, -(2**63), 1.5, float("inf"), "Grüße"]
    signals = tuple(SignalInfo(f"Vehicle.Test.{kind.name}", kind, "") for kind in ValueType)
    return _effects(ShapeInfo(2, "types", signals), range(seq, seq + 1), [[value] for value in values], 9, DRIVING)


def _record(seq: int) -> Effects:
    return _effects(ShapeInfo(3, "trip", ()), range(seq, seq + 1), [[b"\x0a\x02\x10\x01"]], 9, DRIVING)


def _wide(seq: int, width: int) -> Effects:
    signals = tuple(SignalInfo(f"Vehicle.Test.V{i}", ValueType.INT, "") for i in range(width))
    columns: list[list[object]] = [[i] for i in range(width)]
    return _effects(ShapeInfo(100 + width, "wide", signals), range(seq, seq + 1), columns, 9, DRIVING)
