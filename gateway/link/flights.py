"""The publishes of one connection and the slots they hold; must never send anything.

A slot of the broker's Receive Maximum belongs to the packet, not to whoever waits for it: it is taken when the packet
goes out and comes back with its PUBACK (MQTT 5, 4.9), whether or not the waiter is still there.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.errors import LinkBusy, LinkError
from gateway.limits import LINK_WAITING_BYTES_MAX
from gateway.link.packets import Packed

WITHHELD_FACTOR = 4


@dataclass(slots=True, eq=False)
class Flight:
    """One publish from the call to its PUBACK; times are of the loop, in seconds."""

    future: asyncio.Future[int]
    topic: str
    payload: bytes
    retain: bool
    properties: Packed | None
    size: int
    launched_at: float = 0.0
    sent_at: float | None = None


class Flights:
    """Who waits for a slot, who is not yet through the socket, who is not yet acknowledged."""

    def __init__(self, waiting_bytes_max: int = LINK_WAITING_BYTES_MAX) -> None:
        self.window = 0
        self.acked_at = 0.0
        self._waiting: deque[Flight] = deque()
        self._waiting_bytes, self._waiting_bytes_max = 0, waiting_bytes_max
        self._open: dict[int, Flight] = {}
        self._unsent: deque[Flight] = deque()
        self._unsent_bytes = 0

    @property
    def count(self) -> int:
        """Publishes without a PUBACK, those that wait for a slot included."""
        return len(self._open) + len(self._waiting)

    @property
    def buffered_bytes(self) -> int:
        """Bytes of publishes that the kernel has not taken, in whole packets."""
        return self._waiting_bytes + self._unsent_bytes

    def has_slot(self) -> bool:
        """Whether a packet may go out now."""
        return len(self._open) < self.window and not self._waiting

    def wait(self, flight: Flight) -> None:
        """Queues a publish for a slot; LinkBusy when too much waits already."""
        if self._waiting_bytes + flight.size > self._waiting_bytes_max:
            self._drop_cancelled()
        if self._waiting_bytes + flight.size > self._waiting_bytes_max:
            raise LinkBusy(
                f"{self._waiting_bytes} bytes wait for the broker's acknowledgements: publish less at a time"
            )
        self._waiting.append(flight)
        self._waiting_bytes += flight.size

    def next_waiting(self) -> Flight | None:
        """The publish that may go out now, taken off the queue; nobody's packet is not sent."""
        while self._waiting and len(self._open) < self.window:
            flight = self._waiting.popleft()
            self._waiting_bytes -= flight.size
            if not flight.future.done():
                return flight
        return None

    def launched(self, mid: int, flight: Flight, now: float) -> None:
        """The packet `mid` is in the library's hands and has its slot."""
        flight.launched_at = now
        self._open[mid] = flight
        self._unsent.append(flight)
        self._unsent_bytes += flight.size

    def sent(self, now: float) -> None:
        """The oldest packet that was not through the socket is."""
        flight = self._unsent.popleft()
        self._unsent_bytes -= flight.size
        flight.sent_at = now

    def landed(self, mid: int, code: int, now: float) -> None:
        """PUBACK: the slot comes back, with whatever code."""
        flight = self._open.pop(mid, None)
        if flight is None:
            return
        self.acked_at = now
        if not flight.future.done():
            flight.future.set_result(code)

    def holds(self, future: asyncio.Future[int]) -> bool:
        """Whether the packet behind `future` may still leave this process or be under way."""
        return any(flight.future is future for flight in self._all())

    def oldest_s(self, now: float) -> float:
        """Age of the oldest packet without PUBACK, in seconds; 0.0 when there is none."""
        oldest = next(iter(self._open.values()), None)
        return 0.0 if oldest is None else now - oldest.launched_at

    def overdue(self, now: float, accepted_at: float, timeout_s: float) -> bool:
        """Whether the oldest packet should have had its PUBACK.

        A slow link is not a dead one: any PUBACK, and for a packet that is not through, any byte the kernel takes
        (`accepted_at`), is progress. A packet that others overtake is given up after a few time-outs.
        """
        oldest = next(iter(self._open.values()), None)
        if oldest is None:
            return False
        if oldest.sent_at is None:
            return now - max(oldest.launched_at, self.acked_at, accepted_at) > timeout_s
        waited_s = now - oldest.sent_at
        return waited_s > WITHHELD_FACTOR * timeout_s or min(waited_s, now - self.acked_at) > timeout_s

    def fail(self, why: LinkError) -> None:
        """The connection is over: every waiter learns it."""
        for flight in self._all():
            if not flight.future.done():
                flight.future.set_exception(type(why)(str(why)))
                flight.future.exception()  # whoever looks will see it; whoever does not is not logged as a mistake
        self._open.clear()
        self._waiting.clear()
        self._unsent.clear()
        self._waiting_bytes = self._unsent_bytes = 0

    def _drop_cancelled(self) -> None:
        self._waiting = deque(flight for flight in self._waiting if not flight.future.done())
        self._waiting_bytes = sum(flight.size for flight in self._waiting)

    def _all(self) -> Iterator[Flight]:
        yield from self._open.values()
        yield from self._waiting
