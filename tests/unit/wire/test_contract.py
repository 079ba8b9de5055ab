"""The contract: enums of the model are its own, personal data is classified, style and history are kept."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from forecourt.v1 import (
    classification_pb2,
    control_pb2,
    downlink_pb2,
    event_pb2,
    profile_pb2,
    record_pb2,
    showroom_pb2,
)
from google.protobuf.descriptor import Descriptor

from gateway import model
from gateway.consent.fields import check_contract, classification
from gateway.model import DataTier, Purpose

PROTO = Path(__file__).resolve().parents[3] / "proto"
OURS = (classification_pb2, control_pb2, downlink_pb2, event_pb2, profile_pb2, record_pb2, showroom_pb2)
TWINS: list[tuple[Any, Any]] = [
    (model.Stream, event_pb2.Stream),
    (model.ValueType, event_pb2.ValueType),
    (model.ClockQuality, event_pb2.ClockQuality),
    (model.GapReason, control_pb2.GapReason),
    (model.RefusalReason, downlink_pb2.RefusalReason),
    (model.Purpose, classification_pb2.Purpose),
    (model.DataTier, classification_pb2.DataTier),
]
ALONE = {
    "Arrival.Place",
    "Codec",
    "CommandStage",
    "ScannerMode",
    "Trip.Phase",
    "VehiclePresence.State",
    "ZoneVisit.Phase",
}


@pytest.mark.parametrize(("ours", "theirs"), TWINS)
def test_enums_of_the_model_are_those_of_the_contract(ours: Any, theirs: Any) -> None:
    """Same names, same numbers, nothing missing on either side but UNSPECIFIED."""
    prefix = theirs.Name(0).removesuffix("UNSPECIFIED")
    told = {name.removeprefix(prefix): number for name, number in theirs.items() if number}
    assert {member.name: int(member) for member in ours} == told


def test_every_enum_of_the_contract_is_accounted_for() -> None:
    """A new enum has a twin in the model, or stands here among those that need none."""
    found = {name for file in OURS for name in file.DESCRIPTOR.enum_types_by_name}
    found |= {
        f"{message}.{name}"
        for file in OURS
        for message in file.DESCRIPTOR.message_types_by_name
        for name in file.DESCRIPTOR.message_types_by_name[message].enum_types_by_name
    }
    assert found == {theirs.DESCRIPTOR.name for _, theirs in TWINS} | ALONE


def test_records_are_classified_field_by_field() -> None:
    """A field of a record without tier and purposes fails here."""
    assert check_contract() == []


def test_the_guests_handle_is_classified_wherever_it_stands() -> None:
    """Every field called subject is personal and may be used for each purpose that needs consent, and no other."""
    needs = model.purpose_set(p for p in Purpose if not model.WITHOUT_CONSENT >> p & 1)
    found = {
        field.full_name: classification(field)
        for file in OURS
        for message in file.DESCRIPTOR.message_types_by_name.values()
        for field in message.fields
        if "subject" in field.name
    }
    assert set(found) == {
        "forecourt.v1.ConsentReference.subject",
        "forecourt.v1.ErasureRequest.subject",
        "forecourt.v1.GuestEntry.subject",
        "forecourt.v1.GuestHello.subject",
        "forecourt.v1.GuestView.subject",
        "forecourt.v1.ProfileAnswer.subject",
        "forecourt.v1.ProfileChanged.subject",
        "forecourt.v1.ProfileRequest.subject",
        "forecourt.v1.WithdrawConsent.subject",
    }
    assert set(found.values()) == {(DataTier.PERSONAL, needs)}


def test_fields_of_a_consent_reference_are_known() -> None:
    """Handle, purposes and records of consent; a further field about a guest has to be thought about here."""
    fields = {
        f.name: classification(f) is not None for f in cast(Descriptor, event_pb2.ConsentReference.DESCRIPTOR).fields
    }
    assert fields == {"subject": True, "purposes": False, "records": False}


@pytest.mark.parametrize("old", [False, True])
def test_generated_code_is_current(tmp_path: Path, old: bool) -> None:
    """What is committed is what the compiler makes; and a contract that was changed without it is noticed."""
    copy = tmp_path / "proto"
    shutil.copytree(PROTO, copy, ignore=shutil.ignore_patterns("__pycache__"))
    if old:
        changed = copy / "forecourt" / "v1" / "event.proto"
        changed.write_text(changed.read_text("utf-8").replace("bool replayed = 5;", "bool late = 5;"), "utf-8")
    done = subprocess.run(
        [sys.executable, copy / "generate.py", "--check"], check=False, capture_output=True, text=True, timeout=25
    )
    assert done.returncode == old, done.stderr
    assert ("event_pb2.py" in done.stderr) == old


def buf(*command: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Runs buf of the virtual environment on the contract."""
    tool = Path(sys.executable).with_name("buf")
    environment = os.environ | {"HOME": str(home), "XDG_CACHE_HOME": str(home)}
    return subprocess.run(
        [tool, *command], cwd=PROTO, env=environment, check=False, capture_output=True, text=True, timeout=25
    )


def test_the_contract_is_in_style(tmp_path: Path) -> None:
    """`buf lint` has nothing to say."""
    done = buf("lint", home=tmp_path)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_contract_breaks_no_release(tmp_path: Path) -> None:
    """Wire and JSON stay readable for whoever was built with the image of the last release."""
    done = buf("breaking", "--against", "image.binpb", home=tmp_path)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_break_would_be_noticed(tmp_path: Path) -> None:
    """A field with another number fails against the committed image."""
    copy = tmp_path / "proto"
    for source in [*PROTO.rglob("*.proto"), PROTO / "buf.yaml"]:
        target = copy / source.relative_to(PROTO)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text("utf-8").replace("uint64 first_seq = 1;", "uint64 first_seq = 12;"), "utf-8")
    done = buf("breaking", str(copy), "--against", "image.binpb", home=tmp_path)
    assert done.returncode != 0
    assert "first_seq" in done.stdout
