"""Settings: what is taken, and that every mistake is told at once with its line and a hint."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.config import AgentSettings, Document, LogLevel, Mistakes, load, replaced
from gateway.errors import ConfigError
from gateway.model import Purpose

GOOD = """role = "vehicle"
[device]
id = "car-1"
identity = "pki/devices/car-1"

[store]
folder = "store"
bytes_max = 16_777_216

[link]
broker = "mqtts://broker.example:8883"

[consent]
subject = 77
[[consent.grant]]
purposes = ["driving_behaviour", "usage_analytics"]
valid_until = 2027-01-31T00:00:00Z
record = "r-1"

[flow]
receipt_timeout_s = 30
[flow.daily_bytes]
bulk = 5_000_000

[log]
level = "warning"
"""


def loaded(folder: Path, text: str, **environ: str) -> AgentSettings:
    """Settings from a file of that text."""
    path = folder / "car.toml"
    path.write_text(text, "utf-8")
    return load(AgentSettings, path, environ)


def mistakes(folder: Path, text: str, **environ: str) -> list[str]:
    """What is wrong, without the folder."""
    with pytest.raises(Mistakes) as caught:
        loaded(folder, text, **environ)
    assert isinstance(caught.value, ConfigError)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_good_settings(tmp_path: Path) -> None:
    """Values have their types, paths count from the file, what is left out has its default."""
    settings = loaded(tmp_path, GOOD)
    assert settings.device.identity == tmp_path / "pki/devices/car-1"
    assert (settings.store.bytes_max, settings.store.bulk_share) == (16_777_216, 0.8)
    (grant,) = settings.consent.grant
    assert grant.purposes == (Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS)
    assert grant.valid_until == datetime(2027, 1, 31, tzinfo=UTC)
    assert settings.flow.receipt_timeout_s == 30.0
    assert (settings.flow.daily_bytes.bulk, settings.flow.daily_bytes.live) == (5_000_000, None)
    assert settings.log.level is LogLevel.WARNING
    assert settings.health.port is None


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    """Variables replace and add settings; text that looks like a number stays text where text is wanted."""
    settings = loaded(
        tmp_path,
        GOOD,
        FORECOURT_DEVICE__ID="123",
        FORECOURT_LOG__JSON="true",
        FORECOURT_FLOW__DAILY_BYTES__LIVE="2000",
        FORECOURT_LINK__BROKER="mqtt://127.0.0.1:1883",
        FORECOURT_DEBUG="1",
    )
    assert settings.device.id == "123"
    assert settings.log.json
    assert settings.flow.daily_bytes.live == 2_000
    assert settings.link.broker == "mqtt://127.0.0.1:1883"


def test_every_mistake_at_once(tmp_path: Path) -> None:
    """Unknown, missing, of the wrong type, out of range, misspelt, contradictory: each has its line and a hint."""
    text = """[device]
id = "VIN 123"

[store]
folder = 7
byte_max = 5
bytes_max = 5
bulk_share = true

