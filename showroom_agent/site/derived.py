"""What a site tells the cloud, as values; must never hold a position of a guest, an address or a tag."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from forecourt.v1 import record_pb2

from gateway.model import Purpose, PurposeSet, Stream, purpose_set
from showroom_agent.match import Fit, Interest

NAVIGATION: Final = purpose_set([Purpose.INDOOR_NAVIGATION])
OFFERS: Final = purpose_set([Purpose.PERSONALISED_OFFERS])
OPERATION: Final = purpose_set([Purpose.VEHICLE_OPERATION])


class Derived(NamedTuple):
    """An event of the site. `subject`: handle of the visit, 0 for none; `body`: a serialised forecourt.v1.Record."""

    kind: str
    subject: int
    at_ms: int
    purposes: PurposeSet
    body: bytes
    stream: Stream = Stream.LIVE


def zone_visit(
    subject: int, at_ms: int, zone: str, dwell_s: float | None, confidence: float, modes: Iterable[str]
) -> Derived:
    """He entered a zone, or left it after `dwell_s`."""
    phase = record_pb2.ZoneVisit.PHASE_ENTERED if dwell_s is None else record_pb2.ZoneVisit.PHASE_LEFT
    visit = record_pb2.ZoneVisit(
        zone=zone, phase=phase, dwell_s=round(dwell_s or 0.0, 3), confidence=_share(confidence), modes=modes
    )
    return _derived("zone_visit", subject, at_ms, NAVIGATION, record_pb2.Record(zone_visit=visit))


def arrival(
    subject: int,
    at_ms: int,
    place: "record_pb2.Arrival.Place",
    confidence: float,
    modes: Iterable[str],
    vehicle: str = "",
) -> Derived:
    """He came to the lot, into the building, to a car."""
    came = record_pb2.Arrival(place=place, vehicle=vehicle, confidence=_share(confidence), modes=modes)
    return _derived("arrival", subject, at_ms, NAVIGATION, record_pb2.Record(arrival=came))


def vehicle_presence(
    at_ms: int,
    vehicle: str,
    state: "record_pb2.VehiclePresence.State",
    place: tuple[float, float] | None,
    confidence: float,
    modes: Iterable[str],
) -> Derived:
    """A car is there, is not, or nobody can tell."""
    x_m, y_m = (round(place[0], 2), round(place[1], 2)) if place is not None else (0.0, 0.0)
    presence = record_pb2.VehiclePresence(
        vehicle=vehicle, state=state, x_m=x_m, y_m=y_m, confidence=_share(confidence), modes=modes
    )
    return _derived("vehicle_presence", 0, at_ms, OPERATION, record_pb2.Record(vehicle_presence=presence))


def match(subject: int, at_ms: int, fit: Fit | None, why: str) -> Derived:
    """He is led to this car now; to none where `fit` is None."""
    told = record_pb2.Match(why=why)
    if fit is not None:
        told.vehicle, told.percent = fit.car.id, fit.percent
        for one in fit.criteria:
            told.criteria.add(id=one.id, score=_share(one.score), weight=round(one.weight, 3))
    return _derived("match", subject, at_ms, OFFERS, record_pb2.Record(match=told))


def new_interest(subject: int, at_ms: int, found: Interest) -> Derived:
    """He dwells at a car outside of his wishes."""
    told = record_pb2.NewInterest(
        vehicle=found.car_id, dwell_s=round(found.dwell_s, 3), percent=found.percent, differs=found.differs
    )
    return _derived("new_interest", subject, at_ms, OFFERS, record_pb2.Record(new_interest=told))


def _derived(kind: str, subject: int, at_ms: int, purposes: PurposeSet, record: record_pb2.Record) -> Derived:
    return Derived(kind, subject, at_ms, purposes, record.SerializeToString(deterministic=True))


def _share(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 3)
