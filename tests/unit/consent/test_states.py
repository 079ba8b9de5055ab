"""Proves which states of consent allow, and which may follow which; must never repeat the table as its own proof."""

import json
from itertools import product

import pytest
from forecourt.v1 import consent_pb2

from gateway.consent.purposes import PurposeRegister
from gateway.consent.states import MOVES, ConsentState, move
from gateway.errors import ConfigError, InputError
from gateway.model import WITHOUT_CONSENT, Purpose

S = ConsentState
YES = {S.GIVEN, S.RENEWED}


def test_states_are_those_of_the_contract() -> None:
    """Same names, same numbers."""
    told = {name.removeprefix("CONSENT_STATE_"): n for name, n in consent_pb2.ConsentState.items() if n}
    assert {state.name: int(state) for state in S} == told


def test_only_two_states_allow() -> None:
    """Given and renewed."""
    assert {state for state in S if state.allows} == YES
    assert set(MOVES) == set(S)


@pytest.mark.parametrize(("old", "new"), list(product(S, S)))
def test_no_way_leads_around_a_yes(old: S, new: S) -> None:
    """A renewal needs a yes before it, an end needs something to end, and a no can always be said again."""
    try:
        move(old, new)
        legal = True
    except InputError:
        legal = False
    if new is S.RENEWED:
        assert legal == (old in YES)
    if new in {S.REVOKED, S.INVALIDATED}:
        assert legal == (old in YES or old is new)
    if new is S.WITHDRAWN and old in YES:
        assert legal
    if new is S.UNKNOWN:
        assert legal == (old is S.UNKNOWN)
    if old in YES and new is S.GIVEN:
        assert not legal, "a yes that stands is renewed, not given again"
    if old in {S.WITHDRAWN, S.REFUSED, S.EXPIRED} and new is S.GIVEN:
        assert legal, "a guest may change his mind"


def test_the_register_covers_the_contract() -> None:
    """Each purpose has basis, owner, retention and words; what needs no consent says why."""
    register = PurposeRegister.load()
    assert set(register.entries) == set(Purpose)
    for purpose, entry in register.entries.items():
        assert entry.needs_consent != bool(WITHOUT_CONSENT >> purpose & 1)
    asked_twice = {purpose.word for purpose, entry in register.entries.items() if entry.double_opt_in}
    assert asked_twice == {"marketing_email", "marketing_phone", "marketing_message"}


ROW = {
    "purpose": "profile",
    "dpv": "dpv:X",
    "basis": "consent",
    "article": "Art. 6(1)(a)",
    "scope_max": "cloud",
    "tiers": ["behaviour"],
    "retention_days": 1,
    "owner": "somebody",
    "title": {"de": "a", "en": "b"},
    "text": {"de": "a", "en": "b"},
}


def toml(**changes: object) -> str:
    """A register of one row."""
    lines = [f"{name} = {_value(value)}" for name, value in (ROW | changes).items() if value is not None]
    return "version = 1\n[[purpose]]\n" + "\n".join(lines)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {json.dumps(text)}" for name, text in value.items()) + "}"
    return json.dumps(value)


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": ""},
        {"owner": None},
        {"retention_days": 0},
        {"retention_days": None},
        {"basis": "because"},
        {"tiers": []},
        {"tiers": ["forbidden"]},
        {"scope_max": "none"},
        {"purpose": "mind_reading"},
        {"title": {"de": "a"}},
        {"text": {"de": "", "en": "b"}},
    ],
    ids=str,
)
def test_a_purpose_without_owner_retention_basis_or_words_stops_the_build(changes: dict[str, object]) -> None:
    """The row is refused before the register is looked at as a whole."""
    with pytest.raises(ConfigError, match=r"register of purposes: (?!driving_behaviour is missing)"):
        PurposeRegister.parse(toml(**changes))


def test_a_register_that_lacks_a_purpose_is_refused() -> None:
    """One row is good, and not enough."""
    with pytest.raises(ConfigError, match="is missing"):
        PurposeRegister.parse(toml())
