"""Small real parts for tests of the gate: a dictionary of kinds and a gate with grants; must never decide anything."""

from collections.abc import Iterable
from pathlib import Path

from gateway.clock import Clock, ManualClock
from gateway.consent import Gate, Grant, Keyring, Policies
from gateway.model import Kind, Purpose, Signal, Stream, ValueType, purpose_set

SPEED, POSITION = "Vehicle.Speed", "Vehicle.CurrentLocation.Latitude"
DOOR, AIR = "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen", "Vehicle.Exterior.AirTemperature"
HVAC, HEART = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature", "Vehicle.Driver.HeartRate"
DRIVING, ANALYTICS, PROFILE = Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS, Purpose.PROFILE
OPERATION, SAFETY = Purpose.VEHICLE_OPERATION, Purpose.SAFETY
POLICIES = Policies.load()


def kind_of(*paths: str, purposes: Iterable[Purpose], stream: Stream = Stream.LIVE, number: int = 1) -> Kind:
    """A kind with these signals."""
    signals = tuple(Signal(index, path, ValueType.DOUBLE) for index, path in enumerate(paths, 1))
    return Kind(number, "test", stream, purpose_set(purposes), signals)


class Shapes:
    """Numbers kinds, one object for the same content; what has a number already stays as it is."""

    def __init__(self) -> None:
        self.made: dict[tuple[Kind, tuple[int, ...]], Kind] = {}

    def adopt(self, kind: Kind, picks: tuple[int, ...] | None = None) -> Kind:
        """The kind of the signals at `picks`."""
        if picks is None:
            return kind
        if (kind, picks) not in self.made:
            signals = tuple(kind.signals[index] for index in picks)
            number = 1000 + len(self.made)
            self.made[kind, picks] = Kind(number, kind.name, kind.stream, kind.purposes, signals, kind.ttl_s)
        return self.made[kind, picks]


def gate_of(folder: Path, grants: Iterable[Grant] = (), clock: Clock | None = None) -> Gate:
    """A gate with these grants over a keyring in `folder`."""
    gate = Gate(POLICIES, Keyring.open(folder), clock or ManualClock())
    gate.bind(Shapes())
    gate.replace(grants, 1)
    return gate
