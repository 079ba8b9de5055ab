"""Proves that a record of consent is believed whole and signed, or not at all; must never check only its own words."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.consent.canonical import INTEGER_MAX, canonical, parse
from gateway.consent.record import (
    CONTEXT,
    RecordRefused,
    Refused,
    key_id,
    read_record,
    sign_record,
    verify_chain,
)
from gateway.consent.states import ConsentState
from gateway.errors import InputError
from gateway.limits import CONSENT_RECORD_BYTES_MAX
from gateway.model import Purpose, Scope
from tests.kit.consents import AUTHORITY, consent, record

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "schemas" / "consent-record.schema.json"
KEYS = [AUTHORITY.public_key()]
GOOD = record(
    consent(Purpose.DRIVING_BEHAVIOUR),
    consent(Purpose.PROFILE, scope=Scope.IN_VEHICLE, valid_until_us=1_800_000_000_000_000),
    consent(Purpose.MARKETING_EMAIL, ConsentState.WITHDRAWN, Scope.NONE),
)


def signed(body: Any, key: Ed25519PrivateKey = AUTHORITY, **signature: str) -> bytes:
    """Any JSON, signed as a record is."""
    value = key.sign(CONTEXT + b"\0" + canonical(body)).hex()
    seal = {"alg": "Ed25519", "key": key_id(key.public_key()), "value": value} | signature
    return canonical({"record": body, "signature": seal})


def body() -> dict[str, Any]:
    """The JSON of the good record."""
    found: dict[str, Any] = json.loads(sign_record(AUTHORITY, GOOD))["record"]
    return found


def test_a_record_comes_back_as_it_was() -> None:
    """Every field, and the digest that the next version names."""
    read = read_record(sign_record(AUTHORITY, GOOD), KEYS)
    assert (read.record_id, read.subject, read.version, read.purposes) == ("record-1", 7, 1, GOOD.purposes)
    assert (read.parties, read.place) == (GOOD.parties, GOOD.place)
    assert read.digest == GOOD.digest
    told = {purpose: one.allows for purpose in Purpose if (one := read.of(purpose)) is not None}
    assert told == {Purpose.DRIVING_BEHAVIOUR: True, Purpose.PROFILE: True, Purpose.MARKETING_EMAIL: False}


def test_what_we_sign_is_what_we_publish() -> None:
    """The published schema is valid and takes our records, whatever purposes and states they hold."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    check = Draft202012Validator(schema)
    for state in ConsentState:
        whole = record(*[consent(purpose, state) for purpose in Purpose])
        assert [error.message for error in check.iter_errors(json.loads(sign_record(AUTHORITY, whole)))] == []
    wrong = json.loads(sign_record(AUTHORITY, GOOD))
    wrong["record"]["purposes"][0]["scope"] = "everywhere"
    assert list(check.iter_errors(wrong)) != []


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], Refused]] = {
    "newer schema": (lambda b: b.update(schema=2), Refused.SCHEMA),
    "no schema": (lambda b: b.pop("schema"), Refused.SCHEMA),
    "subject 0": (lambda b: b.update(pii_principal_id="0" * 16), Refused.MALFORMED),
    "subject of 64 bits": (lambda b: b.update(pii_principal_id="f" * 16), Refused.MALFORMED),
    "no version": (lambda b: b.update(version=0), Refused.MALFORMED),
    "version as text": (lambda b: b.update(version="1"), Refused.MALFORMED),
    "a first version after another": (lambda b: b.update(previous="ab" * 32), Refused.MALFORMED),
    "a second version after none": (lambda b: b.update(version=2), Refused.MALFORMED),
    "nobody is controller": (lambda b: b.update(parties=[]), Refused.MALFORMED),
    "a field too many": (lambda b: b.update(extra=1), Refused.MALFORMED),
    "a purpose twice": (lambda b: b["purposes"].append(b["purposes"][0]), Refused.MALFORMED),
    "a state of nobody": (lambda b: b["purposes"][0].update(state="granted"), Refused.MALFORMED),
    "a scope of nobody": (lambda b: b["purposes"][0].update(scope="everywhere"), Refused.MALFORMED),
    "a notice without its hash": (lambda b: b["purposes"][0]["privacy_notice"].update(sha256=""), Refused.MALFORMED),
    "purposes as a map": (lambda b: b.update(purposes={}), Refused.MALFORMED),
    "a fact changed beside the state": (lambda b: b["purposes"][0].update(lawful_basis="contract"), Refused.MALFORMED),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_the_schema_does_not_have_is_refused_although_it_is_signed(name: str) -> None:
    """The authority's own mistakes, and the records of its later versions, allow nothing."""
    change, reason = CHANGES[name]
    content = body()
    change(content)
    with pytest.raises(RecordRefused) as refused:
        read_record(signed(content), KEYS)
    assert refused.value.reason is reason


def test_a_purpose_that_this_version_does_not_know_is_left_out() -> None:
    """It stays denied, the others hold, and the chain is that of the whole record."""
    content = body()
    content["purposes"].append(content["purposes"][0] | {"purpose": "mind_reading"})
    read = read_record(signed(content), KEYS)
    assert [one.purpose for one in read.purposes] == [one.purpose for one in GOOD.purposes]
    assert read.digest not in {"", GOOD.digest}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", Refused.MALFORMED),
        (b"\xff\xfe", Refused.MALFORMED),
        (b"[]", Refused.MALFORMED),
        (b'{"record":{}}', Refused.MALFORMED),
        (b"[" * 5_000, Refused.MALFORMED),
        (canonical({"record": "x" * CONSENT_RECORD_BYTES_MAX, "signature": {}}), Refused.MALFORMED),
        (sign_record(AUTHORITY, GOOD).replace(b'"record":', b'"record": '), Refused.MALFORMED),
        (sign_record(AUTHORITY, GOOD).replace(b'"kiosk"', b'"phone"'), Refused.SIGNATURE),
        (sign_record(Ed25519PrivateKey.generate(), GOOD), Refused.SIGNATURE),
        (signed(body(), alg="none"), Refused.MALFORMED),
        (signed(body(), value="00" * 64), Refused.SIGNATURE),
        (signed(body(), value=""), Refused.SIGNATURE),
        (signed(body(), value="xy"), Refused.MALFORMED),
    ],
)
def test_what_nobody_signed_is_refused(raw: bytes, reason: Refused) -> None:
    """Nonsense, bombs, another form of the same, altered bytes, a foreign key."""
    with pytest.raises(RecordRefused) as refused:
        read_record(raw, KEYS)
    assert refused.value.reason is reason


