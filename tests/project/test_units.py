"""What systemd starts is there: each unit names a verb with options that it has, and locks the agent in as all do."""

import shlex
from configparser import ConfigParser
from pathlib import Path

import click
import pytest

from gateway.cli.root import main

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
LOCKED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "UMask": "0077",
    "User": "forecourt",
    "StateDirectory": "forecourt",
    "Restart": "always",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
}


def unit(path: Path) -> ConfigParser:
    """Its sections, as they are written."""
    found = ConfigParser(interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(path.read_text())
    return found


def test_there_is_one_for_each_agent_and_the_cloud() -> None:
    """None more, none less."""
    assert [path.stem for path in UNITS] == [f"forecourt-{role}" for role in ("cloud", "hub", "site", "vehicle")]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_what_it_starts_is_there(path: Path) -> None:
    """The verb, and every option of it."""
    program, *words = shlex.split(unit(path)["Service"]["ExecStart"])
    assert program == "/usr/bin/forecourt"
    command: click.Command = main
    context = click.Context(command)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command, context = found, click.Context(found)
    known = {name for parameter in command.params for name in parameter.opts}
    assert words[::2], "an agent has settings"
    assert set(words[::2]) <= known
    assert all(value.startswith(("/etc/forecourt/", "/var/lib/forecourt/", "mqtts://")) for value in words[1::2])


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_it_is_locked_in_and_comes_back(path: Path) -> None:
    """No rights, one folder to write to, started again whatever ended it, without giving up."""
    found = unit(path)
    assert {name: found["Service"][name] for name in LOCKED} == LOCKED
    assert found["Unit"]["StartLimitIntervalSec"] == "0"
    assert found["Install"]["WantedBy"] == "multi-user.target"
    assert int(found["Service"]["TimeoutStopSec"]) >= 5
