"""The papers: the record of processing is whole, records are verified offline, and exit codes say what came out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.cli import main
from gateway.consent.record import sign_record
from gateway.consent.states import ConsentState
from gateway.model import Purpose, Scope
from tests.kit.consents import AUTHORITY, consent, record


def run(*arguments: str) -> Result:
    """The verb."""
    return CliRunner().invoke(main, ["consent", *arguments])


def pem(folder: Path, key: Ed25519PrivateKey | X25519PrivateKey, name: str = "key.pem") -> str:
    """A public key as a file."""
    (folder / name).write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return str(folder / name)


def test_the_record_of_processing_is_whole() -> None:
    """What Art. 30(1) asks for, for each purpose; what needs no consent is named with its basis."""
    told = run("register")
    assert told.exit_code == 0
    for purpose in Purpose:
        assert f"\n{purpose.word}: " in told.output
    for words in ("controller", "Art. 6(1)(a)", "legal obligation, Art. 6(1)(c)", "double opt-in", "365 days at most"):
        assert words in told.output
    whole = json.loads(run("register", "--json").output)
    assert [one["purpose"] for one in whole["activities"]] == [purpose.word for purpose in Purpose]
    by_word = {one["purpose"]: one for one in whole["activities"]}
    assert "Vehicle.Speed" in by_word["driving_behaviour"]["signals"]
    assert "forecourt.v1.IdentityLink.person" in by_word["identity_link"]["fields"]
    assert {event["event"] for event in by_word["driving_behaviour"]["events"]} >= {"position", "forecourt.v1.Trip"}
    assert any(path.startswith("Vehicle.Driver") for path in whole["never_collected"])
    named = {key for one in whole["activities"] for key in one}
    assert named >= {"retention_days", "recipients", "storage_locations", "owner", "legal_basis", "tiers"}


def test_an_operator_is_named_in_his_register(tmp_path: Path) -> None:
    """From a file of his own; one that names nobody is refused in words."""
    from importlib.resources import files

    text = (files("gateway.consent") / "parties.toml").read_text("utf-8")
    mine = tmp_path / "parties.toml"
    mine.write_text(text.replace("Example Automobile AG", "Werk"), "utf-8")
    assert "Werk" in run("register", "--parties", str(mine)).output
    mine.write_text(text.replace("joint controller", "processor"), "utf-8")
    told = run("register", "--parties", str(mine))
    assert (told.exit_code, "nobody is the controller" in told.output) == (2, True)


def test_good_records_are_called_good(tmp_path: Path) -> None:
    """A history, with an older key beside the present one, and as linked data."""
    first = record(consent(Purpose.PROFILE))
    second = record(consent(Purpose.PROFILE, ConsentState.WITHDRAWN, Scope.NONE), before=first)
    new = Ed25519PrivateKey.generate()
    (tmp_path / "1.json").write_bytes(sign_record(AUTHORITY, first))
    (tmp_path / "2.json").write_bytes(sign_record(new, second))
    names = [str(tmp_path / "1.json"), str(tmp_path / "2.json")]
    keys = ["--key", pem(tmp_path, AUTHORITY), "--key", pem(tmp_path, new, "new.pem")]
    told = run("verify", *keys, *names)
    assert told.exit_code == 0
    assert told.output == (
        "1.json: good, version 1 of visit 0000000000000007\n  profile: given, cloud\n"
        "2.json: good, version 2 of visit 0000000000000007\n  profile: withdrawn, none\n"
    )
    linked = [json.loads(line) for line in run("verify", "--linked", *keys, *names).output.splitlines()]
    assert [one["@type"] for one in linked] == ["dpv:ConsentRecord"] * 2


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (sign_record(Ed25519PrivateKey.generate(), record(consent(Purpose.PROFILE))), "signature"),
        (sign_record(AUTHORITY, record(consent(Purpose.PROFILE))).replace(b'"given"', b'"renewed"'), "signature"),
        (b"{}", "malformed"),
        (sign_record(AUTHORITY, replace(record(consent(Purpose.PROFILE), version=3))), "follows version 1"),
    ],
)
def test_a_bad_record_is_told_and_fails(tmp_path: Path, raw: bytes, why: str) -> None:
    """After those that are good."""
    (tmp_path / "1.json").write_bytes(sign_record(AUTHORITY, record(consent(Purpose.PROFILE))))
    (tmp_path / "2.json").write_bytes(raw)
    told = run("verify", "--key", pem(tmp_path, AUTHORITY), str(tmp_path / "1.json"), str(tmp_path / "2.json"))
    assert told.exit_code == 1
    assert told.output.startswith("1.json: good")
    assert "2.json: " in told.output
    assert why in told.output


def test_what_is_no_key_is_refused_in_words(tmp_path: Path) -> None:
    """No PEM, or a key of another kind."""
    (tmp_path / "1.json").write_bytes(b"{}")
    (tmp_path / "none.pem").write_text("nothing", "utf-8")
    for name in (str(tmp_path / "none.pem"), pem(tmp_path, X25519PrivateKey.generate())):
        told = run("verify", "--key", name, str(tmp_path / "1.json"))
        assert told.exit_code == 2
        assert "holds" in told.output


def test_what_receipt_prints_can_be_verified_as_it_is(tmp_path: Path) -> None:
    """A list, laid out for people; a word that is changed in it shows."""
    first = record(consent(Purpose.PROFILE))
    second = record(consent(Purpose.PROFILE, ConsentState.WITHDRAWN, Scope.NONE), before=first)
    printed = json.dumps([json.loads(sign_record(AUTHORITY, one)) for one in (first, second)], indent=1)
    paper = tmp_path / "receipt.json"
    paper.write_text(printed, "utf-8")
    good = run("verify", "--key", pem(tmp_path, AUTHORITY), str(paper))
    assert (good.exit_code, good.output.count("good, version")) == (0, 2)
    for bad in (
        printed.replace('"withdrawn"', '"given"'),
        printed.replace("1790", "1790.0", 1),
        "[[1]]",
        "{",
        '["\\ud800"]',
    ):
        paper.write_text(bad, "utf-8")
        assert run("verify", "--key", pem(tmp_path, AUTHORITY), str(paper)).exit_code == 1
