"""Data keys that can be forgotten, in a file of fixed slots; must never let a commit use a key that is not on disk."""

import heapq
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from gateway.consent.slots import FREE, SLOT_BYTES, Slot, SlotFile
from gateway.errors import InputError, StoreFull
from gateway.limits import KEY_SLOTS, KEY_SLOTS_RESERVED
from gateway.log import Log
from gateway.model import AeadKey, PurposeSet
from gateway.wire.seal import aead, new_key


class KeyringFull(StoreFull):
    """No slot is free; nothing that would need a new key may be kept."""


class Wrapper(Protocol):
    """Where a hardware key comes in: what it wraps is worthless elsewhere."""

    def wrap(self, key: bytes) -> bytes:
        """The key as it may lie on disk, at most slots.WRAPPED_BYTES_MAX."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key; raises InputError when it was not wrapped here."""
        ...


class PlainWrapper:
    """No hardware key: the file's mode 0600 is all that protects a key that is not destroyed."""

    def wrap(self, key: bytes) -> bytes:
        """The key as it is."""
        return key

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key as it is."""
        return wrapped


class _Held(NamedTuple):
    at: int
    slot: Slot
    key: AeadKey


class Keyring:
    """One data key per (subject, purpose set). Every method may be called on any thread; those that sync, block.

    Ids are random numbers of 63 bits: no id is given twice, also not after a slot was damaged or the file was lost.
    """

    def __init__(self, file: SlotFile, wrapper: Wrapper | None = None) -> None:
        """Reads every slot; a damaged one (cut in the middle of a write, so never used by a commit) is wiped."""
        self._file, self._wrapper = file, wrapper or PlainWrapper()
        self._lock = threading.Lock()  # what is in memory; never held over a sync, since the loop thread waits for it
        self._disk = threading.Lock()  # what is in the file; taken before _lock where both are needed
        self._held: dict[int, _Held] = {}
        self._by_set: dict[tuple[int, PurposeSet], int] = {}
        self._free: list[int] = []
        self._fresh: list[_Held] = []
        self._owed: list[int] = []
        self.damaged = 0
        self._log = Log("consent")
        self._load()

    @classmethod
    def open(cls, folder: Path, wrapper: Wrapper | None = None) -> "Keyring":
        """The keyring in `folder`, made when absent; raises StoreError."""
        return cls(SlotFile(folder), wrapper)

    @property
    def created(self) -> bool:
        """Whether the file was made just now: then no bag of an earlier run can be read."""
        return self._file.created

    def _load(self) -> None:
        broken = []
        for index, raw in enumerate(self._file.read()):
            if raw == FREE:
                self._free.append(index)
                continue
            slot = Slot.unpack(raw)
            try:
                if slot is None:
                    raise InputError("a slot is damaged")
                held = _Held(index, slot, aead(self._wrapper.unwrap(slot.wrapped)))
            except (InputError, ValueError):
                broken.append(index)
                continue
            self._held[slot.key_id] = held
            self._by_set[slot.subject, slot.purposes] = slot.key_id
        if broken:
            self.damaged = len(broken)
            self._log.warning("keyring_slots_damaged", slots=len(broken))
            self._owed = broken
            self._wipe()

    def obtain(self, subject: int, purposes: PurposeSet, *, reserved: bool = False) -> tuple[int, AeadKey]:
        """Id and key for a subject's set of purposes, made where there is none; raises KeyringFull.

        A new key is only in memory until `harden`. The last slots are kept for those who may use what is `reserved`.
        """
        with self._lock:
            known = self._by_set.get((subject, purposes))
            if known is not None:
                return known, self._held[known].key
            if len(self._free) <= (0 if reserved else KEY_SLOTS_RESERVED):
                raise KeyringFull(f"all {KEY_SLOTS} slots of the keyring are taken")
            raw, key_id = new_key(), secrets.randbits(63)
            while key_id == 0 or key_id in self._held:
                key_id = secrets.randbits(63)
            slot = Slot(key_id, subject, purposes, self._wrapper.wrap(raw))
            held = _Held(heapq.heappop(self._free), slot, aead(raw))
            self._held[key_id] = held
            self._by_set[subject, purposes] = key_id
            self._fresh.append(held)
            return key_id, held.key

    def key(self, key_id: int) -> AeadKey | None:
        """The key of that id; None when it was destroyed or never known here."""
        held = self._held.get(key_id)
        return held.key if held else None

    def sets(self, subject: int) -> list[PurposeSet]:
        """The sets of purposes that have a key for `subject`."""
        with self._lock:
            return [slot.purposes for slot in self._slots() if slot.subject == subject]

    def ids(self, chosen: Callable[[Slot], bool]) -> list[int]:
        """Ids of the keys that are chosen by what they are for."""
        with self._lock:
            return [slot.key_id for slot in self._slots() if chosen(slot)]

    def _slots(self) -> Iterator[Slot]:
        return (held.slot for held in self._held.values())

    def harden(self) -> None:
        """Puts new keys on disk; costs a look at a list when there are none. Raises StoreError, then none is lost."""
        if not self._fresh:
            return
        with self._disk:
            with self._lock:
                fresh = list(self._fresh)
            for held in fresh:
                self._file.write(held.at, held.slot.pack())
            if fresh:
                self._file.sync()
            with self._lock:
                self._fresh = [held for held in self._fresh if held not in fresh]

    def destroy(self, key_ids: Iterable[int]) -> int:
        """Forgets keys for ever, in memory at once and on disk when this returns; how many there were.

        Raises StoreError when the disk refuses; the keys are gone from memory, and the next `destroy` or, after a
        restart, the open intent wipes their slots.
        """
        with self._lock:
            gone = [held for held in (self._held.pop(key_id, None) for key_id in key_ids) if held is not None]
            for held in gone:
                if self._by_set.get((held.slot.subject, held.slot.purposes)) == held.slot.key_id:
                    del self._by_set[held.slot.subject, held.slot.purposes]
            self._fresh = [held for held in self._fresh if held not in gone]
            self._owed += [held.at for held in gone]
        with self._disk:
            self._wipe()
        return len(gone)

    def _wipe(self) -> None:
        """Overwrites the slots that are owed, where they lie.

        First with random bytes, synced: zeros may be kept as a hole or a flag by a file system or a drive that
        compresses, and then the old bytes are not overwritten at all. Then with zeros, synced: a free slot can be told
        from a damaged one. After a cut in between, the slot is damaged and the next start wipes it.
        """
        indices = list(self._owed)
        if not indices:
            return
        for index in indices:
            self._file.write(index, os.urandom(SLOT_BYTES))
        self._file.sync()
        for index in indices:
            self._file.write(index, FREE)
        self._file.sync()
        with self._lock:
            self._owed = [index for index in self._owed if index not in indices]
            for index in indices:
                heapq.heappush(self._free, index)

    def close(self) -> None:
        """Lets go of the file; keys that were not hardened are gone, and no commit used them."""
        self._file.close()
