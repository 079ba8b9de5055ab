"""The outside package's own test: the contract of the gateway, inherited; must never weaken it."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
from file_sink import FileSink  # type: ignore[import-not-found]

from gateway.contracts.sink import Place, SinkContract


class TestFileSink(SinkContract):
    """The contract."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FILE_SINK", str(tmp_path))

    def make(self) -> FileSink:
        """A new sink."""
        return FileSink()

    def held(self, db: sqlite3.Connection, sink: FileSink) -> Iterable[Place]:
        """Its files."""
        parts = [path.stem.split("@") for path in sink.folder.iterdir()]
        return [(device, int(epoch), int(stream), int(seq)) for device, epoch, stream, seq in parts]
