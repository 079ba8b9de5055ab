"""MQTT 5 reason codes: what they are called and which error they make; must never decide what to do about one."""

from typing import Final

from gateway.errors import LinkBusy, LinkError, LinkRefused

NAMES: Final = {
    0x00: "success",
    0x10: "no matching subscribers",
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "unsupported protocol version",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8C: "bad authentication method",
    0x8D: "keep alive timeout",
    0x8E: "session taken over",
    0x8F: "topic filter invalid",
    0x90: "topic name invalid",
    0x91: "packet identifier in use",
    0x93: "receive maximum exceeded",
    0x94: "topic alias invalid",
    0x95: "packet too large",
    0x96: "message rate too high",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x99: "payload format invalid",
    0x9A: "retain not supported",
    0x9B: "QoS not supported",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9E: "shared subscriptions not supported",
    0x9F: "connection rate exceeded",
    0xA0: "maximum connect time",
    0xA1: "subscription identifiers not supported",
    0xA2: "wildcard subscriptions not supported",
}
FAILURE: Final = 0x80
"""Codes from here on are refusals."""
_BUSY: Final = {0x88, 0x89, 0x96, 0x97, 0x9F}
_REFUSED: Final = {
    0x84,
    0x85,
    0x86,
    0x87,
    0x8A,
    0x8C,
    0x8E,
    0x8F,
    0x90,
    0x95,
    0x98,
    0x9A,
    0x9B,
    0x9C,
    0x9D,
    0x9E,
    0xA1,
    0xA2,
}
_HINTS: Final = {
    0x84: "the broker must speak MQTT 5",
    0x85: "the client id must be the device id of the certificate",
    0x86: "is the certificate's name known to the broker?",
    0x87: "does the broker's ACL allow this device its own topics?",
    0x8E: "does a second device use this identity?",
}


def name(code: int) -> str:
    """Such as `not authorized (0x87)`."""
    return f"{NAMES.get(code, 'unknown reason')} (0x{code:02X})"


def error(what: str, code: int) -> LinkError:
    """The error of `what` having ended with `code`: LinkBusy, LinkRefused or LinkError."""
    hint = _HINTS.get(code)
    text = f"{what}: {name(code)}" + (f"; {hint}" if hint else "")
    if code in _BUSY:
        return LinkBusy(text)
    if code in _REFUSED:
        return LinkRefused(text)
    return LinkError(text)
