"""The verbs that read a raw log; must tell what is in it."""

import io
from pathlib import Path

from click.testing import CliRunner
from forecourt.v1 import showroom_pb2
from google.protobuf.proto import parse_length_prefixed

from showroom_agent.hub import Ears, FrameMaker, Recorder, ScannerState
from showroom_agent.hub_verbs import hub
from tests.unit.showroom.hub.test_ears import UUID, WATCH, ibeacon, stranger


def recorded(folder: Path) -> tuple[Path, Path]:
    """A log of three adverts of a tag and eight of strangers, and its tags file."""
    maker, log = FrameMaker("hub-1", 5, Ears(WATCH)), Recorder("hub-1", 5, 0.0, 0)
    for number in range(3):
        log.heard(ibeacon(3, number / 10), maker.ears.hear(ibeacon(3, number / 10)))
    for number in range(8):
        log.heard(stranger(number % 6, 0.4), maker.ears.hear(stranger(number % 6, 0.4)))
    log.frame(0.5, 500_000, ScannerState())
    log.frame(1.0, 1_000_000, ScannerState(showroom_pb2.SCANNER_MODE_DOWN, "adapter_off"))
    file, tags = folder / "raw.jsonl", folder / "tags.toml"
    file.write_bytes(log.take())
    tags.write_text(f'[[tag]]\nid = "car-3"\nbeacon = "ibeacon:{UUID}:1:3"\n')
    return file, tags


def test_log_counts(tmp_path: Path) -> None:
    """Adverts, tags, strangers, marks, faults."""
    file, _ = recorded(tmp_path)
    told = CliRunner().invoke(hub, ["log", str(file)])
    assert told.exit_code == 0
    assert "11 adverts in 0.4 s, 3 of known tags, 6 strangers, 2 marks" in told.output
    assert "adapter_off" in told.output


def test_replay_tells_and_writes_frames(tmp_path: Path) -> None:
    """JSON lines to read, messages to feed a site with."""
    file, tags = recorded(tmp_path)
    told = CliRunner().invoke(hub, ["replay", str(file), "--tags", str(tags)])
    assert told.exit_code == 0
    assert '"car-3"' in told.output
    out = tmp_path / "frames"
    assert CliRunner().invoke(hub, ["replay", str(file), "--tags", str(tags), "--out", str(out)]).exit_code == 0
    source = io.BytesIO(out.read_bytes())
    first = parse_length_prefixed(showroom_pb2.SightingFrame, source)
    second = parse_length_prefixed(showroom_pb2.SightingFrame, source)
    assert first is not None
    assert (first.frame, first.tags[0].count, first.strangers) == (1, 3, 6)
    assert second is not None
    assert second.fault == "adapter_off"
