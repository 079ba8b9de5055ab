"""The line of each key, held against what tomllib makes of the same text."""

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.lines import lines_of
from gateway.config.problems import Key

TEXT = '''# head
role = "vehicle"  # "quoted" ] } comment

[device]
id = "car-1"
"quoted key" = 'literal # not a comment'
a.b.c = 3

[[event]]
name = """
two lines "with quotes"
"""
signals = [
  { path = "A", dead_band = 1 },  # first
  { path = "B" },
]

[[event]]
name = \'\'\'
[not.a.table]
x = 1\'\'\'
times = [[1, 2], [3]]
[event.limits]
high = 2
'''


def keys(value: Any, at: Key = ()) -> set[Key]:
    """Every key and position of a parsed document."""
    found = {at} if at else set()
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, below in pairs:
        found |= keys(below, (*at, part))
    return found


def test_each_key_has_its_line() -> None:
    """Tables, dotted keys, arrays of tables, multi-line strings, inline tables over lines."""
    lines = lines_of(TEXT)
    assert keys(tomllib.loads(TEXT)) == lines.keys()
    assert lines["role",] == 2
    assert lines["device", "quoted key"] == 6
    assert lines["device", "a", "b", "c"] == 7
    assert lines["event", 0] == 9
    assert lines["event", 0, "signals", 1, "path"] == 15
    assert lines["event", 1] == 18
    assert lines["event", 1, "times", 1, 0] == 22
    assert lines["event", 1, "limits", "high"] == 24


NAME = st.text("ab_-", min_size=1, max_size=3)
STRING = st.text("x\"'\\#]}=,\n", max_size=8)


def toml(value: Any) -> str:
    """A value as TOML, in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(toml, value)) + "\n]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return str(value)


VALUE = st.recursive(
    st.integers() | STRING, lambda below: st.lists(below, max_size=3) | st.dictionaries(NAME, below, max_size=3)
)


@settings(deadline=None)
@given(st.dictionaries(NAME, VALUE, max_size=4), st.lists(st.dictionaries(NAME, VALUE, max_size=3), max_size=3))
def test_no_key_is_missed(top: dict[str, Any], tables: list[dict[str, Any]]) -> None:
    """Of any document, every key is found and no other."""
    text = "".join(f"{name} = {toml(value)}\n" for name, value in top.items())
    for table in tables:
        text += "[[table]]\n" + "".join(f"{name} = {toml(value)}\n" for name, value in table.items())
    assert lines_of(text).keys() == keys(tomllib.loads(text))
