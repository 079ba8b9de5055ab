"""Verifies records of consent with nothing of ours: Python and `cryptography`. Must never need a network.

    python verify_consent.py --key authority.pem RECORD.json...

Records oldest first: each has to be signed by the key, in its canonical form, and name the digest of the one before.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

CONTEXT = b"forecourt/v1/consent-record\0"


def canonical(content: object) -> bytes:
    """The one form of JSON that is signed: names sorted, no spaces, UTF-8 (RFC 8785 without fractions)."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def verify(raw: bytes, key: Ed25519PublicKey, previous: str | None) -> tuple[dict[str, object], str]:
    """The record and its digest; raises ValueError, in words, when it is not what the authority signed."""
    content = json.loads(raw)
    if canonical(content) != raw:
        raise ValueError("is not in canonical form")
    body = canonical(content["record"])
    try:
        key.verify(bytes.fromhex(content["signature"]["value"]), CONTEXT + body)
    except InvalidSignature:
        raise ValueError("is not signed by this key, or was altered") from None
    record: dict[str, object] = content["record"]
    if previous is not None and record["previous"] != previous:
        raise ValueError("does not follow from the one before")
    return record, hashlib.sha256(body).hexdigest()


def main() -> int:
    """0 when all are good."""
    parser = argparse.ArgumentParser(description="Verifies records of consent, offline.")
    parser.add_argument("--key", type=Path, required=True, help="public key of the authority (PEM, Ed25519)")
    parser.add_argument("records", type=Path, nargs="+", help="records, oldest first")
    arguments = parser.parse_args()
    key = load_pem_public_key(arguments.key.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        parser.error("the key is not an Ed25519 key")
    previous: str | None = None
    for path in arguments.records:
        try:
            record, previous = verify(path.read_bytes(), key, previous)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            sys.stdout.write(f"{path.name}: BAD, {error}\n")
            return 1
        sys.stdout.write(f"{path.name}: good, version {record['version']} of visit {record['pii_principal_id']}\n")
        purposes = record["purposes"]
        for one in purposes if isinstance(purposes, list) else []:
            sys.stdout.write(f"  {one['purpose']}: {one['state']}, {one['scope']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
