"""The register of events, and whether it says everything that is told; must never let an event pass in silence."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, cast

from forecourt.v1 import control_pb2, record_pb2
from google.protobuf.descriptor import Descriptor

from gateway.consent.fields import Finding, classification, descends
from gateway.consent.policy import SignalPolicy
from gateway.consent.purposes import PurposeRegister
from gateway.errors import ConfigError
from gateway.model import DataTier, Purpose, PurposeSet, purpose_set, purposes_of

TABLE = "events.toml"
TABLE_VERSION = 1
CONTROL_DAYS_MAX = 3_650


@dataclass(frozen=True, slots=True)
class EventEntry:
    """What is told under a name: why, how much of a person at most, for how long, and who answers for it."""

    event: str
    purposes: tuple[Purpose, ...]
    tier: DataTier
    retention_days: int
    owner: str
    about: str


class Told(NamedTuple):
    """A kind of event that an agent can tell: its name, purposes and the paths of its signals."""

    name: str
    purposes: PurposeSet
    paths: tuple[str, ...]


class EventRegister:
    """The entries, by name."""

    def __init__(self, entries: Mapping[str, EventEntry]) -> None:
        self.entries = dict(entries)

    @classmethod
    @cache
    def load(cls) -> "EventRegister":
        """The register that ships beside the contract; raises ConfigError when it cannot be used."""
        return cls.parse((files("forecourt.v1") / TABLE).read_text("utf-8"))

    @classmethod
    def parse(cls, text: str) -> "EventRegister":
        """The register in `text` (TOML); raises ConfigError when an entry lacks something."""
        try:
            table = tomllib.loads(text)
            if table["version"] != TABLE_VERSION:
                raise ConfigError(f"register of events: version {table['version']!r} is not understood")
            entries: dict[str, EventEntry] = {}
            for row in table["event"]:
                entry = _entry(row)
                if entry.event in entries:
                    raise ConfigError(f"register of events: {entry.event} stands there twice")
                entries[entry.event] = entry
        except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"register of events: cannot be read: {error!r}") from error
        return cls(entries)


def _entry(row: Mapping[str, Any]) -> EventEntry:
    entry = EventEntry(
        row["event"],
        tuple(Purpose[word.upper()] for word in row["purposes"]),
        DataTier[row["tier"].upper()],
        row["retention_days"],
        row["owner"],
        row["about"],
    )
    if not (entry.event and entry.owner and entry.about):
        raise ConfigError(f"register of events: {entry.event or 'an event'} lacks a name, an owner or words")
    if type(entry.retention_days) is not int or not 0 < entry.retention_days <= CONTROL_DAYS_MAX:
        raise ConfigError(f"register of events: {entry.event} has no retention of 1 to {CONTROL_DAYS_MAX} days")
    return entry


def check_register(
    told: Iterable[Told],
    register: EventRegister | None = None,
    purposes: PurposeRegister | None = None,
    signals: SignalPolicy | None = None,
) -> list[Finding]:
    """What is missing or too much in the register for the events of `told` and the messages of the contract.

    An empty list lets the build pass. Purposes, tier, retention and owner of each event are compared with what the
    register of purposes allows, the tier with what signals and fields are classified as.
    """
    register, purposes = register or EventRegister.load(), purposes or PurposeRegister.load()
    signals = signals or SignalPolicy.load()
    wanted = {one.name: (one.purposes, _tier_of(one, signals)) for one in told}
    wanted |= {name: said for root in (record_pb2.Record, control_pb2.ControlRecord) for name, said in _messages(root)}
    found = [Finding(name, "is not in the register") for name in wanted.keys() - register.entries.keys()]
    for name, entry in register.entries.items():
        if name not in wanted:
            found.append(Finding(name, "is in the register and told by nobody"))
            continue
        found += [Finding(name, why) for why in _judge(entry, *wanted[name], purposes)]
    return sorted(found, key=lambda finding: (finding.field, finding.why))


def _judge(entry: EventEntry, told: PurposeSet, tier: DataTier, purposes: PurposeRegister) -> Iterator[str]:
    if purpose_set(entry.purposes) != told:
        words = ", ".join(purpose.word for purpose in purposes_of(told)) or "none"
        yield f"is told for other purposes than it says: {words}"
    if entry.tier < tier:
        yield f"tells more than it says: {tier.name.lower()}"
    if entry.tier is DataTier.FORBIDDEN:
        yield "is of a tier that is never collected"
    for purpose in entry.purposes:
        rule = purposes[purpose]
        if entry.retention_days > rule.retention_days:
            yield f"is kept longer than {purpose.word} allows: {rule.retention_days} days"
        if entry.tier not in rule.tiers:
            yield f"tells more than {purpose.word} allows"


def _tier_of(one: Told, signals: SignalPolicy) -> DataTier:
    """The most that one of its signals tells, as far as a purpose of the event lets it be kept."""
    rules = [rule for rule in (signals.classify(path) for path in one.paths) if rule is not None]
    return max((rule.tier for rule in rules if rule.purposes & one.purposes), default=DataTier.TECHNICAL)


def _messages(root: Any) -> Iterator[tuple[str, tuple[PurposeSet, DataTier]]]:
    """Each message that a record may hold, with its purposes and tier; control records are for no purpose."""
    for oneof in cast("Descriptor", root.DESCRIPTOR).oneofs:
        for field in oneof.fields:
            message = cast("Descriptor", field.message_type)
            said = list(_classified(message))
            of = 0
            for _, some in said:
                of |= some
            tier = max((tier for tier, _ in said), default=DataTier.TECHNICAL)
            yield message.full_name, (0 if root is control_pb2.ControlRecord else of, tier)


def _classified(message: Descriptor) -> Iterator[tuple[DataTier, PurposeSet]]:
    for field in message.fields:
        said = classification(field)
        if said is not None:
            yield DataTier(said[0]), said[1]
        elif field.message_type is not None and descends(field):
            yield from _classified(field.message_type)
