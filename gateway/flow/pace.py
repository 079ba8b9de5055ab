"""How fast to publish: bytes on their way, pauses after refusals; pure, must never ask a clock."""

import random

from gateway.limits import (
    BACKOFF_FIRST_S,
    BACKOFF_LATER_MAX_S,
    BACKOFF_SOON_MAX_S,
    EVENT_BATCH_BYTES_TARGET,
    PACE_BYTES_MAX,
    PACE_BYTES_MIN,
    PACE_BYTES_START,
    PACE_FAST_S,
    PACE_SLOW_S,
    URGENT_GAP_S,
)
from gateway.model import Stream

_BATCHES_ON_WAY = 4


class Pace:
    """The rhythm of one device's publishes, over its connections.

    A slow link gets small batches, so that an urgent event never waits behind more than the link carries in a few
    seconds, and no batch runs into the acknowledgement time-out.
    """

    def __init__(self, batch_bytes: int = EVENT_BATCH_BYTES_TARGET, rng: random.Random | None = None) -> None:
        self._batch_bytes, self._rng = batch_bytes, rng or random.Random()
        self._bytes_max = float(max(PACE_BYTES_START, _BATCHES_ON_WAY * batch_bytes))
        self._packet_bytes_max = EVENT_BATCH_BYTES_TARGET
        self._shrunk_at_s = float("-inf")
        self._refusals = 0
        self.bytes_in_flight = 0
        self.batches_in_flight = 0
        self.pause_until_s = float("-inf")
        self.urgent_next_s = float("-inf")

    @property
    def batch_bytes(self) -> int:
        """How many bytes a batch should have."""
        if self._refusals:
            return 1
        return max(1, min(self._batch_bytes, int(self._bytes_max) // _BATCHES_ON_WAY, self._packet_bytes_max))

    def connected(self, packet_bytes_max: int) -> None:
        """A new connection has nothing on its way, and a largest packet; some room is left for the header."""
        self.bytes_in_flight = self.batches_in_flight = 0
        self._packet_bytes_max = packet_bytes_max * 7 // 8

    def may_send(self, now_s: float) -> bool:
        """Whether another batch may go."""
        if now_s < self.pause_until_s:
            return False
        if self._refusals:
            return self.batches_in_flight == 0
        return self.bytes_in_flight < self._bytes_max

    def allows(self, stream: Stream, now_s: float) -> bool:
        """Whether a stream may be handed out: urgent ones keep a distance, so that events that come thick share it."""
        return stream is not Stream.URGENT or now_s >= self.urgent_next_s

    def begins(self, stream: Stream, now_s: float) -> None:
        """A hand-out of a stream begins."""
        if stream is Stream.URGENT:
            self.urgent_next_s = now_s + URGENT_GAP_S

    def sent(self, size: int) -> None:
        """A batch of `size` bytes was published."""
        self.bytes_in_flight += size
        self.batches_in_flight += 1

    def landed(self, size: int, sent_at_s: float, now_s: float) -> None:
        """The broker answered for that batch."""
        self.bytes_in_flight -= size
        self.batches_in_flight -= 1
        took_s = now_s - sent_at_s
        if took_s > PACE_SLOW_S and sent_at_s > self._shrunk_at_s:
            self._bytes_max = max(PACE_BYTES_MIN, self._bytes_max / 2)
            self._shrunk_at_s = now_s
        elif took_s < PACE_FAST_S:
            self._bytes_max = min(PACE_BYTES_MAX, self._bytes_max + size / 2)

    def accepted(self) -> bool:
        """A batch was taken; whether that ends a row of refusals."""
        ended = self._refusals > 0
        self._refusals = 0
        return ended

    def refused(self, now_s: float, later: bool) -> None:
        """A batch is nowhere: nobody subscribes, or (`later`) the broker refuses. Tries grow rarer and are one bag."""
        bound = BACKOFF_LATER_MAX_S if later else BACKOFF_SOON_MAX_S
        ceiling = min(bound, BACKOFF_FIRST_S * 2.0 ** min(self._refusals, 20))
        self._refusals += 1
        self.pause_until_s = now_s + ceiling * self._rng.uniform(0.5, 1.0)

    def resume(self) -> None:
        """Somebody is there again: try now."""
        self.pause_until_s = float("-inf")
