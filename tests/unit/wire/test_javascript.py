"""A reader in another language, written from docs/wire.md, finds the same bits."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.golden.content import RELEASE
from tests.golden.told import HERE
from tests.kit.wires import DEVICE

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
KEY = DEVICE.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
TOLD = json.loads((HERE / RELEASE / "told.json").read_text("utf-8"))
BATCHES = ["batch_columns", "batch_rows", "batch_identity"]


def node(script: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a script."""
    return subprocess.run(
        ["node", script, *arguments], check=False, capture_output=True, text=True, encoding="utf-8", timeout=25
    )


def test_the_reader_is_short() -> None:
    """Under 100 lines, so that it can be read in one go and written again in another language."""
    assert len((EXAMPLES / "decode.mjs").read_text("utf-8").splitlines()) < 100


@pytest.mark.needs_node
def test_javascript_finds_the_same_bits() -> None:
    """Every event of the golden batches in all codecs, and the signature rule."""
    files = {str(HERE / RELEASE / f"{name}.bin"): name for name in BATCHES}
    pairs = [argument for file, name in files.items() for argument in (file, TOLD[name]["topic"])]
    done = node(Path(__file__).with_name("bits.mjs"), sys.executable, KEY, *pairs)
    assert done.stderr == ""
    said: dict[str, Any] = {files[file]: events for file, events in json.loads(done.stdout).items()}
    assert said == {name: TOLD[name]["told"] for name in BATCHES}


@pytest.mark.needs_node
def test_javascript_prints_a_batch_in_clear() -> None:
    """The command that docs/wire.md shows, with the signature checked, and refused for another topic."""
    file, topic = HERE / RELEASE / "batch_identity.bin", TOLD["batch_identity"]["topic"]
    done = node(EXAMPLES / "print.mjs", file, topic, KEY)
    assert done.stderr == ""
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["seq"] for event in events] == [event["seq"] for event in TOLD["batch_identity"]["told"]]
    assert events[1]["values"]["Vehicle.Speed"] == 0.25
    assert "not signed" in node(EXAMPLES / "print.mjs", file, topic + "x", KEY).stderr
