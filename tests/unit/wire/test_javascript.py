"""A reader in another language, written from docs/wire.md, finds the same bits."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from forecourt.v1 import event_pb2

from gateway.limits import BODY_DECODE_BYTES_MAX
from gateway.wire.codec import ROWS_ZSTD
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


@pytest.mark.needs_node
def test_javascript_never_reads_fewer_events_than_a_bag_counts(tmp_path: Path) -> None:
    """A row less, a value less, a body that is no frame, is cut or outgrows the bound: refused, not half read."""
    good = event_pb2.EventBatch.FromString((HERE / RELEASE / "batch_identity.bin").read_bytes())
    short, narrow, alien, cut, bomb = (event_pb2.EventBatch.FromString(good.SerializeToString()) for _ in range(5))
    del short.bags[0].rows.rows[-1]
    del narrow.bags[0].rows.rows[3].values[-1]
    plain = good.bags[0].rows.SerializeToString()
    flood = event_pb2.Rows(rows=[*good.bags[0].rows.rows] * 8_000).SerializeToString()
    assert len(flood) > BODY_DECODE_BYTES_MAX
    frames = (b"nothing of the kind", zstandard.compress(plain)[:-9], zstandard.compress(flood))
    for damaged, body in zip((alien, cut, bomb), frames, strict=True):
        damaged.bags[0].codec = ROWS_ZSTD  # type: ignore[assignment]
        damaged.bags[0].ClearField("rows")
        damaged.bags[0].body = body
    files = [tmp_path / str(number) for number in range(6)]
    for file, batch in zip(files, (good, short, narrow, alien, cut, bomb), strict=True):
        file.write_bytes(batch.SerializeToString())
    done = node(Path(__file__).with_name("refuses.mjs"), *files)
    events = sum(bag.count for bag in good.bags)
    assert (json.loads(done.stdout), done.stderr) == ([events, None, None, None, None, None], "")
