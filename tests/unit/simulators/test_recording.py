"""Proves that recordings are read as they are, and that a bad row costs only itself."""

from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.errors import InputError
from gateway.model import Value
from simulators.drive.car import Reading
from simulators.player import Player, round_and_round
from simulators.recording import parse, read_recording

GOOD = "field,signal,value,delay\ncurrent,Vehicle.Speed,38.7,0.5\ncurrent,Vehicle.A.IsOpen,true,0\ncurrent,V.N,7,1\n"


def test_rows_become_readings_in_time() -> None:
    """A delay is waited for after its row; values keep their kind."""
    found = parse("x", GOOD.splitlines())
    assert found.readings == [(0.0, "Vehicle.Speed", 38.7), (0.5, "Vehicle.A.IsOpen", True), (0.5, "V.N", 7)]
    assert (found.length_s, found.rows, found.bad.total()) == (1.5, 3, 0)
    assert found.paths == ["Vehicle.Speed", "Vehicle.A.IsOpen", "V.N"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("current,Vehicle.Speed,1", "columns"),
        ("current,Vehicle.Speed,1,0,x", "columns"),
        ("sensor,Vehicle.Speed,1,0", "field"),
        ("current,speed,1,0", "signal"),
        ("current,Vehicle..Speed,1,0", "signal"),
        ("current,Vehicle.Speed,nan,0", "value"),
        ("current,Vehicle.Speed,1e999,0", "value"),
        ("current,Vehicle.Speed,,0", "value"),
        ("current,Vehicle.Speed,1,-1", "delay"),
        ("current,Vehicle.Speed,1,soon", "delay"),
        ("current,Vehicle.Speed," + "9" * 5_000 + ",0", "too_long"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_read(row: str, why: str) -> None:
    """The line number and a word for what is wrong; its neighbours are kept."""
    found = parse("x", [*GOOD.splitlines(), row, "current,Vehicle.Speed,2,0"])
    assert len(found.readings) == 4
    assert found.bad == {why: 1}
    assert found.problems == [f"line 5: {why}"]


@pytest.mark.parametrize("content", ["", "field,signal,value,delay\n", "\0\xff\n", "a,b\n" * 50])
def test_a_file_without_a_row_says_so(tmp_path: Path, content: str) -> None:
    """An error that says what the form is."""
    file = tmp_path / "r.csv"
    file.write_text(content, "utf-8")
    with pytest.raises(InputError, match="field,signal,value,delay"):
        read_recording(file)
    with pytest.raises(InputError, match="No such file"):
        read_recording(tmp_path / "none.csv")


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "rows", "signals", "length_s"),
    [("rav4-san-francisco", 35_605, 20, 60), ("twizy-rabat-1", 2_844, 8, 2_400), ("omaha-15", 14_254, 12, 1_890)],
)
def test_the_three_recordings(shared_data: Path, name: str, rows: int, signals: int, length_s: float) -> None:
    """Each is read whole."""
    found = read_recording(shared_data / "vehicle" / f"{name}.csv")
    assert (found.rows, len(found.readings), len(found.paths)) == (rows, rows, signals)
    assert found.length_s == pytest.approx(length_s, rel=0.01)


class Shelf:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[str, Value, int]]] = []

    def publish(self, updates: "list[tuple[str, Value, int]]") -> list[tuple[str, str]]:
        """Refuses Vehicle.No."""
        self.batches.append(list(updates))
        return [(path, "unknown") for path, _, _ in updates if path == "Vehicle.No"]

    async def room(self) -> None:
        """Always."""


async def test_a_player_loses_nothing_and_dates_what_was_due() -> None:
    """Every reading once, in order, dated start + time / speed; refusals are counted."""
    shelf, clock = Shelf(), ManualClock()
    drive = [Reading(i / 100, "Vehicle.No" if i % 50 == 0 else "Vehicle.Speed", i) for i in range(1_000)]
    player = Player(shelf, _Running(clock), speed=100.0)  # type: ignore[arg-type]
    start_us = clock.wall_us()
    await player.play(drive)
    flat = [update for batch in shelf.batches for update in batch]
    assert [value for _, value, _ in flat] == list(range(1_000))
    assert [ts - start_us for _, _, ts in flat] == [round(i * 100) for i in range(1_000)]
    assert (player.played, player.refused["Vehicle.No"], player.paths) == (1_000, 20, {"Vehicle.No", "Vehicle.Speed"})


def test_round_and_round_goes_on() -> None:
    """Time rises over the laps."""
    laps = round_and_round([Reading(0, "V.A", 1), Reading(2, "V.A", 2)], 2.0)
    assert [next(laps).at_s for _ in range(5)] == [0, 2, 3, 5, 6]


class _Running:
    """A manual clock that moves a millisecond whenever it is asked."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.wall_us, self.boot_id, self.quality = clock.wall_us, clock.boot_id, clock.quality

    def boottime_s(self) -> float:
        """Asking takes time."""
        self._clock.advance(0.001)
        return self._clock.boottime_s()
