"""Plans: the packaged one, and that every mistake of a plan is told with its line."""

import csv
from pathlib import Path

import pytest

from gateway.config import Document, Mistakes
from gateway.consent import SignalPolicy
from gateway.model import ValueType
from simulators.drive.car import readings
from vehicle_agent.plan import PlanFile
from vehicle_agent.source import Missing, SignalInfo


def plan_of(text: str) -> PlanFile:
    """A plan from text."""
    return PlanFile(Document(text, "plan.toml", Path()))


def mistakes(text: str) -> list[str]:
    """What is wrong with a plan."""
    with pytest.raises(Mistakes) as caught:
        plan_of(text)
    return [str(problem) for problem in caught.value.problems]


def test_the_packaged_plan_covers_the_packaged_drive() -> None:
    """Every signal that the WLTC drive shows stands in an event of the plan that tells each change."""
    plan = PlanFile.read(None).plan
    told = {path for event in plan.event if event.on_change and not event.dead_band for path in event.signals}
    assert {reading.path for reading in readings(length_s=1)} - told == set()
    assert len(told) >= 30


@pytest.mark.shared_data
def test_the_packaged_plan_covers_the_recordings(shared_data: Path) -> None:
    """Every signal of the three real drives is told too."""
    plan = PlanFile.read(None).plan
    told = {path for event in plan.event if event.on_change and not event.dead_band for path in event.signals}
    recordings = sorted((shared_data / "vehicle").glob("*.csv"))
    assert len(recordings) == 3
    for recording in recordings:
        with recording.open(encoding="utf-8", newline="") as stream:
            assert {row["signal"] for row in csv.DictReader(stream)} - told == set(), recording.name


def test_every_mistake_of_a_plan() -> None:
    """Unclassified, forbidden, of a wrong purpose, twice, contradictory: all at once, with lines and hints."""
    text = """[[event]]
name = "speed"
signals = [
  "Vehicle.Speed",
  "Vehicle.Nothing.Known",
  "Vehicle.Speed",
]
rate_hz = 1
on_change = true
purposes = ["driving_behaviour"]
when = "Vehicle.Speed >"

[[event]]
name = "speed"
signals = ["Vehicle.Speed"]
purposes = ["usage_analytics", "safety"]
stream = "control"
dead_band = 1
on_enter = true

[[event]]
name = "Bad name"
signals = ["Vehicle Speed"]
rate_hz = 1000
purposes = ["driving"]

[trip]
moving = "Vehicle.Speed > > 0"
"""
    assert mistakes(text) == [
        'plan.toml:2: event[1].name: "speed" has rate_hz and on_change of rate_hz, on_change, on_enter; choose one',
        "plan.toml:6: event[1].signals[3]: Vehicle.Speed stands there twice; take one out",
        "plan.toml:11: event[1].when: at its end: wanted is a signal, a number, a text, true or false",
        (
            "plan.toml:16: event[2].purposes: mixes purposes that need no consent with those that do; "
            "make two events of it"
        ),
        'plan.toml:17: event[2].stream: "control" is for what the gateway itself tells; choose urgent, live or bulk',
        "plan.toml:18: event[2].dead_band: is only of use with on_change",
        'plan.toml:19: event[2].on_enter: needs a condition; add for example when = "Vehicle.Speed > 0"',
        (
            'plan.toml:22: event[3].name: "Bad name" is not of the right form; '
            "1 to 64 small letters, digits and _, a letter first"
        ),
        (
            'plan.toml:23: event[3].signals: "Vehicle Speed" is not of the right form; '
            "write a path of the Vehicle Signal Specification, such as Vehicle.Speed"
        ),
        "plan.toml:24: event[3].rate_hz: 1000.0 is out of range; allowed: 0.001 to 100 Hz",
        'plan.toml:25: event[3].purposes: "driving" is not known; did you mean driving_behaviour?',
        "plan.toml:28: trip.moving: at character 17 stands '>': wanted is a signal, a number, a text, true or false",
    ]


