"""What apps on this machine may ask of the visit, by name: the desk at the door; must never hold a state of its own."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway.consent.words import only, purposes_in, scope_of, word_in
from gateway.guest.desk import GuestDesk
from gateway.guest.views import ConsentView, SessionView

Verb = Callable[[Mapping[str, Any]], Awaitable[Any]]


class _DeskVerbs:
    """One method for each verb."""

    def __init__(self, desk: GuestDesk) -> None:
        self._desk = desk

    async def session(self, args: Mapping[str, Any]) -> Any:
        """The visit, null for none."""
        only(args)
        return session_told(self._desk.session())

    async def begin(self, args: Mapping[str, Any]) -> Any:
        """A visit begins: surface, language."""
        only(args, "surface", "language")
        return session_told(
            await self._desk.open(word_in(args, "surface", "head_unit"), word_in(args, "language", "de"))
        )

    async def grant(self, args: Mapping[str, Any]) -> Any:
        """Yes to purposes: purposes, scope, surface, language."""
        only(args, "purposes", "scope", "surface", "language")
        scope = scope_of(args.get("scope"))
        where = word_in(args, "surface", "head_unit"), word_in(args, "language", "de")
        return consent_told(await self._desk.grant(purposes_in(args), scope, *where))

    async def withdraw(self, args: Mapping[str, Any]) -> Any:
        """No to purposes: purposes, surface."""
        only(args, "purposes", "surface")
        done = await self._desk.withdraw(purposes_in(args), word_in(args, "surface", "head_unit"))
        return {
            "purged": done.purged,
            "resealed": done.resealed,
            "keys_destroyed": done.keys_destroyed,
            "seconds": done.seconds,
        }

    async def status(self, args: Mapping[str, Any]) -> Any:
        """What is in force."""
        only(args)
        return consent_told(await self._desk.status())

    async def receipt(self, args: Mapping[str, Any]) -> Any:
        """The signed records."""
        only(args)
        return [json.loads(raw) for raw in await self._desk.receipts()]

    async def left(self, args: Mapping[str, Any]) -> Any:
        """What left, hour by hour."""
        only(args)
        return [
            {
                "hour_us": one.hour_us,
                "stream": one.stream.word,
                "purposes": [purpose.word for purpose in one.purposes],
                "events": one.events,
                "records": list(one.records),
            }
            for one in await self._desk.left()
        ]

    async def export(self, args: Mapping[str, Any]) -> Any:
        """Everything about the guest here."""
        only(args)
        return json.loads(await self._desk.export())

    async def erase(self, args: Mapping[str, Any]) -> Any:
        """Erases everything about the guest."""
        only(args)
        done = await self._desk.erase()
        return {"purged": done.purged, "keys_destroyed": done.keys_destroyed, "seconds": done.seconds}

    async def end(self, args: Mapping[str, Any]) -> Any:
        """The visit is over: reason."""
        only(args, "reason")
        report = await self._desk.end(word_in(args, "reason", "guest"))
        return {name: getattr(report, name) for name in report.__slots__}


def desk_verbs(desk: GuestDesk) -> dict[str, Verb]:
    """The verbs of a device's door. Each takes named arguments, refuses others, and answers in plain values."""
    verbs = _DeskVerbs(desk)
    names = ("session", "grant", "withdraw", "status", "receipt", "left", "export", "erase", "end")
    return {"open": verbs.begin} | {name: getattr(verbs, name) for name in names}


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
