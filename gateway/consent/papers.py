"""Records of consent as files on somebody's desk; must never call good what is not signed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.consent.canonical import canonical
from gateway.consent.record import ConsentRecord, RecordRefused, read_record, verify_chain
from gateway.errors import InputError


class Verified(NamedTuple):
    """The records that are good, by name, up to the first that is not; `bad` says why that is."""

    good: list[tuple[str, ConsentRecord]]
    bad: str


def public_key(path: Path) -> Ed25519PublicKey:
    """The key in a PEM file; raises InputError."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm, OSError) as error:
        raise InputError(f"{path} holds no public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path} holds a key that is not Ed25519")
    return key


def verified(files: Sequence[tuple[str, bytes]], keys: Sequence[Ed25519PublicKey]) -> Verified:
    """Each of `files` (name, bytes), oldest first. A file holds a record or a list of them, laid out in any way."""
    good: list[tuple[str, ConsentRecord]] = []
    for name, raw in ((name, raw) for name, content in files for raw in _records(content)):
        try:
            record = read_record(raw, keys)
        except RecordRefused as refused:
            return Verified(good, f"{name}: {refused}")
        if why := verify_chain([*(one for _, one in good), record]):
            return Verified(good, f"{name}: {why}")
        good.append((name, record))
    return Verified(good, "")


def _records(content: bytes) -> list[bytes]:
    """What is on a paper, in the form that was signed; how it is laid out on the paper is no part of it."""
    try:
        found = json.loads(content, parse_float=_no_fraction)
        return [canonical(one) for one in (found if isinstance(found, list) else [found])] or [content]
    except (ValueError, RecursionError, InputError):
        return [content]


def _no_fraction(text: str) -> Any:
    raise ValueError(f"{text} is no integer")


def keep(records: Sequence[Any], folder: Path) -> list[Path]:
    """Writes records (as JSON content, oldest first) as files in their canonical form; raises InputError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for content in records:
        try:
            name = f"{content['record']['pii_principal_id']}-{content['record']['version']:06}.json"
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("that is no record of consent") from error
        path = folder / Path(name).name
        path.write_bytes(canonical(content))
        path.chmod(0o600)
        written.append(path)
    return written
