"""Records that cannot be believed, in good commands over the broker: nothing is kept or sent, the cloud hears why."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1.consent_pb2 import PutConsent

from gateway.consent.canonical import canonical
from gateway.consent.record import ConsentRecord, read_record, sign_record
from gateway.model import Scope
from tests.kit.consent_loop import DRIVING, PROFILE, Car, Loop, loop
from tests.kit.consents import consent

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]
YEAR_US = 365 * 86_400 * 1_000_000


def bad_records(one: Loop, now: ConsentRecord) -> dict[str, bytes]:
    """By name; each would allow DRIVING if it were believed."""
    key, issued = one.who.key, one.clock.wall_us()
    yes = consent(DRIVING, record_id="bad-record")
    more = replace(
        now, record_id="bad-record", version=now.version + 1, previous=now.digest, issued_us=issued, read_digest="",
        purposes=(*now.purposes, yes),
    )  # fmt: skip
    good = sign_record(key, more)
    return {
        "garbage": b"{}" * 9,
        "signature of another": sign_record(Ed25519PrivateKey.generate(), more),
        "one bit": good[:-90] + bytes([good[-90] ^ 1]) + good[-89:],
        "cut short": good[: len(good) // 2],
        "from the future": sign_record(key, replace(more, issued_us=issued + YEAR_US)),
        "forked": sign_record(key, replace(more, previous="ab" * 32)),
        "replayed": sign_record(key, replace(now, read_digest="", purposes=(*now.purposes, yes))),
        "of another guest": sign_record(key, replace(more, subject=now.subject + 1)),
        "not in the one form": good + b" ",
        "of a later schema": _later(key, more),
    }


def _later(key: Ed25519PrivateKey, record: ConsentRecord) -> bytes:
    """Signed well, of a schema that is not known here."""
    from gateway.consent.record import ALGORITHM, CONTEXT, key_id
    from gateway.consent.record_form import to_json

    body = to_json(record) | {"schema": 2}
    value = key.sign(CONTEXT + b"\0" + canonical(body)).hex()
    return canonical({"record": body, "signature": {"alg": ALGORITHM, "key": key_id(key.public_key()), "value": value}})


async def put(one: Loop, car: Car, raw: bytes) -> str:
    """The reason with which the device answers the command; empty when it is done."""
    assert one.cloud is not None
    body = PutConsent(record=raw, epoch=99, lease_s=3_600).SerializeToString()
    number = await one.cloud.commander.issue("car-1", "consent.put", body)
    signed = number if number < 1 << 63 else number - (1 << 64)
    async with asyncio.timeout(10):
        while True:
            found = await one.rows(f"select stage, reason from reply where command = {signed} order by stage desc")
            if found and found[0][0] in (3, 4):
                return str(found[0][1]) or "done"
            await asyncio.sleep(0.02)


@pytest.mark.timeout(60)
async def test_no_bad_record_widens_anything(tmp_path: Path) -> None:
    """Each is refused with a reason; the guest's present consent goes on, or is suspended where it cannot be read."""
    async with loop(tmp_path) as one:
        await one.cloud_up()
        async with one.car(subject=0) as car:
            await car.runs()
            assert car.agent.desk is not None
            car.subject = (await car.agent.desk.open()).subject
            await car.agent.desk.grant([PROFILE], Scope.CLOUD)
            await car.until(lambda: car.may_leave(PROFILE))
            raw = (await car.agent.consent.held(car.subject)).raw
            now = read_record(raw, [one.who.key.public_key()])
            for name, bad in bad_records(one, now).items():
                reason = await put(one, car, bad)
                assert reason not in ("done", "error", "timeout"), (name, reason)
                assert await car.append(DRIVING) == 0, name
                assert not car.may_leave(DRIVING), name
                assert not car.agent.consent.gate.may_use(car.subject, DRIVING), name
            assert car.agent.consent.refused.total() >= 8
            assert await car.append(PROFILE) == 0, "what the authority signed and nobody can read may be a no"
        await one.heard.mark()
        assert not [event for event in one.heard.events() if event.purposes >> DRIVING & 1]
