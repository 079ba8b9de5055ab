"""Proves that a drive survives being written, and that words become toxics."""

import io
from pathlib import Path

import pytest

from gateway.errors import ConfigError, InputError
from simulators.drive.car import Reading
from simulators.drives import Drive, open_drive, save_csv, summaries, write_csv
from simulators.proxy import Toxics
from simulators.recording import parse
from simulators.serving import apply_toxic

READINGS = [
    Reading(0.0, "Vehicle.Speed", 0.0),
    Reading(0.0, "Vehicle.A.IsOpen", True),
    Reading(0.1, "Vehicle.Speed", 1.25e-7),
    Reading(0.1, "Vehicle.Gear", -1),
    Reading(2.5, "Vehicle.Mode", "ECO, or so"),
    Reading(2.500001, "Vehicle.A.IsOpen", False),
]


def test_a_written_drive_is_read_back() -> None:
    """Times, types and values, and how long it is."""
    file = io.StringIO()
    write_csv(Drive("x", lambda: READINGS, 4.0), file)
    found = parse("x", file.getvalue().splitlines(keepends=True))
    assert found.readings == READINGS
    assert [type(reading.value) for reading in found.readings] == [type(reading.value) for reading in READINGS]
    assert (found.length_s, found.bad.total()) == (4.0, 0)


def test_an_empty_drive_is_a_header(tmp_path: Path) -> None:
    """Which is then named as what it is."""
    save_csv(Drive("x", list, 0.0), tmp_path / "x.csv")
    with pytest.raises(InputError, match="no row"):
        open_drive(tmp_path / "x.csv", 1)
    with pytest.raises(InputError, match="No such file"):
        save_csv(Drive("x", list, 0.0), tmp_path / "none" / "x.csv")


def test_a_drive_at_a_glance() -> None:
    """Counts and ranges of numbers; the first value of the rest."""
    found = {row.path: (row.count, row.first, row.low, row.high) for row in summaries(READINGS)}
    assert found["Vehicle.Speed"] == (2, 0.0, 0.0, 1.25e-7)
    assert found["Vehicle.A.IsOpen"] == (2, True, None, None)
    assert found["Vehicle.Mode"] == (1, "ECO, or so", None, None)


def test_words_become_toxics() -> None:
    """In the units that the words say."""
    toxics = Toxics()
    words = ["latency 80", "jitter 30", "rate 100", "slice 7", "hole"]
    assert [apply_toxic(toxics, each) for each in words] == ["toxics"] * 5
    assert toxics == Toxics(black_hole=True, latency_s=0.08, jitter_s=0.03, rate_bytes_s=12_500.0, slice_bytes=7)
    assert [apply_toxic(toxics, each) for each in ("cut", "heal", "reset")] == ["cut", "heal", "reset"]
    assert apply_toxic(toxics, "rate 0") == "toxics"
    assert toxics.rate_bytes_s is None


@pytest.mark.parametrize(
    "words", ["", "cut 7", "latency", "latency x", "latency -1", "latency nan", "latency 1 2", "fire"]
)
def test_other_words_are_no_toxics(words: str) -> None:
    """The error says what is."""
    with pytest.raises(ConfigError, match="say cut, heal"):
        apply_toxic(Toxics(), words)
