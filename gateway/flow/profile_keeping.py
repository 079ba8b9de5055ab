"""What a device keeps of a guest's profile, sealed under the key of the visit; must never outlive that key.

Beside it lie what tells nothing of a guest: the authority's key, how this device's clock stands, and profiles that wait
for their guests under codes that this device does not know.
"""

import base64
import json
import os
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway.clock import Clock
from gateway.errors import InputError
from gateway.limits import PROFILE_STAGES_MAX
from gateway.model import AeadKey, ClockQuality
from gateway.profile import Document, Edit, Exchange, Moment, Pending, merge, rebuilt
from gateway.profile.sealing import HINT_CHARS, SEALED_BYTES_MAX, STAGE_ID_BYTES, public_bytes
from gateway.profile.wording import document_bytes, edit_bytes, read_document, read_edit
from gateway.store import Database, MigrationSet

schema = MigrationSet("profile")
PENDING_MAX: Final = 64
LEASE_MAX_S: Final = 30 * 86_400
GROWS_BYTES: Final = 64
"""By so much an edit may, when it is numbered and stamped anew."""
_NONCE_BYTES: Final = 12
_CONTEXT: Final = b"forecourt/v1/profile-visit"


@schema()
def tables(db: Database) -> None:
    """The visit's profile (one row, sealed), profiles that wait, and notes about no guest."""
    db.executescript(
        """
        create table profile_visit(id integer primary key check (id = 1), subject integer not null,
            key_id integer not null, sealed blob not null);
        create table profile_stage(id blob primary key, hint text not null, sealed blob not null, boot integer not null,
            until_s real not null, until_us integer not null) without rowid;
        create table profile_note(name text primary key, value blob not null) without rowid;
        """
    )


class Numbered(NamedTuple):
    """An edit of the visit that waits, by its number."""

    number: int
    pending: Pending


@dataclass(frozen=True, slots=True)
class Kept:
    """The profile of a visit. `private`: what answers are sealed to; destroyed with the visit.

    `base`: the authority's last document, None until there is one. `number`: of the last edit. `proof`: what the
    authority has not been shown yet, since the profile was staged here (a serialised ProfileProof).
    """

    subject: int
    private: X25519PrivateKey
    base: Document | None = None
    signed_in: bool = False
    waiting: tuple[Numbered, ...] = ()
    number: int = 0
    proof: bytes = b""
    session_key: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "session_key", public_bytes(self.private))

    @property
    def document(self) -> Document | None:
        """What the vehicle shows: the authority's document with the waiting edits on top."""
        return None if self.base is None else rebuilt(self.base, (one.pending for one in self.waiting))

    def sealed(self, key: AeadKey) -> bytes:
        """As it lies on the disk."""
        content = {
            "subject": self.subject,
            "private": _text(self.private.private_bytes_raw()),
            "base": None if self.base is None else _text(document_bytes(self.base)),
            "signed_in": self.signed_in,
            "number": self.number,
            "proof": _text(self.proof),
            "waiting": [_kept(one, self.base.epoch if self.base else b"") for one in self.waiting],
        }
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + key.encrypt(nonce, json.dumps(content).encode(), _CONTEXT)


def unsealed(raw: bytes, key: AeadKey) -> Kept:
    """What `sealed` was given; InputError where it is damaged or of another key."""
    try:
        content = json.loads(key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _CONTEXT))
        kept = Kept(
            content["subject"],
            X25519PrivateKey.from_private_bytes(_bytes(content["private"])),
            None if content["base"] is None else read_document(_bytes(content["base"])),
            content["signed_in"],
            number=content["number"],
            proof=_bytes(content["proof"]),
        )
        return replace(kept, waiting=tuple(_waiting(one) for one in content["waiting"]))
    except (InvalidTag, ValueError, KeyError, TypeError) as error:
        raise InputError("what was kept of a profile cannot be read") from error


def load(db: sqlite3.Connection) -> tuple[int, int, bytes] | None:
    """Subject, key and the sealed profile of the visit."""
    row: tuple[int, int, bytes] | None = db.execute("select subject, key_id, sealed from profile_visit").fetchone()
    return row


def save(db: sqlite3.Connection, subject: int, key_id: int, sealed: bytes) -> None:
    """Keeps it in the place of what was there."""
    db.execute("insert or replace into profile_visit values(1, ?, ?, ?)", (subject, key_id, sealed))


def forget(db: sqlite3.Connection, subject: int | None = None) -> None:
    """No profile is kept any more; with `subject`, none of that visit."""
    db.execute("delete from profile_visit where ?1 is null or subject = ?1", (subject,))


class Stage(NamedTuple):
    """A profile that waits for its guest. It is over when its boot's clock or a trusted wall clock says so."""

    id: bytes
    hint: str
    sealed: bytes
    boot: int
    until_s: float
    until_us: int

    def over(self, clock: Clock) -> bool:
        """In another boot without a trusted clock nobody knows, so it is over (a lease ends, wire.md)."""
        trusted = clock.quality() is not ClockQuality.UNTRUSTED
        if self.boot == clock.boot_id():
            return clock.boottime_s() >= self.until_s
        return not trusted or clock.wall_us() >= self.until_us


