"""A disk that forgets: files as system calls made them, and what of them a power loss leaves; must never be kinder.

Bytes are durable once their file was synced, names once their folder was. What was not synced is lost in one variant,
and in the other any part of it may have reached the disk.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Inode:
    """One file: what is durable, and the changes since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def write(self, offset: int, data: bytes) -> None:
        """Bytes at an offset."""
        self.pending.append((offset, data))

    def truncate(self, size: int) -> None:
        """A new length."""
        self.pending.append((size, None))

    def sync(self) -> None:
        """All that was written is durable."""
        for change in self.pending:
            _apply(self.durable, change)
        self.pending.clear()

    def left(self, rng: random.Random | None) -> bytes:
        """What a power loss leaves; with `rng` some of what was not synced reached the disk."""
        content = bytearray(self.durable)
        if rng is not None:
            for change in self.pending:
                if rng.random() < 0.5:
                    _apply(content, change)
        return bytes(content)


class Disk:
    """Files below one folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names: dict[str, Inode] = {}
        self._durable_names: dict[str, Inode] = {}
        self._fds: dict[int, tuple[str, Inode | None]] = {}
        self._offsets: dict[int, int] = {}

    def open(self, fd: int, path: str, *, truncates: bool) -> None:
        """A file or folder was opened."""
        if not path.startswith(self._folder):
            self._fds.pop(fd, None)
            return
        is_folder = path.rstrip("/") == self._folder.rstrip("/") or path.endswith("/damaged")
        inode = None if is_folder else self._names.setdefault(path, Inode())
        if inode is not None and truncates:
            inode.truncate(0)
        self._fds[fd], self._offsets[fd] = (path, inode), 0

    def close(self, fd: int) -> None:
        """The number may name another file from now on."""
        self._fds.pop(fd, None)

    def knows(self, fd: int) -> bool:
        """Whether the number names one of our files."""
        return fd in self._fds

    def write(self, fd: int, data: bytes, offset: int | None) -> None:
        """Bytes, at an offset or where the file stands."""
        inode = self._fds[fd][1]
        assert inode is not None
        if offset is None:
            offset = self._offsets[fd]
            self._offsets[fd] += len(data)
        inode.write(offset, data)

    def truncate(self, fd: int, size: int) -> None:
        """A new length."""
        inode = self._fds[fd][1]
        assert inode is not None
        inode.truncate(size)

    def allocate(self, fd: int, size: int) -> None:
        """At least this length, zeros where nothing was."""
        inode = self._fds[fd][1]
        assert inode is not None
        inode.write(size, b"")

    def sync(self, fd: int) -> None:
        """A file's bytes, or a folder's names, are durable."""
        inode = self._fds[fd][1]
        if inode is None:
            self._durable_names = dict(self._names)
        else:
            inode.sync()

    def rename(self, old: str, new: str) -> None:
        """A file got another name."""
        if old in self._names:
            self._names[new] = self._names.pop(old)

    def unlink(self, path: str) -> None:
        """A name is gone."""
        self._names.pop(path, None)

    def image(self, rng: random.Random | None) -> Iterator[tuple[str, bytes]]:
        """(name below the folder, content) of what a power loss leaves now; the index of the WAL never matters."""
        for path, inode in self._durable_names.items():
            if not path.endswith("-shm"):
                yield str(Path(path).relative_to(self._folder)), inode.left(rng)


def _apply(content: bytearray, change: tuple[int, bytes | None]) -> None:
    offset, data = change
    if data is None:
        del content[offset:]
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        return
    if len(content) < offset + len(data):
        content.extend(bytes(offset + len(data) - len(content)))
    content[offset : offset + len(data)] = data
