"""The register of purposes: legal basis, scope, retention, owner, words; must never guess what it does not say."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from gateway.errors import ConfigError
from gateway.model import WITHOUT_CONSENT, DataTier, Purpose, Scope

TABLE = "purposes.toml"
TABLE_VERSION = 1
LANGUAGES = ("de", "en")
BASES = frozenset({"consent", "contract", "legal_obligation", "vital_interest"})


@dataclass(frozen=True, slots=True)
class PurposeEntry:
    """One purpose. `retention_days` bounds how long data is kept for it; `title` and `text` are by language."""

    purpose: Purpose
    dpv: str
    basis: str
    article: str
    scope_max: Scope
    tiers: frozenset[DataTier]
    double_opt_in: bool
    retention_days: int
    owner: str
    title: Mapping[str, str]
    text: Mapping[str, str]

    @property
    def needs_consent(self) -> bool:
        """Whether a guest is asked."""
        return self.basis == "consent"


class PurposeRegister:
    """Every purpose of the contract, each exactly once."""

    def __init__(self, entries: Mapping[Purpose, PurposeEntry]) -> None:
        """Raises ConfigError for a purpose that is missing or contradicts the contract."""
        for purpose in Purpose:
            entry = entries.get(purpose)
            if entry is None:
                raise ConfigError(f"register of purposes: {purpose.word} is missing")
            if entry.needs_consent == bool(WITHOUT_CONSENT >> purpose & 1):
                raise ConfigError(f"register of purposes: {purpose.word} has the basis {entry.basis}")
        self.entries = dict(entries)

    def __getitem__(self, purpose: Purpose) -> PurposeEntry:
        return self.entries[purpose]

    @classmethod
    @cache
    def load(cls) -> "PurposeRegister":
        """The register that ships beside the contract; raises ConfigError when it cannot be used."""
        return cls.parse((files("forecourt.v1") / TABLE).read_text("utf-8"))

    @classmethod
    def parse(cls, text: str) -> "PurposeRegister":
        """The register in `text` (TOML); raises ConfigError when it cannot be used."""
        try:
            table = tomllib.loads(text)
            if table["version"] != TABLE_VERSION:
                raise ConfigError(f"register of purposes: version {table['version']!r} is not understood")
            entries: dict[Purpose, PurposeEntry] = {}
            for row in table["purpose"]:
                entry = _entry(row)
                if entry.purpose in entries:
                    raise ConfigError(f"register of purposes: {entry.purpose.word} stands there twice")
                entries[entry.purpose] = entry
        except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"register of purposes: cannot be read: {error!r}") from error
        return cls(entries)


def _entry(row: Mapping[str, Any]) -> PurposeEntry:
    entry = PurposeEntry(
        purpose=Purpose[row["purpose"].upper()],
        dpv=row["dpv"],
        basis=row["basis"],
        article=row["article"],
        scope_max=Scope[row["scope_max"].upper()],
        tiers=frozenset(DataTier[tier.upper()] for tier in row["tiers"]),
        double_opt_in=bool(row.get("double_opt_in", False)),
        retention_days=row["retention_days"],
        owner=row["owner"],
        title=row["title"],
        text=row["text"],
    )
    name = entry.purpose.word
    if entry.basis not in BASES:
        raise ConfigError(f"register of purposes: {name} has no legal basis that the GDPR knows")
    if not (entry.owner and entry.dpv and entry.article and entry.tiers and entry.scope_max):
        raise ConfigError(f"register of purposes: {name} lacks an owner, a term, an article, tiers or a scope")
    if DataTier.FORBIDDEN in entry.tiers:
        raise ConfigError(f"register of purposes: {name} names the tier forbidden")
    if type(entry.retention_days) is not int or not 0 < entry.retention_days <= 3_650:
        raise ConfigError(f"register of purposes: {name} has no retention of 1 to 3,650 days")
    for language in LANGUAGES:
        if not entry.title.get(language) or not entry.text.get(language):
            raise ConfigError(f"register of purposes: {name} has no words in {language}")
    return entry
