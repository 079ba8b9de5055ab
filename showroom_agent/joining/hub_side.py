"""A hub joins: finds the site by its token, takes its identity; must never say the secret or trust an unpinned desk.

    FOLDER/identity/       as gateway.identity loads it, and site.json: where to renew
    FOLDER/hub.toml        settings for `forecourt hub run`, where there were none
    FOLDER/tags.toml       whom to know, as the site has it
    FOLDER/trusted-time    the site's time: certificates are judged by it until the clock is right

The hub's clock takes no part: the desk is known by its key, whatever its certificate's dates.
"""

import json
import secrets
import shutil
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.clock import Clock
from gateway.errors import ConfigError, InputError, LinkError, LinkRefused, SignatureError
from gateway.identity import Applicant, Issued, TrustedTime, read_file, write_file
from showroom_agent.joining import talk
from showroom_agent.joining.bounds import ANSWER_BYTES_MAX, MESSAGE_BYTES_MAX
from showroom_agent.joining.token import Token, pin_of

TRUSTED_FILE = "trusted-time"
RENEW_BEFORE_S = 90 * 86_400
_SETTINGS = """# Made by `forecourt hub join`. All settings: forecourt check --reference
role = "hub"

[device]
id = {device}
identity = "identity"

[hub]
tags = "tags.toml"
folder = "."

[link]
broker = {broker}
"""


@dataclass(frozen=True, slots=True)
class Joined:
    """What a hub was given. `off_s`: by how much its clock is behind the site's."""

    device: str
    broker: str
    until: datetime
    off_s: float
    settings_kept: bool = False


