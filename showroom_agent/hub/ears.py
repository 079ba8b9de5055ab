"""Adverts in, what was heard of known tags out; must never keep or tell whom it does not know.

Pure: no clock, no file, no radio. The same adverts at the same times give the same answer, bit for bit.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from showroom_agent.hub.watch import Watch
from showroom_agent.radio import (
    Advert,
    BeaconParser,
    IdentityResolver,
    Interval,
    Parsers,
    RotatingTags,
    built_in,
    usable,
)

STRANGERS_LEAST = 5
"""Fewer than five strangers are told as none: k-anonymity."""
STRANGERS_MAX = 10_000
ADDRESSES_MAX = 2_000
ADDRESS_S = 60.0
COUNT_MAX = 1_000_000
LATE = "\0late"
"""What `hear` answers for an id of ours whose time is over; no tag is called so."""


@dataclass(frozen=True, slots=True)
class TagHeard:
    """What was heard of one tag. Levels in dBm; `interval_s` 0 while it is not learnt."""

    tag: str
    best_dbm: int
    mean_dbm: float
    count: int
    interval_s: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard since the last time. `strangers`: 0 or at least five."""

    tags: tuple[TagHeard, ...]
    strangers: int
    late: int


class _Level:
    """Adverts of a tag in one span."""

    __slots__ = ("best", "count", "total")

    def __init__(self) -> None:
        self.best, self.total, self.count = -128, 0, 0

    def add(self, rssi: int) -> None:
        self.best = max(self.best, rssi)
        self.total += rssi
        self.count = min(self.count + 1, COUNT_MAX)


class Ears:
    """What a hub makes of adverts. Memory is bounded by the tags that it knows and by the bounds above."""

    def __init__(self, watch: Watch, parsers: Sequence[BeaconParser] | None = None) -> None:
        """`parsers`: formats in order; None: the built-in ones."""
        self.parsers = Parsers(built_in() if parsers is None else parsers)
        self._beacons = dict(watch.beacons)
        self._rotating = RotatingTags(watch.rotating)
        self._identities = IdentityResolver(watch.irks)
        self._lately: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._levels: dict[str, _Level] = {}
        self._intervals: dict[str, Interval] = {}
        self._strangers: set[bytes] = set()
        self._late = 0
        self.wall_at_zero_s = 0.0
        """Wall clock at 0 of the adverts' clock; rotating tags need it to within a minute. Set it before each frame."""
        self.counters: Counter[str] = Counter()
        """adverts, impossible_level, late, strangers_uncounted."""

    def hear(self, advert: Advert) -> str:
        """Takes an advert; the tag it is of, LATE, or empty for a stranger's and for a level that nobody measured."""
        self.counters["adverts"] += 1
        rssi = advert.rssi
        if rssi is None or not usable(rssi):
            self.counters["impossible_level"] += 1
            return ""
        tag = self._whose(advert)
        if not tag or tag == LATE:
            self._stranger(advert.address)
            return tag
        self._levels.setdefault(tag, _Level()).add(rssi)
        self._intervals.setdefault(tag, Interval()).heard(advert.at_s)
        return tag

    def collect(self) -> Heard:
        """What was heard since the last call, tags by name."""
        tags = tuple(
            TagHeard(tag, one.best, one.total / one.count, one.count, self._intervals[tag].learnt_s)
            for tag, one in sorted(self._levels.items())
        )
        strangers = len(self._strangers)
        heard = Heard(tags, strangers if strangers >= STRANGERS_LEAST else 0, self._late)
        self._levels.clear()
        self._strangers.clear()
        self._late = 0
        return heard

    def _whose(self, advert: Advert) -> str:
        beacon = self.parsers.parse(advert)
        if beacon is not None and (tag := self._beacons.get(beacon.key)):
            return self._met(advert, tag)
        named = self._rotating.name(advert, advert.at_s + self.wall_at_zero_s)
        if named is not None:
            if not named.late:
                return self._met(advert, named.tag)
            self._late = min(self._late + 1, COUNT_MAX)
            self.counters["late"] += 1
            return LATE
        if advert.random and (who := self._identities.resolve(advert.address, advert.at_s)):
            return who
        if beacon is not None and not beacon.key:
            return self._known_address(advert)
        return ""

    def _met(self, advert: Advert, tag: str) -> str:
        """Remembers for a minute whose address it is, since not every advert names its sender."""
        self._lately[advert.address] = tag, advert.at_s
        self._lately.move_to_end(advert.address)
        if len(self._lately) > ADDRESSES_MAX:
            self._lately.popitem(last=False)
        return tag

    def _known_address(self, advert: Advert) -> str:
        tag, at_s = self._lately.get(advert.address, ("", 0.0))
        return tag if tag and advert.at_s - at_s <= ADDRESS_S else ""

    def _stranger(self, address: bytes) -> None:
        if len(self._strangers) < STRANGERS_MAX:
            self._strangers.add(address)
        else:
            self.counters["strangers_uncounted"] += 1
