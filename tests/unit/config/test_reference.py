"""docs/configuration.md says what the declarations say; roles are found by name."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.config import Mistakes, reference_page, roles, settings_of

ROOT = Path(__file__).resolve().parents[3]
GOOD = """role = "vehicle"
[device]
id = "car-1"
identity = "pki/devices/car-1"
[store]
folder = "store"
[link]
broker = "mqtt://127.0.0.1:1883"
"""


def test_the_reference_is_current() -> None:
    """The page in docs/ is what `forecourt check --reference` prints."""
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert page == reference_page(), "run: forecourt check --reference > docs/configuration.md"
    assert CliRunner().invoke(main, ["check", "--reference"]).output == page
    assert '## `role = "vehicle"`' in page
    assert "| `bytes_max` | whole number, 1,048,576 to 1,099,511,627,776 bytes | `268435456` |" in page


def test_check_says_good(tmp_path: Path) -> None:
    """A good file of a role, and the plan that it names, end with 0."""
    path = tmp_path / "car.toml"
    path.write_text(GOOD)
    told = CliRunner().invoke(main, ["check", str(path)])
    assert (told.exit_code, told.output) == (0, f"{path}: good settings of the role vehicle\n")


def test_check_tells_every_mistake(tmp_path: Path) -> None:
    """Mistakes of the file end with 2 and one line each; those of its plan too; variables can be left out."""
    path, plan = tmp_path / "car.toml", tmp_path / "plan.toml"
    path.write_text(GOOD.replace('"car-1"\n', '"car 1"\n', 1) + "[vehicle]\nplan = 3\n")
    told = CliRunner().invoke(main, ["check", str(path)])
    assert told.exit_code == 2
    assert "2 mistakes in the settings:\n" in told.output
    assert f"{path}:3: device.id: " in told.output
    path.write_text(GOOD + '[vehicle]\nplan = "plan.toml"\n')
    plan.write_text(
        '[[event]]\nname = "a"\nsignals = ["Vehicle.Driver.HeartRate"]\npurposes = ["safety"]\nrate_hz = 1\n'
    )
    told = CliRunner().invoke(main, ["check", str(path)])
    assert told.exit_code == 2
    assert f"{plan}:3: event[1].signals[1]: Vehicle.Driver.HeartRate is never collected" in told.output
    path.write_text(GOOD)
    bad = {"FORECOURT_STORE__BYTES_MAX": "1"}
    assert CliRunner().invoke(main, ["check", str(path)], env=bad).exit_code == 2
    assert CliRunner().invoke(main, ["check", "--no-environment", str(path)], env=bad).exit_code == 0


def test_a_role_is_wanted(tmp_path: Path) -> None:
    """Without a role, and with an unknown one, the roles are named; an option goes before the file."""
    path = tmp_path / "car.toml"
    assert "vehicle" in roles()
    path.write_text(GOOD.replace('role = "vehicle"\n', ""))
    with pytest.raises(Mistakes, match=r'begin the file with one of: .*role = "vehicle"'):
        settings_of(path, {})
    assert settings_of(path, {}, "vehicle")[0] == "vehicle"
    path.write_text(GOOD.replace('"vehicle"', '"vehicel"'))
    with pytest.raises(Mistakes, match=r":1: role: .*did you mean vehicle\?"):
        settings_of(path, {})
    told = CliRunner().invoke(main, ["check"])
    assert (told.exit_code, "name a FILE" in told.output) == (2, True)
