"""What hub and desk say to each other and how both prove it; must never hold a socket or a file.

A message is its length (4 bytes, big endian) and a JSON object. All is said inside TLS 1.3 with the desk whose key the
token pins. What proves who speaks is nevertheless bound to that key: HMAC-SHA256 (RFC 2104) under the invitation's key,
over the length-prefixed parts of what is said, the pin first. So the secret never crosses the wire, and a proof that
was coaxed out of a hub by another desk is worth nothing at this one.

    hub   {"v": 1, "do": "join", "invitation", "device", "request", "signing", "nonce", "proof"}
    hub   {"v": 1, "do": "renew", "device", "request", "nonce", "signature"}
    hub   {"v": 1, "do": "time", "nonce"}
    desk  {"ok": true, ..., "time_us", "proof" or "signature"}  or  {"ok": false, "why", "text"}
"""

import hashlib
import hmac
import json
import struct
from collections.abc import Mapping
from typing import Any

from gateway.errors import InputError, TooLarge

VERSION = 1
LENGTH = struct.Struct(">I")
NONCE_CHARS = 32


def packed(message: Mapping[str, Any], limit: int) -> bytes:
    """A message as it goes; TooLarge when it is over the limit."""
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > limit:
        raise TooLarge(f"a message of {len(data):,} bytes; {limit:,} at most")
    return LENGTH.pack(len(data)) + data


def length_of(head: bytes, limit: int) -> int:
    """How long the message is whose head came; TooLarge when it is over the limit."""
    length = int(LENGTH.unpack(head)[0])
    if length > limit:
        raise TooLarge(f"a message of {length:,} bytes; {limit:,} at most")
    return length


def unpacked(data: bytes) -> dict[str, Any]:
    """The object of a message without its length; InputError when it is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError("the message is no JSON") from error
    if not isinstance(found, dict):
        raise InputError("the message is no object")
    return found


def text_of(message: Mapping[str, Any], name: str, chars_max: int = 8_192) -> str:
    """A text in a message; InputError when it is absent, no text or too long."""
    found = message.get(name)
    if not isinstance(found, str) or len(found) > chars_max:
        raise InputError(f"{name} is a text of at most {chars_max:,} characters")
    return found


def joining(pin: bytes, message: Mapping[str, Any]) -> bytes:
    """What a hub's request to join says, as its proof covers it."""
    names = ("invitation", "device", "request", "signing", "nonce")
    return _bound("join", pin, [text_of(message, name) for name in names])


def renewing(pin: bytes, message: Mapping[str, Any]) -> bytes:
    """What a hub's request to renew says, as its signature covers it."""
    return _bound("renew", pin, [text_of(message, name) for name in ("device", "request", "nonce")])


def answering(asked: bytes, message: Mapping[str, Any]) -> bytes:
    """What the desk answers, as its proof or its signature covers it; `asked` ties it to the question."""
    said = {name: value for name, value in message.items() if name not in ("proof", "signature")}
    return _bound("answer", asked, [json.dumps(said, sort_keys=True, separators=(",", ":"))])


def asking_time(pin: bytes, message: Mapping[str, Any]) -> bytes:
    """A question for the time, to which its answer is tied."""
    return _bound("time", pin, [text_of(message, "nonce", NONCE_CHARS)])


def proof(key: bytes, side: str, said: bytes) -> str:
    """Proves that `side` holds the key and says this."""
    return hmac.new(key, side.encode() + b"\0" + said, hashlib.sha256).hexdigest()


def proven(key: bytes, side: str, said: bytes, given: str) -> bool:
    """Whether a proof fits, in a time that does not depend on it."""
    return hmac.compare_digest(proof(key, side, said).encode(), given.encode("utf-8", "replace"))


def _bound(what: str, first: bytes, parts: list[str]) -> bytes:
    """Length-prefixed, so that no two sayings share their bytes."""
    fields = [what.encode(), first, *(part.encode("utf-8", "surrogatepass") for part in parts)]
    return b"forecourt 1" + b"".join(LENGTH.pack(len(one)) + one for one in fields)
