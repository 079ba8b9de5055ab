"""The file in which the cabin of before a visit lies; must never leave half a file behind."""

import asyncio
import contextlib
import os
from pathlib import Path

from gateway.errors import InputError, StoreError
from gateway.log import Log
from vehicle_agent.cabin.neutral import BYTES_MAX, Neutral

_log = Log("cabin")


class NeutralFile:
    """None: nothing is kept over a crash. All calls raise StoreError when the disk refuses."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def read(self) -> Neutral | None:
        """What lies there; None where nothing does. A damaged file counts as one that names nothing."""
        return await asyncio.to_thread(self._read) if self._path is not None else None

    async def write(self, neutral: Neutral) -> None:
        """On the disk when this returns."""
        if self._path is not None:
            await asyncio.to_thread(self._write, self._path, neutral.to_bytes())

    async def remove(self) -> None:
        """It is gone when this returns."""
        if self._path is not None:
            await asyncio.to_thread(self._remove, self._path)

    def _read(self) -> Neutral | None:
        assert self._path is not None
        try:
            with self._path.open("rb") as file:
                raw = file.read(BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error
        try:
            return Neutral.of_bytes(raw)
        except InputError as error:
            _log.warning("cabin_memory_damaged", error=str(error))
            return Neutral()

    @staticmethod
    def _write(path: Path, raw: bytes) -> None:
        fresh = path.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
            _sync(path.parent)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error

    @staticmethod
    def _remove(path: Path) -> None:
        try:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                _sync(path.parent)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
