"""Looks for the tracer of a visit in files of the device; must never close a file of SQLite that is in use.

POSIX drops all locks that a process has on a file as soon as it closes any descriptor of that file, and the locks of
SQLite are of that kind. Without them another process that looks into the store takes it for a store that nobody uses,
and cuts its index short under the feet of this one. So such files are read without a mapping (which is a descriptor
too), and stay open for the next search.
"""

import base64
import os
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

CHUNK_BYTES: Final = 1 << 20
_SQLITE: Final = (".db", ".db-shm", ".db-wal")


class Search:
    """Blocks; one search at a time."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], int] = {}
        weakref.finalize(self, _close, self._held)

    def __call__(self, files: Iterable[Path], tracer: bytes) -> tuple[int, int]:
        """Bytes looked at, and how often the tracer stands in them: raw, in hex or in base64."""
        if not tracer:
            return 0, 0
        forms = [tracer, tracer.hex().encode(), tracer.hex().upper().encode(), base64.b64encode(tracer).rstrip(b"=")]
        size = found = 0
        for path in files:
            try:
                looked, here = self._look(path, forms)
            except OSError:  # gone meanwhile
                continue
            size, found = size + looked, found + here
        return size, found

    def _look(self, path: Path, forms: list[bytes]) -> tuple[int, int]:
        before = path.stat()
        number = self._held.get((before.st_dev, before.st_ino))
        keep = path.name.endswith(_SQLITE)
        if number is None:
            number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if keep:
                now = os.fstat(number)
                self._held[now.st_dev, now.st_ino] = number
        try:
            seen, size = set[bytes](), 0
            for piece, fresh in _pieces(number, max(map(len, forms)) - 1):
                seen.update(form for form in forms if form in piece)
                size += fresh
        finally:
            if not keep:
                os.close(number)
        return size, len(seen)


def _pieces(number: int, overlap: int) -> Iterator[tuple[bytes, int]]:
    """The file piece by piece, each with the end of the one before; and how many bytes of it are new."""
    at, tail = 0, b""
    while fresh := os.pread(number, CHUNK_BYTES, at):
        piece = tail + fresh
        yield piece, len(fresh)
        at, tail = at + len(fresh), piece[-overlap:]


def _close(held: dict[tuple[int, int], int]) -> None:
    for number in held.values():
        os.close(number)
