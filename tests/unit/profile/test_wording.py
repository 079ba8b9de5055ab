"""Profiles on the wire: what was told comes back the same, and what cannot be is refused."""

import pytest
from forecourt.v1 import profile_pb2

from gateway.errors import InputError
from gateway.profile import FIELDS, Document, Edit, Hlc, Kind, Origin, Value, new_epoch, take
from gateway.profile.wording import (
    PROFILE_BYTES_MAX,
    document_bytes,
    edit_bytes,
    edit_message,
    read_document,
    read_edit,
)

CAR = Origin("car-1", "suv", 2, {"Vehicle.Cabin.Seat.Row1.DriverSide.Position": 153, "A": 2.5, "B": "FM"})


def value_of(key: str) -> Value:
    """Some value that the field may hold."""
    spec = FIELDS[key]
    if spec.kind is Kind.LIST:
        return ("dab:e0.10.1", "fm:d3@98500")
    if spec.kind is Kind.TEXT:
        return "DAB" if key == "radio.band" else f"text of {key}"
    middle = ((spec.low or 0) + (spec.high or 1)) / 2
    return int(middle) if spec.kind is Kind.INT else middle


def full() -> Document:
    """A document with every field, of two origins, and a tombstone."""
    one = Document(new_epoch(1_700_000_000_000))
    for number, group in enumerate(sorted({spec.group for spec in FIELDS.values()})):
        values = {key: value_of(key) for key, spec in FIELDS.items() if spec.group == group}
        one = take(one, one.edit(group, values, Hlc(1_000 + number, number, "car-1"), CAR)).document
    return take(one, one.edit("home", {"home.address": None}, Hlc(9_000, 0, "app"), Origin("app"))).document


def test_a_document_with_every_field_comes_back_bit_for_bit() -> None:
    """Values, types, stamps, origins with their readings, tombstones; and it fits into a command many times."""
    one = full()
    raw = document_bytes(one)
    assert read_document(raw) == one
    assert type(read_document(raw).values["radio.frequency_khz"]) is int
    assert len(raw) < PROFILE_BYTES_MAX / 6


def test_an_edit_comes_back_with_what_it_carries() -> None:
    """Changed fields under its own origin, the others of the group under theirs."""
    edit = full().edit("posture", {"seat.leg_mm": 801.5, "seat.torso_deg": None}, Hlc(9_999, 3, "car-2"), CAR)
    assert read_edit(edit_bytes(7, b"e" * 16, edit)) == (7, b"e" * 16, edit)


def test_a_field_of_a_newer_schema_is_kept_and_passed_on() -> None:
    """What this version does not know is neither lost nor read."""
    edit = Edit("posture", {"posture.massage_level": 3}, Hlc(5, 0, "car-9"), Origin("car-9"))
    newer = Document(new_epoch(1), schema=2)
    newer = take(newer, edit).document
    assert read_document(document_bytes(newer)) == newer


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: m.ClearField("number"),
        lambda m: m.ClearField("changed"),
        lambda m: m.changed[0].value.CopyFrom(profile_pb2.ProfileValue(number=float("nan"))),
        lambda m: m.changed[0].value.CopyFrom(profile_pb2.ProfileValue(flag=True)),
        lambda m: m.changed[0].value.CopyFrom(profile_pb2.ProfileValue(text="wide")),
        lambda m: m.carried[0].__setattr__("origin", 99),
        lambda m: m.__setattr__("origin", 99),
        lambda m: m.carried[0].__setattr__("key", "../etc"),
        lambda m: m.stamp.__setattr__("physical_ms", -1),
        lambda m: m.origins[0].raw["A"].CopyFrom(profile_pb2.ProfileValue(list=profile_pb2.ProfileTexts())),
    ],
)
def test_an_edit_that_cannot_be_is_refused(spoil: object) -> None:
    """Each bound of an edit holds at the border."""
    edit = full().edit("posture", {"seat.leg_mm": 801.5}, Hlc(9_999, 3, "car-2"), CAR)
    message = edit_message(7, b"e" * 16, edit)
    assert callable(spoil)
    spoil(message)
    with pytest.raises(InputError):
        read_edit(message.SerializeToString())


def test_bytes_that_are_no_profile_are_refused() -> None:
    """Noise, and more than a profile may have."""
    for raw in (b"\xff" * 40, b"", b"x" * (PROFILE_BYTES_MAX + 1)):
        with pytest.raises(InputError):
            read_document(raw)


def test_a_profile_that_is_too_large_is_refused_where_it_is_made() -> None:
    """Whoever writes it is told, not whoever reads it."""
    one = Document(new_epoch(1))
    for number in range(120):
        values: dict[str, Value | None] = {f"extra{number}.text": "x" * 256}
        one = take(one, one.edit(f"extra{number}", values, Hlc(5, number, "app"), Origin("app"))).document
    with pytest.raises(InputError, match="allowed"):
        document_bytes(one)
