"""The one visit of a device and its states, as they lie in the store; must never hold two guests at once."""

import os
import secrets
import sqlite3
from dataclasses import dataclass, replace
from enum import IntEnum
from zlib import crc32

from gateway.errors import InputError
from gateway.model import AeadKey
from gateway.store import Database, MigrationSet

schema = MigrationSet("guest")
CANARY_BYTES = 16
NONCE_BYTES = 12
_CONTEXT = b"forecourt/v1/canary"


class SessionState(IntEnum):
    """How a visit stands."""

    NONE = 0
    OPEN = 1
    ENDING = 2
    WIPED = 3
    WIPE_FAILED = 4


_S = SessionState
MOVES: dict[SessionState, frozenset[SessionState]] = {
    _S.NONE: frozenset({_S.OPEN}),
    _S.OPEN: frozenset({_S.ENDING}),
    _S.ENDING: frozenset({_S.WIPED, _S.WIPE_FAILED}),
    _S.WIPED: frozenset({_S.OPEN}),
    _S.WIPE_FAILED: frozenset({_S.ENDING}),
}
"""From a state to those that may follow; a failed wipe leads to another try and to nothing else."""


@dataclass(frozen=True, slots=True)
class Session:
    """A visit. `sealed`: its tracer under a key of the subject; `mirror`: its complement, once the visit is ending."""

    state: SessionState = SessionState.NONE
    subject: int = 0
    opened_us: int = 0
    surface: str = ""
    language: str = ""
    lease_s: int = 0
    key_id: int = 0
    sealed: bytes = b""
    mirror: bytes = b""
    reason: str = ""

    def moved(self, state: SessionState) -> "Session":
        """In another state; raises InputError for a move that there is not."""
        if state not in MOVES[self.state]:
            raise InputError(f"a visit that is {self.state.name.lower()} cannot become {state.name.lower()}")
        return replace(self, state=state)


@schema()
def session(db: Database) -> None:
    """The visit, in one row."""
    db.execute(
        "create table guest_session(id integer primary key check (id = 1), state integer not null, subject integer not"
        " null, opened_us integer not null, surface text not null, language text not null, lease_s integer not null,"
        " key_id integer not null, sealed blob not null, mirror blob not null, reason text not null,"
        " digest integer not null)"
    )


def load(db: sqlite3.Connection) -> Session:
    """The visit. One whose row is damaged may have left anything behind: it has to be wiped."""
    row = db.execute(
        "select state, subject, opened_us, surface, language, lease_s, key_id, sealed, mirror, reason, digest"
        " from guest_session"
    ).fetchone()
    if row is None:
        return Session()
    *values, digest = row
    if digest != _digest(values):
        subject = values[1] if isinstance(values[1], int) and values[1] > 0 else 0
        return Session(SessionState.ENDING, subject, reason="damaged") if subject else Session()
    return Session(SessionState(values[0]), *values[1:])


def save(db: sqlite3.Connection, one: Session) -> None:
    """Writes it."""
    values = [
        int(one.state), one.subject, one.opened_us, one.surface, one.language, one.lease_s, one.key_id, one.sealed,
        one.mirror, one.reason,
    ]  # fmt: skip
    marks = ", ".join("?" * (len(values) + 1))
    db.execute(f"insert or replace into guest_session values(1, {marks})", (*values, _digest(values)))


def new_subject() -> int:
    """A handle of 63 bits that nobody had before."""
    return secrets.randbits(62) + 1


def seal_canary(key: AeadKey) -> bytes:
    """A new tracer, as it may lie on the disk."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, os.urandom(CANARY_BYTES), _CONTEXT)


def open_canary(key: AeadKey | None, sealed: bytes) -> bytes:
    """The tracer; empty when its key is gone."""
    return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _CONTEXT) if key is not None and sealed else b""


def mirrored(tracer: bytes) -> bytes:
    """The complement of each bit, twice the same thing as before."""
    return bytes(byte ^ 0xFF for byte in tracer)


def _digest(values: list[object]) -> int:
    return crc32(repr(values).encode())
