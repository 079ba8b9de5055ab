"""What apps on this machine may ask of the visit, by name: the desk at the door; must never hold a state of its own."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from gateway.errors import InputError
from gateway.guest.desk import GuestDesk
from gateway.guest.views import ConsentView, SessionView
from gateway.model import WITHOUT_CONSENT, Purpose, Scope

Verb = Callable[[Mapping[str, Any]], Awaitable[Any]]


def desk_verbs(desk: GuestDesk) -> dict[str, Verb]:
    """The verbs of a device's door. Each takes named arguments, refuses others, and answers in plain values."""

    async def session(args: Mapping[str, Any]) -> Any:
        _only(args)
        return session_told(desk.session())

    async def begin(args: Mapping[str, Any]) -> Any:
        _only(args, "surface", "language")
        return session_told(await desk.open(_word(args, "surface", "head_unit"), _word(args, "language", "de")))

    async def grant(args: Mapping[str, Any]) -> Any:
        _only(args, "purposes", "scope", "surface", "language")
        scope = scope_of(args.get("scope"))
        where = _word(args, "surface", "head_unit"), _word(args, "language", "de")
        return consent_told(await desk.grant(purposes_in(args), scope, *where))

    async def withdraw(args: Mapping[str, Any]) -> Any:
        _only(args, "purposes", "surface")
        done = await desk.withdraw(purposes_in(args), _word(args, "surface", "head_unit"))
        return {
            "purged": done.purged,
            "resealed": done.resealed,
            "keys_destroyed": done.keys_destroyed,
            "seconds": done.seconds,
        }

    async def status(args: Mapping[str, Any]) -> Any:
        _only(args)
        return consent_told(await desk.status())

    async def receipt(args: Mapping[str, Any]) -> Any:
        _only(args)
        return [json.loads(raw) for raw in await desk.receipts()]

    async def export(args: Mapping[str, Any]) -> Any:
        _only(args)
        return json.loads(await desk.export())

    async def erase(args: Mapping[str, Any]) -> Any:
        _only(args)
        done = await desk.erase()
        return {"purged": done.purged, "keys_destroyed": done.keys_destroyed, "seconds": done.seconds}

    async def end(args: Mapping[str, Any]) -> Any:
        _only(args, "reason")
        report = await desk.end(_word(args, "reason", "guest"))
        return {name: getattr(report, name) for name in report.__slots__}

    return {
        "session": session,
        "open": begin,
        "grant": grant,
        "withdraw": withdraw,
        "status": status,
        "receipt": receipt,
        "export": export,
        "erase": erase,
        "end": end,
    }


def session_told(view: SessionView | None) -> dict[str, Any] | None:
    """A visit in plain values; None for none."""
    if view is None:
        return None
    return {
        "state": view.state.name.lower(),
        "subject": f"{view.subject:016x}",
        "opened_us": view.opened_us,
        "surface": view.surface,
        "language": view.language,
        "lease_s": view.lease_s,
    }


def consent_told(view: ConsentView) -> dict[str, Any]:
    """What is in force, in plain values."""
    return {
        "subject": f"{view.subject:016x}",
        "version": view.version,
        "purposes": [
            {
                "purpose": row.purpose.word,
                "state": row.state.word,
                "scope": row.scope.word,
                "asked": row.asked.word,
                "since_us": row.since_us,
                "basis": row.basis,
                "needs_double_opt_in": row.needs_double_opt_in,
                "confirmed": row.confirmed,
            }
            for row in view.rows
        ],
    }


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


def _word(args: Mapping[str, Any], name: str, otherwise: str) -> str:
    value = args.get(name, otherwise)
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise InputError(f"{name} is a word")
    return value


def _only(args: Mapping[str, Any], *names: str) -> None:
    if strange := sorted(set(args) - set(names)):
        allowed: Sequence[str] = names or ("none",)
        raise InputError(f"there is no argument {strange[0]!r}; there are {', '.join(allowed)}")
