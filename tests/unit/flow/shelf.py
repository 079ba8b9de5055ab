"""A shelf of bags that the window's tests send from, and a cloud that receives them; must never know the window."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gateway.flow.cursor import Batch
from gateway.flow.ranges import merged
from gateway.flow.window import SendWindow, Turn
from gateway.limits import RECEIPT_RANGES_MAX
from gateway.model import SeqRange, Stream


@dataclass
class Shelf:
    """Bags per stream in the order of their numbers, those that are gone taken out."""

    bags: dict[Stream, list[SeqRange]] = field(default_factory=lambda: {stream: [] for stream in Stream})
    last: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))
    gone: dict[Stream, set[int]] = field(default_factory=lambda: {stream: set() for stream in Stream})

    def append(self, stream: Stream, counts: Iterable[int]) -> None:
        """Bags of so many events each."""
        for count in counts:
            self.bags[stream].append(SeqRange(self.last[stream] + 1, self.last[stream] + count))
            self.last[stream] += count

    def drop(self, stream: Stream, bag: SeqRange) -> None:
        """A bag leaves the shelf another way than by a receipt."""
        self.bags[stream].remove(bag)
        self.gone[stream].update(range(bag.first, bag.last + 1))

    def take(self, turn: Turn, bags_max: int = 64) -> tuple[list[SeqRange], int]:
        """The next bags of a turn, and how far the shelf was looked at; a bag that an end cuts comes whole."""
        found = [bag for bag in self.bags[turn.stream] if bag.last > turn.after and bag.first <= turn.up_to]
        if len(found) > bags_max:
            return found[:bags_max], found[bags_max - 1].last
        return found, turn.up_to

    def floor(self, stream: Stream) -> int:
        """Every number up to here is off the shelf."""
        bags = self.bags[stream]
        return bags[0].first - 1 if bags else self.last[stream]

    def settle(self, stream: Stream, received: Sequence[SeqRange]) -> None:
        """Bags that lie wholly inside one received range are done."""
        self.bags[stream] = [
            bag for bag in self.bags[stream] if not any(r.first <= bag.first and bag.last <= r.last for r in received)
        ]


@dataclass
class FarCloud:
    """What arrived, told as floor and ranges."""

    have: dict[Stream, set[int]] = field(default_factory=lambda: {stream: set() for stream in Stream})

    def arrive(self, stream: Stream, bags: Iterable[SeqRange]) -> None:
        """Bags arrive, once or again."""
        for bag in bags:
            self.have[stream].update(range(bag.first, bag.last + 1))

    def receipt(self, stream: Stream, gone: set[int]) -> tuple[int, list[SeqRange]]:
        """Floor and ranges of a stream; numbers told as gaps count."""
        ranges = merged(SeqRange(n, n) for n in self.have[stream] | gone)
        floor = ranges[0].last if ranges and ranges[0].first == 1 else 0
        return floor, [item for item in ranges if item.first > floor][:RECEIPT_RANGES_MAX]


def send(
    window: SendWindow, shelf: Shelf, turn: Turn, now_s: float = 0.0, bags_max: int = 64
) -> tuple[Batch, list[SeqRange]]:
    """One hand-out published, as the uplink does it; the batch and its bags."""
    bags, scanned = shelf.take(turn, bags_max)
    fit = window.fitting(turn, [bag.size for bag in bags])
    if fit < len(bags):
        bags, scanned = bags[:fit], bags[fit - 1].last if fit else turn.after
    return window.sent(turn, bags, scanned, now_s), bags


def anything(stream: Stream, replayed: bool) -> bool:
    """Leave for every lane."""
    return True
