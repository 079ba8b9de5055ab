"""The packaged plan on real drives and on the packaged one: every change of every signal is told, once, in order."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import pytest

from gateway.model import Value, ValueType
from simulators.drive.car import Reading as Played
from simulators.drive.car import readings as packaged_drive
from simulators.recording import read_recording
from vehicle_agent.plan import Plan, PlanFile
from vehicle_agent.sampler import Received, Sampler
from vehicle_agent.source import Missing, Reading, SignalInfo

BEGIN_US = 1_800_000_000_000_000
Series = dict[str, list[tuple[int, Value]]]


def info_of(values: Iterable[Value]) -> SignalInfo:
    """A type that holds these values exactly."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return SignalInfo(ValueType.BOOL)
    return SignalInfo(ValueType.STRING if kinds == {str} else ValueType.DOUBLE)


def changes(series: Series) -> Series:
    """The series without repetitions of a value."""
    found: Series = {}
    for path, points in series.items():
        found[path] = [next(run) for _, run in groupby(points, key=lambda point: point[1])]
    return found


def messages(played: Iterable[Played]) -> Iterator[tuple[int, list[Played]]]:
    """What the databroker sends: one message for each time, later ones for a signal that is set again."""
    for at_s, run in groupby(played, key=lambda reading: reading.at_s):
        waiting = list(run)
        while waiting:
            first = list({reading.path: reading for reading in reversed(waiting)}.values())[::-1]
            yield round(at_s * 1_000_000), first
            taken = {id(reading) for reading in first}
            waiting = [reading for reading in waiting if id(reading) not in taken]


def sampled(plan: Plan, played: list[Played]) -> tuple[Series, Series, Sampler]:
    """What was played and what the plan tells of it, by signal, without repetitions."""
    values: dict[str, list[Value]] = {}
    for reading in played:
        values.setdefault(reading.path, []).append(reading.value)
    known: dict[str, SignalInfo | Missing] = {path: Missing("is not in this drive") for path in plan.paths}
    sampler = Sampler(plan, known | {path: info_of(shown) for path, shown in values.items()})
    index_of = {path: index for index, path in enumerate(sampler.paths)}
    sent: Series = {path: [] for path in values}
    told: Series = {path: [] for path in values}
    for at_us, readings in messages(played):
        stamped = [Reading(index_of[one.path], BEGIN_US + at_us, one.value) for one in readings]
        for one in readings:
            sent[one.path].append((at_us, one.value))
        for sample in sampler.feed(stamped, Received(at_us // 1_000, BEGIN_US + at_us, True)):
            event = plan.event[sample.event]
            if event.on_change:
                for place, value in zip(sample.picks, sample.values, strict=True):
                    told[event.signals[place]].append((sample.ts_us - BEGIN_US, value))
    return changes(sent), changes(told), sampler


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["omaha-15.csv", "rav4-san-francisco.csv", "twizy-rabat-1.csv"])
def test_real_drives_are_told_whole(shared_data: Path, name: str) -> None:
    """Each value with the time at which the recording shows it; nothing was counted as bad."""
    recording = read_recording(shared_data / "vehicle" / name)
    sent, told, sampler = sampled(PlanFile.read(None).plan, recording.readings)
    assert len(sent) >= 8
    assert told == sent
    assert set(+sampler.counters) <= {"readings", "held_off"}
    assert sampler.counters["readings"] == len(recording.readings)


def test_the_packaged_drive_is_told_whole() -> None:
    """The first minutes of the WLTC drive: at least 30 signals, none of whose changes is missing."""
    sent, told, sampler = sampled(PlanFile.read(None).plan, list(packaged_drive(length_s=120)))
    assert len(sent) >= 30
    assert told == sent
    assert set(+sampler.counters) <= {"readings", "held_off"}
