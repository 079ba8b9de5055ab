"""The consent gate: what may be kept and what may leave; must never do I/O for an event, and in doubt denies."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import NamedTuple, Protocol

from gateway.clock import Clock
from gateway.consent.fields import FieldPolicy
from gateway.consent.grants import Grant, Moment, standing
from gateway.consent.keyring import Keyring, KeyringFull
from gateway.consent.policy import SignalPolicy
from gateway.errors import StoreFull
from gateway.limits import GATE_LANES_MAX, LEASE_CHECK_S
from gateway.model import WITHOUT_CONSENT, AeadKey, Kind, Lane, PurposeSet


class Narrower(Protocol):
    """What the gate needs of a dictionary: a kind with fewer signals."""

    def narrowed(self, kind: Kind, picks: tuple[int, ...]) -> Kind:
        """The kind of the signals at `picks`; the same object for the same content."""
        ...


class Decision(NamedTuple):
    """What may be kept of a kind: for which purposes, and which of its values (None: all)."""

    purposes: PurposeSet
    picks: tuple[int, ...] | None


class Policies:
    """The two tables the gate reads, as one; remembers what it found for a path."""

    def __init__(self, signals: SignalPolicy, fields: FieldPolicy) -> None:
        self.signals, self.fields = signals, fields
        self._known: dict[str, PurposeSet] = {}

    @classmethod
    def load(cls) -> "Policies":
        """Those of the contract; raises ConfigError when they cannot be used."""
        return cls(SignalPolicy.load(), FieldPolicy())

    def purposes(self, path: str) -> PurposeSet:
        """What the signal at `path` may be used for; empty where it is denied."""
        found = self._known.get(path)
        if found is None:
            found = self.signals.purposes(path)
            if len(self._known) < GATE_LANES_MAX:
                self._known[path] = found
        return found

    def minimise(self, kind: Kind, allowed: PurposeSet) -> Decision | None:
        """What of `kind` may be kept where `allowed` are allowed; None is nothing.

        A value stays when one of the purposes that the kind asks for, and that are allowed, allows it; a purpose stays
        when it allows a value. So a withdrawal of some purposes of a bag never leaves an event of it without a value.
        """
        asked = kind.purposes & allowed
        if not asked:
            return None
        if not kind.signals:
            purposes = asked & self.fields.purposes
            return Decision(purposes, None) if purposes else None
        usable = [self.purposes(signal.path) & asked for signal in kind.signals]
        picks = tuple(index for index, purposes in enumerate(usable) if purposes)
        if not picks:
            return None
        union = 0
        for purposes in usable:
            union |= purposes
        return Decision(union, None if len(picks) == len(usable) else picks)


def allowed(subject: int, granted: Mapping[int, PurposeSet]) -> PurposeSet:
    """Purposes that data of `subject` may be kept for: those granted, or those without consent where it is nobody's."""
    return granted.get(subject, 0) if subject else WITHOUT_CONSENT


