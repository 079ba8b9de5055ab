"""What apps beside the cloud kit may ask of the consent authority, by name; must never hold a state of its own."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway.cloud.consent.authority import Authority, Courier
from gateway.cloud.consent.ledger import Change
from gateway.consent.notices import notice
from gateway.consent.purposes import PurposeRegister
from gateway.consent.record import ConsentRecord
from gateway.consent.record_form import SURFACES
from gateway.consent.states import ConsentState
from gateway.consent.words import only, purposes_in, scope_of, subject_in, word_in
from gateway.errors import InputError
from gateway.model import WITHOUT_CONSENT, Purpose, Scope

Verb = Callable[[Mapping[str, Any]], Awaitable[Any]]


def authority_verbs(authority: Authority, courier: Courier | None = None) -> dict[str, Verb]:
    """The verbs of the cloud's door, about the visit in `subject`; answers are shaped as those of a device's.

    Without a `courier` no yes to marketing can be asked for, since none could be confirmed.
    """
    return {**_views(authority), **_words(authority), **_channels(authority, courier)}


async def _told(authority: Authority, subject: int) -> dict[str, Any]:
    """What is in force of a visit; raises InputError where nothing is known of it."""
    history, spread = await authority.history(subject), await authority.spread(subject)
    if not history:
        raise InputError("nothing is known of that visit")
    return consent_told(json.loads(history[-1])["record"], [one.version for one in spread if one.confirmed])


def _views(authority: Authority) -> dict[str, Verb]:
    """What changes nothing."""

    async def status(args: Mapping[str, Any]) -> Any:
        only(args, "subject")
        return await _told(authority, subject_in(args))

    async def receipt(args: Mapping[str, Any]) -> Any:
        only(args, "subject")
        return [json.loads(raw) for raw in await authority.history(subject_in(args))]

    async def export(args: Mapping[str, Any]) -> Any:
        only(args, "subject")
        return json.loads(await authority.export(subject_in(args)))

    async def spread(args: Mapping[str, Any]) -> Any:
        only(args, "subject")
        return [
            {"device": one.device, "version": one.version, "sent_us": one.sent_us, "confirmed": one.confirmed}
            for one in await authority.spread(subject_in(args))
        ]

    return {"status": status, "receipt": receipt, "export": export, "spread": spread}


def _words(authority: Authority) -> dict[str, Verb]:
    """A yes, a no, and where the visit goes on."""

    async def grant(args: Mapping[str, Any]) -> Any:
        only(args, "subject", "purposes", "scope", "surface", "language")
        subject, scope, language = subject_in(args), scope_of(args.get("scope")), word_in(args, "language", "de")
        where = surface_in(args)
        changes = [_yes(purpose, scope, language, where) for purpose in purposes_in(args)]
        await authority.change(subject, changes, "guest")
        return await _told(authority, subject)

    async def withdraw(args: Mapping[str, Any]) -> Any:
        only(args, "subject", "purposes", "surface")
        subject, where = subject_in(args), surface_in(args)
        changes = [Change(purpose, ConsentState.WITHDRAWN, surface=where) for purpose in purposes_in(args)]
        record = await authority.change(subject, changes, "guest")
        return {"version": record.version if isinstance(record, ConsentRecord) else 0}

    async def erase(args: Mapping[str, Any]) -> Any:
        only(args, "subject")
        return {"purged": await authority.erase(subject_in(args))}

    async def hand_over(args: Mapping[str, Any]) -> Any:
        only(args, "subject", "device")
        await authority.hand_over(subject_in(args), word_in(args, "device", ""))
        return {"device": args["device"]}

    return {"grant": grant, "withdraw": withdraw, "erase": erase, "hand_over": hand_over}


def _channels(authority: Authority, courier: Courier | None) -> dict[str, Verb]:
    """Double opt-in."""

    async def request(args: Mapping[str, Any]) -> Any:
        only(args, "subject", "purposes", "address", "surface", "language")
        subject, address = subject_in(args), args.get("address")
        if courier is None:
            raise InputError("no courier is set: start the cloud kit with --courier")
        if not isinstance(address, str):
            raise InputError("address is where the confirmation is sent")
        for purpose in purposes_in(args):
            text = notice(purpose, word_in(args, "language", "de"))
            await authority.request_marketing(subject, purpose, address, text.ref, courier, surface_in(args))
        return await _told(authority, subject)

    async def confirm(args: Mapping[str, Any]) -> Any:
        only(args, "token", "purposes", "language")
        (purpose,) = purposes_in(args)[:1]
        text = notice(purpose, word_in(args, "language", "de"))
        record = await authority.confirm(word_in(args, "token", ""), text.sha256)
        return await _told(authority, record.subject) if record is not None else None

    return {"request": request, "confirm": confirm}


def consent_told(record: Mapping[str, Any], confirmed: list[int]) -> dict[str, Any]:
    """What is in force by the newest record, in plain values; confirmed: a device said that it holds that version."""
    known = {one["purpose"]: one for one in record["purposes"]}
    rows = []
    for purpose in Purpose:
        if WITHOUT_CONSENT >> purpose & 1:
            continue
        one, entry = known.get(purpose.word), PurposeRegister.load()[purpose]
        scope = one["scope"] if one else Scope.NONE.word
        rows.append(
            {
                "purpose": purpose.word,
                "state": one["state"] if one else ConsentState.UNKNOWN.word,
                "scope": scope,
                "asked": scope,
                "since_us": one["event_time_us"] if one else 0,
                "basis": entry.basis,
                "needs_double_opt_in": entry.double_opt_in,
                "confirmed": scope != Scope.NONE.word and any(version >= record["version"] for version in confirmed),
            }
        )
    return {"subject": record["pii_principal_id"], "version": record["version"], "purposes": rows}


def surface_in(args: Mapping[str, Any]) -> str:
    """Where it was said; raises InputError."""
    surface = word_in(args, "surface", "phone")
    if surface not in SURFACES:
        raise InputError(f"surfaces are {', '.join(SURFACES)}")
    return surface


def _yes(purpose: Purpose, scope: Scope | None, language: str, surface: str) -> Change:
    entry = PurposeRegister.load()[purpose]
    if entry.double_opt_in:
        raise InputError(f"{purpose.word} is confirmed over its channel, not here")
    reach = min(scope or Scope.CDP, entry.scope_max)
    return Change(purpose, ConsentState.GIVEN, reach, notice(purpose, language).ref, surface)
