"""Where outbox and link meet: one session after the other; must never hold state that a crash may lose."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from forecourt.v1 import downlink_pb2

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.flow.budget import Budget
from gateway.flow.downlink import Downlink
from gateway.flow.pace import Pace
from gateway.flow.presence import Presence
from gateway.flow.publisher import FAILURE, TOO_BIG, Publisher, Records, concerns
from gateway.flow.status import StreamStatus, UplinkStatus
from gateway.flow.window import SendWindow
from gateway.identity import Identity
from gateway.limits import (
    DICTIONARY_AGAIN_S,
    EVENT_BATCH_BYTES_TARGET,
    RECEIPT_TIMEOUT_S,
    RESYNC_S,
    UNRECEIPTED_EVENTS_DEFAULT,
    UNRECEIPTED_EVENTS_MAX,
    URGENT_RESERVE_EVENTS,
)
from gateway.link import Connection, Endpoint, Link, LinkState, Message, Will
from gateway.log import Log
from gateway.model import ClockQuality, PurposeSet, SeqRange, Stream
from gateway.outbox import Gate, Outbox
from gateway.wire.topics import Topics

log = Log("flow")

_LOOK_S = 1.0
"""The longest rest between two looks at what is overdue or allowed again."""
_DISK_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """Bounds of the uplink; the defaults are those of `limits`."""

    unreceipted_max: int = UNRECEIPTED_EVENTS_DEFAULT
    urgent_reserve: int = URGENT_RESERVE_EVENTS
    receipt_timeout_s: float = RECEIPT_TIMEOUT_S
    batch_bytes: int = EVENT_BATCH_BYTES_TARGET
    resync_s: float = RESYNC_S

    def __post_init__(self) -> None:
        if not 0 < self.unreceipted_max <= UNRECEIPTED_EVENTS_MAX:
            raise ValueError(f"unreceipted_max is 1 to {UNRECEIPTED_EVENTS_MAX} events")


def _no_command(_: bytes, done: Callable[[], None]) -> None:
    done()


class Uplink:
    """Carries the outbox to the cloud. `run` goes on until it is cancelled; everything belongs to the loop's thread."""

    def __init__(
        self,
        outbox: Outbox,
        gate: Gate,
        identity: Identity,
        endpoint: Endpoint | Callable[[], Endpoint],
        *,
        clock: Clock,
        presence: Presence,
        records: Records,
        budget: Budget | None = None,
        settings: UplinkSettings | None = None,
        on_command: Callable[[bytes, Callable[[], None]], None] = _no_command,
        on_epoch: Callable[[int], None] = lambda _: None,
        link: Callable[..., Link] = Link,
    ) -> None:
        """`records` names the record of consent of (subject, purpose); `on_command` is CommandRouter.offer."""
        self._settings = settings or UplinkSettings()
        self._outbox, self._clock, self._presence = outbox, clock, presence
        self._budget = budget or Budget()
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._topics = Topics(identity.device)
        self._window = SendWindow(
            outbox.floor,
            outbox.last,
            unreceipted_max=self._settings.unreceipted_max,
            urgent_reserve=self._settings.urgent_reserve,
            receipt_timeout_s=self._settings.receipt_timeout_s,
        )
        self._pace = Pace(self._settings.batch_bytes)
        self._publisher = Publisher(outbox, gate, identity, self._window, self._pace, self._budget, self._wake, records)
        self._downlink = Downlink(
            self._topics,
            identity.cloud_keys,
            on_receipt=self._on_receipt,
            on_cloud_boot=self._on_cloud_boot,
            on_command=on_command,
            on_epoch=on_epoch,
        )
        self.link = link(endpoint, identity.device, on_message=self._on_message, will=self._will)
        self.on_receipt: list[Callable[[], None]] = []
        self._connection: Connection | None = None
        self._hold_until_s = self._again_s = 0.0
        self._rewinds = self._receipts = self._bad = self._ahead = 0
        self._receipt_at_s: float | None = None

    async def run(self) -> None:
        """Connects and sends for ever; cancel it to stop, which says farewell."""
        self._outbox.on_commit.append(self._wake.set)
        try:
            await self.link.run(self._session)
        finally:
            self._outbox.on_commit.remove(self._wake.set)

    async def fence(self, subject: int, purposes: PurposeSet) -> None:
        """Returns when no byte about `subject` for one of `purposes` can leave any more.

        Call it when the gate has closed. Drops the connection when such bytes may still be on their way out; what is
        on its way and has no receipt is taken from the shelf again, as it is there by now.
        """
        await self._publisher.hand_out_done()
        if self._publisher.about(subject, purposes) and self._connection is not None:
            self._connection.abort("consent was withdrawn")
            log.info("fence_closed_connection")
        for batch in [each for each in self._window.batches() if concerns(each.about, subject, purposes)]:
            self._outbox.release(batch.stream, self._window.lost(batch))
        self._wake.set()

    async def resend(self, stream: Stream, wanted: SeqRange) -> int:
        """Sends settled events once more, as far as they are kept; how many the broker took. Raises LinkError."""
        return await self._publisher.resend(stream, wanted)

    def status(self) -> UplinkStatus:
        """How it stands now."""
        tally, window, last = self._publisher.tally, self._window, self._outbox.last
        age = None if self._receipt_at_s is None else self._loop.time() - self._receipt_at_s
        streams = {
            stream: StreamStatus(
                last=last[stream],
                fresh=cursor.fresh,
                floor=cursor.floor,
                backlog=window.backlog(stream),
                unreceipted=cursor.unreceipted,
                bytes_today=self._budget.spent[stream],
            )
            for stream, cursor in window.cursors.items()
        }
        return UplinkStatus(
            online=self.link.state is LinkState.ONLINE,
            streams=streams,
            unreceipted=window.unreceipted,
            in_flight=self._pace.batches_in_flight,
            bytes_in_flight=self._pace.bytes_in_flight,
            batches=tally.batches,
            bytes_sent=tally.bytes,
            rewinds=self._rewinds,
            stale_hand_outs=tally.stale,
            nobody=tally.nobody,
            refused=tally.refused,
            quarantined=tally.quarantined,
            receipts=self._receipts,
            bad_receipts=self._bad + self._downlink.counters.total(),
            receipts_ahead=self._ahead,
            last_receipt_age_s=age,
            cloud_online=self._downlink.cloud_online,
            alarm=tally.alarm,
            drained=window.drained(last),
        )

    # One connection

    def _will(self) -> Will:
        self._presence.next()
        return Will(self._topics.state, self._presence.farewell())

    def _on_message(self, connection: Connection, message: Message) -> None:
        self._downlink.take(connection, message)

    async def _session(self, connection: Connection) -> None:
        self._connection = connection
        for stream in Stream:
            self._outbox.release(stream)
        self._window.connected(self._outbox.last, self._outbox.floor)
        self._publisher.connected(connection)
        self._hold_until_s = self._loop.time() + self._settings.resync_s
        try:
            await connection.subscribe(*self._downlink.filters)
            birth = self._presence.birth(self._outbox.last, self._outbox.floor)
            connection.publish(self._topics.state, birth, retain=True).add_done_callback(_check_birth)
            await self._pump()
        finally:
            self._part(connection)

    async def _pump(self) -> None:
        while True:
            self._wake.clear()
            now_s = self._loop.time()
            self._give_up_overdue(now_s)
            self._budget.date(self._clock.wall_us(), self._clock.quality() is not ClockQuality.UNTRUSTED)
            try:
                if await self._publisher.send_next(now_s, hold_backlog=now_s < self._hold_until_s):
                    continue
            except StoreError as error:
                log.warning("hand_out_failed", error=type(error).__name__)
                await asyncio.sleep(_DISK_PAUSE_S)
            await self._rest(now_s)

    async def _rest(self, now_s: float) -> None:
        """Returns when there may be something to do: a commit, a receipt, an answer of the broker, or a time."""
        until_s = now_s + _LOOK_S
        for wanted_s in (self._pace.pause_until_s, self._hold_until_s, self._window.next_overdue_s()):
            if wanted_s is not None and wanted_s > now_s:
                until_s = min(until_s, wanted_s)
        wait_s = self._budget.wait_s(now_s)
        until_s = min(until_s, now_s + wait_s) if wait_s else until_s
        try:
            async with asyncio.timeout_at(until_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _part(self, connection: Connection) -> None:
        """The connection is over, or we leave: says farewell if there is anybody to hear it."""
        suspects = self._publisher.suspects()
        if connection.end_code in TOO_BIG and suspects:
            if self._pace.careful and len(suspects) == 1 and len(suspects[0].bags) == 1:
                self._publisher.condemn(suspects[0], connection.end_code or 0)
            else:
                self._pace.fatal_packet(max(len(flight.bags) for flight in suspects))
        if not connection.closed.done():
            connection.publish(self._topics.state, self._presence.farewell(), retain=True)
        self._connection = None

    def _give_up_overdue(self, now_s: float) -> None:
        for batch in self._window.overdue(now_s):
            log.warning("receipt_overdue", stream=batch.stream.word, events=batch.left)
            self._rewinds += 1
            self._publisher.forget_dictionaries(batch.stream)
            self._outbox.release(batch.stream, self._window.lost(batch))

    # What the cloud says

    def _on_cloud_boot(self) -> None:
        """Another cloud than before: what was on its way may be gone with the old one."""
        if self._window.rewind():
            self._rewinds += 1
            log.info("cloud_changed")
        for stream in Stream:
            self._outbox.release(stream)
        self._publisher.forget_dictionaries()
        self._pace.resume()
        self._wake.set()

    def _on_receipt(self, receipt: downlink_pb2.Receipt) -> None:
        self._receipts += 1
        self._receipt_at_s = self._loop.time()
        self._hold_until_s = 0.0
        for part in receipt.streams:
            if part.epoch == self._outbox.epoch:
                self._take_in(part)
        if receipt.unknown_dictionaries:
            self._send_dictionary(receipt.unknown_dictionaries)
        self._wake.set()
        for hook in self.on_receipt:
            hook()

    def _take_in(self, part: downlink_pb2.StreamReceipt) -> None:
        try:
            stream = Stream(part.stream)
            above = [SeqRange(item.first, item.last) for item in part.above]
            told = self._window.receipt(
                stream, self._outbox.last[stream], self._outbox.floor[stream], part.floor, above
            )
        except ValueError as error:
            self._bad += 1
            (log.warning if self._bad == 1 else log.debug)("receipt_refused", why=str(error))
            return
        if told is not None:
            self._ahead += told.ahead
            self._outbox.settle(stream, told.floor, told.above)

    def _send_dictionary(self, unknown: Iterable[int]) -> None:
        """Batches that the cloud could not read go again, with the dictionary; at most so often, since it may lag."""
        now_s = self._loop.time()
        if now_s < self._again_s:
            return
        names = set(unknown)
        batches = [batch for batch in self._window.batches() if batch.digest in names]
        if batches:
            self._again_s = now_s + DICTIONARY_AGAIN_S
            self._rewinds += 1
        self._publisher.forget_dictionaries()
        for batch in batches:
            self._outbox.release(batch.stream, self._window.lost(batch))


def _check_birth(published: asyncio.Future[int]) -> None:
    if not published.cancelled() and published.exception() is None and published.result() >= FAILURE:
        log.warning("birth_refused", code=f"0x{published.result():02x}")
