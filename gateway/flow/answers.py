"""What receipts and the cloud's boot change; must never settle a number that was not sent."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from forecourt.v1 import downlink_pb2

from gateway.flow.pace import Pace
from gateway.flow.presence import Presence
from gateway.flow.publisher import Publisher
from gateway.flow.window import SendWindow
from gateway.limits import DICTIONARY_AGAIN_S, DOUBT_LOOK_S, RECEIPT_RANGES_MAX
from gateway.log import Log
from gateway.model import SeqRange, Stream
from gateway.outbox import Outbox

log = Log("flow")

_STREAMS = frozenset(Stream)
_HELD_BACK_MAX = 16


class Answers:
    """Takes in what the cloud says, once its signature was checked. Counts are since the process began."""

    def __init__(
        self,
        outbox: Outbox,
        window: SendWindow,
        publisher: Publisher,
        pace: Pace,
        wake: asyncio.Event,
        presence: Presence,
    ) -> None:
        self._outbox, self._window, self._publisher, self._pace, self._wake = outbox, window, publisher, pace, wake
        self._loop = asyncio.get_running_loop()
        self._presence = presence
        self._again_s = 0.0
        self._doubt_from_s = self._tell_from_s = 0.0
        self._held_back: deque[downlink_pb2.Receipt] = deque(maxlen=_HELD_BACK_MAX)
        self._unknown: set[int] = set()
        self.hooks: list[Callable[[], None]] = []
        self.on_consent: Callable[[Sequence[str], bool], None] = lambda _records, _refused: None
        """Told of records of consent that the cloud lacks, and of bags that it refused for want of consent."""
        self.receipts = self.bad = self.ahead = self.rewinds = 0
        self.receipt_at_s: float | None = None
        self.synced = asyncio.Event()
        self.doubted = self.misjudged = False

    def overdue(self, now_s: float) -> None:
        """Batches that have waited too long for a receipt are to be sent again."""
        for batch in self._window.overdue(now_s):
            log.warning("receipt_overdue", stream=batch.stream.word, events=batch.left)
            self.rewinds += 1
            self._publisher.forget_dictionaries(batch.stream)
            self._outbox.release(batch.stream, self._window.lost(batch))

    def cloud_boot(self) -> None:
        """Another cloud than before: what was on its way may be gone with the old one."""
        if self._window.rewind():
            self.rewinds += 1
            log.info("cloud_changed")
        for stream in Stream:
            self._outbox.release(stream)
        self._publisher.forget_dictionaries()
        self._pace.resume()
        self._wake.set()

    def receipt(self, receipt: downlink_pb2.Receipt) -> None:
        """The cloud has these numbers on its disk."""
        self.receipts += 1
        if self.doubted or self._doubts(receipt):
            self.doubted = True  # numbers were given twice: what a receipt says of them may be about other events
            self._held_back.append(receipt)
            self._wake.set()
            return
        if self._presence.answered(receipt.birth):
            self._outbox.vouched()
        self.receipt_at_s = self._loop.time()
        self.synced.set()
        for part in receipt.streams:
            if part.epoch == self._outbox.epoch:
                self._take_in(part)
        for refusal in receipt.refused:
            if refusal.epoch == self._outbox.epoch:
                self._put_aside(refusal)
        not_allowed = any(part.reason == downlink_pb2.REFUSAL_REASON_CONSENT for part in receipt.refused)
        if receipt.unknown_records or not_allowed:
            self.on_consent(receipt.unknown_records, not_allowed)
        self._unreadable(frozenset(receipt.unreadable))
        self._unknown.update(receipt.unknown_dictionaries)
        self.dictionaries(self.receipt_at_s)
        self._wake.set()
        for hook in self.hooks:
            hook()

    def doubt_ignored(self) -> None:
        """The store is not given up again so soon: a cloud that is wrong must not keep the device from working."""
        self.doubted = False
        self._doubt_from_s = self._loop.time() + DOUBT_LOOK_S
        log.error("doubt_ignored")
        held_back = [*self._held_back]
        self._held_back.clear()
        for receipt in held_back:
            self.receipt(receipt)

    def _doubts(self, receipt: downlink_pb2.Receipt) -> bool:
        """Whether the cloud proves that this store goes on from an old copy, which forgot what it said and gave.

        It says so of the birth of this connection, or it holds numbers of this epoch that were never given. A doubt
        about an older birth, which a broker may have kept, is answered with another birth.
        """
        now_s = self._loop.time()
        said = receipt.doubted_epoch == self._outbox.epoch
        if said and receipt.birth and not self._presence.is_last(receipt.birth):
            if now_s >= self._tell_from_s:
                self.misjudged, self._tell_from_s = True, now_s + DOUBT_LOOK_S
                self._wake.set()
            return False
        if not said and not any(self._beyond(part) for part in receipt.streams):
            return False
        if now_s < self._doubt_from_s:
            self.bad += said  # numbers never given are counted where they are taken in
            return False
        return True

    def _beyond(self, part: downlink_pb2.StreamReceipt) -> bool:
        """Whether a part names numbers of this epoch that were never given."""
        if part.epoch != self._outbox.epoch or part.stream not in _STREAMS:
            return False
        return max(part.floor, *(item.last for item in part.above), 0) > self._outbox.last[Stream(part.stream)]

    def _take_in(self, part: downlink_pb2.StreamReceipt) -> None:
        try:
            stream = Stream(part.stream)
            above = [SeqRange(item.first, item.last) for item in part.above]
            last, gone_to = self._outbox.last[stream], self._outbox.floor[stream]
            told = self._window.receipt(stream, last, gone_to, part.floor, above)
        except ValueError as error:
            self.bad += 1
            (log.warning if self.bad == 1 else log.debug)("receipt_refused", why=str(error))
            return
        if told is not None:
            self.ahead += told.ahead
            self._outbox.settle(stream, told.floor, told.above)

    def _put_aside(self, refusal: downlink_pb2.StreamRefusal) -> None:
        """Bags that the cloud will never take would come again and again, and fill the window in the end."""
        if refusal.stream not in _STREAMS or len(refusal.ranges) > RECEIPT_RANGES_MAX:
            self.bad += 1
            return
        stream = Stream(refusal.stream)
        for bag in self._window.within(stream, [SeqRange(item.first, item.last) for item in refusal.ranges]):
            self._publisher.doom(stream, bag)

    def _unreadable(self, marks: frozenset[int]) -> None:
        """Batches of which the cloud can read nothing: halved until a bag stands alone, which then leaves the shelf.

        Where the dictionary came with one, that may be at fault: then its bags go again without.
        """
        for batch in [each for each in self._window.batches() if each.mark in marks] if marks else ():
            bags = self._window.lost(batch, 1 if batch.with_dictionary else 2)
            self._outbox.release(batch.stream, bags)
            log.warning("batch_unreadable", stream=batch.stream.word, bags=len(bags))
            if len(bags) == 1 and not batch.with_dictionary:
                self._publisher.doom(batch.stream, bags[0])

    def dictionaries(self, now_s: float) -> None:
        """Batches that the cloud could not read go again with their dictionary; at most so often, since it may lag."""
        if not self._unknown or now_s < self._again_s:
            return
        batches = [batch for batch in self._window.batches() if batch.digest in self._unknown]
        self._unknown.clear()
        self._publisher.forget_dictionaries()
        for batch in batches:
            self._outbox.release(batch.stream, self._window.lost(batch))
        if batches:
            self._again_s = now_s + DICTIONARY_AGAIN_S
            self.rewinds += 1

    @property
    def next_s(self) -> float | None:
        """When `dictionaries` has something to do."""
        return self._again_s if self._unknown else None
