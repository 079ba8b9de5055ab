"""The inbox against a set of integers, through repeats, overlaps, failed commits, restarts; must never know order."""

import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from forecourt.v1 import event_pb2
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from gateway.cloud.audit import audit
from gateway.cloud.certify import forge
from gateway.cloud.numbers import Numbers
from gateway.cloud.schema import open_database
from gateway.cloud.sinks import Effects
from gateway.cloud.sqlite_sink import SqliteSink
from gateway.model import SeqRange, Stream
from tests.kit.cloudside import Car, Desk, Letter

CAR = Car()
STREAMS = (Stream.URGENT, Stream.LIVE, Stream.BULK)
EPOCHS = (11, 12)
CODECS = (event_pb2.CODEC_IDENTITY, event_pb2.CODEC_ROWS_ZSTD, event_pb2.CODEC_COLUMNS_ZSTD)
RANGES = st.tuples(st.integers(1, 60), st.integers(1, 15))


class _Sink(SqliteSink):
    """Lets a commit fail after so many writes."""

    fails_after: int | None = None

    def write(self, db: sqlite3.Connection, effects: Sequence[Effects]) -> None:
        """Writes; the disk may then be full."""
        super().write(db, effects)
        if self.fails_after is not None:
            self.fails_after -= 1
            if self.fails_after < 0:
                raise sqlite3.OperationalError("database or disk is full")


class InboxMachine(RuleBasedStateMachine):
    """Batches in any order and number; the model is a set of effects and one of gaps for each stream."""

    letters = Bundle("letters")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="forecourt-inbox-"))
        self.effects: dict[tuple[int, Stream], set[int]] = {}
        self.gaps: dict[tuple[int, Stream], set[int]] = {}
        self.control = 0

    @initialize()
    def begin(self) -> None:
        """An empty inbox."""
        self._open()

    def _open(self) -> None:
        self.sink = _Sink()
        self.db = open_database(self.folder / "cloud.db")
        self.desk = Desk(CAR, db=self.db, sink=self.sink)

    def teardown(self) -> None:
        """Removes the folder."""
        self.db.close()
        shutil.rmtree(self.folder)

    @rule(
        target=letters,
        stream=st.sampled_from(STREAMS),
        epoch=st.sampled_from(EPOCHS),
        bags=st.lists(st.tuples(RANGES, st.sampled_from(CODECS)), min_size=1, max_size=4),
    )
    def written(
        self, stream: Stream, epoch: int, bags: list[tuple[tuple[int, int], event_pb2.Codec]]
    ) -> tuple[Letter, tuple[int, Stream], set[int]]:
        """A device makes a batch; whether and how often it arrives is another matter."""
        made = [forge.bag(first, count, codec) for (first, count), codec in bags]
        numbers = {seq for (first, count), _ in bags for seq in range(first, first + count)}
        return CAR.letter(*made, stream=stream, epoch=epoch), (epoch, stream), numbers

    @rule(group=st.lists(letters, min_size=1, max_size=4))
    def arrive(self, group: list[tuple[Letter, tuple[int, Stream], set[int]]]) -> None:
        """Batches arrive and are admitted in one commit."""
        outcomes = self.desk.take(*(letter for letter, _, _ in group))
        for outcome, (_, key, numbers) in zip(outcomes, group, strict=True):
            known = self.effects.setdefault(key, set())
            new = numbers - known - self.gaps.get(key, set())
            assert outcome.new == len(new)
            known |= new

    @rule(group=st.lists(letters, min_size=1, max_size=4), after=st.integers(0, 2))
    def fail(self, group: list[tuple[Letter, tuple[int, Stream], set[int]]], after: int) -> None:
        """The disk refuses in the middle of a commit: nothing of it is true."""
        self.sink.fails_after = after
        try:
            self.desk.take(*(letter for letter, _, _ in group))
        except sqlite3.OperationalError:
            pass
        else:
            for _, key, numbers in group:
                self.effects.setdefault(key, set()).update(numbers - self.gaps.get(key, set()))
        self.sink.fails_after = None

    @rule(stream=st.sampled_from(STREAMS), epoch=st.sampled_from(EPOCHS), numbers=RANGES)
    def lose(self, stream: Stream, epoch: int, numbers: tuple[int, int]) -> None:
        """The device tells a gap."""
        first, last = numbers[0], numbers[0] + numbers[1] - 1
        self.control += 1
        self.desk.take(CAR.control(self.control, forge.gap(epoch, stream, SeqRange(first, last))))
        key = (epoch, stream)
        self.gaps.setdefault(key, set()).update(set(range(first, last + 1)) - self.effects.get(key, set()))

    @rule()
    def restart(self) -> None:
        """The process dies and comes back."""
        self.db.close()
        self._open()

    @invariant()
    def the_books_are_right(self) -> None:
        """Rows are the effects, once each; receipts name effects and gaps and nothing else; the audit agrees."""
        if not hasattr(self, "desk"):
            return
        for key in {*self.effects, *self.gaps}:
            epoch, stream = key
            effects, gaps = self.effects.get(key, set()), self.gaps.get(key, set())
            place = CAR.stream(stream, epoch)
            assert self.desk.effects(place) == sorted(effects)
            assert self.desk.held(place) == Numbers(0, [(seq, seq) for seq in effects | gaps])
        for found in audit(self.db):
            assert found.faithful
            assert (found.duplicates, found.both) == (0, 0)


InboxMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestInbox = pytest.mark.timeout(60)(InboxMachine.TestCase)
