"""A consent room that believes the authority of the kit; must never withdraw more than a record asks for."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from forecourt.v1.consent_pb2 import PurposeChange

from gateway.clock import ManualClock
from gateway.consent import Consent, ledger
from gateway.consent.record import ConsentRecord, sign_record
from gateway.model import Purpose, PurposeSet, Scope
from gateway.store import Store
from gateway.wire import signing
from tests.kit.consents import AUTHORITY, GIVEN_US
from tests.unit.consent.parts import ANALYTICS, DRIVING, POLICIES, PROFILE, Shapes

D, A, P = 1 << DRIVING, 1 << ANALYTICS, 1 << PROFILE
GUEST = 7
KEYS = (AUTHORITY.public_key(),)
DEVICE = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
CHANGE_CONTEXT = "forecourt/v1/consent-change"


def clock_now() -> ManualClock:
    """A clock that shows when the records of the kit were issued."""
    return ManualClock(GIVEN_US)


@asynccontextmanager
async def opened(
    folder: Path, clock: ManualClock | None = None, keys: tuple[Ed25519PublicKey, ...] = KEYS
) -> AsyncIterator[Consent]:
    """A consent room that believes the authority of the kit."""
    clock = clock or clock_now()
    store = await Store.open(folder, clock=clock, bytes_max=1 << 20, migrations=[Consent.migrations])
    consent = await Consent.open(store, folder, clock, POLICIES, authority=keys)
    consent.gate.bind(Shapes())
    yield consent
    await store.aclose()
    await consent.aclose()


async def put(
    room: Consent, one: ConsentRecord, epoch: int = 1, seen: int = 0, lease_s: int = 3_600, raw: bytes | None = None
) -> None:
    """As the edge does: what is narrowed is withdrawn, then the record is written."""
    for _ in range(2):
        raw = raw or sign_record(AUTHORITY, one)
        applied = await room.apply_record(raw, epoch, seen, lease_s)
        if applied.written:
            return
        await withdrawn(room, one.subject, applied.narrowed)
    raise AssertionError("a withdrawal did not settle what was narrowed")


async def withdrawn(room: Consent, subject: int, gone: PurposeSet) -> None:
    """The part of a withdrawal that is in the ledger."""
    state = await room.store.write(lambda db: ledger.withdraw(db, subject, gone))
    room.gate.replace(state.grants, state.version)


def execute(sql: str, db: sqlite3.Connection) -> None:
    """Does what nobody of ours does."""
    db.execute(sql)


def yes(purpose: Purpose, scope: Scope = Scope.CLOUD, **changed: object) -> PurposeChange:
    """A yes as a surface words it."""
    told = {"purpose": purpose.value, "state": 5, "scope": scope.value, "notice_sha256": b"n" * 32, "language": "de"}
    return PurposeChange(**(told | changed))  # type: ignore[arg-type]


def sign(message: bytes) -> bytes:
    """With the device's key."""
    return signing.sign(DEVICE, CHANGE_CONTEXT, message)
