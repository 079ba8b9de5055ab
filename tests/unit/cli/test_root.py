"""The command: what its help teaches, that verbs load one by one, and that errors are words."""

import json
import subprocess
import sys
from importlib import import_module
from importlib.metadata import EntryPoint

import click
import pytest
from click.testing import CliRunner

from gateway.cli import main, root
from gateway.errors import ConfigError, LinkError


def plant(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Adds a verb as another package would."""
    point = EntryPoint(name, value, root.GROUP)
    monkeypatch.setattr(root, "_points", lambda: {name: point})


def fail_config() -> None:
    """Fails as a part does."""
    raise ConfigError("store.folder: is a file; choose another")


def fail_link() -> None:
    """Fails as a part does that may succeed soon."""
    raise LinkError("the broker does not answer")


def fail_group() -> None:
    """Fails in two tasks at once."""
    raise ExceptionGroup("tasks", [ConfigError("one"), ExceptionGroup("inner", [ConfigError("two")])])


def fail_bug() -> None:
    """Fails as a mistake of ours."""
    raise ExceptionGroup("tasks", [ConfigError("one"), ZeroDivisionError()])


def fail_import() -> None:
    """Fails as a verb does whose extra is missing."""
    import_module("no_such_module")


config, link, group, bug, absent = (
    click.command(name)(function)
    for name, function in [
        ("config", fail_config),
        ("link", fail_link),
        ("group", fail_group),
        ("bug", fail_bug),
        ("absent", fail_import),
    ]
)
not_a_command = 3


def test_help_teaches_and_loads_nothing() -> None:
    """The roles, the verbs and the first steps are told, and no room was imported for that."""
    code = (
        "import json, sys\nfrom gateway.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "ours = ('gateway.', 'vehicle_agent', 'simulators', 'grpc', 'google')\n"
        "print(json.dumps([name for name in sys.modules if name.startswith(ours)]))"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    for words in (
        "Roles:",
        "First steps",
        "forecourt demo",
        "  vehicle ",
        "  cloud ",
        "  outbox ",
        "  check ",
        "  pki ",
    ):
        assert words in told
    assert set(json.loads(told.splitlines()[-1])) == {"gateway.errors", "gateway.cli", "gateway.cli.root"}


def test_errors_are_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2, what is wrong and what to do, without a trace; with --verbose with it."""
    plant(monkeypatch, "config", f"{__name__}:config")
    quiet = CliRunner().invoke(main, ["config"])
    assert (quiet.exit_code, quiet.output) == (2, "Error: store.folder: is a file; choose another\n")
    loud = CliRunner().invoke(main, ["--verbose", "config"])
    assert loud.exit_code == 2
    assert "Traceback" in loud.output
    assert "fail_config" in loud.output
    plant(monkeypatch, "link", f"{__name__}:link")
    assert "(it may well work in a moment: run it again)" in CliRunner().invoke(main, ["link"]).output


def test_errors_of_tasks_are_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of our own errors is told line by line; a mistake of ours keeps its trace."""
    plant(monkeypatch, "group", f"{__name__}:group")
    told = CliRunner().invoke(main, ["group"])
    assert (told.exit_code, told.output) == (2, "Error: one\ntwo\n")
    plant(monkeypatch, "bug", f"{__name__}:bug")
    assert isinstance(CliRunner().invoke(main, ["bug"]).exception, ExceptionGroup)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb whose package is not installed says which extra brings it, at load and while it runs."""
    plant(monkeypatch, "vehicle", "no_such_package.verbs:vehicle")
    told = CliRunner().invoke(main, ["vehicle", "run"])
    assert told.exit_code == 2
    assert "`forecourt vehicle` needs no_such_package" in told.output
    assert "pip install 'forecourt[vehicle]'" in told.output
    plant(monkeypatch, "absent", f"{__name__}:absent")
    assert "needs no_such_module, which is not installed" in CliRunner().invoke(main, ["absent"]).output
    plant(monkeypatch, "hub", "showroom_agent.no_such_room:hub")
    assert "is not part of this installation" in CliRunner().invoke(main, ["hub"]).output
    plant(monkeypatch, "odd", f"{__name__}:not_a_command")
    assert "is no click command" in CliRunner().invoke(main, ["odd"]).output


def test_a_mistyped_verb_gets_a_hint() -> None:
    """The nearest verb is named."""
    told = CliRunner().invoke(main, ["chek"])
    assert (told.exit_code, "did you mean check?" in told.output) == (2, True)


def test_version() -> None:
    """Says what is installed, also as an option."""
    told = CliRunner().invoke(main, ["version"])
    assert told.exit_code == 0
    assert "contract forecourt.v1" in told.output
    assert "extra vehicle" in told.output
    assert CliRunner().invoke(main, ["--version"]).output.startswith("forecourt 0")


def test_python_dash_m() -> None:
    """`python -m gateway` is the command."""
    done = subprocess.run([sys.executable, "-m", "gateway", "--help"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("Usage: forecourt ")


def test_the_package_loads_rooms_when_asked() -> None:
    """`import gateway` loads no room, a public name loads its home, and an unknown one is an AttributeError."""
    code = (
        "import sys, gateway\n"
        "assert [m for m in sys.modules if m.startswith('gateway')] == ['gateway']\n"
        "for name in dir(gateway): getattr(gateway, name)\n"
        "assert gateway.Event.__module__ == 'gateway.model'\n"
        "assert set(gateway._HOMES) == set(gateway.__all__)\n"
        "assert not hasattr(gateway, 'Agency')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
