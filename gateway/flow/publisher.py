"""Makes signed batches of bags and publishes them; must never publish what the gate has not just allowed."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from google.protobuf.message import DecodeError

from gateway.errors import InputError, LinkError, TooLarge
from gateway.flow.budget import Budget
from gateway.flow.care import Care
from gateway.flow.flights import FAILURE, NO_SUBSCRIBER, TOO_BIG, Flight, Tally, concerns
from gateway.flow.pace import Pace
from gateway.flow.window import SendWindow, Turn
from gateway.identity import Identity
from gateway.limits import BAG_EVENTS_MAX, BATCH_BOOTS_MAX, MESSAGE_BYTES_MAX
from gateway.link import Connection
from gateway.log import Log
from gateway.model import GapReason, OpenBag, Purpose, PurposeSet, SeqRange, Stream
from gateway.outbox import Gate, Outbox
from gateway.wire.batch import build_batch, mark_of
from gateway.wire.codec import COLUMNS_ZSTD, IDENTITY, ROWS_ZSTD
from gateway.wire.topics import Topics

log = Log("flow")

CONTENT_TYPE = "application/protobuf"
_CODECS = {IDENTITY: "identity", ROWS_ZSTD: "rows-zstd", COLUMNS_ZSTD: "columns-zstd"}
"""Words for routers, by the number of the first bag's codec; what counts is in the payload."""
_ROUNDING = 64

Records = Callable[[int, Purpose], str]
"""The id of the record of consent of a subject for a purpose."""


