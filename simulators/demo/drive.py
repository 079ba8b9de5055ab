"""What a demonstration plays: the packaged drive or a recording; must never make up a reading."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.model import Value
from simulators.demo.options import DemoOptions
from simulators.drive.car import Reading, readings
from simulators.drive.wltc import DURATION_S
from simulators.player import again_and_again, round_and_round
from simulators.recording import Recording, read_recording

PACKAGED = "WLTC Class 3b"
PACKAGED_SPEED = 10.0
SPARE_S = 0.5
FIRST_S = 60.0
"""A packaged drive shows all its signals in its first minute."""


@dataclass(frozen=True, slots=True)
class Drive:
    """A drive: its signals with some of their values, how fast it is played, and what could not be read of it."""

    name: str
    speed: float
    samples: dict[str, list[Value]]
    problems: list[str]
    _recording: Recording | None
    _seed: int
    _once: bool = False

    @property
    def paths(self) -> Sequence[str]:
        """The signals."""
        return list(self.samples)

    def readings(self) -> Iterator[Reading]:
        """A recording that fills the time is played once; any other drive begins again when it is over."""
        if self._recording is not None:
            if self._once:
                return iter(self._recording.readings)
            return round_and_round(self._recording.readings, self._recording.length_s)
        return again_and_again(lambda: readings(self._seed), float(DURATION_S))


def drive_of(options: DemoOptions) -> Drive:
    """The drive that was asked for; a recording fills the demonstration unless a speed was named.

    Reads files; raises InputError.
    """
    if options.replay is None:
        shown: dict[str, list[Value]] = {}
        for reading in readings(options.seed, FIRST_S):
            shown.setdefault(reading.path, []).append(reading.value)
        return Drive(PACKAGED, options.drive_speed or PACKAGED_SPEED, shown, [], None, options.seed)
    recording = read_recording(options.replay)
    samples = {path: recording.samples(path) for path in recording.paths}
    filling = recording.length_s / max(options.duration_s - SPARE_S, options.duration_s / 2)
    speed = options.drive_speed or round(max(0.1, min(1_000.0, filling)), 3)
    once = options.drive_speed is None and speed >= filling * 0.99
    return Drive(recording.name, speed, samples, recording.problems, recording, options.seed, once)
