r"""The site's own log, from which its events can be told again; must never leave the site's disk.

It holds sightings of tags of guests and is for commissioning and for looking into a complaint, so it is off unless
asked for. `forget` takes a guest out of it, as his consent does everywhere else.

    b"FCSITE1\n", then for each entry its length (4 bytes, big endian) and a forecourt.v1.SiteEntry

A tail that was cut is left out: the process may have been killed while it wrote.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from forecourt.v1 import showroom_pb2
from google.protobuf.message import DecodeError

from gateway.errors import InputError
from gateway.model import PurposeSet
from showroom_agent.site.bounds import JOURNAL_ENTRY_BYTES_MAX

MAGIC: Final = b"FCSITE1\n"
VERSION: Final = 1
_LENGTH = struct.Struct(">I")
Entry = showroom_pb2.SiteEntry


class Journal:
    """Collects entries; `take` gives their bytes, to be written by a thread that may wait for a disk."""

    def __init__(self, wall_at_zero_us: int, site: bytes) -> None:
        """Begins with what a replay has to know."""
        self._parts: list[bytes] = [MAGIC]
        header = showroom_pb2.SiteHeader(version=VERSION, wall_at_zero_us=wall_at_zero_us, site=site)
        self._add(Entry(header=header))

    def frame(self, at_ms: int, frame: showroom_pb2.SightingFrame) -> None:
        """A frame that the core was given."""
        self._add(Entry(at_ms=at_ms, frame=frame))

    def request(self, at_ms: int, subject: int, request: showroom_pb2.GuestRequest) -> None:
        """A request that the core was given."""
        self._add(Entry(at_ms=at_ms, guest=showroom_pb2.GuestEntry(subject=subject, request=request)))

    def allow(self, at_ms: int, subject: int, purposes: PurposeSet) -> None:
        """What the core was told to be in force."""
        self._add(Entry(at_ms=at_ms, guest=showroom_pb2.GuestEntry(subject=subject, purposes=purposes)))

    def tick(self, at_ms: int) -> None:
        """A step."""
        self._add(Entry(at_ms=at_ms, tick=True))

    def take(self) -> bytes:
        """What came since the last call."""
        found, self._parts = b"".join(self._parts), []
        return found

    def _add(self, entry: Entry) -> None:
        self._parts += _packed(entry)


def read_journal(path: Path) -> Iterator[Entry]:
    """The entries of a log, the header first; raises InputError where it is none. Blocks."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise InputError(f"{path}: is no log of a site")
            yield from _entries(file, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _entries(file: BinaryIO, path: Path) -> Iterator[Entry]:
    first = True
    while len(head := file.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        if length > JOURNAL_ENTRY_BYTES_MAX:
            raise InputError(f"{path}: an entry is larger than {JOURNAL_ENTRY_BYTES_MAX} bytes: the log is damaged")
        body = file.read(length)
        if len(body) < length:
            return
        try:
            entry = Entry.FromString(body)
        except DecodeError:
            raise InputError(f"{path}: an entry cannot be read: the log is damaged") from None
        if first and (not entry.HasField("header") or entry.header.version != VERSION):
            raise InputError(f"{path}: was written by another version")
        first = False
        yield entry


def forget(path: Path, subject: int) -> int:
    """Takes a guest out of a log: his requests and what was heard of his tag. Returns how many entries changed.

    The log is written anew beside the old one and put in its place once it is on disk.
    """
    tag = ""
    for entry in read_journal(path):
        request = entry.guest.request
        if entry.guest.subject == subject and request.WhichOneof("request") == "hello":
            tag = request.hello.tag
    changed = 0
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(MAGIC)
        for entry in read_journal(path):
            if entry.HasField("guest") and entry.guest.subject == subject:
                changed += 1
                continue
            kept = [one for one in entry.frame.tags if one.tag != tag]
            if tag and len(kept) < len(entry.frame.tags):
                del entry.frame.tags[:]
                entry.frame.tags.extend(kept)
                changed += 1
            file.writelines(_packed(entry))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return changed


def _packed(entry: Entry) -> tuple[bytes, bytes]:
    body = entry.SerializeToString(deterministic=True)
    return _LENGTH.pack(len(body)), body
