"""Takes messages in: effect and numbers in one transaction, each number once; must never know a thread or a socket."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from forecourt.v1 import downlink_pb2, event_pb2

from gateway.clock import Clock
from gateway.cloud.batches import Batches
from gateway.cloud.consent.desk import ConsentDesk, ConsentTerms
from gateway.cloud.disk import of_disk
from gateway.cloud.fleet import Fleet, goes_on_from_a_copy
from gateway.cloud.numbers import SEQ_MAX
from gateway.cloud.outcome import Doubt, Outcome
from gateway.cloud.poison import Poison, Reason, keep_aside
from gateway.cloud.profile.desk import ProfileDesk
from gateway.cloud.profile.terms import ProfileTerms
from gateway.cloud.shares import Shares
from gateway.cloud.sinks import Sink
from gateway.cloud.streams import StreamKey, Streams
from gateway.errors import InputError, SignatureError
from gateway.limits import MESSAGE_BYTES_MAX
from gateway.log import Log
from gateway.model import PurposeSet, Stream
from gateway.wire.batch import mark_of, read_batch
from gateway.wire.messages import read_state
from gateway.wire.topics import UpTopic, parse_up

DeviceKey = Callable[[str], Ed25519PublicKey | None]
log = Log("cloud")


class Admission:
    """Admits messages on the one connection that writes. All of `admit`'s messages become true in one commit."""

    def __init__(
        self,
        db: sqlite3.Connection,
        device_key: DeviceKey,
        sink: Sink,
        clock: Clock,
        consent: ConsentTerms | None = None,
        profiles: ProfileTerms | None = None,
    ) -> None:
        self._db, self._device_key, self._sink, self._clock = db, device_key, sink, clock
        sink.open(db)
        self.streams = Streams(db)
        self._counts: Counter[str] = Counter()
        self._shares = Shares(db, self._count)
        self._fleet = Fleet(db, self._shares)
        self.profiles = ProfileDesk(db, profiles, clock, self._count) if profiles is not None else None
        self.consent = None
        if consent is not None:
            self.consent = ConsentDesk(db, consent, clock, device_key, self._count, self._erase)
        self._batches = Batches(
            db, self.streams, sink, self._count, self._put_aside, self._shares, self.consent, self.profiles
        )
        self._doubted: dict[str, Doubt] = {}
        self._now_us = 0

    def _erase(self, db: sqlite3.Connection, subject: int, purposes: PurposeSet) -> int:
        if self.profiles is not None:
            self.profiles.erase(subject, purposes)
        return self._sink.erase(db, subject, purposes)

    def admit(self, messages: Sequence[tuple[str, bytes]]) -> list[Outcome]:
        """Takes (topic, payload) in, in order; sqlite3.Error when the disk refuses, and then nothing was taken."""
        self._now_us = self._clock.wall_us()
        heard: dict[str, int] = {}
        self._db.execute("begin immediate")
        try:
            outcomes = [self._one(topic, payload, heard) for topic, payload in messages]
            self._fleet.heard(heard, self._now_us)
            self._db.executemany(
                "insert into counter values (?, ?) on conflict do update set value = value + excluded.value",
                list(self._counts.items()),
            )
            self._db.execute("commit")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("rollback")
            self.streams.forget()
            self._forget()
            raise
        finally:
            self._counts.clear()
        return outcomes

    def _one(self, topic: str, payload: bytes, heard: dict[str, int]) -> Outcome:
        outcome = Outcome()
        try:
            with self._savepoint():
                self._take(topic, payload, outcome, heard)
        except Poison as poison:
            outcome = Outcome(device=outcome.device, poison=poison, unreadable=outcome.unreadable)
            self._put_aside(outcome.device, topic, payload, poison)
        return outcome

    def _take(self, topic: str, payload: bytes, outcome: Outcome, heard: dict[str, int]) -> None:
        try:
            up, key = self._who(topic)
            outcome.device = up.device
            if up.stream is None:
                self._take_state(up.device, read_state(topic, payload, key), outcome)
                return
            batch = _batch(topic, payload, key, outcome)
            doubt = self._doubted.get(up.device)
            if doubt is not None and doubt.epoch == batch.epoch:  # its numbers were given before, for other events
                self._count("doubted_batches", 1)
                outcome.doubted = doubt
                return
            heard[up.device] = self._fleet.boots(up.device, batch.boots) or heard.get(up.device, 0)
            self._batches.take(StreamKey(up.device, batch.epoch, up.stream), topic, batch, self._now_us, outcome)
        except Poison:
            raise
        except SignatureError as error:
            raise Poison(Reason.SIGNATURE, str(error)) from error
        except InputError as error:
            raise Poison(Reason.MALFORMED, str(error)) from error
        except Exception as error:  # one message, whatever it holds, must not end the service
            if of_disk(error):
                raise
            log.error("message_unforeseen", topic=topic, error=type(error).__name__)
            raise Poison(Reason.UNFORESEEN, f"{type(error).__name__}: {error}") from error

    def _who(self, topic: str) -> tuple[UpTopic, Ed25519PublicKey]:
        try:
            up = parse_up(topic)
        except InputError as error:
            raise Poison(Reason.TOPIC, str(error)) from error
        key = self._device_key(up.device)
        if key is None:
            raise Poison(Reason.STRANGER, "no device of that id is enrolled")
        return up, key

    def _take_state(self, device: str, state: downlink_pb2.DeviceState, outcome: Outcome) -> None:
        if goes_on_from_a_copy(state, self._fleet.known(device)):
            self._count("old_copies", 1)
            outcome.doubted = self._doubted[device] = Doubt(state.epoch, state.birth)
            return
        if not self._fleet.take(device, state, self._now_us):
            self._count("stale_states", 1)
            return
        if not state.online:
            return
        outcome.born = state
        self._batches.born(device)
        self._doubted.pop(device, None)
        for head in state.heads:
            if head.stream in _STREAMS and 0 < head.floor <= SEQ_MAX:
                kept = min(head.above[0].first, head.floor + 1) if head.above else 0
                self.streams.expect(StreamKey(device, head.epoch or state.epoch, Stream(head.stream)), head.floor, kept)

    def _put_aside(self, device: str, topic: str, payload: bytes, poison: Poison) -> None:
        self._counts[f"poison.{poison.reason}"] += 1
        keep_aside(self._db, self._now_us, device, topic, payload, poison)

    def _count(self, name: str, count: int) -> None:
        self._counts[name] += count

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        """One message, all or nothing within the transaction; the numbers follow."""
        self._db.execute("savepoint message")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("rollback to message")
                self._db.execute("release message")
            self.streams.drop()
            self._forget()
            raise
        self._db.execute("release message")
        self.streams.keep()

    def _forget(self) -> None:
        self._batches.forget()
        self._shares.forget()
        self._fleet.forget()
        self._sink.open(self._db)


_STREAMS = frozenset(Stream)


def _batch(topic: str, payload: bytes, key: Ed25519PublicKey, outcome: Outcome) -> event_pb2.EventBatch:
    """The batch; where its device signed what nobody can read, the outcome names it to the device."""
    try:
        return read_batch(topic, payload, key)
    except SignatureError:
        raise
    except InputError:
        if len(payload) <= MESSAGE_BYTES_MAX:  # a longer one was not looked at, so that anybody may have sent it
            outcome.unreadable = mark_of(payload)
        raise