def test_two_forms_of_one_name_are_refused() -> None:
    """A name that stands there twice means two things to two readers."""
    with pytest.raises(InputError):
        parse(b'{"a":1,"a":2}', 100)


def test_any_key_of_the_authority_will_do() -> None:
    """While keys change, records of the old and the new one are good."""
    new = Ed25519PrivateKey.generate()
    assert read_record(sign_record(new, GOOD), [*KEYS, new.public_key()]).digest == GOOD.digest


def test_a_history_is_one_chain() -> None:
    """Leaving one out, changing one or mixing two people shows."""
    first = record(consent(Purpose.PROFILE))
    second = record(consent(Purpose.PROFILE, ConsentState.WITHDRAWN, Scope.NONE), before=first)
    third = record(consent(Purpose.PROFILE, ConsentState.GIVEN), before=second)
    assert verify_chain([first, second, third]) == ""
    assert verify_chain([second, third]) == ""
    assert "version 3 follows version 1" in verify_chain([first, third])
    altered = record(consent(Purpose.PROFILE, ConsentState.GIVEN), before=first)
    assert "altered" in verify_chain([first, altered, third])
    assert "another subject" in verify_chain([first, record(subject=8, version=2)])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="ascii")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_canonical_bytes_and_content_are_one_to_one(content: Any) -> None:
    """What has a canonical form comes back from it, and only from it."""
    try:
        raw = canonical(content)
    except InputError:
        return
    again = parse(raw, sys.maxsize)
    assert again == content
    assert canonical(again) == raw


@pytest.mark.parametrize(
    "content", [1.5, float("nan"), 1 << 53, {"é": 1}, "\ud800", {1: 2}, b"x", [[[[[[[[[[1]]]]]]]]]]]
)
def test_what_has_no_one_form_is_not_signed(content: Any) -> None:
    """Fractions, large integers, names beyond ASCII, half characters, depth."""
    with pytest.raises(InputError):
        canonical(content)


@pytest.mark.parametrize("raw", [b"1.0", b"1e3", b"NaN", b" 1", b"-0", b'"\\u0041"', b'{"b":1,"a":2}', b"[1,]"])
def test_another_form_is_not_read(raw: bytes) -> None:
    """Spaces, escapes, order, numbers in other words."""
    with pytest.raises(InputError):
        parse(raw, 100)
