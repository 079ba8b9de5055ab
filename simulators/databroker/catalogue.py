"""Which signals a vehicle has: leaves of the Vehicle Signal Specification; must never change a unit or a type.

Any export of VSS as JSON is read (`vspec export json`). The small catalogue in signals.toml serves the packaged drive
and the packaged plan: names, types, units and ranges are those of VSS 6.0, the descriptions are ours.
"""

import json
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from gateway.errors import InputError
from gateway.model import Value
from simulators.databroker.patterns import PATH_MAX
from simulators.databroker.values import KINDS, DataKind, array_of

ENTRY_TYPES: Final = ("attribute", "sensor", "actuator")
BYTES_MAX: Final = 64 << 20
LEVELS_MAX: Final = 64
PATH: Final = re.compile(r"[A-Za-z]\w*(?:\.\w+)+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A signal: its path, VSS datatype, kind of entry, unit and bounds, all as VSS words them."""

    path: str
    datatype: str
    entry: str = "sensor"
    unit: str = ""
    low: float | None = None
    high: float | None = None
    allowed: tuple[Value, ...] = ()
    description: str = ""
    comment: str = ""
    deprecation: str = ""
    default: object = None
    kind: DataKind = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.datatype not in KINDS:
            raise InputError(f"{self.path}: {self.datatype!r} is no type of VSS that the databroker knows")
        if self.entry not in ENTRY_TYPES:
            raise InputError(f"{self.path}: {self.entry!r} is none of {', '.join(ENTRY_TYPES)}")
        object.__setattr__(self, "kind", KINDS[self.datatype])
        try:
            array_of(self.kind.field.removesuffix("_array") + "_array", self.allowed)
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.path}: an allowed value is no {self.datatype} ({error})") from error


class Catalogue(Mapping[str, Leaf]):
    """Leaves by path, in a fixed order. `skipped`: paths of a type that no datapoint carries (structures)."""

    def __init__(self, leaves: Iterable[Leaf], skipped: Iterable[str] = ()) -> None:
        self._leaves = {leaf.path: leaf for leaf in leaves}
        self.skipped = tuple(skipped)

    def __getitem__(self, path: str) -> Leaf:
        return self._leaves[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._leaves)

    def __len__(self) -> int:
        return len(self._leaves)

    def __or__(self, other: "Catalogue") -> "Catalogue":
        """Both; of a path in both the other's leaf."""
        return Catalogue({**self._leaves, **other._leaves}.values(), (*self.skipped, *other.skipped))

    def with_inferred(self, path: str, sample_values: Collection[Value]) -> "Catalogue":
        """With a sensor for a path that it does not know, of the narrowest type that holds all the samples.

        What it knows it keeps as it is. Raises InputError without a sample, and for what is no path.
        """
        if path in self:
            return self
        if not PATH.fullmatch(path) or len(path) > PATH_MAX:
            raise InputError(f"{path!r:.80} is no path of a signal")
        return self | Catalogue.of([Leaf(path, _inferred(path, sample_values))])

    @classmethod
    def of(cls, leaves: Iterable[Leaf]) -> "Catalogue":
        """A catalogue of these leaves."""
        return cls(leaves)

    @classmethod
    @cache
    def packaged(cls) -> "Catalogue":
        """The signals of the packaged drive and the packaged plan. Reads a file: not for the loop."""
        found = tomllib.loads((files("simulators.databroker") / "signals.toml").read_text("utf-8"))
        return cls(_leaf(path, node) for path, node in found.items())

    @classmethod
    def read(cls, path: Path) -> "Catalogue":
        """An export of VSS as JSON. Reads a file: not for the loop. Raises InputError."""
        try:
            if path.stat().st_size > BYTES_MAX:
                raise InputError(f"{path}: larger than any VSS catalogue ({BYTES_MAX} bytes)")
            tree = json.loads(path.read_bytes())
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: not JSON ({error})") from error
        try:
            return cls.from_tree(tree)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    @classmethod
    def from_tree(cls, tree: object) -> "Catalogue":
        """A tree as `vspec export json` writes it; raises InputError when it is none."""
        leaves, skipped = [], []
        for path, node in _walk(tree, "", 0):
            if node["datatype"] in KINDS:
                leaves.append(_leaf(path, node))
            else:
                skipped.append(path)
        if not leaves:
            raise InputError("no signal in it: give the JSON that `vspec export json` writes")
        return cls(leaves, skipped)


def _inferred(path: str, values: Collection[Value]) -> str:
    """Truths, whole numbers, numbers, words; whole numbers beyond 64 bits and mixtures are held by the next."""
    if not values:
        raise InputError(f"{path}: without a value its type is anybody's guess")
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        for name in ("int64", "uint64"):
            low, high = KINDS[name].low, KINDS[name].high
            if low is not None and high is not None and all(low <= int(value) <= high for value in values):
                return name
    return "double" if kinds <= {int, float} else "string"


def _walk(nodes: object, prefix: str, level: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(nodes, dict) or level > LEVELS_MAX:
        raise InputError(f"{prefix or 'the whole'} is no branch of VSS")
    for name, node in nodes.items():
        path = f"{prefix}{name}"
        if not isinstance(node, dict):
            raise InputError(f"{path} is neither a branch nor a leaf of VSS")
        if node.get("type") == "branch":
            yield from _walk(node.get("children", {}), f"{path}.", level + 1)
        elif node.get("type") in ENTRY_TYPES:
            if not isinstance(node.get("datatype"), str):
                raise InputError(f"{path} has no datatype")
            yield path, node


def _leaf(path: str, node: dict[str, Any]) -> Leaf:
    allowed, default = node.get("allowed", ()), node.get("default")
    texts = {key: str(node.get(key, "")) for key in ("unit", "description", "comment", "deprecation")}
    bounds = {key: node.get(key) for key in ("min", "max")}
    for key, bound in bounds.items():
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float)):
            raise InputError(f"{path}: {key} is no number")
    if isinstance(allowed, str) or not isinstance(allowed, list | tuple):
        raise InputError(f"{path}: allowed is no list")
    return Leaf(
        path=path,
        datatype=node["datatype"],
        entry=node["type"],
        low=bounds["min"],
        high=bounds["max"],
        allowed=tuple(allowed),
        default=tuple(default) if isinstance(default, list) else default,
        **texts,
    )
