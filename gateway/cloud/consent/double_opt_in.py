"""Double opt-in for advertising, each channel on its own; must never keep an address, a number or a token.

A yes is pending until whoever holds the address has confirmed it there. What is kept proves that, and tells nobody the
address: its salted hash, the hash of the token, the times, and the hash of the very text (BGH I ZR 164/09: the concrete
declaration has to be documented; a mail proves nothing for calls, hence one confirmation per channel).
"""

import hashlib
import hmac
import secrets
import sqlite3
from typing import NamedTuple

from gateway.clock import Clock
from gateway.cloud.consent.ledger import Change, ConsentLedger
from gateway.consent.record import ConsentRecord, NoticeRef
from gateway.consent.states import ConsentState
from gateway.errors import InputError
from gateway.model import Purpose, Scope

CHANNELS = {
    Purpose.MARKETING_EMAIL: "email",
    Purpose.MARKETING_PHONE: "phone",
    Purpose.MARKETING_MESSAGE: "message",
}
LIFE_S = 72 * 3_600
OPEN_MAX = 5
"""Requests of one visit that may wait for a confirmation at once."""
ADDRESS_CHARACTERS_MAX = 254
_SCRIPT = """
create table if not exists consent_opt_in (token_sha256 text primary key, subject integer not null, purpose integer not
    null, salt blob not null, address_sha256 text not null, notice_uri text not null, notice_sha256 text not null,
    language text not null, notice_version text not null, requested_us integer not null, sent text not null default '',
    ended_us integer) without rowid
"""


class Requested(NamedTuple):
    """A confirmation to be sent: the token is for the message alone and is not kept."""

    token: str
    channel: str


class DoubleOptIn:
    """Requests and confirmations, in the caller's transaction on the inbox's thread."""

    def __init__(self, db: sqlite3.Connection, ledger: ConsentLedger, clock: Clock) -> None:
        self._db, self._ledger, self._clock = db, ledger, clock
        db.execute(_SCRIPT)

    def request(self, subject: int, purpose: Purpose, address: str, notice: NoticeRef, surface: str) -> Requested:
        """A guest said yes to a channel: pending until `confirm`. Raises InputError for what cannot be asked."""
        channel = CHANNELS.get(purpose)
        if channel is None:
            raise InputError(f"{purpose.word} has no channel that could be confirmed")
        if not 3 <= len(address) <= ADDRESS_CHARACTERS_MAX:
            raise InputError("no such address")
        now_us = self._clock.wall_us()
        (waiting,) = self._db.execute(
            "select count(*) from consent_opt_in where subject = ? and ended_us is null and requested_us > ?",
            (subject, now_us - LIFE_S * 1_000_000),
        ).fetchone()
        if waiting >= OPEN_MAX:
            raise InputError("too many confirmations are waiting; use one of them")
        self._ledger.change(subject, [Change(purpose, ConsentState.GIVEN, Scope.CLOUD, notice, surface)], "guest")
        token, salt = secrets.token_urlsafe(24), secrets.token_bytes(16)
        self._db.execute(
            "insert into consent_opt_in(token_sha256, subject, purpose, salt, address_sha256, notice_uri,"
            " notice_sha256, language, notice_version, requested_us) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_sha(token), subject, int(purpose), salt, address_hash(salt, address), *notice_row(notice), now_us),
        )
        return Requested(token, channel)

    def sent(self, token: str, message_id: str) -> None:
        """The confirmation left under this id of the messenger, which is part of the evidence."""
        self._db.execute("update consent_opt_in set sent = ? where token_sha256 = ?", (_sha(message_id), _sha(token)))

    def confirm(self, token: str, notice_sha256: str, surface: str = "phone") -> ConsentRecord | None:
        """Whoever holds the address has confirmed the text of that hash: from now on it is a yes.

        Raises InputError for a token that is unknown, used or over, or another text than was asked about.
        """
        row = self._db.execute(
            "select subject, purpose, address_sha256, notice_uri, notice_sha256, language, notice_version,"
            " requested_us, sent from consent_opt_in where token_sha256 = ? and ended_us is null",
            (_sha(token),),
        ).fetchone()
        if row is None:
            raise InputError("this confirmation is not known, or was used already")
        subject, number, address, uri, digest, language, version, requested_us, sent = row
        purpose, now_us = Purpose(number), self._clock.wall_us()
        if now_us - requested_us > LIFE_S * 1_000_000:
            self._end(token, now_us)
            self._ledger.change(subject, [Change(purpose, ConsentState.EXPIRED)], "system")
            raise InputError("this confirmation came too late; ask again")
        if not hmac.compare_digest(digest, notice_sha256):
            raise InputError("the text that is confirmed is not the one that was asked about")
        self._end(token, now_us)
        evidence: dict[str, str | int] = {
            "channel": CHANNELS[purpose],
            "requested_us": requested_us,
            "confirmed_us": now_us,
            "token_sha256": _sha(token),
            "address_sha256": address,
            "notice_sha256": digest,
            "message_sha256": sent,
        }
        notice = NoticeRef(uri, digest, language, version)
        change = Change(purpose, ConsentState.GIVEN, Scope.CLOUD, notice, surface, evidence=evidence)
        return self._ledger.change(subject, [change], "guest")

    def proves(self, subject: int, purpose: Purpose, address: str) -> bool:
        """Whether the evidence is about this address: what a controller shows when somebody asks where it came from."""
        rows = self._db.execute(
            "select salt, address_sha256 from consent_opt_in where subject = ? and purpose = ?", (subject, int(purpose))
        )
        return any(hmac.compare_digest(address_hash(salt, address), digest) for salt, digest in rows)

    def forget(self, subject: int) -> int:
        """Erasure: requests that were not confirmed go; the evidence of those that were stays (Art. 17(3)(e))."""
        query = "delete from consent_opt_in where subject = ? and ended_us is null"
        return self._db.execute(query, (subject,)).rowcount

    def _end(self, token: str, now_us: int) -> None:
        self._db.execute("update consent_opt_in set ended_us = ? where token_sha256 = ?", (now_us, _sha(token)))


def address_hash(salt: bytes, address: str) -> str:
    """HMAC-SHA256 of an address without the differences that do not matter (spaces, case), in hex."""
    return hmac.new(salt, "".join(address.split()).casefold().encode(), hashlib.sha256).hexdigest()


def notice_row(notice: NoticeRef) -> tuple[str, str, str, str]:
    """The columns of a notice."""
    return notice.uri, notice.sha256, notice.language, notice.version


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