[links]
[consent]
[[consent.grant]]
purposes = ["driving_behavior", 3]
valid_from = 2027-01-31T00:00:00
[[consent.grant]]
purposes = ["safety"]
valid_from = 2027-01-31T00:00:00Z
valid_until = 2026-01-31T00:00:00Z
[log]
level = "loud"
"""
    assert mistakes(tmp_path, text, FORECOURT_FLOW__WINDOW_EVENTS="lots") == [
        (
            "car.toml: link.broker: is missing; the broker: mqtts://HOST:8883 with the device's certificate, "
            "or mqtt://HOST:1883 on a desk"
        ),
        (
            "car.toml:1: device.identity: is missing; folder with the device's certificate and keys and the cloud's "
            "pinned key, as `forecourt pki dev` makes it"
        ),
        'car.toml:2: device.id: "VIN 123" is not of the right form; 1 to 64 letters, digits, - and _',
        "car.toml:5: store.folder: is 7; write a path in quotes",
        "car.toml:6: store.byte_max: is not a setting; did you mean bytes_max?",
        "car.toml:7: store.bytes_max: 5 is out of range; allowed: 1,048,576 to 1,099,511,627,776 bytes",
        "car.toml:8: store.bulk_share: is true; write a number (0.05 to 0.9)",
        "car.toml:10: links: is not a setting; did you mean link?",
        'car.toml:13: consent.grant[1].purposes: "driving_behavior" is not known; did you mean driving_behaviour?',
        "car.toml:14: consent.grant[1].valid_from: has no time zone; add Z or an offset, such as 2027-01-31T00:00:00Z",
        (
            'car.toml:16: consent.grant[2].purposes: "safety" is not asked of a guest; '
            "take it out: such data is about nobody"
        ),
        "car.toml:18: consent.grant[2].valid_until: is not after valid_from",
        'car.toml:20: log.level: "loud" is not known; known are: debug, error, info, warning',
        'FORECOURT_FLOW__WINDOW_EVENTS: flow.window_events: is "lots"; write a whole number (100 to 40,000 events)',
    ]


def test_a_grant_belongs_to_somebody(tmp_path: Path) -> None:
    """A check over several settings has the line of the setting it is about."""
    assert mistakes(tmp_path, GOOD.replace("subject = 77", "")) == [
        "car.toml:15: consent.grant: belongs to nobody; set consent.subject to a random number above 0"
    ]


def test_files_that_are_none(tmp_path: Path) -> None:
    """Not there, not text, not TOML, too large: one line each."""
    with pytest.raises(Mistakes, match="cannot be read \\(No such file"):
        load(AgentSettings, tmp_path / "absent.toml", {})
    (told,) = mistakes(tmp_path, GOOD.replace('"store"', "store"))
    assert told == "car.toml:7: is not TOML: invalid value; text is written in quotes, one setting a line: name = value"
    (told,) = mistakes(tmp_path, GOOD + "x = [" + "[" * 5_000)
    assert "is not TOML" in told
    path = tmp_path / "odd.toml"
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(Mistakes, match="is not UTF-8 text"):
        load(AgentSettings, path, {})
    path.write_bytes(b"#" * 1_100_000)
    with pytest.raises(Mistakes, match="is larger than 1,048,576 bytes"):
        load(AgentSettings, path, {})


def test_tables_and_values_are_not_mixed_up(tmp_path: Path) -> None:
    """A value where a table is wanted, a table where a value is, a table where a list of tables is."""
    text = GOOD.replace('[log]\nlevel = "warning"', "[log.level]\nx = 1").replace(
        "[[consent.grant]]", "[consent.grant]"
    )
    assert mistakes(tmp_path, "health = 3\n" + text, FORECOURT_HEALTH__PORT="1") == [
        "car.toml:1: health: is not a table; write [health] and its settings below",
        "car.toml:16: consent.grant: is not a list of tables; write [[consent.grant]] before each",
        'car.toml:26: log.level: is a table, not a word; write one of "debug", "info", "warning", "error"',
        "FORECOURT_HEALTH__PORT: leads into a setting that is no table",
    ]


def test_secrets_and_floods_are_cut(tmp_path: Path) -> None:
    """A value that cannot be used is shown with at most 64 characters."""
    (told,) = mistakes(tmp_path, GOOD.replace('"car-1"', f'"{"x y" * 400}"', 1))
    assert len(told) < 200


def test_options_go_before_the_file(tmp_path: Path) -> None:
    """A command's options replace values of a section; those not given leave them as they are."""
    settings = replaced(loaded(tmp_path, GOOD), link={"broker": "mqtt://x:1"}, health={"port": None})
    assert (settings.link.broker, settings.link.keepalive_s, settings.health.port) == ("mqtt://x:1", 20, None)


def test_a_document_knows_the_line_of_what_is_missing(tmp_path: Path) -> None:
    """A problem at a key that is not there names the line of the nearest table around it."""
    document = Document(GOOD, "f", tmp_path)
    assert document.problem(("flow", "daily_bytes", "urgent"), "x").line == 22
    assert document.problem(("nowhere",), "x").line == 0
