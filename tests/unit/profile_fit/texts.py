"""Documents of vehicle cards, and changes to them; must never hold a test."""

import re
from collections.abc import Callable
from importlib.resources import files


def text_of(name: str) -> str:
    """The document of a packaged card."""
    return (files("gateway.profile.fit") / "models" / f"{name}.toml").read_text("utf-8")


SALOON = text_of("saloon")


def changed(old: str, new: str, percent: bool = False) -> Callable[[str], str]:
    """A change of a document, which has to hold the old words. `percent`: the changed line is in percent from now."""

    def change(text: str) -> str:
        assert old in text, old
        lines = text.replace(old, new, 1).splitlines()
        if percent:
            lines = [line.replace('"mm"', '"percent"') if new in line else line for line in lines]
        return "\n".join(lines)

    return change


def without(table: str) -> Callable[[str], str]:
    """A change of a document that takes a whole table out."""

    def change(text: str) -> str:
        found, times = re.subn(rf"^\[{re.escape(table)}\]\n(?:[^\[\n].*\n|\n)*", "", text, flags=re.MULTILINE)
        assert times == 1, table
        return found

    return change