def new_stage(stage_id: bytes, hint: str, sealed: bytes, lease_s: int, until_us: int, clock: Clock) -> Stage:
    """One that came just now; InputError for what cannot be, or is over. `until_us`: 0 where nobody said so."""
    if len(stage_id) != STAGE_ID_BYTES or len(hint) != HINT_CHARS or not 0 < len(sealed) <= SEALED_BYTES_MAX:
        raise InputError("a staged profile has an id, a hint and a seal")
    if not 0 < lease_s <= LEASE_MAX_S:
        raise InputError(f"a lease is 1 to {LEASE_MAX_S} seconds")
    left_s: float = lease_s
    if until_us and clock.quality() is not ClockQuality.UNTRUSTED:  # it may have been on its way for days
        left_s = min(left_s, (until_us - clock.wall_us()) / 1_000_000)
    if left_s <= 0:
        raise InputError("the lease is over")
    until_us = clock.wall_us() + round(left_s * 1_000_000)
    return Stage(stage_id, hint, sealed, clock.boot_id(), clock.boottime_s() + left_s, until_us)


def put_stage(db: sqlite3.Connection, one: Stage) -> None:
    """Keeps it; the ones that are over soonest go where there are too many."""
    db.execute("insert or replace into profile_stage values(?, ?, ?, ?, ?, ?)", one)
    db.execute(
        "delete from profile_stage where id in (select id from profile_stage order by until_us desc limit -1 offset ?)",
        (PROFILE_STAGES_MAX,),
    )


def drop_stages(db: sqlite3.Connection, ids: Iterable[bytes]) -> int:
    """Forgets these; how many there were."""
    return sum(db.execute("delete from profile_stage where id = ?", (one,)).rowcount for one in ids)


def stages(db: sqlite3.Connection) -> list[Stage]:
    """All that wait."""
    return [Stage(*row) for row in db.execute("select id, hint, sealed, boot, until_s, until_us from profile_stage")]


def note(db: sqlite3.Connection, name: str, value: bytes) -> None:
    """Keeps a note about no guest."""
    db.execute("insert or replace into profile_note values(?, ?)", (name, value))


def noted(db: sqlite3.Connection, name: str) -> bytes:
    """A note; empty for none."""
    row = db.execute("select value from profile_note where name = ?", (name,)).fetchone()
    return bytes(row[0]) if row else b""


def exchanges_bytes(found: Iterable[Exchange]) -> bytes:
    """How clocks stood, as a note."""
    return json.dumps([asdict(one) for one in found]).encode()


def read_exchanges(raw: bytes) -> list[Exchange]:
    """The same back; nothing where the note cannot be read."""
    try:
        return [Exchange(**one) for one in json.loads(raw or b"[]")]
    except (ValueError, TypeError):
        return []


def forgotten(base: Document, theirs: Document, now: Moment) -> list[Numbered]:
    """Groups that this device knows to be newer than the authority does, as edits with the stamps they had."""
    found = []
    merged = merge(theirs, base).document
    for group, registers in merged.groups().items():
        stamp, known = merged.stamp(group), theirs.stamp(group)
        if stamp is None or (known is not None and known >= stamp):
            continue
        origins = [one.origin for one in registers.values()]
        newest = next((one for one in origins if one.raw), origins[0])  # the readings are of the group's last edit
        values = {key: one.value for key, one in registers.items() if one.origin == newest}
        carried = {key: one for key, one in registers.items() if one.origin != newest}
        edit = Edit(group, values, stamp, newest, carried, known)
        with suppress(InputError):  # what is too large for an event came from an app, which knows it
            edit_bytes(1, base.epoch, edit, spare=GROWS_BYTES)
            found.append(Numbered(0, Pending(edit, now, final=True)))
    return found


def changed(before: Document | None, after: Document) -> frozenset[str]:
    """Groups whose fields are not what they were."""
    if before is None:
        return frozenset(after.groups())
    names = before.groups().keys() | after.groups().keys()
    return frozenset(
        name
        for name in names
        if {k: r.value for k, r in before.group(name).items()} != {k: r.value for k, r in after.group(name).items()}
    )


def _kept(one: Numbered, epoch: bytes) -> dict[str, Any]:
    made = one.pending.made
    return {
        "edit": _text(edit_bytes(one.number, epoch, one.pending.edit)),
        "made": [made.wall_ms, made.boottime_ms, made.boot_id, int(made.quality)],
        "final": one.pending.final,
    }


def _waiting(content: dict[str, Any]) -> Numbered:
    number, _, edit = read_edit(_bytes(content["edit"]))
    wall_ms, boottime_ms, boot_id, quality = content["made"]
    made = Moment(wall_ms, boottime_ms, boot_id, ClockQuality(quality))
    return Numbered(number, Pending(edit, made, content["final"]))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
