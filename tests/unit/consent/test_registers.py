"""The registers say everything that is told, and the build fails where they do not."""

import hashlib
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from gateway.consent.events import EventRegister, Told, check_register
from gateway.consent.fields import Finding
from gateway.consent.notices import LANGUAGES, find, notice
from gateway.consent.notices import parse as parse_notices
from gateway.consent.parties import Parties
from gateway.consent.purposes import PurposeRegister
from gateway.errors import ConfigError, InputError
from gateway.model import WITHOUT_CONSENT, Purpose, purpose_set

CONSENTED = [purpose for purpose in Purpose if not WITHOUT_CONSENT >> purpose & 1]
REGISTER = PurposeRegister.load()


def packaged() -> list[Told]:
    """The events of the plan that ships with the vehicle agent, read as the file that it is."""
    table = tomllib.loads((files("vehicle_agent") / "plans" / "default.toml").read_text("utf-8"))
    return [
        Told(row["name"], purpose_set(Purpose[word.upper()] for word in row["purposes"]), tuple(row["signals"]))
        for row in table["event"]
    ]


def test_every_event_has_purpose_tier_retention_and_owner() -> None:
    """Of the packaged plan and of the contract, and none says more than its purposes allow."""
    assert check_register(packaged()) == []
    assert len(packaged()) >= 20
    for message in ("Trip", "IdentityLink", "ConsentChange", "ErasureRequest", "Gap"):
        assert f"forecourt.v1.{message}" in EventRegister.load().entries


ROW = """[[event]]
event = "{event}"
purposes = {purposes}
tier = "{tier}"
retention_days = {days}
owner = "{owner}"
about = "words"
"""


def registered(
    event: str = "speeding",
    purposes: str = '["driving_behaviour"]',
    tier: str = "behaviour",
    days: object = 30,
    owner: str = "o",
) -> EventRegister:
    """The register with one event more."""
    text = (files("forecourt.v1") / "events.toml").read_text("utf-8")
    row = ROW.format(event=event, purposes=purposes, tier=tier, days=days, owner=owner)
    return EventRegister.parse(text + "\n" + row)


SPEEDING = Told("speeding", 1 << Purpose.DRIVING_BEHAVIOUR, ("Vehicle.Speed",))


@pytest.mark.parametrize(
    ("register", "told", "why"),
    [
        (EventRegister.load(), SPEEDING, "is not in the register"),
        (registered(event="nobody"), None, "is in the register and told by nobody"),
        (registered(purposes='["usage_analytics"]'), SPEEDING, "other purposes"),
        (registered(tier="technical"), SPEEDING, "tells more than it says: behaviour"),
        (registered(tier="forbidden"), SPEEDING, "never collected"),
        (registered(days=3650), SPEEDING, "kept longer than driving_behaviour allows: 365 days"),
        (
            registered(purposes='["usage_analytics"]', tier="personal"),
            Told("speeding", 1 << Purpose.USAGE_ANALYTICS, ("Vehicle.Cabin.Door.Row1.DriverSide.IsOpen",)),
            "tells more than usage_analytics allows",
        ),
    ],
)
def test_an_event_that_is_not_accounted_for_fails_the_build(
    register: EventRegister, told: Told | None, why: str
) -> None:
    """Each thing that can be missing or too much."""
    found = check_register([*packaged(), *([told] if told else [])], register)
    assert found
    assert all(isinstance(one, Finding) for one in found)
    assert any(why in one.why for one in found)


@pytest.mark.parametrize(
    "changed", [{"owner": ""}, {"days": 0}, {"days": '"x"'}, {"event": "motion"}, {"purposes": '["x"]'}, {"tier": "x"}]
)
def test_an_entry_that_lacks_something_cannot_be_read(changed: dict[str, str]) -> None:
    """Nor one that stands there twice."""
    with pytest.raises(ConfigError):
        registered(**changed)


def test_what_a_message_tells_cannot_be_left_out() -> None:
    """A message of the contract without an entry is found."""
    entries = dict(EventRegister.load().entries)
    del entries["forecourt.v1.Trip"]
    assert check_register(packaged(), EventRegister(entries)) == [
        Finding("forecourt.v1.Trip", "is not in the register")
    ]


