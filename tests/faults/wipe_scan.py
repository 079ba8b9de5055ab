"""Looks for what a guest brought in bytes that should know nothing of him; must never look in one spelling only."""

import base64
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import zstandard

from gateway.consent.slots import FREE, NAME, SLOT_BYTES, Slot
from simulators.witness import Witness

FEW = 8
"""A text or a number with fewer characters stands in many a file by chance."""
_BODY_MAX = 8 << 20
_EMPTY_BYTES = 64
_EMPTY = re.compile(rb"\0{%d,}" % _EMPTY_BYTES)
"""No spelling has so many zeros, and most of a store is empty."""


def canaries(values: Iterable[object]) -> list[bytes]:
    """Texts and numbers of a guest in every spelling: as text, and a number as a double too, each plain and coded."""
    found: list[bytes] = []
    for value in values:
        if isinstance(value, tuple):
            found += canaries(value)
        elif len(text := str(value)) >= FEW:
            found += _coded(text.encode())
            found += _coded(text.encode("utf-16-le")) + _coded(text.encode("utf-16-be"))
            if isinstance(value, float):
                found += _coded(struct.pack("<d", value)) + _coded(struct.pack(">d", value))
    return found


def secret(key: bytes) -> list[bytes]:
    """A key in every spelling."""
    return _coded(key)


def found_in(needles: Iterable[bytes], places: Mapping[str, bytes]) -> list[str]:
    """The names of places in which one of the needles stands."""
    wanted, found = list(needles), []
    for name, raw in places.items():
        dense = _EMPTY.sub(bytes(_EMPTY_BYTES), raw)
        found += [name] if any(needle in dense for needle in wanted) else []
    return found


def files_of(*folders: Path) -> dict[str, bytes]:
    """Every file below these folders."""
    return {str(path): path.read_bytes() for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()}


def keys_of(folder: Path, subject: int) -> list[bytes]:
    """The keys of a guest as they lie in the keyring of a device."""
    raw = (folder / NAME).read_bytes()
    slots = (raw[at : at + SLOT_BYTES] for at in range(SLOT_BYTES, len(raw), SLOT_BYTES))
    read = (Slot.unpack(slot) for slot in slots if slot != FREE)
    return [slot.wrapped for slot in read if slot is not None and slot.subject == subject]


def on_the_wire(heard: Witness, since: int) -> dict[str, bytes]:
    """What a witness heard from there on: messages as they came, and bodies that were compressed."""
    found = {f"message {at} {topic}": payload for at, (topic, payload) in enumerate(heard.heard) if at >= since}
    return found | {f"body {at}": body for at, body in _bodies(heard) if at >= since}


def _bodies(heard: Witness) -> Iterator[tuple[int, bytes]]:
    for at, batch in heard.batches():
        for bag in batch.bags:
            if bag.body:
                try:
                    yield at, zstandard.ZstdDecompressor().decompress(bag.body, max_output_size=_BODY_MAX)
                except zstandard.ZstdError:
                    continue


def _coded(raw: bytes) -> list[bytes]:
    """As it is, in hex, and in base64 wherever it begins."""
    found = [raw, raw.hex().encode(), raw.hex().upper().encode()]
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + raw)
        whole = text[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        found += [whole, whole.replace(b"+", b"-").replace(b"/", b"_")]
    return list(dict.fromkeys(found))
