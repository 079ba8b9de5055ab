"""What devices tell in their control stream: gaps, answers, erasure, counts; must never be given a row of events."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from forecourt.v1 import control_pb2

from gateway.cloud.disk import of_disk
from gateway.cloud.numbers import SEQ_MAX
from gateway.cloud.poison import Poison, Reason
from gateway.cloud.schema import signed
from gateway.cloud.shares import Shares
from gateway.cloud.streams import StreamKey, Streams
from gateway.cloud.withdrawn import Withdrawn
from gateway.limits import CLOUD_CONTROL_BODIES_MAX, CLOUD_GAPS_MAX, CLOUD_RANGES_KEPT_MAX, CLOUD_REPLIES_MAX
from gateway.model import PurposeSet, Stream

_STREAMS = frozenset(Stream)
Erase = Callable[[sqlite3.Connection, int, PurposeSet], int]
"""Forgets what stood on purposes of a subject; how many events."""
_TRIM_EVERY = 256
FINAL_STAGES = (control_pb2.COMMAND_STAGE_DONE, control_pb2.COMMAND_STAGE_FAILED)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a device to a command, as it was stored."""

    command: int
    stage: int
    reason: str
    result: bytes

    @property
    def final(self) -> bool:
        """Whether no further answer follows."""
        return self.stage in FINAL_STAGES


class Control:
    """Takes control records in, in the caller's transaction; each number comes once."""

    def __init__(
        self,
        db: sqlite3.Connection,
        streams: Streams,
        erase: Erase,
        count: Callable[[str, int], None],
        shares: Shares,
        withdrawn: Withdrawn,
    ) -> None:
        self._db, self._streams, self._erase_in_sink, self._count = db, streams, erase, count
        self._shares, self._withdrawn = shares, withdrawn

    def too_scattered(self, device: str, record: control_pb2.ControlRecord) -> bool:
        """Whether a record tells a gap far above the floor of a stream that has too many ranges already.

        It has neither effect nor receipt now, and comes again when the floor has risen.
        """
        gap = record.gap
        if not gap.ranges or gap.stream not in _STREAMS:
            return False
        numbers = self._streams.held(StreamKey(device, gap.epoch, Stream(gap.stream)))
        return numbers.fragments >= CLOUD_RANGES_KEPT_MAX and gap.ranges[0].first > numbers.floor + 1

    def take(self, key: StreamKey, seq: int, record: control_pb2.ControlRecord, now_us: int) -> Reply | None:
        """The effect of one record. Returns the answer that it carried, if it did.

        A record that makes no sense is noted all the same, since it would make no more sense the next time: Poison.
        """
        kind = record.WhichOneof("record") or "unknown"
        self._db.execute(
            "insert into control values (?, ?, ?, ?, ?, ?, ?)",
            (key.device, signed(key.epoch), seq, record.at_us, now_us, kind, record.SerializeToString()),
        )
        self._trim(key.device)
        self._count(f"control.{kind}", 1)
        if kind == "gap":
            self._gap(key.device, record.gap, now_us)
        elif kind == "erasure":
            self._erase(key, record.erasure, record.at_us)
        elif kind == "reply":
            return self._reply(key.device, record.reply, now_us)
        return None

    def _trim(self, device: str) -> None:
        """Of so many records of a device the content is kept; of older ones only that they came."""
        count = self._shares.added("control", device)
        if count <= CLOUD_CONTROL_BODIES_MAX or count % _TRIM_EVERY:
            return
        emptied = self._db.execute(
            "update control set body = x'' where device = ?1 and body <> x'' and rowid <="
            " (select rowid from control where device = ?1 order by rowid desc limit 1 offset ?2)",
            (device, CLOUD_CONTROL_BODIES_MAX),
        ).rowcount
        self._count("control_bodies_forgotten", emptied)

    def _gap(self, device: str, gap: control_pb2.Gap, now_us: int) -> None:
        if gap.stream not in _STREAMS:
            raise Poison(Reason.BAG, f"a gap in stream {gap.stream}")
        if not all(1 <= item.first <= item.last <= SEQ_MAX for item in gap.ranges):
            raise Poison(Reason.NUMBERS, "a gap that ends before it begins")
        key = StreamKey(device, gap.epoch, Stream(gap.stream))
        numbers = self._streams.to_change(key)
        reason = int(gap.reason)
        for item in gap.ranges:
            lost = numbers.missing(item.first, item.last)
            if not self._shares.take("gap", device, CLOUD_GAPS_MAX, len(lost)):
                raise Poison(Reason.NUMBERS, f"a device tells at most {CLOUD_GAPS_MAX} gaps")
            numbers.add(item.first, item.last)
            self._db.executemany(
                "insert into gap values (?, ?, ?, ?, ?, ?, ?)",
                [(device, signed(gap.epoch), gap.stream, first, last, reason, now_us) for first, last in lost],
            )
            self._count("gap_numbers", sum(part.size for part in lost))

    def _erase(self, key: StreamKey, request: control_pb2.ErasureRequest, at_us: int) -> None:
        purposes = 0
        for purpose in request.purposes:
            purposes |= 1 << purpose if purpose < 63 else 0
        if request.subject == 0 or purposes == 0:
            self._count("erasures_of_nobody", 1)
            return
        try:
            events = self._erase_in_sink(self._db, request.subject, purposes)
        except Exception as error:
            if of_disk(error):
                raise
            raise Poison(Reason.SINK, f"erasure failed: {type(error).__name__}") from error
        heads = {str(head.stream): head.last for head in request.heads}
        of_heads = key._replace(epoch=request.epoch or key.epoch)
        self._withdrawn.note(of_heads, request.subject, purposes, at_us, events, heads)
        self._db.execute("delete from poison where device = ?", (key.device,))

    def _reply(self, device: str, reply: control_pb2.CommandReply, now_us: int) -> Reply | None:
        changed = self._db.execute(
            "update command set stage = max(stage, ?) where id = ? and device = ?",
            (reply.stage, signed(reply.command), device),
        ).rowcount
        if not changed:
            self._count("replies_to_nothing", 1)
            return None
        answer = Reply(reply.command, reply.stage, reply.reason, reply.result)
        (told,) = self._db.execute("select count(*) from reply where command = ?", (signed(answer.command),)).fetchone()
        if told >= CLOUD_REPLIES_MAX:
            self._count("replies_over_bound", 1)
            return answer
        self._db.execute(
            "insert into reply values (?, ?, ?, ?, ?)",
            (signed(answer.command), answer.stage, answer.reason, answer.result, now_us),
        )
        return answer
