"""Looks for what names a person where only machines should be named; must never print what it finds."""

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.log import EventFormatter

VIN = "WVWZZZ1KZAW000123"
EMAIL = "erika.mustermann@example.org"
NAME = "Mustermann"
ADDRESS = "Heidestrasse 17"
PERSON = "person-7f3a91"
SECRETS = (VIN, EMAIL, NAME, ADDRESS, PERSON)
SHAPES = {
    "vin": re.compile(r"\b(?=[A-HJ-NPR-Z]*\d)(?=\d*[A-HJ-NPR-Z])[A-HJ-NPR-Z0-9]{17}\b"),
    "email": re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", re.IGNORECASE),
    "coordinate": re.compile(
        r"(?<![\d.])-?\d{1,3}\.\d{4,}(?=\D|$)[^\n]{0,40}?(?:lat|lon|degree)|(?:lat|lon)\w*\W{1,4}-?\d{1,3}\.\d{3,}",
        re.IGNORECASE,
    ),
}
"""What such values look like, for those that nobody planted."""


@dataclass(slots=True)
class Scanner:
    """Collects texts by where they were found, and counts what names a person."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    planted: set[str] = field(default_factory=lambda: set(SECRETS))

    def add(self, place: str, *texts: str) -> None:
        """Texts of a place: logs, metrics, topics, errors."""
        self.texts.setdefault(place, []).extend(texts)

    def plant(self, values: Iterable[object]) -> None:
        """Values that must not be found anywhere; those so short that a measured number may hold them are left out."""
        self.planted.update(text for text in map(str, values) if len(text) >= 8)

    def found(self) -> dict[str, int]:
        """How many personal values each place holds; empty where there is none."""
        counts = {place: self._count("\n".join(texts)) for place, texts in self.texts.items()}
        return {place: count for place, count in counts.items() if count}

    @property
    def size(self) -> int:
        """Characters looked at."""
        return sum(len(text) for texts in self.texts.values() for text in texts)

    def _count(self, text: str) -> int:
        return sum(text.count(one) for one in self.planted) + sum(len(s.findall(text)) for s in SHAPES.values())


class _Into(logging.Handler):
    def __init__(self, scanner: Scanner) -> None:
        super().__init__(logging.DEBUG)
        self._scanner = scanner
        self.setFormatter(EventFormatter(as_json=True))

    def emit(self, record: logging.LogRecord) -> None:
        self._scanner.add("logs", self.format(record))
        if record.exc_info and record.exc_info[1] is not None:
            self._scanner.add("errors", repr(record.exc_info[1]))


@contextlib.contextmanager
def listening(scanner: Scanner) -> Iterator[None]:
    """Every log event of every room, debug included, while the block runs."""
    root, handler = logging.getLogger("forecourt"), _Into(scanner)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
