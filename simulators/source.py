"""A drive as a source of signals without gRPC, for many vehicles in one process; must never differ from the databroker.

It is the databroker's memory and the vehicle agent's reading of it, with nothing between them.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence

from simulators.databroker.catalogue import Catalogue
from simulators.databroker.mailbox import BUFFER_SIZE_MAX, Batch, Mailbox
from simulators.databroker.tree import Counters, Tree, Update
from vehicle_agent.kuksa_values import info_of, reading_of
from vehicle_agent.source import Missing, Reading, SignalInfo

_UNKNOWN = Missing("is not known to the simulated vehicle")


class DriveSource:
    """A SignalSource, and the Broker of a Player: what the one publishes, the other reads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._tree = Tree(catalogue, Counters())
        self._boxes: list[Mailbox] = []

    # For the player

    def publish(self, updates: Sequence[Update]) -> list[tuple[str, str]]:
        """See Player's Broker."""
        return self._tree.publish_values(updates)

    async def room(self) -> None:
        """See Player's Broker; a vehicle does not wait for its head unit."""

    @property
    def dropped(self) -> int:
        """Messages that the reader was too slow for."""
        return self._tree.counters.dropped_messages

    # For the vehicle agent

    async def describe(self, paths: Sequence[str]) -> Mapping[str, SignalInfo | Missing]:
        """See SignalSource."""
        entries = self._tree.by_path
        return {path: info_of(entries[path].metadata) if path in entries else _UNKNOWN for path in paths}

    async def readings(self, paths: Sequence[str]) -> AsyncGenerator[Sequence[Reading], None]:
        """See SignalSource."""
        entries = [self._tree.by_path[path] for path in paths]
        index_of = {entry: index for index, entry in enumerate(entries)}
        box = Mailbox(BUFFER_SIZE_MAX)
        end = self._tree.watch(entries, box)
        self._boxes.append(box)
        try:
            yield [reading_of(index, entry.point) for entry, index in index_of.items()]
            while points := (await box.take()).points:
                yield [reading_of(index_of[entry], point) for entry, point in points.items()]
        finally:
            self._boxes.remove(box)
            end()

    async def aclose(self) -> None:
        """See SignalSource."""
        for box in self._boxes:
            box.put(Batch({}))
