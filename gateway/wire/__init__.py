"""Bytes: topics, codecs, seals, signatures; must never know a socket or a file."""

from gateway.wire.signing import sign, verify

__all__ = ["sign", "verify"]
