"""Why a guest may have a profile: an account, a code, a key; must never tell which part of a proof was wrong."""

import hashlib
import hmac
import secrets
import sqlite3
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from forecourt.v1 import profile_pb2
from google.protobuf.message import DecodeError

from gateway.clock import Clock
from gateway.cloud.profile.desk import LATE_US
from gateway.cloud.profile.ledger import ProfileLedger
from gateway.cloud.profile.terms import ProfileTerms
from gateway.cloud.schema import signed
from gateway.errors import ForecourtError, InputError, LinkError, Retry
from gateway.limits import PROFILE_STAGES_MAX
from gateway.log import Log
from gateway.profile.sealing import KEY_BYTES, STAGE_ID_BYTES, context, new_code, plain_code, unseal

if TYPE_CHECKING:
    from gateway.cloud.profile.accounts import Accounts

TRIES_MAX: Final = 10
TRIES_S: Final = 600.0
KEY_CONTEXT: Final = b"forecourt/v1/profile-key"
CODE_LIFE_MAX_S: Final = 30 * 86_400
CODES_MAX: Final = 64
KEYS_MAX: Final = 16
log = Log("cloud")


class ProofRefused(ForecourtError):
    """The word of ProfileAnswer.refused."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that waits for its answer."""

    subject: int
    device: str
    request: int
    session_key: bytes
    proof: bytes
    received_us: int


def key_message(device: str, session_key: bytes) -> bytes:
    """What a key of a profile signs, to open it in this visit on this device and in no other."""
    return b"\0".join((KEY_CONTEXT, device.encode(), session_key))


class Codes:
    """Sign-in codes and keys of profiles; methods with a connection are for the inbox's thread."""

    def __init__(self, db: sqlite3.Connection, terms: ProfileTerms, ledger: ProfileLedger, clock: Clock) -> None:
        self._db, self._terms, self._ledger, self._clock = db, terms, ledger, clock

    def new(self, profile: int, device: str, life_s: int, stage: bytes | None = None) -> str:
        """A code that opens the profile once, on `device` (empty: on any) for `life_s` seconds."""
        if not 1 <= life_s <= CODE_LIFE_MAX_S:
            raise InputError(f"a code lives 1 to {CODE_LIFE_MAX_S} seconds")
        self._ledger.epoch(profile)
        now_us = self._clock.wall_us()
        (open_codes,) = self._db.execute(
            "select count(*) from profile_code where profile = ? and until_us > ? and used_by is null",
            (profile, now_us),
        ).fetchone()
        if open_codes >= CODES_MAX:
            raise InputError(f"a profile has at most {CODES_MAX} open codes")
        (staged,) = self._db.execute(
            "select count(*) from profile_code"
            " where stage is not null and device = ? and until_us > ? and used_by is null",
            (device, now_us),
        ).fetchone()
        if stage is not None and staged >= PROFILE_STAGES_MAX:
            raise InputError(f"{PROFILE_STAGES_MAX} profiles wait in that vehicle already: unstage one")
        code = new_code()
        row = self._mac(code), profile, device, now_us + life_s * 1_000_000, stage
        self._db.execute("insert into profile_code values(?, ?, ?, ?, ?, null)", row)
        return code

    def use(self, code: str, device: str, subject: int) -> int:
        """The profile that a code opens, which is used up for any other visit; ProofRefused."""
        try:
            mac = self._mac(code)
        except InputError as error:
            raise ProofRefused("unknown_code") from error
        row = self._db.execute(
            "select profile, device, until_us, used_by, stage is not null from profile_code where mac = ?", (mac,)
        ).fetchone()
        mine = row is not None and row[1] in ("", device) and row[3] in (None, signed(subject))
        # What was staged may have been opened in time, and be told only when there was a network again.
        if not mine or row[2] + (LATE_US if row[4] else 0) < self._clock.wall_us():
            raise ProofRefused("unknown_code")
        self._db.execute("update profile_code set used_by = ? where mac = ?", (signed(subject), mac))
        return int(row[0])

    def drop_stage(self, stage: bytes, device: str) -> None:
        """A staged profile is taken back, and its code with it."""
        self._db.execute("insert or ignore into profile_unstage values(?, ?)", (stage, device))
        self._db.execute("delete from profile_code where stage = ?", (stage,))

    def add_key(self, profile: int, public_key: bytes) -> None:
        """A key opens the profile from now on; InputError for what is no key, or another's."""
        self._ledger.epoch(profile)
        if len(public_key) != KEY_BYTES:
            raise InputError("a key is an Ed25519 public key of 32 bytes")
        (keys,) = self._db.execute("select count(*) from profile_key where profile = ?", (profile,)).fetchone()
        if keys >= KEYS_MAX:
            raise InputError(f"a profile has at most {KEYS_MAX} keys")
        try:
            self._db.execute("insert into profile_key values(?, ?, ?)", (public_key, profile, self._clock.wall_us()))
        except sqlite3.IntegrityError as error:
            raise InputError("that key opens a profile already") from error

    def of_key(self, public_key: bytes) -> int:
        """The profile of a key; ProofRefused."""
        row = self._db.execute("select profile from profile_key where public = ?", (public_key,)).fetchone()
        if row is None:
            raise ProofRefused("unknown_key")
        return int(row[0])

    def _mac(self, code: str) -> bytes:
        return hmac.new(self._terms.secret, plain_code(code).encode(), hashlib.sha256).digest()