def decide(kind: Kind, subject: int, grants: Iterable[Grant], now: Moment, policies: Policies) -> Decision | None:
    """What may be kept of events of `kind` about `subject` at `now`; None denies. Pure."""
    return policies.minimise(kind, allowed(subject, standing(grants, now).granted))


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What is in force; replaced as a whole, never changed, but for the lanes found under it (loop thread)."""

    version: int
    granted: Mapping[int, PurposeSet]
    until_s: float
    lanes: dict[tuple[Kind, int], Lane | None] = field(default_factory=dict)


class Gate:
    """Default deny. `lane` belongs to the loop thread, `harden` to the writer thread, the rest to any.

    One dict lookup per event while nothing changes; grants with an end cost one reading of the clock as well.
    """

    def __init__(self, policies: Policies, keyring: Keyring, clock: Clock) -> None:
        """A gate with no grants."""
        self.policies = policies
        self._keyring, self._clock = keyring, clock
        self._narrow: Narrower | None = None
        self._grants: tuple[Grant, ...] = ()
        self._barred: dict[int, PurposeSet] = {}
        self._lock = threading.Lock()
        self._snapshot = _Snapshot(0, {}, inf)
        self.keyring_full = 0

    @property
    def version(self) -> int:
        """Rises with every change of what is in force, the end of a grant included; compare it with itself only."""
        return self._current().version

    def bind(self, dictionary: Narrower) -> None:
        """Names the dictionary that makes narrower kinds; until then a kind that has to be narrowed is denied."""
        with self._lock:
            self._narrow = dictionary
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
        """Whether events kept for `purposes` may still leave: every one of them is in force."""
        return bool(purposes) and not purposes & ~allowed(subject, self._current().granted)

    def may_keep(self, lane: Lane) -> bool:
        """Whether events of a lane that was handed out earlier may still be written."""
        return self.may_leave(lane.subject, lane.purposes)

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
        """Purposes in force for `subject`."""
        return allowed(subject, self._current().granted)

    def records(self, subject: int, purpose: int) -> str:
        """The id of the record of consent that `purpose` stands on; empty where it needs none or there is none."""
        return next((g.record_id for g in self._grants if g.subject == subject and g.purpose == purpose), "")

    def bar(self, subject: int, gone: PurposeSet) -> None:
        """Takes purposes out of force at once and in memory, before anything is written."""
        with self._lock:
            self._barred[subject] = self._barred.get(subject, 0) | gone
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
            same = after.granted == before.granted
            self._snapshot = after if same else replace(after, version=before.version + 1)
        return self._snapshot

    def _swap(self, version: int) -> None:
        self._snapshot = self._built(version)

    def _built(self, version: int) -> _Snapshot:
        """What is in force from the grants, as the clock stands; the lock is held."""
        now = Moment.of(self._clock)
        granted, until_s = standing(self._grants, now)
        for subject, gone in self._barred.items():
            granted[subject] = granted.get(subject, 0) & ~gone
        if any(grant.valid_from_us or grant.valid_until_us is not None for grant in self._grants):
            until_s = min(until_s, now.boottime_s + LEASE_CHECK_S)
        return _Snapshot(version, granted, until_s)

    def _new_lane(self, snapshot: _Snapshot, kind: Kind, subject: int) -> Lane | None:
        decision = self.policies.minimise(kind, allowed(subject, snapshot.granted))
        lane = None
        if decision is not None and (decision.picks is None or self._narrow is not None):
            try:
                key_id, key = self._keyring.obtain(subject, decision.purposes)
            except KeyringFull:
                self.keyring_full += 1
                return None
            kept = kind
            if decision.picks is not None and self._narrow is not None:
                kept = self._narrow.narrowed(kind, decision.picks)
            lane = Lane(kept, subject, decision.purposes, decision.picks, key_id, key)
        if len(snapshot.lanes) >= GATE_LANES_MAX:
            snapshot.lanes.clear()
        snapshot.lanes[kind, subject] = lane
        return lane


class Narrowing:
    """How bags of a subject shrink when purposes are withdrawn; its keys are ready and durable."""

    def __init__(self, policies: Policies, keyring: Keyring, subject: int, gone: PurposeSet) -> None:
        """Makes the keys of the smaller sets; blocks, use a thread. Raises StoreError when they are not durable."""
        self._policies, self._keyring = policies, keyring
        self.subject, self.gone = subject, gone
        for purposes in keyring.sets(subject):
            if purposes & gone and purposes & ~gone:
                self._ready(purposes & ~gone)
        keyring.harden()

    def rest(self, purposes: PurposeSet) -> PurposeSet:
        """What remains of a bag's purposes; 0 when the bag has to go."""
        return purposes & ~self.gone

    def picks(self, kind: Kind, rest: PurposeSet) -> tuple[int, ...] | None:
        """Indices of the values of `kind` that may stay for `rest`; None when none may."""
        if not kind.signals:
            return ()
        kept = tuple(i for i, signal in enumerate(kind.signals) if self._policies.purposes(signal.path) & rest)
        return kept or None

    def record(self, body: bytes, rest: PurposeSet) -> bytes:
        """The record without what `rest` does not allow; raises InputError when it cannot be read."""
        return self._policies.fields.strip(body, rest)

    def key(self, rest: PurposeSet) -> tuple[int, AeadKey] | None:
        """Id and key of the smaller set; None when the keyring has no room, then the bag has to go."""
        return self._ready(rest)

    def _ready(self, rest: PurposeSet) -> tuple[int, AeadKey] | None:
        try:
            return self._keyring.obtain(self.subject, rest, reserved=True)
        except StoreFull:
            return None
