"""The plan: which signals become which events, when, and for what; must never ask a vehicle."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from gateway.config import Document, Mistakes, Problem, did_you_mean, setting
from gateway.consent import SignalPolicy
from gateway.errors import InputError
from gateway.limits import EVENT_VALUES_MAX, SIGNAL_PATH_BYTES_MAX
from gateway.model import WITHOUT_CONSENT, DataTier, Purpose, Stream, ValueType, purpose_set, purposes_of
from vehicle_agent.condition import Condition
from vehicle_agent.source import Missing, SignalInfo

EVENTS_MAX = 2_048
TTL_MAX_S = 400 * 86_400
PATH = r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z0-9_]+)+"
_PATHS = "write a path of the Vehicle Signal Specification, such as Vehicle.Speed"

Fault = tuple[str, str, str]
"""Path of a key below a table, what is wrong, and a hint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPlan:
    """One kind of event. It is taken at a rate, on change, or when a condition begins to hold; one of these."""

    name: str = setting(
        doc="what the event is called",
        pattern=r"[a-z][a-z0-9_]{0,63}",
        form="1 to 64 small letters, digits and _, a letter first",
    )
    signals: tuple[str, ...] = setting(
        doc="its values, as paths of the Vehicle Signal Specification; those the vehicle lacks are left out",
        pattern=PATH,
        form=_PATHS,
    )
    rate_hz: float | None = setting(
        None, doc="take it so often, if anything was read since", unit="Hz", low=0.001, high=100
    )
    on_change: bool = setting(False, doc="take it when one of its values changes by more than `dead_band`")
    on_enter: bool = setting(False, doc="take it once each time `when` begins to hold")
    dead_band: float = setting(0.0, doc="change that is too small to tell, in units of the signals", low=0, high=1e12)
    hold_off_s: float = setting(0.0, doc="at least so long from one to the next", unit="s", low=0, high=86_400)
    purposes: tuple[Purpose, ...] = setting(doc="what it may be used for; the guest is asked for each")
    stream: Stream = setting(Stream.LIVE, doc="urgent: at once, live: within moments, bulk: when there is room")
    ttl_s: int | None = setting(
        None, doc="how long it is worth keeping; none: until the cloud has it", unit="s", low=1, high=TTL_MAX_S
    )
    when: str = setting("", doc="only while this holds, such as `Vehicle.Speed > 0 and Vehicle.Speed < 50`")

    @property
    def condition(self) -> Condition | None:
        """The parsed `when`; raises InputError, which `mistakes` has told before."""
        return Condition(self.when) if self.when else None

    def mistakes(self) -> Iterator[Fault]:
        """What is wrong with the settings together."""
        chosen = [word for word in ("rate_hz", "on_change", "on_enter") if getattr(self, word)]
        if len(chosen) != 1:
            told = " and ".join(chosen) or "none"
            yield "name", f'"{self.name}" has {told} of rate_hz, on_change, on_enter', "choose one"
        if self.on_enter and not self.when:
            yield "on_enter", "needs a condition", 'add for example when = "Vehicle.Speed > 0"'
        if self.dead_band and not self.on_change:
            yield "dead_band", "is only of use with on_change", ""
        if self.stream is Stream.CONTROL:
            yield "stream", '"control" is for what the gateway itself tells', "choose urgent, live or bulk"
        yield from _unusable(self.signals)
        yield from _mixed(self.purposes)
        try:
            _ = self.condition
        except InputError as error:
            yield "when", str(error), ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TripPlan:
    """When a drive begins and ends; told as records with a random id."""

    moving: str = setting(doc="condition that holds while the vehicle moves, such as `Vehicle.Speed > 0`")
    end_after_s: float = setting(300.0, doc="a drive ends after standing so long", unit="s", low=1, high=86_400)
    distance: str = setting(
        "Vehicle.TraveledDistance", doc="signal that counts metres, where the vehicle has it", pattern=PATH, form=_PATHS
    )
    purposes: tuple[Purpose, ...] = setting(
        (Purpose.DRIVING_BEHAVIOUR,), doc="what it may be used for; the guest is asked for each"
    )
    stream: Stream = setting(Stream.LIVE, doc="urgent, live or bulk")

    def mistakes(self) -> Iterator[Fault]:
        """What is wrong with the settings together."""
        if self.stream is Stream.CONTROL:
            yield "stream", '"control" is for what the gateway itself tells', "choose urgent, live or bulk"
        yield from _mixed(self.purposes)
        try:
            Condition(self.moving)
        except InputError as error:
            yield "moving", str(error), ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All events of a vehicle."""

    event: tuple[EventPlan, ...] = setting(doc="kinds of events")
    trip: TripPlan | None = setting(None, doc="when a drive begins and ends")

    def mistakes(self) -> Iterator[Fault]:
        """Names that stand twice, and bounds."""
        if not 1 <= len(self.event) <= EVENTS_MAX:
            yield "event", f"has {len(self.event)} kinds", f"allowed: 1 to {EVENTS_MAX}"
        names: set[str] = set()
        for number, event in enumerate(self.event):
            if event.name in names:
                yield f"event.{number}.name", f'"{event.name}" stands there twice', "give each event its own name"
            names.add(event.name)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every signal that is read, for events and for conditions, in order of first mention."""
        found: dict[str, None] = {}
        for event in self.event:
            found.update(dict.fromkeys(event.signals))
            found.update(dict.fromkeys(event.condition.paths if event.condition else ()))
        if self.trip is not None:
            found.update(dict.fromkeys((*Condition(self.trip.moving).paths, self.trip.distance)))
        return tuple(found)


