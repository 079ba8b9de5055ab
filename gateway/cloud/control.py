"""What devices tell in their control stream: gaps, answers, erasure, counts; must never be given a row of events."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from forecourt.v1 import control_pb2

from gateway.cloud.disk import of_disk
from gateway.cloud.numbers import SEQ_MAX
from gateway.cloud.poison import Poison, Reason
from gateway.cloud.schema import signed, unsigned
from gateway.cloud.sinks import Sink
from gateway.cloud.streams import StreamKey, Streams
from gateway.limits import CLOUD_SUBJECTS_CACHED_MAX
from gateway.model import PurposeSet, Stream

_STREAMS = frozenset(Stream)
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

    def __init__(self, db: sqlite3.Connection, streams: Streams, sink: Sink, count: Callable[[str, int], None]) -> None:
        self._db, self._streams, self._sink, self._count = db, streams, sink, count
        self._withdrawn: dict[tuple[str, int], list[tuple[PurposeSet, int, int, str]]] = {}

    def take(self, key: StreamKey, seq: int, record: control_pb2.ControlRecord, now_us: int) -> Reply | None:
        """The effect of one record. Returns the answer that it carried, if it did.

        A record that makes no sense is noted all the same, since it would make no more sense the next time: Poison.
        """
        kind = record.WhichOneof("record") or "unknown"
        self._db.execute(
            "insert into control values (?, ?, ?, ?, ?, ?, ?)",
            (key.device, signed(key.epoch), seq, record.at_us, now_us, kind, record.SerializeToString()),
        )
        self._count(f"control.{kind}", 1)
        if kind == "gap":
            self._gap(key.device, record.gap, now_us)
        elif kind == "erasure":
            self._erase(key, record.erasure, record.at_us)
        elif kind == "reply":
            return self._reply(key.device, record.reply, now_us)
        return None

    def withdrawn(self, key: StreamKey, first: int, subject: int, purposes: PurposeSet, received_us: int) -> bool:
        """Whether a bag that begins at `first` stands on consent that was withdrawn after its events were numbered.

        Such a copy was on its way when the device withdrew it. What is still allowed comes again, narrowed, under the
        same numbers; of the rest the device tells a gap. Numbers decide within the epoch of the request. For a copy
        of another epoch, or a request that tells no numbers, the time of receipt has to do.
        """
        whose = (key.device, subject)
        if whose not in self._withdrawn:
            if len(self._withdrawn) >= CLOUD_SUBJECTS_CACHED_MAX:
                self._withdrawn.clear()
            self._withdrawn[whose] = self._db.execute(
                "select purposes, at_us, epoch, heads from erased where device = ? and subject = ?",
                (key.device, signed(subject)),
            ).fetchall()
        for gone, at_us, epoch, heads in self._withdrawn[whose]:
            if not purposes & gone:
                continue
            last = json.loads(heads).get(str(int(key.stream))) if unsigned(epoch) == key.epoch else None
            if (received_us <= at_us) if last is None else (first <= last):
                return True
        return False

    def forget(self) -> None:
        """A transaction was undone: the tables are the truth."""
        self._withdrawn.clear()

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
            events = self._sink.erase(self._db, request.subject, purposes)
        except Exception as error:
            if of_disk(error):
                raise
            raise Poison(Reason.SINK, f"erasure failed: {type(error).__name__}") from error
        heads = json.dumps({str(head.stream): head.last for head in request.heads})
        self._db.execute(
            "insert into erased values (?, ?, ?, ?, ?, ?, ?)",
            (key.device, signed(request.subject), purposes, at_us, events, signed(key.epoch), heads),
        )
        self._db.execute("delete from poison where device = ?", (key.device,))
        self._withdrawn.pop((key.device, request.subject), None)

    def _reply(self, device: str, reply: control_pb2.CommandReply, now_us: int) -> Reply | None:
        changed = self._db.execute(
            "update command set stage = max(stage, ?) where id = ? and device = ?",
            (reply.stage, signed(reply.command), device),
        ).rowcount
        if not changed:
            self._count("replies_to_nothing", 1)
            return None
        answer = Reply(reply.command, reply.stage, reply.reason, reply.result)
        self._db.execute(
            "insert into reply values (?, ?, ?, ?, ?)",
            (signed(answer.command), answer.stage, answer.reason, answer.result, now_us),
        )
        return answer
