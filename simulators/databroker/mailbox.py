"""What waits for one subscriber; must never grow beyond what the subscriber asked for.

As in the databroker: `buffer_size` + 1 messages; when they are not fetched in time, the oldest is dropped. Each message
holds only what changed, so a dropped message is a lost change, and it is counted.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from forecourt.kuksa.v2 import val_pb2 as v2

if TYPE_CHECKING:
    from simulators.databroker.tree import Entry

BUFFER_SIZE_MAX: Final = 1_000
PATIENT_FROM: Final = 100
"""Whoever asks for a buffer of so many messages wants all of them."""


class Batch(NamedTuple):
    """Datapoints that were published together: current values, or (v1 only) target values."""

    points: "Mapping[Entry, v2.Datapoint]"
    target: bool = False


class Mailbox:
    """One subscriber's batches, oldest first."""

    __slots__ = ("_arrived", "_batches", "_room")

    def __init__(self, buffer_size: int = 0) -> None:
        self._batches: deque[Batch] = deque()
        self._room = buffer_size + 1
        self._arrived = asyncio.Event()

    def put(self, batch: Batch) -> bool:
        """Adds a batch; whether the oldest had to go for it."""
        full = len(self._batches) >= self._room
        if full:
            self._batches.popleft()
        self._batches.append(batch)
        self._arrived.set()
        return full

    @property
    def behind(self) -> bool:
        """Whether a subscriber that wants to miss nothing is half way to missing something."""
        return self._room >= PATIENT_FROM and 2 * len(self._batches) >= self._room

    async def take(self) -> Batch:
        """The oldest batch, once there is one."""
        while not self._batches:
            self._arrived.clear()
            await self._arrived.wait()
        return self._batches.popleft()

    def __len__(self) -> int:
        return len(self._batches)
