"""What apps on this machine may ask of the visit, by name: the desk at the door; must never hold a state of its own."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway.consent.words import only, purposes_in, scope_of, word_in
from gateway.guest.desk import GuestDesk
from gateway.guest.views import ConsentView, SessionView

Verb = Callable[[Mapping[str, Any]], Awaitable[Any]]


def desk_verbs(desk: GuestDesk) -> dict[str, Verb]:
    """The verbs of a device's door. Each takes named arguments, refuses others, and answers in plain values."""

    async def session(args: Mapping[str, Any]) -> Any:
        only(args)
        return session_told(desk.session())

    async def begin(args: Mapping[str, Any]) -> Any:
        only(args, "surface", "language")
        return session_told(await desk.open(word_in(args, "surface", "head_unit"), word_in(args, "language", "de")))

    async def grant(args: Mapping[str, Any]) -> Any:
        only(args, "purposes", "scope", "surface", "language")
        scope = scope_of(args.get("scope"))
        where = word_in(args, "surface", "head_unit"), word_in(args, "language", "de")
        return consent_told(await desk.grant(purposes_in(args), scope, *where))

    async def withdraw(args: Mapping[str, Any]) -> Any:
        only(args, "purposes", "surface")
        done = await desk.withdraw(purposes_in(args), word_in(args, "surface", "head_unit"))
        return {
            "purged": done.purged,
            "resealed": done.resealed,
            "keys_destroyed": done.keys_destroyed,
            "seconds": done.seconds,
        }

    async def status(args: Mapping[str, Any]) -> Any:
        only(args)
        return consent_told(await desk.status())

    async def receipt(args: Mapping[str, Any]) -> Any:
        only(args)
        return [json.loads(raw) for raw in await desk.receipts()]

    async def left(args: Mapping[str, Any]) -> Any:
        only(args)
        return [
            {
                "hour_us": one.hour_us,
                "stream": one.stream.word,
                "purposes": [purpose.word for purpose in one.purposes],
                "events": one.events,
                "records": list(one.records),
            }
            for one in await desk.left()
        ]

    async def export(args: Mapping[str, Any]) -> Any:
        only(args)
        return json.loads(await desk.export())

    async def erase(args: Mapping[str, Any]) -> Any:
        only(args)
        done = await desk.erase()
        return {"purged": done.purged, "keys_destroyed": done.keys_destroyed, "seconds": done.seconds}

    async def end(args: Mapping[str, Any]) -> Any:
        only(args, "reason")
        report = await desk.end(word_in(args, "reason", "guest"))
        return {name: getattr(report, name) for name in report.__slots__}

    return {
        "session": session,
        "open": begin,
        "grant": grant,
        "withdraw": withdraw,
        "status": status,
        "receipt": receipt,
        "left": left,
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
