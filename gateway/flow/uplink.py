"""Where outbox and link meet: one session after the other; must never hold state that a crash may lose."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.flow.answers import Answers
from gateway.flow.budget import Budget
from gateway.flow.downlink import Downlink
from gateway.flow.ears import ConsentEars
from gateway.flow.flights import FAILURE, concerns
from gateway.flow.pace import Pace
from gateway.flow.presence import Presence
from gateway.flow.publisher import Publisher, Records
from gateway.flow.spending import Spending
from gateway.flow.status import StreamStatus, UplinkStatus
from gateway.flow.window import SendWindow
from gateway.identity import Identity
from gateway.limits import (
    BIRTH_AGAIN_S,
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
from gateway.store import Store
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
    birth_again_s: float = BIRTH_AGAIN_S

    def __post_init__(self) -> None:
        if not 0 < self.unreceipted_max <= UNRECEIPTED_EVENTS_MAX:
            raise ValueError(f"unreceipted_max is 1 to {UNRECEIPTED_EVENTS_MAX} events")


def _no_command(_: bytes, done: Callable[[], None]) -> None:
    done()


class Uplink:
    """Carries the outbox to the cloud. `run` goes on until it is cancelled; everything belongs to the loop's thread."""

    def __init__(
        self,
        store: Store,
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
        consent: ConsentEars | None = None,
        link: Callable[..., Link] = Link,
    ) -> None:
        """`records` names the record of consent of (subject, purpose); `on_command` is CommandRouter.offer."""
        self._settings = settings or UplinkSettings()
        self._outbox, self._gate, self._clock, self._presence = outbox, gate, clock, presence
        self._budget = budget or Budget()
        self._commits = store.on_commit
        self._store = store
        self._spending = Spending(store, self._budget)
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
        self._answers = Answers(outbox, self._window, self._publisher, self._pace, self._wake, presence)
        self._downlink = Downlink(
            self._topics,
            identity.cloud_keys,
            on_receipt=self._answers.receipt,
            on_cloud_boot=self._answers.cloud_boot,
            on_command=on_command,
            on_epoch=consent.epoch if consent is not None else lambda _: None,
            on_authority=consent.authority_says if consent is not None else lambda *_: None,
        )
        self.link = link(endpoint, identity.device, on_message=self._on_message, will=self._will)
        self.on_receipt = self._answers.hooks
        self._consent = consent
        if consent is not None:
            self._answers.on_consent = consent.refused
        self._connection: Connection | None = None
        self._hold_until_s = self._announced_s = 0.0

    async def run(self) -> None:
        """Connects and sends for ever; cancel it to stop, which says farewell."""
        await self._presence.open()
        await self._spending.open()
        self._commits.append(self._wake.set)
        try:
            await self.link.run(self._session)
        finally:
            self._commits.remove(self._wake.set)

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
        answers, at_s = self._answers, self._answers.receipt_at_s
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
            rewinds=answers.rewinds,
            stale_hand_outs=tally.stale,
            nobody=tally.nobody,
            refused=tally.refused,
            quarantined=tally.quarantined,
            receipts=answers.receipts,
            bad_receipts=answers.bad + self._downlink.counters.total(),
            receipts_ahead=answers.ahead,
            last_receipt_age_s=None if at_s is None else self._loop.time() - at_s,
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
        with suppress(StoreError):  # what has its receipt is not to be sent again
            await self._outbox.flush()
        for stream in Stream:
            self._outbox.release(stream)
        self._window.connected(self._outbox.last, self._outbox.floor)
        self._publisher.connected(connection)
        self._answers.synced.clear()
        if self._consent is not None:
            self._consent.connected()
        self._hold_until_s = self._loop.time() + self._settings.resync_s
        try:
            await connection.subscribe(*self._downlink.filters)
            self._announce(connection)
            await self._pump(connection)
        finally:
            self._part(connection)

    def _announce(self, connection: Connection) -> None:
        self._announced_s = self._loop.time()
        birth = self._presence.birth(self._outbox.last, self._outbox.floor)
        connection.publish(self._topics.state, birth, retain=True).add_done_callback(_check_birth)

    async def _pump(self, connection: Connection) -> None:
        while True:
            self._wake.clear()
            now_s = self._loop.time()
            if self._answers.doubted and not await self._store.doubt():
                self._answers.doubt_ignored()
            if self._answers.misjudged or now_s - self._announced_s >= self._settings.birth_again_s:
                self._answers.misjudged = False
                self._announce(connection)
            self._window.look_again(self._gate.version)
            self._answers.overdue(now_s)
            self._answers.dictionaries(now_s)
            self._budget.date(self._clock.wall_us(), self._clock.quality() is not ClockQuality.UNTRUSTED)
            try:
                await self._publisher.set_apart()
                if await self._publisher.send_next(now_s, partial(self._allows, now_s)):
                    self._spending.note()
                    continue
            except StoreError as error:
                log.warning("hand_out_failed", error=type(error).__name__)
                await asyncio.sleep(_DISK_PAUSE_S)
            await self._rest(now_s)

    def _allows(self, now_s: float, stream: Stream, replayed: bool) -> bool:
        """Whether a stream, or its backlog, may send now."""
        if replayed and self._holds_backlog(now_s):
            return False
        return self._pace.allows(stream, now_s) and self._budget.allows(stream, replayed, now_s)

    def _holds_backlog(self, now_s: float) -> bool:
        """After a connect the backlog waits a moment for the cloud to say what it has already."""
        return now_s < self._hold_until_s and not self._answers.synced.is_set()

    async def _rest(self, now_s: float) -> None:
        """Returns when there may be something to do: a commit, a receipt, an answer of the broker, or a time."""
        until_s = now_s + _LOOK_S
        for wanted_s in (
            self._pace.pause_until_s,
            self._hold_until_s,
            self._window.next_overdue_s(),
            self._answers.next_s,
            self._pace.urgent_next_s,
        ):
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
        self._publisher.ended(connection.end_code)
        if not connection.closed.done():
            connection.publish(self._topics.state, self._presence.farewell(), retain=True)
        self._connection = None


def _check_birth(published: asyncio.Future[int]) -> None:
    if not published.cancelled() and published.exception() is None and published.result() >= FAILURE:
        log.warning("birth_refused", code=f"0x{published.result():02x}")
