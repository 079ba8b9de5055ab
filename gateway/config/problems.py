"""What is wrong with a file of settings, all of it at once; must never print a value that is secret."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gateway.errors import ConfigError

Key: TypeAlias = tuple[str | int, ...]
"""Where a setting stands: names of tables and keys, and positions in arrays counted from 0."""


def dotted(key: Key) -> str:
    """The key as a person writes it, with the positions of arrays in brackets, counted from 1."""
    text = ""
    for part in key:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it stands (line 0: nowhere in the file), what is wrong, and what would do."""

    file: str
    line: int
    key: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key + ': ' if self.key else ''}{self.text}{'; ' + self.hint if self.hint else ''}"


class Mistakes(ConfigError):
    """Everything that is wrong with a file, in the order of its lines. `problems` has the parts."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line, problem.key)))
        count = len(self.problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{count} mistake{'' if count == 1 else 's'} in the settings:\n{lines}")


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "known are: ") -> str:
    """A hint that names what `word` may have been meant to be, or else what is known (the first 12)."""
    names: Sequence[str] = sorted(known)
    near = difflib.get_close_matches(word, names, n=2, cutoff=0.6)
    if not near and len(word) >= 3:
        near = [name for name in names if name.startswith(word)][:2]
    if near:
        return f"did you mean {' or '.join(near)}?"
    if not names:
        return ""
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return otherwise + ", ".join(names[:12]) + more
