"""What each signal tells about a person, and what it may be kept for; must never guess: the unknown is denied."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

from gateway.errors import ConfigError
from gateway.model import WITHOUT_CONSENT, DataTier, Purpose, PurposeSet, purpose_set

TABLE = "signal_policy.toml"
TABLE_VERSION = 1


class Classified(NamedTuple):
    """How much a datum tells about a person, and what it may be used for (none where it is FORBIDDEN)."""

    tier: DataTier
    purposes: PurposeSet


def fault(tier: int, purposes: PurposeSet) -> str:
    """Why a classification cannot stand, in words; empty when it can."""
    if tier not in DataTier.__members__.values():
        return "has no tier"
    if tier == DataTier.FORBIDDEN:
        return "is forbidden but names purposes" if purposes else ""
    if not purposes:
        return "names no purpose"
    if purposes & 1:
        return "names the purpose UNSPECIFIED"
    if tier != DataTier.TECHNICAL and purposes >> Purpose.VEHICLE_OPERATION & 1:
        return "is about a person but may be used without consent for vehicle_operation"
    if tier == DataTier.PERSONAL and purposes & WITHOUT_CONSENT:
        return "is personal but may be used without consent"
    return ""


@dataclass(slots=True)
class _Node:
    branches: "dict[str, _Node]"
    rule: Classified | None = None


class SignalPolicy:
    """The table of signals: the longest path that fits decides, and what is forbidden stays so."""

    def __init__(self, rules: Mapping[str, Classified], overlays: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Takes rules by path or branch, `*` for one name; raises ConfigError when they contradict themselves."""
        self.rules = dict(rules)
        self.overlays = dict(overlays or {})
        self._root = _Node({})
        for path, rule in self.rules.items():
            if why := fault(rule.tier, rule.purposes):
                raise ConfigError(f"signal policy: {path} {why}")
            node = self._root
            for name in path.split("."):
                if not name:
                    raise ConfigError(f"signal policy: {path!r} is no path")
                node = node.branches.setdefault(name, _Node({}))
            node.rule = rule

    @classmethod
    def load(cls) -> "SignalPolicy":
        """The table that ships beside the contract; raises ConfigError when it cannot be used."""
        return cls.parse((files("forecourt.v1") / TABLE).read_text("utf-8"))

    @classmethod
    def parse(cls, text: str) -> "SignalPolicy":
        """The table in `text` (TOML); raises ConfigError when it cannot be used, so that nothing is collected."""
        try:
            table = tomllib.loads(text)
            if table["version"] != TABLE_VERSION:
                raise ConfigError(f"signal policy: version {table['version']!r} is not understood")
            rules: dict[str, Classified] = {}
            for rule in table["rule"]:
                tier = DataTier[rule["tier"].upper()]
                purposes = purpose_set(Purpose[word.upper()] for word in rule.get("purposes", ()))
                for path in rule["paths"]:
                    if path in rules:
                        raise ConfigError(f"signal policy: {path} stands there twice")
                    rules[path] = Classified(tier, purposes)
            overlays = {name: tuple(paths) for name, paths in table.get("overlays", {}).items()}
        except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"signal policy: cannot be read: {error!r}") from error
        return cls(rules, overlays)

    def classify(self, path: str) -> Classified | None:
        """What the signal at `path` tells and what it may be used for; None denies it."""
        best: tuple[int, int, Classified] | None = None
        for depth, exact, rule in _fits(self._root, path.split("."), 0, 0):
            if rule.tier is DataTier.FORBIDDEN:
                return rule
            if best is None or (depth, exact) > best[:2]:
                best = (depth, exact, rule)
        return best[2] if best else None

    def purposes(self, path: str) -> PurposeSet:
        """What the signal at `path` may be used for; empty where it is denied."""
        found = self.classify(path)
        return found.purposes if found else 0


def _fits(node: _Node, names: list[str], depth: int, exact: int) -> Iterator[tuple[int, int, Classified]]:
    """Rules on the way to a signal: how deep, how many names without a star, and the rule."""
    if node.rule is not None:
        yield depth, exact, node.rule
    if depth == len(names):
        return
    for name, more in ((names[depth], 1), ("*", 0)):
        branch = node.branches.get(name)
        if branch is not None:
            yield from _fits(branch, names, depth + 1, exact + more)
