"""What apps on this machine may ask of the guest's profile, by name; must never show a value of it."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from gateway.consent.words import only
from gateway.errors import InputError

if TYPE_CHECKING:
    from gateway.flow.profile_sync import ProfileSync

TOKEN_CHARS_MAX = 8_192
Verb = Callable[[Mapping[str, Any]], Awaitable[Any]]


def profile_verbs(sync: "ProfileSync") -> dict[str, Verb]:
    """The verbs about a sign-in. Each takes named arguments, refuses others, and answers in plain values."""
    from forecourt.v1 import profile_pb2

    async def challenge(args: Mapping[str, Any]) -> Any:
        """What a phone's key has to sign, with this device's name, to open its profile here."""
        only(args)
        return {"session_key": base64.b64encode(await sync.challenge()).decode("ascii")}

    async def sign_in(args: Mapping[str, Any]) -> Any:
        """The guest proves who he is: token, or code, or key with signature (base64)."""
        only(args, "token", "code", "key", "signature")
        proof = profile_pb2.ProfileProof()
        match sorted(args):
            case ["token"]:
                proof.token = _text(args, "token")
            case ["code"]:
                proof.code = _text(args, "code")
            case ["key", "signature"]:
                proof.key.public_key, proof.key.signature = _bytes(args, "key"), _bytes(args, "signature")
            case _:
                raise InputError("sign in with a token, or a code, or a key and its signature")
        await sync.sign_in(proof)
        return profile_told(sync)

    async def sign_out(args: Mapping[str, Any]) -> Any:
        """The profile goes; the visit stays open."""
        only(args)
        await sync.sign_out()
        return profile_told(sync)

    async def profile(args: Mapping[str, Any]) -> Any:
        """How it stands."""
        only(args)
        return profile_told(sync)

    return {"challenge": challenge, "sign_in": sign_in, "sign_out": sign_out, "profile": profile}


def profile_told(sync: "ProfileSync") -> dict[str, Any]:
    """How it stands, in plain values."""
    status, document = sync.status(), sync.document()
    return {
        "phase": status.phase.value,
        "reason": status.reason,
        "version": status.version,
        "groups": sorted(document.groups()) if document is not None else [],
        "changes_waiting": status.waiting,
        "staged": status.staged,
    }


def _text(args: Mapping[str, Any], name: str) -> str:
    value = args[name]
    if not isinstance(value, str) or not 0 < len(value) <= TOKEN_CHARS_MAX or not value.isascii():
        raise InputError(f"{name} has 1 to {TOKEN_CHARS_MAX} characters of ASCII")
    return value


def _bytes(args: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(_text(args, name), validate=True)
    except binascii.Error as error:
        raise InputError(f"{name} is written in base64") from error