def test_the_policy_is_asked() -> None:
    """What is not classified, forbidden, or meant for other purposes is refused, in conditions too."""
    text = """[[event]]
name = "a"
signals = ["Vehicle.Unheard.Of", "Vehicle.Driver.HeartRate", "Vehicle.Speed"]
rate_hz = 1
purposes = ["vehicle_operation"]
when = "Vehicle.Driver.IsEyesOnRoad"
[trip]
moving = "Vehicle.Elsewhere.X > 0"
distance = "Vehicle.VehicleIdentification.VIN"
"""
    assert mistakes(text) == [
        (
            "plan.toml:3: event[1].signals[1]: Vehicle.Unheard.Of is not classified, so that it is denied; "
            "add it to signal_policy.toml, after asking why it is wanted"
        ),
        "plan.toml:3: event[1].signals[2]: Vehicle.Driver.HeartRate is never collected (GDPR Art. 9); take it out",
        (
            "plan.toml:3: event[1].signals[3]: Vehicle.Speed may not be used for vehicle_operation; "
            "allowed: driving_behaviour"
        ),
        "plan.toml:6: event[1].when: Vehicle.Driver.IsEyesOnRoad is never collected (GDPR Art. 9); take it out",
        (
            "plan.toml:8: trip.moving: Vehicle.Elsewhere.X is not classified, so that it is denied; "
            "add it to signal_policy.toml, after asking why it is wanted"
        ),
        "plan.toml:9: trip.distance: Vehicle.VehicleIdentification.VIN is never collected (GDPR Art. 9); take it out",
    ]


def test_names_stand_once() -> None:
    """Two events of one name would be one for the cloud."""
    event = '[[event]]\nname = "a"\nsignals = ["Vehicle.Speed"]\nrate_hz = 1\npurposes = ["driving_behaviour"]\n'
    assert mistakes(event * 2) == ['plan.toml:7: event[2].name: "a" stands there twice; give each event its own name']
    assert mistakes('[trip]\nmoving = "Vehicle.Speed"') == ["plan.toml: event: is missing; kinds of events"]


def test_a_vehicle_that_lacks_signals() -> None:
    """What a source cannot give is told by line, with a hint from the names it has."""
    plan = plan_of(
        '[[event]]\nname = "a"\nsignals = ["Vehicle.Speed", "Vehicle.Exterior.Humidity"]\nrate_hz = 1\n'
        'purposes = ["driving_behaviour"]\nwhen = "Vehicle.Speed == true"\n'
    )
    known: dict[str, SignalInfo | Missing] = {
        "Vehicle.Speed": SignalInfo(ValueType.FLOAT),
        "Vehicle.Exterior.Humidity": Missing("is not known"),
    }
    names = ("Vehicle.Exterior.AirHumidity", "Vehicle.Speed")
    assert [str(problem) for problem in plan.check(known, names)] == [
        (
            "plan.toml:3: event[1].signals[2]: Vehicle.Exterior.Humidity is not known; "
            "did you mean Vehicle.Exterior.AirHumidity?"
        ),
        "plan.toml:6: event[1].when: Vehicle.Speed is a number, True is true or false",
    ]


def test_a_plan_of_another_policy() -> None:
    """The policy can be handed in, so that an overlay's signals can be checked against its own."""
    table = 'version = 1\n[[rule]]\ntier = "technical"\npurposes = ["vehicle_operation"]\npaths = ["Overlay"]\n'
    text = '[[event]]\nname = "a"\nsignals = ["Overlay.X"]\nrate_hz = 1\npurposes = ["vehicle_operation"]\n'
    assert PlanFile(Document(text, "p", Path()), SignalPolicy.parse(table)).plan.paths == ("Overlay.X",)
    assert "not classified" in mistakes(text)[0]
