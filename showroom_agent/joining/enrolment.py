"""The desk's answers: who may join, renew or ask the time; must never tell more to one who proved nothing.

Synchronous and without a socket, so that every refusal can be tested by itself. Blocks on files: not for the loop.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from gateway.clock import Clock
from gateway.errors import ForecourtError, InputError, SignatureError
from gateway.identity import Issued
from gateway.log import Log
from gateway.model import ClockQuality
from showroom_agent.joining import talk
from showroom_agent.joining.place import Place

log = Log("joining")
Message = dict[str, Any]


class Enrolment:
    """Answers one message at a time."""

    def __init__(self, place: Place, clock: Clock) -> None:
        """For the site of `place`."""
        self._place, self._clock, self._pin = place, clock, place.pin
        self.counters: Counter[str] = Counter()
        self._deeds: dict[str, Callable[[Message], Message]] = {
            "join": self._join,
            "renew": self._renew,
            "time": self._time,
        }

    def answer(self, data: bytes) -> Message:
        """The answer to a message. A refusal says why; `guess` in it marks one that may have been a guess."""
        try:
            message = talk.unpacked(data)
            if message.get("v") != talk.VERSION:
                raise InputError("this desk speaks another version: install the site's version of Forecourt on the hub")
            deed = self._deeds.get(str(message.get("do")))
            if deed is None:
                raise InputError("a hub joins, renews or asks the time")
            if self._clock.quality() is ClockQuality.UNTRUSTED:
                raise InputError("the site's own clock shows no possible time: set it, then join")
            found = deed(message)
        except ForecourtError as error:
            guess = isinstance(error, SignatureError)
            self.counters["refused"] += 1
            log.warning("refused", why=str(error)[:120])
            return {"ok": False, "guess": guess, "text": str(error)}
        self.counters[str(message["do"])] += 1
        return found

    def _join(self, message: Message) -> Message:
        said = talk.joining(self._pin, message)
        ident, wish = talk.text_of(message, "invitation", 64), talk.text_of(message, "device", 64)
        if self._place.invitations.find(ident) is None:
            raise SignatureError("no such invitation here: it was withdrawn, or it is another site's")
        invitation = self._place.invitations.open(ident)
        key = bytes.fromhex(invitation.key)
        if not talk.proven(key, "hub", said, talk.text_of(message, "proof", 64)):
            self._place.invitations.wrong(invitation)
            raise SignatureError("the proof does not fit the invitation: take the token again, as it was printed")
        if wish and wish != invitation.device:
            raise InputError(f"the invitation is for {invitation.device}, not for {wish}: leave --id out, or invite it")
        request, signing = message["request"].encode(), message["signing"].encode()
        self._place.invitations.use(invitation, _digest(request, signing))
        issued = self._place.issuer.enrol(invitation.device, request, signing, invitation.replace)
        log.info("hub_joined", hub=issued.device)
        found = self._given(issued)
        found["proof"] = talk.proof(key, "desk", talk.answering(said, found))
        return found

    def _renew(self, message: Message) -> Message:
        said = talk.renewing(self._pin, message)
        device = talk.text_of(message, "device", 64)
        key = self._place.issuer.signing_key(device)
        try:
            if key is None:
                raise InvalidSignature
            key.verify(bytes.fromhex(talk.text_of(message, "signature", 128)), said)
        except (InvalidSignature, ValueError) as error:
            raise SignatureError("this hub is not enrolled here, or was revoked: invite it again") from error
        found = self._given(self._place.issuer.renew(device, message["request"].encode()))
        log.info("hub_renewed", hub=device)
        return self._signed(said, found)

    def _time(self, message: Message) -> Message:
        return self._signed(talk.asking_time(self._pin, message), {"ok": True, "time_us": self._clock.wall_us()})

    def _given(self, issued: Issued) -> Message:
        return {
            "ok": True,
            "device": issued.device,
            "certificate": issued.certificate.decode(),
            "ca": issued.ca.decode(),
            "pinned": issued.pinned.decode(),
            "broker": self._place.address.broker,
            "tags": self._place.tags(),
            "time_us": self._clock.wall_us(),
        }

    def _signed(self, said: bytes, found: Message) -> Message:
        found["signature"] = self._place.issuer.site_key().sign(talk.answering(said, found)).hex()
        return found


def _digest(request: bytes, signing: bytes) -> str:
    """Both public keys of a hub: whoever asks again with both is the same."""
    try:
        key = x509.load_pem_x509_csr(request).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError("the request is no PKCS 10 in PEM form") from error
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    der = key.public_bytes(serialization.Encoding.DER, spki)
    return hashlib.sha256(hashlib.sha256(der).digest() + signing).hexdigest()
