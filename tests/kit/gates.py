"""Small real gates for tests of the outbox: keys in memory, all allowed or some denied; must never touch a disk."""

import hashlib
from collections.abc import Iterable, Mapping

from gateway.model import AeadKey, Kind, Lane, PurposeSet
from gateway.wire.dictionary import Dictionary
from gateway.wire.seal import aead, new_key

CONTROL_KEY_ID = 1


class AllowAll:
    """Allows every purpose for everybody, with a key per subject and purpose set that a test can destroy."""

    def __init__(self, keys: Mapping[int, bytes] | None = None) -> None:
        self.raw: dict[int, bytes] = dict(keys or {CONTROL_KEY_ID: new_key()})
        self.ids: dict[tuple[int, PurposeSet], int] = {}
        self.denied: dict[int, PurposeSet] = {}
        self.version = 1
        self.hardened = 0
        self._lanes: dict[tuple[Kind, int], Lane | None] = {}
        self._aead: dict[int, AeadKey] = {}

    def bind(self, dictionary: Dictionary) -> None:
        """Knows the dictionary that learns the kinds of its lanes."""
        self.dictionary = dictionary

    def lane(self, kind: Kind, subject: int) -> Lane | None:
        """One lane per kind and subject; None once every purpose of it was denied."""
        key = (kind, subject)
        if key not in self._lanes:
            purposes = kind.purposes & ~self.denied.get(subject, 0)
            if not purposes:
                return None
            key_id, data_key = self.obtain(subject, purposes)
            self._lanes[key] = Lane(self.dictionary.adopt(kind), subject, purposes, None, key_id, data_key)
        return self._lanes[key]

    def may_keep(self, lane: Lane) -> bool:
        """Whether no purpose of the lane was denied since."""
        return self.may_leave(lane.subject, lane.purposes)

    def may_leave(self, subject: int, purposes: PurposeSet) -> bool:
        """Whether no purpose of the set was denied."""
        return not purposes & self.denied.get(subject, 0)

    def record(self, body: bytes, purposes: PurposeSet) -> bytes:
        """Leaves records as they are."""
        return body

    def key(self, key_id: int) -> AeadKey | None:
        """The key, unless it was forgotten."""
        if key_id not in self.raw:
            return None
        if key_id not in self._aead:
            self._aead[key_id] = aead(self.raw[key_id])
        return self._aead[key_id]

    def control_key(self) -> tuple[int, AeadKey]:
        """The key of the control stream."""
        return CONTROL_KEY_ID, aead(self.raw[CONTROL_KEY_ID])

    def harden(self) -> None:
        """Counts."""
        self.hardened += 1

    def obtain(self, subject: int, purposes: PurposeSet) -> tuple[int, AeadKey]:
        """Id and key of a subject's purpose set, made when it is new."""
        key_id = self.ids.get((subject, purposes))
        if key_id is None:
            key_id = self.ids[subject, purposes] = max(self.raw) + 1
            self.raw[key_id] = new_key()
        key = self.key(key_id)
        assert key is not None
        return key_id, key

    def forget(self, key_id: int) -> None:
        """Destroys a key."""
        self.raw.pop(key_id, None)
        self._aead.pop(key_id, None)

    def deny(self, subject: int, purposes: PurposeSet) -> None:
        """From now on these purposes are not in force for the subject."""
        self.denied[subject] = self.denied.get(subject, 0) | purposes
        self._lanes = {key: lane for key, lane in self._lanes.items() if key[1] != subject}
        self.version += 1


class DerivedKeys(AllowAll):
    """Keys follow from their ids, so that another process opens what this one sealed."""

    def __init__(self) -> None:
        super().__init__({CONTROL_KEY_ID: _derived(CONTROL_KEY_ID)})

    def key(self, key_id: int) -> AeadKey | None:
        """Any key."""
        return aead(_derived(key_id))

    def obtain(self, subject: int, purposes: PurposeSet) -> tuple[int, AeadKey]:
        """The same id for the same set."""
        key_id = 2 + subject * 1_024 + purposes
        return key_id, aead(_derived(key_id))


def _derived(key_id: int) -> bytes:
    return hashlib.sha256(b"test key %d" % key_id).digest()


class DenyAll(AllowAll):
    """Default deny, as without any grant."""

    def lane(self, kind: Kind, subject: int) -> Lane | None:
        """Nothing may be kept."""
        return None


class Narrow:
    """Narrows as a gate would, with `kept` indices for whatever remains."""

    def __init__(self, gate: AllowAll, subject: int, gone: PurposeSet, kept: Iterable[int] = (0,)) -> None:
        self._gate, self._subject, self._gone, self._kept = gate, subject, gone, tuple(kept)

    def rest(self, purposes: PurposeSet) -> PurposeSet:
        """What is not withdrawn."""
        return purposes & ~self._gone

    def picks(self, kind: Kind, rest: PurposeSet) -> tuple[int, ...] | None:
        """The kept indices that the kind has."""
        return tuple(index for index in self._kept if index < len(kind.signals)) or None

    def record(self, body: bytes, rest: PurposeSet) -> bytes:
        """As it is."""
        return body

    def key(self, rest: PurposeSet) -> tuple[int, AeadKey] | None:
        """The key of the smaller set."""
        return self._gate.obtain(self._subject, rest)
