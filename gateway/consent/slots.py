"""Slots of fixed size in one file, each a sector: how a key lies on disk; must never move, grow or shrink a slot."""

import os
import struct
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from gateway.errors import StoreError, StoreTooNew
from gateway.limits import KEY_SLOTS

SLOT_BYTES = 512
"""One sector, so that a write that is cut in the middle can damage no neighbour."""
FILE_BYTES = SLOT_BYTES * (1 + KEY_SLOTS)
NAME = "keyring"
_MAGIC = b"FORECOURT KEYRING"
_FORMAT = 1
_HEAD = struct.Struct(">4sQQQH")
_MARK = b"KEY1"
_CRC = struct.Struct(">I")
WRAPPED_BYTES_MAX = SLOT_BYTES - _HEAD.size - _CRC.size
FREE = bytes(SLOT_BYTES)


class Slot(NamedTuple):
    """What a slot holds: a data key as the wrapper made it, and what it is for."""

    key_id: int
    subject: int
    purposes: int
    wrapped: bytes

    def pack(self) -> bytes:
        """The bytes of the slot, closed by a checksum."""
        if len(self.wrapped) > WRAPPED_BYTES_MAX:
            raise StoreError("a wrapped key does not fit into its slot")
        head = _HEAD.pack(_MARK, self.key_id, self.subject, self.purposes, len(self.wrapped))
        body = (head + self.wrapped).ljust(SLOT_BYTES - _CRC.size, b"\0")
        return body + _CRC.pack(crc32(body))

    @classmethod
    def unpack(cls, raw: bytes) -> "Slot | None":
        """What a slot's bytes say; None when they are damaged."""
        body, (check,) = raw[: -_CRC.size], _CRC.unpack(raw[-_CRC.size :])
        mark, key_id, subject, purposes, size = _HEAD.unpack_from(body)
        if crc32(body) != check or mark != _MARK or size > WRAPPED_BYTES_MAX:
            return None
        return cls(key_id, subject, purposes, body[_HEAD.size : _HEAD.size + size])


class SlotFile:
    """The file, allocated once in full, so that a full disk can hinder neither a new key nor the end of an old one."""

    def __init__(self, folder: Path) -> None:
        """Opens or makes the file in `folder`; raises StoreError, or StoreTooNew when a newer version wrote it."""
        path = folder / NAME
        try:
            self.created = not path.exists()
            if self.created:
                self._make(path)
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            head = os.pread(self._fd, SLOT_BYTES, 0)
            if head.startswith(_MAGIC) and head[len(_MAGIC)] > _FORMAT:
                os.close(self._fd)
                raise StoreTooNew("the keyring was written by a newer version")
            os.posix_fallocate(self._fd, 0, FILE_BYTES)
        except OSError as error:
            raise StoreError(f"the keyring cannot be opened: {error.strerror}") from error

    @staticmethod
    def _make(path: Path) -> None:
        """A whole file or none: written beside, synced, then named."""
        beside = path.with_suffix(".new")
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            head = (_MAGIC + bytes([_FORMAT])).ljust(SLOT_BYTES, b"\0")
            os.write(fd, head + bytes(FILE_BYTES - SLOT_BYTES))
            os.fsync(fd)
        finally:
            os.close(fd)
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read(self) -> list[bytes]:
        """The bytes of every slot."""
        try:
            whole = os.pread(self._fd, FILE_BYTES, 0)
        except OSError as error:
            raise StoreError(f"the keyring cannot be read: {error.strerror}") from error
        return [whole[at : at + SLOT_BYTES] for at in range(SLOT_BYTES, FILE_BYTES, SLOT_BYTES)]

    def write(self, index: int, raw: bytes) -> None:
        """Overwrites one slot in its place; not durable before `sync`."""
        try:
            os.pwrite(self._fd, raw, SLOT_BYTES * (1 + index))
        except OSError as error:
            raise StoreError(f"the keyring cannot be written: {error.strerror}") from error

    def sync(self) -> None:
        """What was written is on disk when this returns."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise StoreError(f"the keyring cannot be synced: {error.strerror}") from error

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._fd)
