"""Golden files: today's reader understands every release, and today's writer still writes the present one."""

import json
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from forecourt.v1 import event_pb2
from zstandard import ZstdDecompressor

from gateway.wire.codec import IDENTITY
from tests.golden.__main__ import main
from tests.golden.content import RELEASE, present
from tests.golden.told import HERE, releases, tell
from tests.kit.wires import CLOUD, DEVICE

FILES = sorted(HERE.glob("*/*.bin"))


def told(file: Path) -> tuple[str, Any]:
    """Topic and content of a file, as they were understood when it was written."""
    entry = json.loads(file.with_name("told.json").read_text("utf-8"))[file.stem]
    return entry["topic"], entry["told"]


def as_told(now: Any, then: Any) -> Any:
    """What is found now, without the fields, at any depth, that were not there then."""
    if isinstance(now, dict) and isinstance(then, dict):
        return {field: as_told(now[field], then[field]) for field in then if field in now}
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        return [as_told(*pair) for pair in zip(now, then, strict=True)]
    return now


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_release_is_understood(file: Path) -> None:
    """Today's reader finds what was written, to the bit; fields that came later may stand beside it."""
    topic, then = told(file)
    key = DEVICE if "/up/" in topic else CLOUD
    now = tell(file.stem, topic, file.read_bytes(), key)
    assert as_told(now, then) == then


def test_the_present_release_has_golden_files() -> None:
    """The folder of this version is there and holds a file of each kind; older ones are kept."""
    assert version("forecourt").startswith(f"{RELEASE}.")
    assert HERE / RELEASE in releases()
    assert {file.stem for file in FILES if file.parent.name == RELEASE} == set(present())
    assert len(FILES) >= 10


def unpacked(payload: bytes) -> bytes:
    """A payload whose frames are opened and whose signature is gone: how zstd packs is not ours to promise."""
    batch = event_pb2.EventBatch.FromString(payload)
    batch.ClearField("signature")
    for bag in batch.bags:
        if bag.codec != IDENTITY:
            bag.body = ZstdDecompressor().decompress(bag.body)
    return batch.SerializeToString(deterministic=True)


@pytest.mark.parametrize("name", sorted(present()))
def test_todays_writer_writes_them(name: str) -> None:
    """Byte by byte, signature included; of compressed bodies the content."""
    written, golden = present()[name].payload, (HERE / RELEASE / f"{name}.bin").read_bytes()
    if name in {"batch_columns", "batch_rows"}:
        assert unpacked(written) == unpacked(golden)
    else:
        assert written == golden


@pytest.mark.needs_protoc
def test_a_stranger_with_protoc_sees_the_values() -> None:
    """The command that docs/wire.md shows needs no include folder: the image of the contract is enough."""
    image = HERE.parents[1] / "proto" / "image.binpb"
    command = ["protoc", f"--descriptor_set_in={image}", "--decode", "forecourt.v1.EventBatch"]
    payload = (HERE / RELEASE / "batch_identity.bin").read_bytes()
    shown = subprocess.run(command, input=payload, check=True, capture_output=True, timeout=25).stdout.decode()
    assert 'path: "Vehicle.Speed"' in shown
    assert "double: 48.1234567" in shown
    assert 'string: "SPORT"' in shown


def test_golden_files_are_not_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever makes them again is sent to the next release."""
    before = {file: file.read_bytes() for file in FILES}
    assert main() == 1
    assert "stays as it is" in capsys.readouterr().out
    assert {file: file.read_bytes() for file in FILES} == before