class Proofs:
    """Judges proofs; belongs to the loop's thread. A device that guesses is not listened to for a while."""

    def __init__(self, terms: ProfileTerms, clock: Clock, accounts: "Accounts | None" = None) -> None:
        self._terms, self._clock, self._accounts = terms, clock, accounts
        self._tries: dict[str, deque[float]] = {}

    def open(self, asked: Asked) -> profile_pb2.ProfileProof:
        """The proof inside its seal; ProofRefused."""
        if self._tried(asked.device):
            raise ProofRefused("too_many_tries")
        try:
            info = context("proof", asked.device, asked.subject, asked.session_key)
            return profile_pb2.ProfileProof.FromString(unseal(asked.proof, self._terms.seal, info))
        except (DecodeError, InputError) as error:
            raise ProofRefused("not_opened") from error

    async def account(self, asked: Asked, token: str) -> bytes:
        """The handle of the account that a token names; ProofRefused, with the word `later` where nobody can say.

        A token serves the visit that showed it first, and no other.
        """
        if self._accounts is None:
            raise ProofRefused("no_accounts")
        try:
            visit = f"{asked.device}\0{asked.subject}".encode()
            return self._accounts.handle(await self._accounts.verify(token, None, visit=visit))
        except LinkError as error:
            raise ProofRefused("later") from error
        except InputError as error:
            raise ProofRefused("token_refused" if error.retry is Retry.NEVER else "later") from error

    def key(self, asked: Asked, proof: profile_pb2.ProfileKeyProof) -> bytes:
        """The public key that signed for this visit; ProofRefused."""
        try:
            public = Ed25519PublicKey.from_public_bytes(proof.public_key)
            public.verify(proof.signature, key_message(asked.device, asked.session_key))
        except (ValueError, InvalidSignature) as error:
            raise ProofRefused("unknown_key") from error
        return proof.public_key

    def refused(self, device: str) -> None:
        """Counts a wrong proof of a device."""
        self._tries.setdefault(device, deque(maxlen=TRIES_MAX)).append(self._clock.boottime_s())

    def _tried(self, device: str) -> bool:
        """Whether a device was wrong too often of late."""
        tries = self._tries.get(device)
        if tries is None:
            return False
        while tries and self._clock.boottime_s() - tries[0] > TRIES_S:
            tries.popleft()
        if not tries:
            del self._tries[device]
        return len(tries) >= TRIES_MAX


def new_stage_id() -> bytes:
    """The id of a staged profile."""
    return secrets.token_bytes(STAGE_ID_BYTES)