TEXT = (files("forecourt.v1") / "purposes.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ('purpose = "profile"', 'purpose = "profiles"'),
        ('purpose = "profile"', 'purpose = "safety"'),
        ('basis = "contract"', 'basis = "consent"'),
        ('basis = "consent"', 'basis = "legitimate_interest"'),
        ('basis = "consent"', 'basis = "contract"'),
        ("retention_days = 730", "retention_days = 0"),
        ("retention_days = 730", "retention_days = true"),
        ('owner = "showroom"', 'owner = ""'),
        ('scope_max = "cdp"', 'scope_max = "none"'),
        ('"technical", "behaviour"]', '"forbidden"]'),
        ('de = "Sicherheit", ', ""),
        ("[[purpose]]", "[[purposes]]"),
        ("version = 1", "version = "),
    ],
)
def test_a_register_of_purposes_that_is_not_whole_stops_the_program(old: str, new: str) -> None:
    """Nothing is collected on a guess."""
    assert old in TEXT
    with pytest.raises(ConfigError):
        PurposeRegister.parse(TEXT.replace(old, new, 1))


def test_every_purpose_names_its_basis_and_marketing_is_confirmed() -> None:
    """What needs no consent is named and cannot be asked for; each channel is confirmed on its own."""
    for purpose in Purpose:
        entry = REGISTER[purpose]
        assert entry.needs_consent == (purpose in CONSENTED)
        assert entry.double_opt_in == purpose.word.startswith("marketing_")
        assert entry.article.startswith("Art. 6(1)")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", CONSENTED)
def test_a_notice_says_what_the_register_says(purpose: Purpose, language: str) -> None:
    """How long, that it is voluntary, how it ends, on which basis; and it is found again by its hash."""
    one = notice(purpose, language)
    assert re.search(rf"\b{REGISTER[purpose].retention_days} (Tage|days)\b", one.text)
    assert all(word in one.text for word in ("Art. 7", "Art. 6"))
    assert ("freiwillig" in one.text) or ("voluntary" in one.text)
    assert find(one.sha256) == one
    assert one.uri == f"urn:forecourt:notice:{purpose.word}:{language}:{one.version}"


PINNED = "8674720b01b8167c8537f5d66deedc7e6321ddb3ed843609d6db9b8bc16f1eb8"
"""SHA-256 over all notices, version by version. Whoever changes a text raises its version and then this."""


def test_no_text_changes_without_its_version() -> None:
    """Records name hashes: the text of a version that was shown to guests is never another one."""
    every = [notice(purpose, language) for language in LANGUAGES for purpose in CONSENTED]
    lines = "\n".join(f"{one.uri} {one.sha256}" for one in every)
    assert hashlib.sha256(lines.encode()).hexdigest() == PINNED
    assert len({one.sha256 for one in every}) == len(every)


def test_there_is_no_notice_for_what_needs_no_consent_nor_in_other_languages() -> None:
    """Nobody is asked for what happens anyway."""
    for purpose, language in ((Purpose.SAFETY, "de"), (Purpose.PROFILE, "fr"), (Purpose.PROFILE, "../de")):
        with pytest.raises(InputError):
            notice(purpose, language)
    assert find("00" * 32) is None


@pytest.mark.parametrize(
    ("old", "new"), [("version = 1", "version = 2"), ("profile", "profil"), ('"1"', "1"), ("=", "")]
)
def test_notices_that_are_not_whole_stop_the_program(old: str, new: str) -> None:
    """A purpose without its text cannot be asked for."""
    text = (files("gateway.consent.notices") / "en.toml").read_text("utf-8")
    with pytest.raises(ConfigError):
        parse_notices(text.replace(old, new), "en")


PARTIES = (files("gateway.consent") / "parties.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ('role = "joint controller"', 'role = "friend"'),
        ('role = "joint controller"', 'role = "processor"'),
        ('contact = "privacy@example.com"', 'contact = ""'),
        ('jurisdiction = "DE"', ""),
        ('storage_locations = ["EU"]', "storage_locations = []"),
        ('storage_locations = ["EU"]', 'storage_locations = "EU"'),
        ("[[party]]", "[[parties]]"),
        ("version = 1", "version"),
    ],
)
def test_no_record_is_issued_in_nobodys_name(old: str, new: str) -> None:
    """Controllers and what TS 27560 asks for beside them."""
    with pytest.raises(ConfigError):
        Parties.parse(PARTIES.replace(old, new))


def test_an_operator_names_his_own_parties(tmp_path: Path) -> None:
    """From a file; one that is not there is a mistake, not the example."""
    (tmp_path / "parties.toml").write_text(PARTIES.replace("Example Automobile AG", "Werk"), "utf-8")
    assert Parties.load(tmp_path / "parties.toml").parties[0]["name"] == "Werk"
    assert Parties.load().parties[0]["name"] == "Example Automobile AG"
    with pytest.raises(ConfigError):
        Parties.load(tmp_path / "nothing.toml")
