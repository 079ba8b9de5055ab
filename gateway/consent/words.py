"""What people and apps write, as values of ours; must never take an unknown word for a known one."""

from collections.abc import Mapping
from typing import Any

from gateway.errors import InputError
from gateway.model import WITHOUT_CONSENT, Purpose, Scope

WORD_CHARACTERS_MAX = 64


def purposes_in(args: Mapping[str, Any]) -> list[Purpose]:
    """The purposes that a request names; raises InputError for none, or one that is unknown or needs no consent."""
    words = args.get("purposes")
    if not isinstance(words, list) or not words:
        raise InputError("purposes is a list of at least one name")
    return [purpose_of(word) for word in words]


def purpose_of(word: Any) -> Purpose:
    """The purpose of that name; raises InputError, which names those that there are."""
    known = {purpose.word: purpose for purpose in Purpose if not WITHOUT_CONSENT >> purpose & 1}
    found = known.get(word) if isinstance(word, str) else None
    if found is None:
        raise InputError(f"purposes are {', '.join(known)}")
    return found


def scope_of(word: Any) -> Scope | None:
    """The scope of that name, None for as far as each purpose may go; raises InputError."""
    if word is None:
        return None
    known = {scope.word: scope for scope in Scope if scope > Scope.NONE}
    if not isinstance(word, str) or word not in known:
        raise InputError(f"scopes are {', '.join(known)}")
    return known[word]


def subject_in(args: Mapping[str, Any]) -> int:
    """The visit that a request is about; raises InputError."""
    word = args.get("subject")
    try:
        found = int(word, 16) if isinstance(word, str) and len(word) == 16 and word.isalnum() else 0
    except ValueError:
        found = 0
    if not 0 < found < 1 << 63:
        raise InputError("subject is the handle of a visit: 16 hexadecimal digits")
    return found


def word_in(args: Mapping[str, Any], name: str, otherwise: str) -> str:
    """A word of a request; raises InputError for another type, an empty or a long one."""
    value = args.get(name, otherwise)
    if not isinstance(value, str) or not 0 < len(value) <= WORD_CHARACTERS_MAX:
        raise InputError(f"{name} is a word")
    return value


def only(args: Mapping[str, Any], *names: str) -> None:
    """Raises InputError for an argument that a request does not have."""
    if strange := sorted(set(args) - set(names)):
        raise InputError(f"there is no argument {strange[0]!r}; there are {', '.join(names) or 'none'}")