def join(token: Token, folder: Path, clock: Clock, *, device: str = "", timeout_s: float = 10.0) -> Joined:
    """Makes keys, proves the token, writes the identity; blocks. Asked again after a cut, it goes on with its keys.

    LinkError: nobody answers, ask again. LinkRefused: what the site says. SignatureError: another answers.
    """
    draft = folder / "identity.new"
    applicant = Applicant(draft)
    asking = {
        "v": talk.VERSION,
        "do": "join",
        "invitation": token.invitation,
        "device": device,
        "request": applicant.request(device or "device").decode(),
        "signing": applicant.signing_pem.decode(),
        "nonce": secrets.token_hex(talk.NONCE_CHARS // 2),
    }
    said = talk.joining(token.pin, asking)
    asking["proof"] = talk.proof(token.key, "hub", said)
    begin_us = clock.wall_us()
    answer = ask(token.host, token.port, token.pin, asking, timeout_s)
    if not talk.proven(token.key, "desk", talk.answering(said, answer), talk.text_of(answer, "proof", 64)):
        raise SignatureError("the desk has not proved that it made the token: do not use this network")
    off_s = _off_s(answer, begin_us, clock.wall_us())
    applicant.accept(_issued(answer))
    home = {"host": token.host, "port": token.port, "pin": token.pin.hex()}
    write_file(draft / "site.json", json.dumps(home).encode())
    _move(draft, folder / "identity")
    kept = _keep(folder, answer, clock)
    return Joined(answer["device"], answer["broker"], Applicant(folder / "identity").until, off_s, kept)


def renew(folder: Path, clock: Clock, *, timeout_s: float = 10.0) -> Joined:
    """Another certificate for the same keys, the site's tags and its time; blocks. Raises as `join` does."""
    applicant, home = Applicant(folder / "identity"), _home(folder)
    asking = {
        "v": talk.VERSION,
        "do": "renew",
        "device": applicant.device,
        "request": applicant.request(applicant.device).decode(),
        "nonce": secrets.token_hex(talk.NONCE_CHARS // 2),
    }
    pin = bytes.fromhex(home["pin"])
    said = talk.renewing(pin, asking)
    asking["signature"] = applicant.sign(said).hex()
    begin_us = clock.wall_us()
    answer = ask(home["host"], home["port"], pin, asking, timeout_s)
    _check_signed(folder, said, answer)
    off_s = _off_s(answer, begin_us, clock.wall_us())
    issued = _issued(answer)
    if issued.device != applicant.device:
        raise InputError("the site answered with another hub's certificate")
    applicant.accept(issued)
    _keep(folder, answer, clock)
    return Joined(issued.device, answer["broker"], applicant.until, off_s, settings_kept=True)


def due(folder: Path, clock: Clock) -> bool:
    """Whether the certificate ends within 90 days, by the latest time that is certain."""
    certain_us = max(TrustedTime(folder / TRUSTED_FILE, clock).last_us(), clock.wall_us())
    return Applicant(folder / "identity").until.timestamp() - RENEW_BEFORE_S < certain_us / 1e6


def site_time(folder: Path, clock: Clock, *, timeout_s: float = 10.0) -> float:
    """By how many seconds the clock is behind the site's, which signs its time; notes it as trusted; blocks."""
    home = _home(folder)
    pin = bytes.fromhex(home["pin"])
    asking = {"v": talk.VERSION, "do": "time", "nonce": secrets.token_hex(talk.NONCE_CHARS // 2)}
    begin_us = clock.wall_us()
    answer = ask(home["host"], home["port"], pin, asking, timeout_s)
    _check_signed(folder, talk.asking_time(pin, asking), answer)
    TrustedTime(folder / TRUSTED_FILE, clock).learn(answer["time_us"])
    return _off_s(answer, begin_us, clock.wall_us())


def ask(host: str, port: int, pin: bytes, asking: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    """Says one thing to the desk whose key is pinned, and returns its answer; nothing is said to another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is verified by its pinned key, below, before anything is said
    where = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), timeout_s) as plain, context.wrap_socket(plain) as sock:
            if _pin_of(sock) != pin:
                raise SignatureError(
                    f"at {where} another desk answers than the token names: the site was made anew, or somebody stands "
                    "between; take a new token at the site itself"
                )
            sock.sendall(talk.packed(asking, MESSAGE_BYTES_MAX))
            length = talk.length_of(_exactly(sock, talk.LENGTH.size), ANSWER_BYTES_MAX)
            answer = talk.unpacked(_exactly(sock, length))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise LinkError(f"nobody answers at {where} ({why}): does `forecourt site join-desk` run?") from error
    if answer.get("ok") is not True:
        raise LinkRefused(f"the site says: {str(answer.get('text', 'no'))[:300]}")
    return answer


def _pin_of(sock: ssl.SSLSocket) -> bytes:
    try:
        found = x509.load_der_x509_certificate(sock.getpeercert(binary_form=True) or b"")
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        return pin_of(found.public_key().public_bytes(serialization.Encoding.DER, spki))
    except ValueError:
        return b""


def _exactly(sock: ssl.SSLSocket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = sock.recv(min(count - len(parts), 65_536))
        if not part:
            raise ConnectionResetError("the connection was closed")
        parts += part
    return bytes(parts)


def _issued(answer: Mapping[str, Any]) -> Issued:
    names = ("certificate", "ca", "pinned")
    certificate, ca, pinned = (talk.text_of(answer, name).encode() for name in names)
    return Issued(talk.text_of(answer, "device", 64), certificate, ca, pinned)


def _off_s(answer: Mapping[str, Any], begin_us: int, end_us: int) -> float:
    """The site looked at its clock about in the middle."""
    time_us = answer.get("time_us")
    if not isinstance(time_us, int):
        raise InputError("the site told no time")
    return (time_us - (begin_us + end_us) / 2) / 1e6


def _check_signed(folder: Path, said: bytes, answer: Mapping[str, Any]) -> None:
    key = serialization.load_pem_public_key(read_file(folder / "identity" / "cloud.pub"))
    try:
        if not isinstance(key, Ed25519PublicKey):
            raise InvalidSignature
        key.verify(bytes.fromhex(talk.text_of(answer, "signature", 128)), talk.answering(said, answer))
    except (InvalidSignature, ValueError) as error:
        raise SignatureError("the answer is not signed by the site that this hub joined") from error


def _home(folder: Path) -> dict[str, Any]:
    path = folder / "identity" / "site.json"
    if not path.exists():
        raise ConfigError(f"{folder} holds no hub that has joined: run `forecourt hub join` first")
    try:
        found = json.loads(read_file(path))
        return {"host": str(found["host"]), "port": int(found["port"]), "pin": str(found["pin"])}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is damaged: join again with a new token") from error


def _move(draft: Path, target: Path) -> None:
    """The identity before stays until the new one is whole."""
    before = target.with_name("identity.old")
    shutil.rmtree(before, ignore_errors=True)
    if target.exists():
        target.rename(before)
    draft.rename(target)
    shutil.rmtree(before, ignore_errors=True)


def _keep(folder: Path, answer: Mapping[str, Any], clock: Clock) -> bool:
    """Time, tags, and settings where there are none; True when settings were there and stay."""
    TrustedTime(folder / TRUSTED_FILE, clock).learn(answer["time_us"])
    tags = answer.get("tags")
    path = folder / "tags.toml"
    if isinstance(tags, str) and tags:
        write_file(path, tags.encode(), private=True)
    elif not path.exists():
        write_file(path, b"# whom this hub knows; see forecourt hub --help\n", private=True)
    if (folder / "hub.toml").exists():
        return True
    device, broker = (json.dumps(talk.text_of(answer, name, 300)) for name in ("device", "broker"))
    write_file(folder / "hub.toml", _SETTINGS.format(device=device, broker=broker).encode())
    return False
