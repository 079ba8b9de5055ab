"""One batch of a device: which bags are new, their effects and numbers; must never begin or end a transaction."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from forecourt.v1 import event_pb2

from gateway.cloud import bags
from gateway.cloud.arrivals import Arrivals
from gateway.cloud.consent.desk import ConsentDesk
from gateway.cloud.consent.ingest import Verdict
from gateway.cloud.control import Control
from gateway.cloud.dictionaries import Dictionaries, Known
from gateway.cloud.disk import of_disk
from gateway.cloud.moved import Moved
from gateway.cloud.outcome import Outcome, Refusal
from gateway.cloud.poison import Poison, Reason
from gateway.cloud.profile.desk import ProfileDesk
from gateway.cloud.shares import Shares
from gateway.cloud.sinks import Effects, Sink
from gateway.cloud.streams import StreamKey, Streams
from gateway.cloud.withdrawn import Place, Withdrawn
from gateway.limits import CLOUD_RANGES_KEPT_MAX
from gateway.model import Purpose, RefusalReason, SeqRange, Stream

_NOTHING_KNOWN = Known({}, {})


@dataclass(slots=True)
class Taking:
    """A batch while its bags are taken."""

    key: StreamKey
    topic: str
    batch: event_pb2.EventBatch
    known: Known
    now_us: int
    outcome: Outcome
    effects: list[Effects] = field(default_factory=list)
    admitted: list[SeqRange] = field(default_factory=list)


class Batches:
    """Takes batches in, in the caller's transaction."""

    def __init__(
        self,
        db: sqlite3.Connection,
        streams: Streams,
        sink: Sink,
        count: Callable[[str, int], None],
        put_aside: Callable[[str, str, bytes, Poison], None],
        shares: Shares,
        consent: ConsentDesk | None = None,
        profiles: ProfileDesk | None = None,
    ) -> None:
        self._consent, self._profiles = consent, profiles
        self._db, self._streams, self._sink, self._count, self._put_aside = db, streams, sink, count, put_aside
        self._dictionaries = Dictionaries(db)
        self._moved = Moved(db, streams, count)
        self._arrivals, self._withdrawn = Arrivals(db, shares), Withdrawn(db, shares)
        erase = sink.erase if consent is None else consent.erase
        self._control = Control(db, streams, erase, count, shares, self._withdrawn)

    def take(self, key: StreamKey, topic: str, batch: event_pb2.EventBatch, now_us: int, outcome: Outcome) -> None:
        """Effects and numbers of a batch that was verified; Poison when nothing of it can be taken."""
        known = self._dictionary(key, batch)
        if known is None:
            self._count("unknown_dictionaries", 1)
            outcome.unknown_dictionary = batch.dictionary
            return
        outcome.key = key
        taking = Taking(key, topic, batch, known, now_us, outcome)
        for bag in batch.bags:
            self._take_bag(taking, bag)
        self._write(taking.effects, outcome)
        self._streams.save()
        self._arrivals.note(key, _joined(taking.admitted), now_us, batch.number)
        self._count("batches", 1)
        self._count("events", outcome.new)
        self._count("repeated", outcome.repeated)

    def forget(self) -> None:
        """A transaction was undone: the tables are the truth."""
        self._dictionaries.forget()
        self._withdrawn.forget()
        self._arrivals.forget()
        if self._consent is not None:
            self._consent.forget()

    def _dictionary(self, key: StreamKey, batch: event_pb2.EventBatch) -> Known | None:
        if key.stream is Stream.CONTROL:
            return _NOTHING_KNOWN
        self._dictionaries.learn(batch)
        return self._dictionaries.find(key.device, batch.dictionary)

    def _take_bag(self, taking: Taking, bag: event_pb2.Bag) -> None:
        """One bag; where it cannot be read it is put aside alone, since its neighbours are not at fault."""
        numbers, outcome = self._streams.held(taking.key), taking.outcome
        span: SeqRange | None = None
        try:
            span = first, last = bags.span(bag)
            missing = numbers.missing(first, last)
            unseen = self._moved.fresh(taking.key, bag, missing)
            fresh = sum(part.size for part in missing)
            outcome.repeated += bag.count - fresh
            if not fresh:
                return
            if numbers.fragments >= CLOUD_RANGES_KEPT_MAX and first > numbers.floor + 1:
                self._count("too_scattered", fresh)
                return
            if unseen and not self._effect(taking, bag, unseen):
                return
        except Poison as poison:
            if poison.reason is Reason.SINK:
                raise
            outcome.poison = poison
            if span is not None and poison.reason is not Reason.LATER:
                outcome.refused.append(Refusal(taking.key, span, RefusalReason.UNREADABLE))
            self._put_aside(taking.key.device, taking.topic, bag.SerializeToString(), poison)
            return
        self._moved.note(taking.key, bag, missing, unseen, taking.now_us)
        self._streams.to_change(taking.key).add(first, last)
        taking.admitted += unseen
        outcome.new += sum(part.size for part in unseen)

    def _effect(self, taking: Taking, bag: event_pb2.Bag, missing: Sequence[SeqRange]) -> bool:
        """The effects of the missing numbers; False where the consent they stand on does not allow them (any more)."""
        if taking.key.stream is Stream.CONTROL:
            return self._take_control(taking, bag, missing)
        stand = bags.standing(taking.batch, bag)
        found = bags.read(taking.key, bag, stand, taking.known, missing)
        if stand.subject:
            received_us = stand.boot.wall_at_boot_us + 1_000 * min((min(e.received_ms) for e in found), default=0)
            place = Place(taking.key, bag.first_seq, bag.origin_epoch, bag.origin_first)
            if self._withdrawn.covers(place, stand.subject, stand.purposes, received_us):
                self._count("withdrawn_before", sum(part.size for part in missing))
                return False
            if self._consent is not None and not self._allowed(taking, bag, stand, self._consent):
                return False
        if self._consent is not None and stand.purposes >> Purpose.IDENTITY_LINK & 1:
            self._consent.links.note(found)
        taking.effects += found
        return True

    def _allowed(self, taking: Taking, bag: event_pb2.Bag, stand: bags.Standing, consent: ConsentDesk) -> bool:
        """Whether the named records allow the bag; an unknown one is asked for, a bag that is denied named as refused.

        A bag that is denied is not kept aside: its content is what nobody here may have.
        """
        verdict, record = consent.gate.judge(stand.subject, stand.purposes, stand.records)
        if verdict is Verdict.DENIED:
            self._count("consent_denied", bag.count)
            taking.outcome.refused.append(Refusal(taking.key, bags.span(bag), RefusalReason.CONSENT))
        elif verdict is Verdict.UNKNOWN:
            self._count("consent_unknown", bag.count)
            taking.outcome.unknown_record = record
        return verdict is Verdict.ALLOWED

    def born(self, device: str) -> None:
        """A device was born, perhaps with another epoch."""
        self._withdrawn.born(device)

    def _take_control(self, taking: Taking, bag: event_pb2.Bag, missing: Sequence[SeqRange]) -> bool:
        """The records of the missing numbers; False where one is to come again later."""
        records = bag.control.records
        if bag.codec != event_pb2.CODEC_IDENTITY or len(records) != bag.count:
            raise Poison(Reason.BAG, "a bag of the control stream without its records in clear")
        if any(self._control.too_scattered(taking.key.device, record) for record in records):
            self._count("too_scattered", bag.count)
            return False
        for first, last in missing:
            for seq in range(first, last + 1):
                record = records[seq - bag.first_seq]
                try:
                    reply = self._control.take(taking.key, seq, record, taking.now_us)
                except Poison as poison:
                    if poison.reason is Reason.SINK:
                        raise
                    self._put_aside(taking.key.device, taking.topic, record.SerializeToString(), poison)
                    continue
                if reply is not None:
                    taking.outcome.replies.append(reply)
                if self._consent is not None and self._consent.take(taking.key.device, record):
                    taking.outcome.consent_due = True
                if self._profiles is not None and self._profiles.take(taking.key.device, record):
                    taking.outcome.profile_due = True
        return True

    def _write(self, effects: Sequence[Effects], outcome: Outcome) -> None:
        try:
            if self._profiles is not None and effects:
                effects, due = self._profiles.take_effects(effects)
                outcome.profile_due |= due
            if effects:
                self._sink.write(self._db, effects)
        except Exception as error:
            if of_disk(error):
                raise
            raise Poison(Reason.SINK, f"{type(error).__name__}: {error}") from error


def _joined(ranges: Sequence[SeqRange]) -> list[SeqRange]:
    """The same ranges, those that follow one another as one."""
    out: list[SeqRange] = []
    for item in ranges:
        if out and out[-1].last + 1 == item.first:
            out[-1] = SeqRange(out[-1].first, item.last)
        else:
            out.append(item)
    return out
