"""Records read by others: verified by a script that has nothing of ours, and exported as linked data."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.consent.linked import CONTEXT, to_linked
from gateway.consent.notices import notice
from gateway.consent.parties import Parties
from gateway.consent.record import ConsentRecord, read_record, sign_record
from gateway.consent.states import ConsentState
from gateway.model import Purpose, Scope
from tests.kit.consents import AUTHORITY, GIVEN_US, consent, record

SCRIPT = Path(__file__).resolve().parents[3] / "docs" / "examples" / "verify_consent.py"


def full() -> list[ConsentRecord]:
    """A history of two versions, with every purpose and the parties of the example."""
    names = Parties.load()
    yes = [
        replace(
            consent(purpose),
            notice=notice(purpose, "de").ref if purpose < Purpose.VEHICLE_OPERATION else None,
            evidence={"unbroken_since_us": GIVEN_US},
        )
        for purpose in Purpose
    ]
    first = replace(record(*yes), parties=names.parties, place=names.place)
    second = record(consent(Purpose.PROFILE, ConsentState.WITHDRAWN, Scope.NONE), before=first)
    return [first, second]


def verified(folder: Path, *raws: bytes) -> subprocess.CompletedProcess[str]:
    """What the script says, in a process that sees nothing of this project."""
    pem = AUTHORITY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "key.pem").write_bytes(pem)
    for number, raw in enumerate(raws, 1):
        (folder / f"{number}.json").write_bytes(raw)
    names = [str(folder / f"{number}.json") for number in range(1, len(raws) + 1)]
    command = [sys.executable, "-I", str(SCRIPT), "--key", str(folder / "key.pem"), *names]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_a_history_is_verified_offline_with_the_public_key_alone(tmp_path: Path) -> None:
    """By a script in which our packages are not imported."""
    imports = [line for line in SCRIPT.read_text("utf-8").splitlines() if line.startswith(("import", "from"))]
    assert not [line for line in imports if "gateway" in line or "forecourt" in line]
    done = verified(tmp_path, *(sign_record(AUTHORITY, one) for one in full()))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1.json: good, version 1" in done.stdout
    assert "2.json: good, version 2" in done.stdout
    assert "  profile: withdrawn, none" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"state":"withdrawn"', b'"state":"given"', "altered"),
        (b'"version":2', b'"version": 2', "canonical"),
        (b"{", b"[", "BAD"),
    ],
)
def test_what_was_altered_is_bad(tmp_path: Path, old: bytes, new: bytes, why: str) -> None:
    """One word, one space."""
    first, second = (sign_record(AUTHORITY, one) for one in full())
    done = verified(tmp_path, first, second.replace(old, new))
    assert done.returncode == 1
    assert "2.json: BAD" in done.stdout
    assert why in done.stdout


def test_a_history_with_a_hole_is_bad(tmp_path: Path) -> None:
    """Each version names the one before."""
    first, second = full()
    third = record(before=second)
    done = verified(tmp_path, sign_record(AUTHORITY, first), sign_record(AUTHORITY, third))
    assert done.returncode == 1
    assert "does not follow" in done.stdout


def test_linked_data_says_what_the_record_says() -> None:
    """Each purpose with its state, basis, notice and how long; every prefix is declared."""
    first, second = full()
    one = read_record(sign_record(AUTHORITY, first), [AUTHORITY.public_key()])
    told = to_linked(one)
    assert told["fc:digest"] == first.digest
    assert told["dct:issued"]["@value"] == "2026-09-21T14:13:20.000000Z"
    assert [party["@type"] for party in told["dpv:hasDataController"]] == ["dpv:JointDataControllers"] * 2
    by_title = {process["dct:title"]: process for process in told["dpv:hasProcess"]}
    assert set(by_title) == {purpose.word for purpose in Purpose}
    profile = by_title["profile"]
    assert profile["dpv:hasConsentStatus"] == {"@id": "dpv:ConsentGiven"}
    assert profile["dpv:hasLegalBasis"] == {"@id": "eu-gdpr:A6-1-a"}
    assert profile["dpv:hasNotice"]["fc:sha256"] == notice(Purpose.PROFILE, "de").sha256
    assert profile["dpv:hasStorageCondition"]["dpv:hasDuration"]["@value"] == "P730D"
    assert by_title["safety"]["dpv:hasLegalBasis"] == {"@id": "eu-gdpr:A6-1-c"}
    (withdrawn,) = to_linked(second)["dpv:hasProcess"]
    assert withdrawn["dpv:hasConsentStatus"] == {"@id": "dpv:ConsentWithdrawn"}
    assert withdrawn["fc:reach"] == {"@id": "fc:Nowhere"}
    assert {name.split(":")[0] for name in names(told) if ":" in name} <= set(CONTEXT)


def names(content: object) -> set[str]:
    """Every name and type in it."""
    if isinstance(content, dict):
        return {name for name in content if name != "@context"} | {
            name for key, one in content.items() if key != "@context" for name in names(one)
        }
    return {name for one in content for name in names(one)} if isinstance(content, list) else set()
