"""Withdrawing one of two purposes keeps the event without the forbidden fields: for every event type there is.

The expectation is read from the contract by a second, simpler reading than the product's.
"""

from collections import Counter
from collections.abc import Iterator
from functools import reduce
from itertools import permutations
from operator import or_
from pathlib import Path
from typing import Any

import pytest
from forecourt.v1 import classification_pb2
from forecourt.v1.record_pb2 import Record
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.consent import Grant
from gateway.limits import EVENT_VALUES_MAX
from gateway.model import WITHOUT_CONSENT, Event, Kind, Purpose, PurposeSet, Stream, ValueType, purpose_set
from simulators.drive.car import readings
from tests.component.devices import Device, device, read_all
from tests.kit.contract import TABLE, allows
from vehicle_agent.plan import PlanFile

CONSENT = [purpose for purpose in Purpose if not WITHOUT_CONSENT >> purpose & 1]
PERSONAL: Any = classification_pb2.personal
Shape = tuple[str, PurposeSet, tuple[str, ...]]
"""Name, purposes asked for, and paths; none for a record."""


def shapes() -> Iterator[Shape]:
    """Events of the packaged plan, one for each signal of the packaged drive, and all signals of the table at once."""
    for event in PlanFile.read(None).plan.event:
        yield event.name, purpose_set(event.purposes), tuple(event.signals)
    everything = purpose_set(CONSENT)
    for path in sorted({reading.path for reading in readings(1, 60.0)}):
        yield f"drive {path}", everything, (path,)
    paths = sorted({path.replace("*", "Row1") for rule in TABLE for path in rule["paths"]})
    for at in range(0, len(paths), EVENT_VALUES_MAX):
        yield f"table {at}", everything, tuple(paths[at : at + EVENT_VALUES_MAX])


def full(message: Message) -> Message:
    """Every field set to something that is not its default."""
    for field in message.DESCRIPTOR.fields:
        inner = getattr(message, field.name)
        if field.message_type is not None:
            full(inner.add() if field.is_repeated else inner)
            continue
        value: Any = {FieldDescriptor.CPPTYPE_STRING: "text", FieldDescriptor.CPPTYPE_BOOL: True}.get(field.cpp_type, 1)
        value = value.encode() if field.type == FieldDescriptor.TYPE_BYTES else value
        if field.is_repeated:
            inner.append(value)
        else:
            setattr(message, field.name, value)
    return message


def without(message: Message, allowed: PurposeSet) -> Message:
    """The fields whose own classification names one of `allowed`."""
    for field, value in message.ListFields():
        options = field.GetOptions()
        if options.HasExtension(PERSONAL):
            if not purpose_set(options.Extensions[PERSONAL].purposes) & allowed:
                message.ClearField(field.name)
        else:
            for inner in value if field.is_repeated else [value]:
                without(inner, allowed)
    return message


def records() -> list[Record]:
    """One of each record message, full."""
    found = []
    for field in Record.DESCRIPTOR.oneofs_by_name["record"].fields:
        record = Record()
        full(getattr(record, field.name))
        found.append(record)
    return found


def kind(guest: Device, shape: Shape) -> Kind:
    """The kind in the device's dictionary; every value is a text, so that it can hold its own path."""
    name, purposes, paths = shape
    dictionary = guest.outbox.dictionary
    signals = [dictionary.intern_signal(path, ValueType.STRING, "") for path in paths]
    return dictionary.intern_kind(name[:60], Stream.LIVE, purposes, signals, None)


def fields_allow(record: Message) -> PurposeSet:
    """What any field of a record may be used for."""
    found = 0
    for field, value in record.ListFields():
        options = field.GetOptions()
        if options.HasExtension(PERSONAL):
            found |= purpose_set(options.Extensions[PERSONAL].purposes)
        else:
            for inner in value if field.is_repeated else [value]:
                found |= fields_allow(inner)
    return found


def expected(usable: list[PurposeSet], gone: Purpose, rest: Purpose) -> tuple[int, int, int]:
    """Events purged, resealed and untouched, by what their fields may be used for."""
    both = 1 << gone | 1 << rest
    found = [purposes & both for purposes in usable if purposes & both]
    return found.count(1 << gone), found.count(both), found.count(1 << rest)


