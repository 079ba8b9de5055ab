"""Proves that what is installed is what was locked: hashes, no hosts, in step, wheels for both machines."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
RUNTIME = ["vehicle", "hub", "site", "cloud", "sim"]
PLATFORMS = ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28"]
LINE = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>.*))?$")
UNREACHABLE = re.compile(r"error sending request|dns error|Could not connect|timed out", re.IGNORECASE)


def pins(extra: str) -> dict[str, str]:
    """Package to version of one lock, of the lines that hold on this machine."""
    found: dict[str, str] = {}
    for entry in entries(extra):
        match = LINE.match(entry[0])
        assert match, f"locks/{extra}.txt: {entry[0]!r} is not a pin"
        if match["marker"] is None or Marker(match["marker"]).evaluate():
            found[canonicalize_name(match["name"])] = match["version"]
    return found


def entries(extra: str) -> list[list[str]]:
    """The lines of each pin: `name==version`, then its hashes."""
    text = (ROOT / "locks" / f"{extra}.txt").read_text("utf-8").replace(" \\\n", "\n")
    found: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("    --hash="):
            found[-1].append(line.strip())
        else:
            found.append([line])
    return found


def wanted(extra: str) -> list[Requirement]:
    """What pyproject.toml asks for with one extra."""
    return [Requirement(text) for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"][extra]]


def closure(extra: str) -> dict[str, list[Requirement]]:
    """Every package that an extra brings, by the metadata of what is installed, with what is asked of it."""
    found: dict[str, list[Requirement]] = {}
    todo = [(requirement, frozenset[str]()) for requirement in wanted(extra)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        requirement, extras = todo.pop()
        if requirement.marker and not any(requirement.marker.evaluate({"extra": e}) for e in extras or {""}):
            continue
        name = canonicalize_name(requirement.name)
        if name != "forecourt":
            found.setdefault(name, []).append(requirement)
        key = (name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            needs = requires(name) or []
        except PackageNotFoundError:
            pytest.fail(f"{name} is needed by extra {extra} and is not installed; run `make lock venv`")
        todo += [(Requirement(text), frozenset(requirement.extras)) for text in needs]
    return found


@pytest.mark.parametrize("extra", [*RUNTIME, "build", "dev"])
def test_every_pin_has_hashes(extra: str) -> None:
    """No package is installed unchecked."""
    listed = entries(extra)
    assert len(listed) >= 6
    assert [entry[0] for entry in listed if len(entry) < 2] == []
    assert [
        line for entry in listed for line in entry[1:] if not re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line)
    ] == []


@pytest.mark.parametrize("extra", [*RUNTIME, "build", "dev"])
def test_no_host_names(extra: str) -> None:
    """A lock says what, not from where: no address, option or comment."""
    text = (ROOT / "locks" / f"{extra}.txt").read_text("utf-8")
    assert re.findall(r"^.*(?:://|^#|--index|--find-links|@ ).*$", text, re.MULTILINE) == []


@pytest.mark.parametrize("extra", [*RUNTIME, "build", "dev"])
def test_lock_is_in_step(extra: str) -> None:
    """A lock holds exactly what pyproject.toml brings on this machine, in versions that it allows."""
    locked, needed = pins(extra), closure(extra)
    assert sorted(needed.keys() - locked.keys()) == [], "missing: run `make lock`"
    assert sorted(locked.keys() - needed.keys()) == [], "no longer needed: run `make lock`"
    refused = [
        f"{requirement} but {locked[name]} is locked"
        for name, requirements in needed.items()
        for requirement in requirements
        if not requirement.specifier.contains(Version(locked[name]), prereleases=True)
    ]
    assert refused == []


@pytest.mark.parametrize("extra", [*RUNTIME, "build"])
def test_devices_run_what_was_tested(extra: str) -> None:
    """The versions of a device are those of the developers."""
    tested = pins("dev")
    assert {name: version for name, version in pins(extra).items() if tested.get(name) != version} == {}


@pytest.mark.parametrize("extra", ["vehicle", "hub", "cloud"])
def test_small_devices_stay_small(extra: str) -> None:
    """A head unit gets no radio, a hub no gRPC, neither numpy, a display or what checks accounts."""
    foreign = {"numpy", "rich", "iotcore", "grpcio-tools", "kuksa-client", "aiomqtt", "bleak", "grpcio", "pyjwt"}
    own = {canonicalize_name(Requirement(text).name) for text in PROJECT["optional-dependencies"][extra]}
    assert sorted((foreign - own) & pins(extra).keys()) == []


@pytest.mark.needs_registry
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("extra", RUNTIME)
def test_wheels_exist(extra: str, platform: str, tmp_path: Path) -> None:
    """Every locked runtime package has a wheel, of a locked hash, for CPython 3.11 on both machines."""
    command = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--dry-run", "--no-deps"]
    command += ["--only-binary", ":all:", "--require-hashes", "--python-version", "3.11", "--python-platform", platform]
    command += ["--target", str(tmp_path / "none"), "-r", str(ROOT / "locks" / f"{extra}.txt")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=25)
    if done.returncode and UNREACHABLE.search(done.stderr):
        pytest.skip("the package registry does not answer")
    assert done.returncode == 0, done.stderr
    assert f"Would install {len(pins(extra))} packages" in done.stderr
