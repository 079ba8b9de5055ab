"""Takes a TOML document apart without trusting a word of it; must never let an unknown key pass in silence."""

import math
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, Final

from gateway.errors import InputError

CARD_BYTES_MAX: Final = 131_072
TEXT_CHARS_MAX: Final = 64
ITEMS_MAX: Final = 512


class Table:
    """A table that is read key by key; what is left over at the end is a mistake."""

    def __init__(self, where: str, found: object) -> None:
        """Raises InputError when it is no table."""
        if not isinstance(found, dict):
            raise InputError(f"{where}: a table is expected")
        self._where = where
        self._left: dict[str, Any] = dict(found)
        self._known: list[str] = []

    def wrong(self, key: str, why: str) -> InputError:
        """The error that says so of a key."""
        return InputError(f"{self._where}{'.' if self._where else ''}{key}: {why}")

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A finite number between the two, both included."""
        found = self._take(key, default)
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            raise self.wrong(key, f"{found!r} is no finite number")
        if not low <= found <= high:
            raise self.wrong(key, f"{found:g} is not between {low:g} and {high:g}")
        return float(found)

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number between the two, both included."""
        found = self._take(key, default)
        if isinstance(found, bool) or not isinstance(found, int):
            raise self.wrong(key, f"{found!r} is no whole number")
        if not low <= found <= high:
            raise self.wrong(key, f"{found} is not between {low} and {high}")
        return found

    def optional(self, key: str) -> float | None:
        """A finite number, or None where the key is missing."""
        return self.number(key, -1e9, 1e9) if self.has(key) else None

    def text(self, key: str, default: str | None = None) -> str:
        """A short text that is not empty."""
        return self._text(key, self._take(key, default))

    def one_of(self, key: str, allowed: Iterable[str], default: str | None = None) -> str:
        """One of these words."""
        found = self.text(key, default)
        if found not in allowed:
            raise self.wrong(key, f"{found!r} is none of {', '.join(allowed)}")
        return found

    def truth(self, key: str, default: bool) -> bool:
        """A truth."""
        found = self._take(key, default)
        if not isinstance(found, bool):
            raise self.wrong(key, f"{found!r} is neither true nor false")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of short texts, none twice; empty where the key is missing."""
        found = tuple(self._text(key, one) for one in self._list(key))
        if len(set(found)) < len(found):
            raise self.wrong(key, "names something twice")
        return found

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of finite numbers; empty where the key is missing."""
        found = self._list(key)
        if not all(isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in found):
            raise self.wrong(key, "finite numbers are expected")
        return tuple(found)

    def table(self, key: str) -> "Table":
        """A table within."""
        return Table(f"{self._where}{'.' if self._where else ''}{key}", self._take(key, None))

    def tables(self, key: str) -> Iterator["Table"]:
        """A list of tables; none where the key is missing."""
        for number, one in enumerate(self._list(key), 1):
            yield Table(f"{self._where}{key}[{number}]", one)

    def keys_left(self) -> list[str]:
        """What is still to be read."""
        return list(self._left)

    def has(self, key: str) -> bool:
        """Whether it is there and was not read yet."""
        self._known.append(key)
        return key in self._left

    def end(self) -> None:
        """Nothing may be left."""
        for key in self._left:
            close = get_close_matches(key, self._known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(set(self._known)))}"
            raise self.wrong(key, f"is no key of a vehicle card; {hint}")

    def _take(self, key: str, default: object) -> Any:
        self._known.append(key)
        if key not in self._left and default is None:
            raise self.wrong(key, "is missing")
        return self._left.pop(key, default)

    def _text(self, key: str, found: object) -> str:
        if not isinstance(found, str) or not found.strip() or len(found) > TEXT_CHARS_MAX or not found.isprintable():
            raise self.wrong(key, f"a text of 1 to {TEXT_CHARS_MAX} printable characters is expected")
        return found

    def _list(self, key: str) -> list[Any]:
        found = self._take(key, [])
        if not isinstance(found, list) or len(found) > ITEMS_MAX:
            raise self.wrong(key, f"a list of at most {ITEMS_MAX} is expected")
        return found


@contextmanager
def document(text: str) -> Iterator[Table]:
    """The whole document. Raises InputError for what is no TOML, too long, or holds what nobody reads."""
    if len(text.encode("utf-8", "surrogatepass")) > CARD_BYTES_MAX:
        raise InputError(f"longer than a vehicle card may be ({CARD_BYTES_MAX} bytes)")
    try:
        root = Table("", tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"not TOML ({error})") from error
    yield root
    root.end()
