"""The contract's fields: each is classified or the build fails, and what is not granted is stripped."""

from collections.abc import Iterable
from typing import Any

import pytest
from forecourt.v1 import classification_pb2 as c
from forecourt.v1 import control_pb2, downlink_pb2, event_pb2, record_pb2
from forecourt.v1.record_pb2 import Record, Trip
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor

from gateway.consent import FieldPolicy, Finding, check_contract
from gateway.consent.fields import classification
from gateway.consent.policy import fault
from gateway.errors import InputError
from gateway.model import DataTier, purpose_set
from tests.unit.consent.parts import ANALYTICS, DRIVING, PROFILE

PERSONAL: Any = c.personal
Field = descriptor_pb2.FieldDescriptorProto
TRIP = Record(trip=Trip(id=7, phase=Trip.PHASE_ENDED, distance_m=1234.5))


def field(name: str, number: int, kind: str = "", said: c.Classification | None = None, **more: object) -> Field:
    """A field of a message that is made in a test."""
    made = Field(name=name, number=number, label=Field.LABEL_OPTIONAL)
    made.type = Field.TYPE_MESSAGE if kind else Field.TYPE_STRING
    if kind:
        made.type_name = kind
    if more.get("repeated"):
        made.label = Field.LABEL_REPEATED
    if said is not None:
        made.options.Extensions[PERSONAL].CopyFrom(said)
    return made


def contract(messages: dict[str, Iterable[Field]]) -> dict[str, Descriptor]:
    """Messages of a contract made in the test."""
    pool = descriptor_pool.DescriptorPool()
    for needed in (descriptor_pb2.DESCRIPTOR, c.DESCRIPTOR):
        pool.AddSerializedFile(needed.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name="test.proto", package="forecourt.test", syntax="proto3")
    file.dependency.append("forecourt/v1/classification.proto")
    for name, fields in messages.items():
        file.message_type.add(name=name).field.extend(fields)
    pool.AddSerializedFile(file.SerializeToString())
    return {name: pool.FindMessageTypeByName(f"forecourt.test.{name}") for name in messages}


def said(tier: c.DataTier, *purposes: c.Purpose) -> c.Classification:
    """A classification as the contract writes it."""
    return c.Classification(tier=tier, purposes=purposes)


GOOD = said(c.DATA_TIER_BEHAVIOUR, c.PURPOSE_DRIVING_BEHAVIOUR)


def test_the_contract_is_classified() -> None:
    """The build fails here when a record gets a field that the gate cannot judge."""
    assert check_contract() == []


def test_every_handle_of_a_guest_is_classified() -> None:
    """Wherever the contract names a subject, also where no gate stands: in headers, control records and commands."""
    handles, silent, wrong = [], [], []
    for module in (event_pb2, control_pb2, downlink_pb2, record_pb2):
        for message in module.DESCRIPTOR.message_types_by_name.values():
            for field_of_it in message.fields:
                rule = classification(field_of_it)
                handles += [field_of_it.full_name] if field_of_it.name == "subject" else []
                silent += [field_of_it.full_name] if field_of_it.name == "subject" and rule is None else []
                wrong += [field_of_it.full_name] if rule is not None and fault(*rule) else []
    assert len(handles) >= 3
    assert (silent, wrong) == ([], [])


def test_an_unclassified_field_fails_the_build() -> None:
    """Also in a message within a message, a list of them, and one that contains itself."""
    outer = [field("inner", 1, ".forecourt.test.Inner", repeated=True), field("fine", 2, said=GOOD)]
    inner = [field("again", 1, ".forecourt.test.Inner"), field("silent", 2)]
    made = contract({"Outer": outer, "Inner": inner})
    assert check_contract(made["Outer"]) == [Finding("forecourt.test.Inner.silent", "is not classified")]


@pytest.mark.parametrize(
    ("classification", "why"),
    [
        (said(c.DATA_TIER_UNSPECIFIED, c.PURPOSE_PROFILE), "has no tier"),
        (said(c.DATA_TIER_BEHAVIOUR), "names no purpose"),
        (said(c.DATA_TIER_BEHAVIOUR, c.PURPOSE_UNSPECIFIED), "UNSPECIFIED"),
        (said(c.DATA_TIER_BEHAVIOUR, c.PURPOSE_VEHICLE_OPERATION), "without consent"),
        (said(c.DATA_TIER_PERSONAL, c.PURPOSE_SAFETY), "without consent"),
        (said(c.DATA_TIER_FORBIDDEN), "no place in the contract"),
    ],
)
def test_a_wrongly_classified_field_fails_the_build(classification: c.Classification, why: str) -> None:
    """A tier without purposes, or consent-free use of personal data, is no classification."""
    made = contract({"Outer": [field("wrong", 1, said=classification)]})
    (finding,) = check_contract(made["Outer"])
    assert finding.field == "forecourt.test.Outer.wrong"
    assert why in finding.why


def test_what_every_purpose_allows_stays_as_it_is() -> None:
    """Nothing to strip: the same bytes object comes back."""
    body = TRIP.SerializeToString()
    assert FieldPolicy().strip(body, purpose_set([DRIVING])) is body


def test_fields_without_a_granted_purpose_go() -> None:
    """The distance is for driving behaviour alone."""
    left = Record.FromString(FieldPolicy().strip(TRIP.SerializeToString(), purpose_set([ANALYTICS])))
    assert left == Record(trip=Trip(id=7, phase=Trip.PHASE_ENDED))


def test_without_any_purpose_nothing_stays() -> None:
    """The record becomes empty, and not an error."""
    left = Record.FromString(FieldPolicy().strip(TRIP.SerializeToString(), purpose_set([PROFILE])))
    assert left == Record(trip=Trip())


def test_fields_of_a_newer_contract_go() -> None:
    """What this version does not know it cannot judge, at any depth."""
    trip = Trip(id=7).SerializeToString() + b"\xa2\x06\x06marker"
    body = b"\x0a" + bytes([len(trip)]) + trip + b"\xaa\x06\x06marker"
    assert body.count(b"marker") == 2
    left = FieldPolicy().strip(body, purpose_set([DRIVING, ANALYTICS]))
    assert b"marker" not in left
    assert Record.FromString(left) == Record(trip=Trip(id=7))


def test_an_unclassified_field_is_stripped_even_when_the_build_was_not_checked() -> None:
    """The gate itself denies what it cannot judge; lists of messages are walked."""
    made = contract({
        "Outer": [field("inner", 1, ".forecourt.test.Inner", repeated=True)],
        "Inner": [field("fine", 1, said=GOOD), field("silent", 2)],
    })  # fmt: skip
    outer = message_factory.GetMessageClass(made["Outer"])
    body = b"\x0a\x0f" + b"\x0a\x04kept" + b"\x12\x07dropped"
    left = FieldPolicy(outer).strip(body, purpose_set([DRIVING]))
    assert left == b"\x0a\x06\x0a\x04kept"


def test_bytes_that_are_no_record_are_refused() -> None:
    """A clear error, and nothing is kept."""
    with pytest.raises(InputError):
        FieldPolicy().strip(b"\xff\xff\xff", purpose_set([DRIVING]))


def test_a_field_tells_its_tier() -> None:
    """As the contract states it."""
    assert FieldPolicy().classify("forecourt.v1.Trip.distance_m") == (DataTier.BEHAVIOUR, purpose_set([DRIVING]))
    assert FieldPolicy().classify("forecourt.v1.Trip.unknown") is None
