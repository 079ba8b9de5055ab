"""A second, simpler reading of what signals may be used for; must never share code with the product's."""

import tomllib
from functools import cache
from importlib.resources import files

from gateway.model import Purpose, PurposeSet, purpose_set

TABLE = tomllib.loads((files("forecourt.v1") / "signal_policy.toml").read_text("utf-8"))["rule"]


@cache
def allows(path: str) -> PurposeSet:
    """What the table says of a path: forbidden wins, then the most names, then the fewest stars."""
    names = path.split(".")
    found: list[tuple[int, int, PurposeSet]] = []
    for rule in TABLE:
        for pattern in rule["paths"]:
            parts = pattern.split(".")
            if len(parts) > len(names) or any(p not in ("*", n) for p, n in zip(parts, names, strict=False)):
                continue
            if rule["tier"] == "forbidden":
                return 0
            purposes = purpose_set(Purpose[word.upper()] for word in rule["purposes"])
            found.append((len(parts), -parts.count("*"), purposes))
    return max(found)[2] if found else 0
