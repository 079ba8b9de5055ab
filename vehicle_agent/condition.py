"""Conditions of a plan, such as `Vehicle.Speed > 0 and not Vehicle.Cabin.Door.Row1.DriverSide.IsOpen`: a parser and
what it makes; must never run text as code.

    condition  = all { "or" all }
    all        = one { "and" one }
    one        = "not" one | "(" condition ")" | comparison
    comparison = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=") operand ]
    operand    = path | number | "text" | 'text' | true | false

A signal without a value makes what depends on it unknown, and what is unknown does not hold (Kleene's logic).
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from gateway.errors import InputError
from gateway.model import Value, ValueType

CHARACTERS_MAX: Final = 1_024
DEPTH_MAX: Final = 32
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<sign>==|!=|<=|>=|<|>|\(|\))"
    r"|(?P<end>$))"
)
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_SAME = {"==": operator.eq, "!=": operator.ne}

Latest: TypeAlias = Sequence[Value | None]
Test: TypeAlias = Callable[[Latest], bool | None]
_Get: TypeAlias = Callable[[Latest], Value | None]


@dataclass(frozen=True, slots=True)
class Operand:
    """A signal or a constant."""

    path: str = ""
    value: Value | None = None

    def get(self, index_of: Mapping[str, int]) -> _Get:
        """How to read it."""
        if self.path:
            return cast("_Get", operator.itemgetter(index_of[self.path]))
        value = self.value
        return lambda _: value


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands; without `sign` the left one has to be true."""

    left: Operand
    sign: str = ""
    right: Operand = Operand()

    def compile(self, index_of: Mapping[str, int]) -> Test:
        """The test; values of kinds that cannot be compared are unknown."""
        left, right = self.left.get(index_of), self.right.get(index_of)
        if not self.sign:
            return lambda latest: value if isinstance(value := left(latest), bool) else None
        same, compare = self.sign in _SAME, (_SAME | _ORDER)[self.sign]

        def test(latest: Latest) -> bool | None:
            one, two = left(latest), right(latest)
            if one is None or two is None:
                return None
            kind = _kind(one)
            if kind is not _kind(two) or not (same or kind is float):
                return None
            return bool(compare(one, two))

        return test


@dataclass(frozen=True, slots=True)
class Junction:
    """`and`, `or`, `not`."""

    word: str
    parts: "tuple[Node, ...]"

    def compile(self, index_of: Mapping[str, int]) -> Test:
        """The test, in three values."""
        tests = [part.compile(index_of) for part in self.parts]
        if self.word == "not":
            (inner,) = tests
            return lambda latest: None if (held := inner(latest)) is None else not held
        decides = self.word == "or"

        def test(latest: Latest) -> bool | None:
            outcome: bool | None = not decides
            for one in tests:
                held = one(latest)
                if held is decides:
                    return decides
                if held is None:
                    outcome = None
            return outcome

        return test


Node: TypeAlias = Comparison | Junction


class Condition:
    """A parsed condition. `paths` are the signals it looks at, in order of their first mention."""

    def __init__(self, text: str) -> None:
        """Parses; raises InputError that says what stands where and what is wanted."""
        self.text = text
        self.comparisons: list[Comparison] = []
        self._root = _Parser(text, self.comparisons).whole()
        operands = [one for comparison in self.comparisons for one in (comparison.left, comparison.right)]
        self.paths = tuple(dict.fromkeys(one.path for one in operands if one.path))

    def compile(self, index_of: Mapping[str, int]) -> Test:
        """A test of the latest values by position; None is unknown."""
        return self._root.compile(index_of)

    def unfit(self, types: Mapping[str, ValueType]) -> list[str]:
        """Comparisons that can never hold, since a signal is of another type; of unknown signals nothing is said."""
        found = []
        for one in self.comparisons:
            left, right = _type_of(one.left, types), _type_of(one.right, types)
            if not one.sign:
                if left not in {None, bool}:
                    found.append(f"{one.left.path} is {_WORDS[left]}: compare it with something")
            elif left is not None and right is not None and left is not right:
                found.append(f"{_name(one.left)} is {_WORDS[left]}, {_name(one.right)} is {_WORDS[right]}")
            elif one.sign in _ORDER and (left or right) not in {None, float}:
                found.append(f"{_name(one.left)} {one.sign} {_name(one.right)}: only numbers have an order")
        return found


_WORDS: dict[type | None, str] = {float: "a number", bool: "true or false", str: "a text", None: "unknown"}


def _kind(value: Value) -> type:
    kind = type(value)
    return float if kind is int else kind


def _type_of(operand: Operand, types: Mapping[str, ValueType]) -> type | None:
    if not operand.path:
        return _kind(operand.value) if operand.value is not None else None
    found = types.get(operand.path)
    if found is None:
        return None
    return {ValueType.BOOL: bool, ValueType.STRING: str}.get(found, float)


def _name(operand: Operand) -> str:
    return operand.path or repr(operand.value)


class _Parser:
    """Recursive descent with a bound on depth."""

    def __init__(self, text: str, comparisons: list[Comparison]) -> None:
        if len(text) > CHARACTERS_MAX:
            raise InputError(f"is longer than {CHARACTERS_MAX} characters")
        self._text, self._at, self._depth = text, 0, 0
        self._comparisons = comparisons
        self._next()

    def whole(self) -> Node:
        found = self._any()
        if self._kind != "end":
            raise self._wrong("and, or, or the end")
        return found

    def _next(self) -> None:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            self._word = self._text[self._at :].lstrip()[:1]
            self._begin = self._text.index(self._word, self._at)
            raise self._wrong("a signal, a number, a text, a comparison, and, or, not")
        self._kind, self._begin = str(found.lastgroup), found.start(str(found.lastgroup))
        self._word, self._at = found.group(self._kind), found.end()

    def _wrong(self, wanted: str) -> InputError:
        place = f"at character {self._begin + 1} stands {self._word!r}" if self._word else "at its end"
        return InputError(f"{place}: wanted is {wanted}")

    def _any(self) -> Node:
        parts = [self._all()]
        while self._word == "or":
            self._next()
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Junction("or", tuple(parts))

    def _all(self) -> Node:
        parts = [self._one()]
        while self._word == "and":
            self._next()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Junction("and", tuple(parts))

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise InputError(f"is nested deeper than {DEPTH_MAX}")
        try:
            if self._word == "not" and self._kind == "word":
                self._next()
                return Junction("not", (self._one(),))
            if self._word == "(":
                self._next()
                inner = self._any()
                if self._word != ")":
                    raise self._wrong("a closing parenthesis")
                self._next()
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Comparison:
        left = self._operand()
        found = Comparison(left)
        if self._kind == "sign" and self._word in _SAME | _ORDER:
            sign = self._word
            self._next()
            found = Comparison(left, sign, self._operand())
        if not (found.left.path or found.right.path):
            raise InputError(f"{_name(found.left)} is no signal: a comparison needs one")
        self._comparisons.append(found)
        return found

    def _operand(self) -> Operand:
        kind, token = self._kind, self._word
        if kind == "number":
            number = float(token)
            if not math.isfinite(number):
                raise self._wrong("a number that can be written")
            operand = Operand(value=number)
        elif kind == "text":
            operand = Operand(value=token[1:-1])
        elif kind == "word" and token.lower() in {"true", "false"}:
            operand = Operand(value=token.lower() == "true")
        elif kind == "word" and token not in {"and", "or", "not"}:
            operand = Operand(path=token)
        else:
            raise self._wrong("a signal, a number, a text, true or false")
        self._next()
        return operand
