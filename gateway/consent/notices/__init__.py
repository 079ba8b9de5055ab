"""The texts that a guest agrees to, in full; must never change a text without changing its version.

A consent names the SHA-256 of the exact text that was shown, so that what was agreed to can be proved. An operator who
needs other words ships other tables; see docs/consent.md.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from gateway.consent.record import NoticeRef
from gateway.errors import ConfigError, InputError
from gateway.model import WITHOUT_CONSENT, Purpose

LANGUAGES = ("de", "en")
TABLE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Notice:
    """The text for one purpose in one language (BCP 47). `sha256` is that of the UTF-8 bytes of `text`, in hex."""

    purpose: Purpose
    language: str
    version: str
    text: str
    sha256: str

    @property
    def uri(self) -> str:
        """Its name in records."""
        return f"urn:forecourt:notice:{self.purpose.word}:{self.language}:{self.version}"

    @property
    def ref(self) -> NoticeRef:
        """How a record refers to it."""
        return NoticeRef(self.uri, self.sha256, self.language, self.version)


def notice(purpose: Purpose, language: str) -> Notice:
    """The text in force; raises InputError for a language without one, or a purpose that needs no consent."""
    found = load(language).get(purpose) if language in LANGUAGES else None
    if found is None:
        raise InputError(f"there is no notice for {purpose.word} in that language; there are {', '.join(LANGUAGES)}")
    return found


def find(sha256: str) -> Notice | None:
    """The notice with that hash, if it is one of those in force."""
    every = (one for language in LANGUAGES for one in load(language).values())
    return next((one for one in every if one.sha256 == sha256), None)


@cache
def load(language: str) -> Mapping[Purpose, Notice]:
    """All texts of a language; raises ConfigError when the table cannot be used."""
    return parse((files(__name__) / f"{language}.toml").read_text("utf-8"), language)


def parse(text: str, language: str) -> dict[Purpose, Notice]:
    """The texts in a table (TOML), the same closing words under each; raises ConfigError when one is missing."""
    try:
        table = tomllib.loads(text)
        if table["version"] != TABLE_VERSION or table["language"] != language:
            raise ConfigError(f"notices in {language}: another version or language than expected")
        found = {}
        for purpose in Purpose:
            if not WITHOUT_CONSENT >> purpose & 1:
                found[purpose] = _notice(purpose, language, table["notice"][purpose.word], table["closing"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"notices in {language}: cannot be read: {error!r}") from error
    return found


def _notice(purpose: Purpose, language: str, row: Mapping[str, Any], closing: str) -> Notice:
    text = row["text"].strip() + "\n\n" + closing.strip() + "\n"
    if type(row["version"]) is not str or not row["version"]:
        raise ConfigError(f"notices in {language}: {purpose.word} has no version")
    return Notice(purpose, language, row["version"], text, hashlib.sha256(text.encode()).hexdigest())
