"""The keyring and the disk: what is synced when, and that a cut at any moment or a refusal harms no other key."""

import random
import threading
from pathlib import Path

import pytest

from gateway.consent import Keyring
from gateway.consent.slots import FILE_BYTES, FREE, NAME, SLOT_BYTES, Slot, SlotFile
from gateway.errors import StoreError, StoreTooNew
from gateway.model import AeadKey
from tests.unit.consent.keys import same, secret_of


class Tape(SlotFile):
    """The real file, which also notes what it was told to write and when that had to be on disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.told: list[tuple[int, bytes] | None] = []
        self.refuses = False

    def write(self, index: int, raw: bytes) -> None:
        if self.refuses:
            raise StoreError("the disk refuses")
        self.told.append((index, raw))
        super().write(index, raw)

    def sync(self) -> None:
        self.told.append(None)
        super().sync()


def test_hardening_syncs_once_and_only_when_there_is_something_new(tmp_path: Path) -> None:
    """It is asked before every commit."""
    tape = Tape(tmp_path)
    ring = Keyring(tape)
    ring.harden()
    assert tape.told == []
    ring.obtain(5, 2)
    ring.obtain(5, 4)
    ring.harden()
    assert [entry is None for entry in tape.told] == [False, False, True]
    ring.harden()
    assert len(tape.told) == 3


def test_destroying_overwrites_with_noise_and_then_frees(tmp_path: Path) -> None:
    """Noise is on disk before zeros are written, since zeros alone may be kept as a flag beside the old bytes."""
    tape = Tape(tmp_path)
    ring = Keyring(tape)
    key_id, _ = ring.obtain(5, 2)
    ring.harden()
    tape.told.clear()
    ring.destroy([key_id])
    first, synced, second, synced_again = tape.told
    assert first is not None
    assert second is not None
    assert len(set(first[1])) > 100
    assert second == (first[0], FREE)
    assert synced is synced_again is None


def test_a_disk_that_refuses_leaves_the_destruction_owed(tmp_path: Path) -> None:
    """The key is gone from memory at once, its slot is not given away, and the next try wipes it."""
    tape = Tape(tmp_path)
    ring = Keyring(tape)
    key_id, _ = ring.obtain(5, 2)
    ring.harden()
    secret = secret_of(tmp_path, key_id)
    tape.refuses = True
    with pytest.raises(StoreError):
        ring.destroy([key_id])
    assert ring.key(key_id) is None
    tape.refuses = False
    other, _ = ring.obtain(6, 2)
    ring.harden()
    assert secret in (tmp_path / NAME).read_bytes()
    assert ring.destroy([]) == 0
    assert secret not in (tmp_path / NAME).read_bytes()
    assert Keyring.open(tmp_path).key(other) is not None


def test_a_disk_that_refuses_a_new_key_fails_the_commit(tmp_path: Path) -> None:
    """The key stays new, so that the next commit tries again."""
    tape = Tape(tmp_path)
    ring = Keyring(tape)
    key_id, _ = ring.obtain(5, 2)
    tape.refuses = True
    for _ in range(2):
        with pytest.raises(StoreError):
            ring.harden()
    tape.refuses = False
    ring.harden()
    assert Keyring.open(tmp_path).key(key_id) is not None


def test_power_cuts(tmp_path: Path) -> None:
    """At every moment of a long life: synced keys open, destroyed keys are gone, and a torn slot harms no other.

    What was written since the last sync reaches the disk in any part: each slot whole, in half, or not at all.
    """
    rng = random.Random(20)
    tape = Tape(tmp_path)
    ring = Keyring(tape)
    promises: list[tuple[int, dict[int, AeadKey], dict[int, bytes]]] = []
    alive: dict[int, AeadKey] = {}
    dead: dict[int, bytes] = {}
    for step in range(60):
        if alive and step % 3 == 2:
            key_id = rng.choice(list(alive))
            dead[key_id] = secret_of(tmp_path, key_id)
            del alive[key_id]
            ring.destroy([key_id])
        else:
            key_id, key = ring.obtain(step + 1, 2)
            ring.harden()
            alive[key_id] = key
        promises.append((len(tape.told), dict(alive), dict(dead)))
    told = list(tape.told)
    for cut in range(len(told) + 1):
        folder = tmp_path / f"cut{cut}"
        folder.mkdir()
        disk = replayed(SlotFile(folder), told[:cut], rng)
        kept, gone = next((a, d) for at, a, d in reversed([(0, {}, {}), *promises]) if at <= cut)
        doomed = next((d for at, _, d in promises if at > cut), gone)
        ring = Keyring.open(folder)
        for key_id, key in kept.items():
            assert key_id in doomed or same(key, ring.key(key_id)), "a promised key is lost"
        for key_id, secret in gone.items():
            assert ring.key(key_id) is None
            assert secret not in (folder / NAME).read_bytes()
        assert Keyring.open(folder).damaged == 0, "a torn slot is wiped at the first start"
        disk.close()


def replayed(disk: SlotFile, told: list[tuple[int, bytes] | None], rng: random.Random) -> SlotFile:
    """The disk after a power cut: what was synced, and any part of what was not."""
    synced = max((at for at, entry in enumerate(told) if entry is None), default=-1)
    for at, entry in enumerate(told):
        if entry is None:
            continue
        index, raw = entry
        if at > synced:
            part = rng.choice([0, rng.randrange(SLOT_BYTES), SLOT_BYTES])
            raw = raw[:part] + disk.read()[index][part:]
        disk.write(index, raw)
    return disk


def test_a_slot_torn_at_any_byte_is_never_taken_for_a_key() -> None:
    """Half of one key and half of another is no key."""
    old, new = Slot(1, 5, 2, bytes(32)).pack(), Slot(2, 6, 4, bytes(range(32))).pack()
    for at in range(1, SLOT_BYTES):
        torn = new[:at] + old[at:]
        assert torn in (old, new) or Slot.unpack(torn) is None


def test_a_damaged_slot_is_wiped_and_counted(tmp_path: Path) -> None:
    """One flipped bit in the file costs that key and no other."""
    ring = Keyring.open(tmp_path)
    ids = [ring.obtain(subject, 2)[0] for subject in (5, 6)]
    ring.harden()
    raw = bytearray((tmp_path / NAME).read_bytes())
    raw[SLOT_BYTES + 20] ^= 1
    (tmp_path / NAME).write_bytes(raw)
    again = Keyring.open(tmp_path)
    assert again.damaged == 1
    assert [again.key(key_id) is None for key_id in ids] == [True, False]
    assert Keyring.open(tmp_path).damaged == 0


def test_a_file_that_was_cut_short_is_filled_up(tmp_path: Path) -> None:
    """The keys that are left stay."""
    ring = Keyring.open(tmp_path)
    key_id, _ = ring.obtain(5, 2)
    ring.harden()
    with (tmp_path / NAME).open("r+b") as file:
        file.truncate(SLOT_BYTES * 3)
    assert Keyring.open(tmp_path).key(key_id) is not None
    assert (tmp_path / NAME).stat().st_size == FILE_BYTES


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    """Nothing is wiped that is only not understood."""
    Keyring.open(tmp_path)
    raw = bytearray((tmp_path / NAME).read_bytes())
    raw[17] = 99
    (tmp_path / NAME).write_bytes(raw)
    with pytest.raises(StoreTooNew):
        Keyring.open(tmp_path)
    assert (tmp_path / NAME).read_bytes() == bytes(raw)


def test_two_threads_never_leave_a_commit_with_a_key_that_is_not_on_disk(tmp_path: Path) -> None:
    """Whoever asks to harden while another does so waits for it."""
    ring = Keyring.open(tmp_path)
    lost: list[int] = []

    def commit(base: int) -> None:
        for number in range(8):
            key_id, _ = ring.obtain(base + number, 2)
            ring.harden()
            if all(slot is None or slot.key_id != key_id for slot in on_disk(tmp_path)):
                lost.append(key_id)

    threads = [threading.Thread(target=commit, args=(base,)) for base in (100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []


def on_disk(folder: Path) -> list[Slot | None]:
    """The slots of the file as another process would read them."""
    file = SlotFile(folder)
    slots = [Slot.unpack(raw) for raw in file.read() if raw != FREE]
    file.close()
    return slots
