"""Which signals a request names: a leaf, a branch, or a pattern; must never take longer than pattern times path.

`*` stands for one level, `**` for any number of levels; without either, a branch means all below it; nothing means all.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

PATH_MAX: Final = 1_000
_VALID: Final = re.compile(r"(?:[^\s.:*]+|\*{1,2})(?:\.(?:[^\s.:*]+|\*{1,2}))*")


def matcher(pattern: str) -> Callable[[str], bool] | None:
    """A test of paths; None for a pattern that is none."""
    if pattern in {"", '""', "**"}:
        return lambda _: True
    if len(pattern) > PATH_MAX or not _VALID.fullmatch(pattern):
        return None
    if "*" not in pattern:
        branch = f"{pattern}."
        return lambda path: path == pattern or path.startswith(branch)
    words = pattern.split(".")
    return lambda path: _fits(words, path.split("."))


def _fits(words: Sequence[str], levels: Sequence[str]) -> bool:
    """Whether levels fit words, one row of a table for each word."""
    reach = [True] + [False] * len(levels)
    for word in words:
        if word == "**":
            reach = [any(reach[: at + 1]) for at in range(len(reach))]
        else:
            reach = [False] + [
                held and word in {"*", level} for held, level in zip(reach[:-1], levels, strict=True)
            ]  # fmt: skip
    return reach[-1]
