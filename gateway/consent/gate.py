"""The consent gate: what may be kept and what may leave; must never do I/O for an event, and in doubt denies."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from math import inf
from typing import Protocol

from gateway.clock import Clock
from gateway.consent.decision import Decision, Policies
from gateway.consent.grants import Grant, Moment, standing
from gateway.consent.keyring import Keyring, KeyringFull
from gateway.consent.narrowing import Narrowing
from gateway.errors import InputError, TooLarge
from gateway.limits import GATE_LANES_MAX, LEASE_CHECK_S
from gateway.model import WITHOUT_CONSENT, AeadKey, Kind, Lane, Purpose, PurposeSet, Scope


class Hold(IntEnum):
    """What waits while it is not known whether the grants are those of today; data about no guest never waits."""

    NONE = 0
    FORWARD = 1
    """Nothing about a guest leaves; it is kept as before."""
    ALL = 2
    """Nothing about a guest is kept either."""


class Adopter(Protocol):
    """What the gate needs of a dictionary, which travels: to learn what is let through, and only that."""

    def adopt(self, kind: Kind, picks: tuple[int, ...] | None = None) -> Kind:
        """The numbered kind of the signals at `picks` (None: all); the same object for the same content."""
        ...


def allowed(subject: int, granted: Mapping[int, PurposeSet]) -> PurposeSet:
    """Purposes that data of `subject` may be kept for: those granted, or those without consent where it is nobody's."""
    return granted.get(subject, 0) if subject else WITHOUT_CONSENT