@pytest.mark.may_block  # reads the tables and the plan
@pytest.mark.timeout(60)
async def test_one_of_two_purposes_withdrawn_keeps_what_the_other_allows(tmp_path: Path) -> None:
    """For each pair of purposes and each event type that asks for both: exactly the other's fields stay."""
    known, every, cases = list(shapes()), records(), 0
    any_field = 0
    for record in every:
        any_field |= fields_allow(record)
    async with device(tmp_path) as guest:
        for subject, (gone, rest) in enumerate(permutations(CONSENT, 2), 1):
            both = [shape for shape in known if shape[1] >> gone & 1 and shape[1] >> rest & 1]
            await guest.consent.grant([Grant(subject, gone), Grant(subject, rest)])
            events = [Event(kind(guest, shape), subject, 1, 1, shape[2]) for shape in both]
            records_kind = kind(guest, (f"records {gone} {rest}", 1 << gone | 1 << rest, ()))
            events += [Event(records_kind, subject, 1, 1, record.SerializeToString()) for record in every]
            kept = await guest.outbox.append_many(events)
            done = await guest.revocation.withdraw(subject, 1 << gone)
            usable = [reduce(or_, map(allows, shape[2])) for shape in both] + [any_field] * len(every)
            purged, resealed, untouched = expected(usable, gone, rest)
            assert (done.purged, done.resealed) == (purged, resealed), (gone, rest)
            assert (kept.kept, kept.refused) == (purged + resealed + untouched, 0)
            left: list[tuple[Any, ...]] = [values for _, values in sorted(await read_all(guest, subject))]
            texts = Counter(frozenset(values) for values in left if not isinstance(values[0], bytes))
            paths = (frozenset(path for path in shape[2] if allows(path) >> rest & 1) for shape in both)
            assert texts == Counter(some for some in paths if some), (gone, rest)
            found = [Record.FromString(values[0]) for values in left if isinstance(values[0], bytes)]
            assert found == ([without(record, 1 << rest) for record in records()] if any_field >> rest & 1 else [])
            cases += len(events)
        assert (await guest.outbox.books()).balanced
    assert cases > 1_000


REFUSED = [Purpose.USAGE_ANALYTICS, *(purpose for purpose in CONSENT if purpose.name.startswith("MARKETING"))]
WANTED = 1 << Purpose.PROFILE | 1 << Purpose.INDOOR_NAVIGATION


@pytest.mark.may_block  # reads the tables and the plan
async def test_refusing_marketing_and_analytics_costs_profile_and_navigation_nothing(tmp_path: Path) -> None:
    """Refused from the start or withdrawn later: each event has all that the two allow, as with a yes."""
    all_yes, never, later = 1, 2, 3
    known = [shape for shape in shapes() if shape[1] & WANTED]
    found: dict[int, Counter[frozenset[Any]]] = {}
    async with device(tmp_path) as guest:
        for subject in (all_yes, never, later):
            allowed = CONSENT if subject != never else [purpose for purpose in CONSENT if purpose not in REFUSED]
            await guest.consent.grant([Grant(subject, purpose) for purpose in allowed])
            told = [Event(kind(guest, s), subject, 1, 1, s[2]) for s in known]
            everything = kind(guest, ("records", purpose_set(CONSENT), ()))
            told += [Event(everything, subject, 1, 1, record.SerializeToString()) for record in records()]
            kept = await guest.outbox.append_many(told)
            assert kept.refused == 0
        await guest.revocation.withdraw(later, purpose_set(REFUSED))
        for subject in (all_yes, never, later):
            rows = [values for _, values in await read_all(guest, subject)]
            found[subject] = Counter(part for row in rows if (part := wanted(row)))
    assert found[never] == found[later] == found[all_yes]
    signals = sum(any(allows(path) & WANTED for path in shape[2]) for shape in known)
    navigation = [record for record in records() if fields_allow(record) & WANTED]
    assert found[never].total() == signals + len(navigation)
    assert signals > 0
    assert {record.WhichOneof("record") for record in navigation} >= {"zone_visit", "arrival"}


def wanted(row: Any) -> frozenset[Any]:
    """What profile and navigation have of an event: the paths of its values, or the fields of its record."""
    if not isinstance(row[0], bytes):
        return frozenset(path for path in row if allows(str(path)) & WANTED)
    record = Record.FromString(row[0])
    if not fields_allow(record) & WANTED:
        return frozenset()
    return frozenset([without(record, WANTED).SerializeToString(deterministic=True)])
