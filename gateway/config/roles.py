"""Which schema belongs to the role that a file names; must never import a role before it is asked for."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from gateway.config.document import Document
from gateway.config.problems import Mistakes, did_you_mean
from gateway.config.reference import reference

GROUP = "forecourt.settings"
_HEAD = """# Settings

<!-- Generated: `forecourt check --reference > docs/configuration.md`. -->

An agent reads one TOML file. The first line names its role. Tables and settings that are not named here are mistakes,
and `forecourt check FILE` shows all mistakes of a file at once, each with its line and what would do. Relative paths
count from the folder of the file. Secrets are never in it: it names folders and files.

Any setting can come from the environment instead: `FORECOURT_`, the section, two underscores, the setting, in capitals;
so `FORECOURT_LINK__BROKER=mqtts://broker.example:8883` goes before `broker` in `[link]`.

"""


def roles() -> tuple[str, ...]:
    """The roles that are installed."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def schema_of(role: str) -> type[Any]:
    """The schema of a role; raises KeyError when it is not installed, ImportError when it lacks an extra."""
    for point in entry_points(group=GROUP):
        if point.name == role:
            schema: type[Any] = point.load()
            return schema
    raise KeyError(role)


def settings_of(path: Path, environ: Mapping[str, str], role: str | None = None) -> tuple[str, Any]:
    """Role and settings of a file of any role; raises Mistakes. Blocks: not for the loop."""
    document = Document.read(path, environ)
    named = role or document.data.get("role")
    if named is None:
        raise Mistakes([document.problem(("role",), "is missing", f"begin the file with one of: {_lines()}")])
    if not isinstance(named, str) or named not in roles():
        hint = did_you_mean(str(named)[:64], roles())
        raise Mistakes([document.problem(("role",), f'"{str(named)[:64]}" is not a role', hint)])
    return named, document.settings(schema_of(named), ignore=frozenset({"role"}))


def reference_page() -> str:
    """docs/configuration.md as the declarations have it."""
    return _HEAD + reference({role: schema_of(role) for role in roles()})


def _lines() -> str:
    return ", ".join(f'role = "{role}"' for role in roles())