def decide(
    kind: Kind, subject: int, grants: Iterable[Grant], now: Moment, policies: Policies, reach: Scope = Scope.CLOUD
) -> Decision | None:
    """What may be kept of events of `kind` about `subject` at `now`, to go as far as `reach`; None denies. Pure."""
    return policies.minimise(kind, allowed(subject, standing(grants, now, reach).granted))


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What is in force; replaced as a whole, never changed, but for the lanes found under it (loop thread)."""

    version: int
    granted: Mapping[int, PurposeSet]
    leave: Mapping[int, PurposeSet]
    use: Mapping[int, PurposeSet]
    asked: Mapping[int, PurposeSet]
    until_s: float
    lanes: dict[tuple[Kind, int], Lane | None] = field(default_factory=dict)

    @property
    def content(self) -> tuple[Mapping[int, PurposeSet], ...]:
        """What makes one snapshot another."""
        return self.granted, self.leave, self.use


class Gate:
    """Default deny. `lane` belongs to the loop thread, `harden` to the writer thread, the rest to any.

    One dict lookup per event while nothing changes; grants with an end cost one reading of the clock as well.
    """

    def __init__(self, policies: Policies, keyring: Keyring, clock: Clock, reach: Scope = Scope.CLOUD) -> None:
        """A gate with no grants, of a device whose data goes as far as `reach`."""
        self.policies, self.reach = policies, reach
        self._keyring, self._clock = keyring, clock
        self._dictionary: Adopter | None = None
        self._grants: tuple[Grant, ...] = ()
        self._barred: dict[int, PurposeSet] = {}
        self._lock = threading.Lock()
        self._snapshot = _Snapshot(0, {}, {}, {}, {}, inf)
        self._hold = Hold.NONE
        self.keyring_full = self.dictionary_full = 0

    @property
    def version(self) -> int:
        """Rises with every change of what is in force, the end of a grant included; compare it with itself only."""
        return self._current().version

    def bind(self, dictionary: Adopter) -> None:
        """Names the dictionary that learns what is let through; until then every kind is denied."""
        with self._lock:
            self._dictionary = dictionary
            self._swap(self._snapshot.version)

    def lane(self, kind: Kind, subject: int) -> Lane | None:
        """Where events of `kind` about `subject` go, and with which of their values; None: not a byte may be kept."""
        snapshot = self._snapshot
        if snapshot.until_s != inf:
            snapshot = self._current()
        try:
            return snapshot.lanes[kind, subject]
        except KeyError:
            return self._new_lane(snapshot, kind, subject)

    def may_leave(self, subject: int, purposes: PurposeSet) -> bool:
        """Whether events kept for `purposes` may leave now: every one of them is in force as far as they would go."""
        return bool(purposes) and not purposes & ~allowed(subject, self._current().leave)

    def may_use(self, subject: int, purpose: Purpose) -> bool:
        """Whether data may be used on the spot, inside the vehicle or the site, without leaving it."""
        return bool(allowed(subject, self._current().use) >> purpose & 1)

    def needs(self, subject: int, purposes: PurposeSet) -> bool:
        """Whether a key of that set may be asked for again, a hold that will end left aside."""
        return bool(purposes) and not purposes & ~allowed(subject, self._current().asked)

    def may_keep(self, lane: Lane) -> bool:
        """Whether events of a lane that was handed out earlier may still be written.

        Not when its key was destroyed meanwhile: a no followed by a new yes does not bring back what came before.
        """
        granted = allowed(lane.subject, self._current().granted)
        return not lane.purposes & ~granted and self._keyring.key(lane.key_id) is not None

    def record(self, body: bytes, purposes: PurposeSet) -> bytes:
        """A serialised forecourt.v1.Record without the fields that `purposes` do not allow; raises InputError."""
        return self.policies.fields.strip(body, purposes)

    def key(self, key_id: int) -> AeadKey | None:
        """The data key of that id; None when it was destroyed or never known here."""
        return self._keyring.key(key_id)

    def control_key(self) -> tuple[int, AeadKey]:
        """Id and key for what a device tells of itself: no subject, no purpose, never withdrawn; raises StoreFull."""
        return self._keyring.obtain(0, 0, reserved=True)

    def harden(self) -> None:
        """Makes every key that was handed out durable, before the first commit that uses it; raises StoreError."""
        self._keyring.harden()

    def granted(self, subject: int) -> PurposeSet:
        """Purposes for which data of `subject` is kept now."""
        return allowed(subject, self._current().granted)

    def records(self, subject: int, purpose: int) -> str:
        """The id of the record of consent that `purpose` stands on; empty where it needs none or there is none."""
        return next((g.record_id for g in self._grants if g.subject == subject and g.purpose == purpose), "")

    def narrowing(self, subject: int, gone: PurposeSet) -> Narrowing:
        """How the bags of a subject shrink; blocks until the keys for that are on disk. Raises StoreError."""
        return Narrowing(self.policies, self._keyring, subject, gone)

    def bar(self, subject: int, gone: PurposeSet) -> None:
        """Takes purposes out of force at once and in memory, before anything is written."""
        with self._lock:
            self._barred[subject] = self._barred.get(subject, 0) | gone
            self._swap(self._snapshot.version + 1)

    @property
    def holds(self) -> Hold:
        """What waits now."""
        return self._hold

    def hold(self, what: Hold) -> None:
        """Lets what is about guests wait, or go on; at once, in memory only."""
        with self._lock:
            if what != self._hold:
                self._hold = what
                self._swap(self._snapshot.version + 1)

    def barred(self, subject: int) -> PurposeSet:
        """Purposes whose withdrawal has begun and is not written yet."""
        return self._barred.get(subject, 0)

    def replace(self, grants: Iterable[Grant], version: int, unbar: tuple[int, PurposeSet] = (0, 0)) -> None:
        """Takes over the grants as they are on disk, and lifts the bar from what is settled there."""
        subject, settled = unbar
        with self._lock:
            self._grants = tuple(grants)
            left = self._barred.get(subject, 0) & ~settled
            if left:
                self._barred[subject] = left
            else:
                self._barred.pop(subject, None)
            self._swap(max(version, self._snapshot.version + 1))

    def _current(self) -> _Snapshot:
        """What is in force now; looks again when a grant may have begun or ended."""
        snapshot = self._snapshot
        if snapshot.until_s == inf or self._clock.boottime_s() < snapshot.until_s:
            return snapshot
        with self._lock:
            before = self._snapshot
            after = self._built(before.version)
            same = after.content == before.content
            self._snapshot = after if same else replace(after, version=before.version + 1)
        return self._snapshot

    def _swap(self, version: int) -> None:
        self._snapshot = self._built(version)

    def _built(self, version: int) -> _Snapshot:
        """What is in force from the grants, as the clock stands; the lock is held."""
        now = Moment.of(self._clock)
        granted, leave, use, until_s = standing(self._grants, now, self.reach)
        for subject, gone in self._barred.items():
            for sets in (granted, leave, use):
                sets[subject] = sets.get(subject, 0) & ~gone
        if any(_ends(grant) for grant in self._grants):
            until_s = min(until_s, now.boottime_s + LEASE_CHECK_S)
        kept = {} if self._hold is Hold.ALL else granted
        return _Snapshot(version, kept, leave if self._hold is Hold.NONE else {}, use, granted, until_s)

    def _new_lane(self, snapshot: _Snapshot, kind: Kind, subject: int) -> Lane | None:
        lane = None
        try:
            lane = self._lane(snapshot, kind, subject)
        except KeyringFull:
            self.keyring_full += 1
            return None
        except (InputError, TooLarge):
            self.dictionary_full += 1
        if len(snapshot.lanes) >= GATE_LANES_MAX:
            snapshot.lanes.clear()
        snapshot.lanes[kind, subject] = lane
        return lane

    def _lane(self, snapshot: _Snapshot, kind: Kind, subject: int) -> Lane | None:
        """Raises KeyringFull; InputError or TooLarge where the dictionary cannot take the kind."""
        decision = self.policies.minimise(kind, allowed(subject, snapshot.granted))
        if decision is None or self._dictionary is None:
            return None
        key_id, key = self._keyring.obtain(subject, decision.purposes)
        kept = self._dictionary.adopt(kind, decision.picks)
        return Lane(kept, subject, decision.purposes, decision.picks, key_id, key)


def _ends(grant: Grant) -> bool:
    """Whether time alone changes what it allows."""
    return grant.valid_from_us != 0 or grant.valid_until_us is not None or grant.lease is not None
