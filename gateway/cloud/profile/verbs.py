"""What apps beside the cloud kit may ask of the profile authority, by name; must never hold a state of its own."""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.cloud.profile.authority import CODE_LIFE_S, Openers, ProfileAuthority, Reported
from gateway.cloud.profile.ledger import StaleWrite
from gateway.consent.words import only, word_in
from gateway.errors import InputError
from gateway.profile import Document, Value

Verb = Callable[[Mapping[str, Any]], Awaitable[Any]]
LEASE_S = 86_400
_NAME = re.compile(r"[0-7][0-9a-f]{15}")


def profile_authority_verbs(authority: ProfileAuthority) -> dict[str, Verb]:
    """The verbs of the cloud's door about profiles; each begins with profile_. A profile is named by 16 hex digits."""
    found = {**_views(authority), **_writes(authority), **_proofs(authority)}
    return {f"profile_{name}": verb for name, verb in found.items()}


def _views(authority: ProfileAuthority) -> dict[str, Verb]:
    """What changes nothing."""

    async def show(args: Mapping[str, Any]) -> Any:
        only(args, "profile")
        return document_told(await authority.show(profile_in(args)))

    async def history(args: Mapping[str, Any]) -> Any:
        only(args, "profile")
        return [
            {"version": one.version, "at": _when(one.at_us), "by": one.actor, "groups": list(one.groups)}
            for one in await authority.history(profile_in(args))
        ]

    async def export(args: Mapping[str, Any]) -> Any:
        only(args, "profile")
        profile = profile_in(args)
        versions = [
            {"at": _when(one.at_us), "by": one.actor, "groups": list(one.groups), **document_told(one.document)}
            for one in await authority.history(profile)
        ]
        found = await authority.reported(profile)
        return {
            "profile": f"{profile:016x}",
            **document_told(await authority.show(profile)),
            "versions": versions,
            "vehicles": [reported_told(one, one.values) for one in found],
            **_openers_told(await authority.openers(profile)),
        }

    async def reported(args: Mapping[str, Any]) -> Any:
        only(args, "profile")
        return [reported_told(one) for one in await authority.reported(profile_in(args))]

    return {"show": show, "history": history, "export": export, "reported": reported}


def _writes(authority: ProfileAuthority) -> dict[str, Verb]:
    """What changes a profile."""

    async def new(args: Mapping[str, Any]) -> Any:
        only(args)
        return {"profile": f"{await authority.new():016x}"}

    async def write(args: Mapping[str, Any]) -> Any:
        only(args, "profile", "values", "if_version")
        values, version = args.get("values"), args.get("if_version")
        if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
            raise InputError("values are fields with what they hold, null to delete one")
        if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
            raise InputError("if_version is a number")
        told = {key: _value(key, value) for key, value in values.items()}
        try:
            document = await authority.set(profile_in(args), told, if_version=version)
        except StaleWrite as stale:
            return {"conflict": document_told(stale.document)}
        return document_told(document)

    async def erase(args: Mapping[str, Any]) -> Any:
        only(args, "profile")
        await authority.erase(profile_in(args))
        return {"profile": args["profile"], "erased": True}

    return {"new": new, "set": write, "erase": erase}


def _proofs(authority: ProfileAuthority) -> dict[str, Verb]:
    """What opens a profile in a vehicle."""

    async def code(args: Mapping[str, Any]) -> Any:
        only(args, "profile", "device", "life_s")
        device, life_s = args.get("device", ""), _seconds(args, "life_s", CODE_LIFE_S)
        if not isinstance(device, str):
            raise InputError("device is the id of a vehicle")
        return {"code": await authority.code(profile_in(args), device=device, life_s=life_s), "life_s": life_s}

    async def stage(args: Mapping[str, Any]) -> Any:
        only(args, "profile", "device", "lease_s")
        lease_s = _seconds(args, "lease_s", LEASE_S)
        found, stage_id = await authority.stage(profile_in(args), word_in(args, "device", ""), lease_s=lease_s)
        return {"code": found, "stage": stage_id.hex(), "lease_s": lease_s}

    async def unstage(args: Mapping[str, Any]) -> Any:
        only(args, "stage", "device")
        try:
            stage_id = bytes.fromhex(word_in(args, "stage", ""))
        except ValueError as error:
            raise InputError("stage is what `stage` answered") from error
        await authority.unstage(stage_id, word_in(args, "device", ""))
        return {"stage": args["stage"]}

    async def key(args: Mapping[str, Any]) -> Any:
        only(args, "profile", "key")
        try:
            public = base64.b64decode(word_in(args, "key", ""), validate=True)
        except binascii.Error as error:
            raise InputError("key is 32 bytes in base64") from error
        await authority.add_key(profile_in(args), public)
        return {"profile": args["profile"]}

    return {"code": code, "stage": stage, "unstage": unstage, "key": key}


def document_told(document: Document) -> dict[str, Any]:
    """A profile in plain values: what each field holds, and where it was set."""
    return {
        "version": document.version,
        "epoch": document.epoch.hex(),
        "fields": {
            key: {
                "value": list(one.value) if isinstance(one.value, tuple) else one.value,
                "set_in": one.origin.device,
                "card": one.origin.card,
                "at": _when(one.hlc.physical_ms * 1_000),
            }
            for key, one in sorted(document.registers.items())
            if one.value is not None
        },
    }


def reported_told(one: Reported, values: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """What a vehicle said, in plain values; with the values of each field only for the guest himself."""
    outcomes = [{"field": f, "outcome": kind, "reason": reason} for f, kind, reason in one.outcomes]
    return {
        "device": one.device,
        "version": one.version,
        "visit": "over" if one.ended else "open",
        "outcomes": [{**told, **(values[n] if values else {})} for n, told in enumerate(outcomes)],
    }


def _openers_told(found: Openers) -> dict[str, Any]:
    return {
        "keys": [{"key": base64.b64encode(one).decode("ascii")} for one in found.keys],
        "accounts": [one.hex() for one in found.accounts],
        "codes": [
            {"device": device, "until": _when(until_us), "used": used, "staged": staged}
            for device, until_us, used, staged in found.codes
        ],
    }


def profile_in(args: Mapping[str, Any]) -> int:
    """The profile of a request; raises InputError."""
    name = word_in(args, "profile", "")
    if not _NAME.fullmatch(name):
        raise InputError("a profile is named by 16 hex digits, as `forecourt profile new` prints them")
    return int(name, 16)


def _value(key: str, value: object) -> Value | None:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return value
    raise InputError(f"{key} holds a number, a text or a list of texts")


def _seconds(args: Mapping[str, Any], name: str, otherwise: int) -> int:
    value = args.get(name, otherwise)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{name} is a number of seconds")
    return value


def _when(at_us: int) -> str:
    try:
        return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"{at_us} us"