class PlanFile:
    """A plan with the place of each of its keys, so that later checks can name the line."""

    def __init__(self, document: Document, policy: SignalPolicy | None = None) -> None:
        """Checks all that needs no vehicle; raises Mistakes with everything."""
        self._document = document
        self.plan = document.settings(Plan)
        self._refuse(classified(self.plan, policy or SignalPolicy.load()))

    @classmethod
    def read(cls, path: Path | None) -> "PlanFile":
        """The plan at `path`, None: the packaged one. Blocks: not for the loop. Raises Mistakes."""
        if path is not None:
            return cls(Document.read(path))
        resource = files("vehicle_agent") / "plans" / "default.toml"
        return cls(Document(resource.read_text("utf-8"), "the default plan", Path()))

    def check(self, known: Mapping[str, SignalInfo | Missing], names: tuple[str, ...] = ()) -> list[Problem]:
        """What the vehicle cannot give. `names`: paths that it has, for hints."""
        return [self._document.problem(_key(path), text, hint) for path, text, hint in unfit(self.plan, known, names)]

    def _refuse(self, faults: Iterator[Fault]) -> None:
        problems = [self._document.problem(_key(path), text, hint) for path, text, hint in faults]
        if problems:
            raise Mistakes(problems)


def classified(plan: Plan, policy: SignalPolicy) -> Iterator[Fault]:
    """Signals that the policy denies, or denies for the purposes that the plan names."""
    for number, event in enumerate(plan.event):
        wanted = purpose_set(event.purposes)
        for place, path in enumerate(event.signals):
            at = f"event.{number}.signals.{place}"
            if (why := _denied(path, policy)) is not None:
                yield at, *why
            elif not policy.purposes(path) & wanted:
                allowed = ", ".join(purpose.word for purpose in purposes_of(policy.purposes(path)))
                words = ", ".join(purpose.word for purpose in event.purposes)
                yield at, f"{path} may not be used for {words}", f"allowed: {allowed}"
        if event.condition is not None:
            for path in event.condition.paths:
                if (why := _denied(path, policy)) is not None:
                    yield f"event.{number}.when", *why
    if plan.trip is not None:
        for key, paths in (("moving", Condition(plan.trip.moving).paths), ("distance", (plan.trip.distance,))):
            for path in paths:
                if (why := _denied(path, policy)) is not None:
                    yield f"trip.{key}", *why


def unfit(plan: Plan, known: Mapping[str, SignalInfo | Missing], names: tuple[str, ...] = ()) -> Iterator[Fault]:
    """Signals that a vehicle lacks, and conditions that can never hold there."""
    types: dict[str, ValueType] = {p: info.type for p, info in known.items() if isinstance(info, SignalInfo)}
    for number, event in enumerate(plan.event):
        for place, path in enumerate(event.signals):
            if isinstance(info := known.get(path), Missing):
                yield (
                    f"event.{number}.signals.{place}",
                    f"{path} {info.why}",
                    did_you_mean(path, names, "") if names else "",
                )
        if event.condition is not None:
            yield from _unfit_condition(event.condition, f"event.{number}.when", known, types)
    if plan.trip is not None:
        yield from _unfit_condition(Condition(plan.trip.moving), "trip.moving", known, types)


def _unfit_condition(
    condition: Condition, at: str, known: Mapping[str, SignalInfo | Missing], types: Mapping[str, ValueType]
) -> Iterator[Fault]:
    for path in condition.paths:
        if isinstance(info := known.get(path), Missing):
            yield at, f"{path} {info.why}, so that it never holds", ""
    for why in condition.unfit(types):
        yield at, why, ""


def _denied(path: str, policy: SignalPolicy) -> tuple[str, str] | None:
    found = policy.classify(path)
    if found is None:
        return (
            f"{path} is not classified, so that it is denied",
            "add it to signal_policy.toml, after asking why it is wanted",
        )
    if found.tier is DataTier.FORBIDDEN:
        return f"{path} is never collected (GDPR Art. 9)", "take it out"
    return None


def _unusable(signals: tuple[str, ...]) -> Iterator[Fault]:
    if not 1 <= len(signals) <= EVENT_VALUES_MAX:
        yield "signals", f"are {len(signals)}", f"allowed: 1 to {EVENT_VALUES_MAX}"
    for place, path in enumerate(signals):
        if path in signals[:place]:
            yield f"signals.{place}", f"{path} stands there twice", "take one out"
        if len(path) > SIGNAL_PATH_BYTES_MAX:
            yield f"signals.{place}", f"is longer than {SIGNAL_PATH_BYTES_MAX} characters", ""


def _mixed(purposes: tuple[Purpose, ...]) -> Iterator[Fault]:
    """Data about nobody and data about a guest do not go into one event."""
    bits = purpose_set(purposes)
    if not bits:
        yield "purposes", "names none", 'write for example ["driving_behaviour"]'
    elif bits & WITHOUT_CONSENT and bits & ~WITHOUT_CONSENT:
        yield "purposes", "mixes purposes that need no consent with those that do", "make two events of it"


def _key(path: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdigit() else part for part in path.split("."))