class Publisher:
    """What goes up on one connection after the other, under the windows, the pace and the budget."""

    def __init__(
        self,
        outbox: Outbox,
        gate: Gate,
        identity: Identity,
        window: SendWindow,
        pace: Pace,
        budget: Budget,
        wake: asyncio.Event,
        records: Records,
    ) -> None:
        self._outbox, self._gate, self._identity = outbox, gate, identity
        self._window, self._pace, self._budget, self._wake, self._records = window, pace, budget, wake, records
        self._topics = Topics(identity.device)
        self._loop = asyncio.get_running_loop()
        self._flights: dict[Flight, None] = {}
        self._told: dict[Stream, int] = {}
        self._bare: set[Stream] = set()
        self._condemned: deque[tuple[Stream, SeqRange]] = deque()
        self._under_way: asyncio.Future[None] | None = None
        self._event_bytes = dict.fromkeys(Stream, 16.0)
        self._connection: Connection | None = None
        self._care = Care()
        self.tally = Tally()

    def connected(self, connection: Connection) -> None:
        """A new connection: nothing is with the broker, and the cloud is told the dictionary again."""
        self._connection = connection
        self._flights.clear()
        self._told.clear()
        self._pace.connected(connection.packet_bytes_max)

    def forget_dictionaries(self, stream: Stream | None = None) -> None:
        """The batch that carried the dictionary may be lost: the next one carries it too."""
        if stream is None:
            self._told.clear()
        else:
            self._told.pop(stream, None)

    async def send_next(self, now_s: float, allowed: Callable[[Stream, bool], bool]) -> bool:
        """Publishes a batch of a stream, or its backlog, that is `allowed`; LinkError when the connection ended."""
        connection = self._connection
        if connection is None or not connection.writable or not self._pace.may_send(now_s):
            return False
        if self._care.active and self._flights:
            return False
        turn = self._window.pick(self._outbox.last, allowed)
        if turn is None:
            return False
        self._pace.begins(turn.stream, now_s)
        version = self._gate.version
        self._under_way = self._loop.create_future()
        try:
            taken = await self._outbox.take(turn.stream, turn.after, turn.up_to, self._bytes_wanted(turn))
            if self._connection is not connection or self._gate.version != version:
                self.tally.stale += 1
                self._outbox.release(turn.stream, [_range(bag) for bag in taken.bags])
                return True
            self._publish(connection, turn, taken.bags, taken.scanned_to)
        finally:
            self._under_way.set_result(None)
            self._under_way = None
        return True

    async def resend(self, stream: Stream, wanted: SeqRange) -> int:
        """Publishes settled bags once more, as far as they are kept; returns how many events the broker took.

        Raises LinkError when there is no connection, or it ends before the last of them.
        """
        count, after = 0, wanted.first - 1
        while after < wanted.last:
            connection = self._connection
            if connection is None or connection.closed.done():
                raise LinkError("there is no connection")
            await connection.wait_writable()
            version = self._gate.version
            taken = await self._outbox.read_settled(stream, SeqRange(after + 1, wanted.last), self._pace.batch_bytes)
            if self._gate.version != version:
                continue
            if not taken.bags:
                break
            flight = self._launch(connection, stream, taken.bags, replayed=True)
            if await asyncio.shield(flight.published) == 0:
                count += sum(bag.count for bag in taken.bags)
            after = taken.scanned_to
        return count

    async def hand_out_done(self) -> None:
        """Returns when no hand-out is under way that began before the call."""
        if self._under_way is not None:
            await asyncio.shield(self._under_way)

    def about(self, subject: int, purposes: PurposeSet) -> bool:
        """Whether bytes about a subject for one of these purposes may still leave this process."""
        connection = self._connection
        return connection is not None and any(
            concerns(flight.about, subject, purposes) and connection.holds(flight.published) for flight in self._flights
        )

    def ended(self, code: int | None) -> None:
        """The connection is over. When the broker said that a packet was at fault, its bag is looked for."""
        if code in TOO_BIG and self._flights:
            guilty = self._care.fatal([(flight.stream, flight.bags) for flight in self._flights])
            if guilty is not None:
                self._condemn(next(iter(self._flights)), code or 0)

    async def set_apart(self) -> None:
        """Bags that no broker takes leave the shelf with a gap; raises StoreError, then call it again."""
        while self._condemned:
            stream, bag = self._condemned[0]
            done = await self._outbox.quarantine(stream, [bag.first], GapReason.QUARANTINED)
            self._condemned.popleft()
            self.tally.quarantined += bag.size if done else 0

    def _condemn(self, flight: Flight, code: int) -> None:
        """A batch of one bag that no broker takes: the bag is to leave the shelf."""
        if flight.batch is not None and flight.batch.left:
            self._window.forsake(flight.batch)
            self.doom(flight.stream, flight.bags[0], code)

    def doom(self, stream: Stream, bag: SeqRange, code: int = 0) -> None:
        """The bag leaves the shelf with a gap at the next `set_apart`; `code` is the broker's, 0 for the cloud's."""
        if (stream, bag) in self._condemned:
            return
        log.error("bag_refused", stream=stream.word, first=bag.first, count=bag.size, code=f"0x{code:02x}")
        self._condemned.append((stream, bag))

    def _bytes_wanted(self, turn: Turn) -> int:
        """As much as the batch should have, and little more than there is room for."""
        events = min(turn.room, max(BAG_EVENTS_MAX, self._window.unreceipted_max // 4))
        return max(1, min(self._pace.batch_bytes, int(events * self._event_bytes[turn.stream]) + _ROUNDING))

    def _publish(self, connection: Connection, turn: Turn, bags: Sequence[OpenBag], scanned_to: int) -> None:
        """Publishes as many of the bags as fit into the window, the pace and the packet; the rest is put back."""
        fit = min(self._window.fitting(turn, [bag.count for bag in bags]), self._care.bags_max)
        if fit > BATCH_BOOTS_MAX and len({bag.boot_id for bag in bags[:fit]}) > BATCH_BOOTS_MAX:
            fit = BATCH_BOOTS_MAX
        flight = None
        while fit and flight is None:
            try:
                flight = self._launch(connection, turn.stream, bags[:fit], turn.replayed)
            except InputError:  # over a bound, or a content that cannot be read
                if fit == 1 and not self._bare_next(turn.stream):
                    self._window.sent(turn, [], bags[0].last_seq, self._loop.time())
                    self.doom(turn.stream, _range(bags[0]), 0)
                    self._outbox.release(turn.stream, [_range(bag) for bag in bags[1:]])
                    return
                fit = max(1, fit // 2)
        if fit < len(bags):
            self._outbox.release(turn.stream, [_range(bag) for bag in bags[fit:]])
            scanned_to = bags[fit - 1].last_seq if fit else turn.after
        if not fit and bags:
            return
        batch = self._window.sent(turn, [_range(bag) for bag in bags[:fit]], scanned_to, self._loop.time())
        if flight is not None:
            flight.batch = batch
            batch.about, batch.digest = flight.about, self._outbox.dictionary.digest
            batch.mark, batch.with_dictionary = flight.mark, flight.with_dictionary

    def _launch(self, connection: Connection, stream: Stream, bags: Sequence[OpenBag], replayed: bool) -> Flight:
        digest = self._outbox.dictionary.digest
        with_dictionary = self._told.get(stream) != digest and stream not in self._bare
        payload = self._payload(stream, bags, with_dictionary, replayed)
        if len(payload) > MESSAGE_BYTES_MAX:
            raise TooLarge(f"a batch of {len(payload)} bytes")
        published = connection.publish(
            self._topics.events(stream),
            payload,
            expiry_s=max(1, round(self._window.receipt_timeout_s)),
            content_type=CONTENT_TYPE,
            properties={"codec": _CODECS.get(bags[0].codec, "unknown")},
        )
        now_s = self._loop.time()
        about = frozenset((bag.subject, bag.purposes) for bag in bags)
        ranges = tuple(_range(bag) for bag in bags)
        flight = Flight(published, stream, None, ranges, about, with_dictionary, len(payload), now_s, mark_of(payload))
        self._flights[flight] = None
        published.add_done_callback(partial(self._landed, connection, flight))
        if with_dictionary:
            self._told[stream] = digest
        events = sum(bag.count for bag in bags)
        self._event_bytes[stream] += (len(payload) / events - self._event_bytes[stream]) / 8
        self._pace.sent(len(payload))
        self._budget.spend(stream, replayed, len(payload), now_s)
        self.tally.batches += 1
        self.tally.bytes += len(payload)
        return flight

    def _payload(self, stream: Stream, bags: Sequence[OpenBag], with_dictionary: bool, replayed: bool) -> bytes:
        """The signed batch; InputError when a bag has a content or purposes that nobody knows."""
        outbox = self._outbox
        number, dictionary = self.tally.batches + 1, outbox.dictionary
        try:
            return build_batch(
                *(self._topics, stream, outbox.epoch, number, dictionary, with_dictionary, outbox.boots(), bags),
                lambda _: replayed,
                self._records,
                self._identity.key,
            )
        except (ValueError, DecodeError) as error:
            raise InputError("a bag that cannot be sent") from error

    def _bare_next(self, stream: Stream) -> bool:
        """Whether a single bag that is too large may be so because of the dictionary: then it goes without once."""
        if stream in self._bare or self._told.get(stream) == self._outbox.dictionary.digest:
            return False
        self._bare.add(stream)
        log.error("dictionary_too_large", stream=stream.word)
        return True

    def _landed(self, connection: Connection, flight: Flight, published: asyncio.Future[int]) -> None:
        """The broker answered for a batch, or the connection is over."""
        if self._connection is not connection:
            return
        if published.cancelled() or published.exception() is not None:
            return  # the next connection begins with everything again; until then the flight is a suspect
        self._flights.pop(flight, None)
        now_s, code = self._loop.time(), published.result()
        self._pace.landed(flight.size, flight.sent_at_s, now_s)
        self._care.harmless(flight.stream, flight.bags)
        self._wake.set()
        if code < FAILURE and code != NO_SUBSCRIBER:
            self._bare.discard(flight.stream)
            if self._pace.accepted():
                log.info("publish_accepted_again", after=self.tally.alarm)
                self.tally.alarm = 0
            return
        self.forget_dictionaries(flight.stream)
        if code == NO_SUBSCRIBER:
            self.tally.nobody += 1
            self._pace.refused(now_s, later=False)
            self._put_back(flight)
        elif code in TOO_BIG:
            self._too_big(flight, code)
        else:
            (log.warning if self.tally.alarm != code else log.debug)("publish_refused", code=f"0x{code:02x}")
            self.tally.refused += 1
            self.tally.alarm = code
            self._pace.refused(now_s, later=True)
            self._put_back(flight)

    def _too_big(self, flight: Flight, code: int) -> None:
        """Only one bag of a batch may be at fault: halve until it stands alone."""
        if flight.batch is None:
            return
        if len(flight.bags) > 1:
            self._put_back(flight, parts=2)
        elif flight.with_dictionary and flight.stream not in self._bare:
            self._bare.add(flight.stream)
            self._put_back(flight)
        else:
            self._bare.discard(flight.stream)
            self._condemn(flight, code)

    def _put_back(self, flight: Flight, parts: int = 1) -> None:
        if flight.batch is not None:
            self._outbox.release(flight.stream, self._window.lost(flight.batch, parts))


def _range(bag: OpenBag) -> SeqRange:
    return SeqRange(bag.first_seq, bag.last_seq)
