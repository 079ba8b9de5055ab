"""`forecourt profile` and `forecourt vehicle guest` through real doors: what a technician types, and what he reads."""

import asyncio
import base64
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.cli.profile import profile
from gateway.cloud.profile.verbs import profile_authority_verbs
from gateway.door import Door
from gateway.errors import InputError
from gateway.guest.profile_verbs import profile_verbs
from gateway.guest.verbs import desk_verbs
from gateway.profile import Origin
from simulators.verbs_guest_app import guest_app
from tests.kit.consent_loop import Car, Loop
from tests.kit.profile_loop import authority_of, desk_of, document_of, profile_loop, running, sync_of
from vehicle_agent.cabin.outcome import Outcome, OutcomeKind
from vehicle_agent.verbs_guest import guest

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]


async def run(group: object, *words: str) -> Result:
    """One command, in a thread, since it blocks."""
    return await asyncio.to_thread(CliRunner().invoke, group, list(words))  # type: ignore[arg-type]


async def said(group: object, *words: str) -> str:
    """What it printed; it went well."""
    done = await run(group, *words)
    assert done.exit_code == 0, done.output
    return done.output


async def held(one: Loop, car: Car, profile_id: int) -> bytes:
    """The car tells what became of a field; a phone's key and an account open the profile; the key."""
    told = Outcome("seat.leg_mm", OutcomeKind.CLAMPED, "end_stop", 812.0, 800.0)
    await sync_of(car).report("suv", [told], document_of(car))
    phone = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    await authority_of(one).add_key(profile_id, phone)
    await authority_of(one).link_account(profile_id, b"handle")
    assert await car.agent.drained(20)
    return phone


async def test_a_technician_makes_a_profile_and_a_guest_signs_in(tmp_path: Path) -> None:
    """Made, written, refused at an old version, opened in a car by code, changed, told, exported, erased."""
    async with profile_loop(tmp_path) as one, AsyncExitStack() as stack:
        await one.cloud_up()
        async with running(one) as car, asyncio.TaskGroup() as group:
            cloud_door = await stack.enter_async_context(
                Door(tmp_path / "cloud", profile_authority_verbs(authority_of(one)))
            )
            car_door = await stack.enter_async_context(
                Door(tmp_path / "car", desk_verbs(desk_of(car)) | profile_verbs(sync_of(car)))
            )
            tasks = [group.create_task(door.run()) for door in (cloud_door, car_door)]
            there, here = ("--door", str(tmp_path / "cloud")), ("--door", str(tmp_path / "car"))
            name = (await said(profile, "new", *there)).strip()
            assert len(name) == 16
            stations = '["dab:e0.10bc.d3a1", "fm:d3a1@88700"]'
            await said(profile, "set", name, "seat.leg_mm=812", f"radio.presets={stations}", *there)
            stale = await run(profile, "set", name, "seat.leg_mm=700", "--if-version", "0", *there)
            assert (stale.exit_code, "at version 1 by now" in stale.output) == (3, True)
            wrong = await run(profile, "set", name, "seat.leg_mm=70000", *there)
            assert isinstance(wrong.exception, InputError)
            assert "between 500 and 1200 mm" in str(wrong.exception)
            code = (await said(profile, "code", name, "--device", "car-1", *there)).strip()

            assert "no visit" in await said(guest, "status", *here)
            assert "with a yes" in await said(guest, "open", "--agree", *here)
            missed = await run(guest, "sign-in", "7K-3F9Q-ZX2M", *here)
            assert (missed.exit_code, "unknown_code" in missed.output) == (1, True)
            assert "profile open, version 1, posture, radio" in await said(guest, "sign-in", code, *here)
            missed = await run(guest, "sign-in", "7K-3F9Q-ZX2M", *here)
            assert (missed.exit_code, "unknown_code" in missed.output) == (1, True)
            assert "version 1" in await said(guest, "status", *here)
            phone = await held(one, car, int(name, 16))
            assert "812" not in await said(guest, "status", "--json", *here)
            assert "profile none" in await said(guest, "sign-out", *here)

            assert "seat.leg_mm" in await said(profile, "show", name, *there)
            assert "app" in await said(profile, "history", name, *there)
            out = tmp_path / "export.json"
            await said(profile, "export", name, "--out", str(out), *there)
            exported = json.loads(await asyncio.to_thread(out.read_text))
            assert exported["fields"]["seat.leg_mm"]["value"] == 812.0
            assert [one["device"] for one in exported["vehicles"]] == ["car-1"]
            assert exported["vehicles"][0]["outcomes"] == [
                {"field": "seat.leg_mm", "outcome": "clamped", "reason": "end_stop", "wanted": 812.0, "set": 800.0}
            ]
            assert [(one["device"], one["used"], one["staged"]) for one in exported["codes"]] == [
                ("car-1", True, False)
            ]
            assert [one["key"] for one in exported["keys"]] == [base64.b64encode(phone).decode()]
            assert exported["accounts"] == [b"handle".hex()]
            assert out.stat().st_mode & 0o777 == 0o600
            await said(profile, "set", name, "seat.leg_mm=", *there)
            assert "seat.leg_mm" not in await said(profile, "show", name, *there)
            await said(profile, "erase", name, "--yes", *there)
            assert "seat.leg_mm" not in await said(profile, "export", name, *there)
            assert "canaries found   0" in await said(guest, "end", *here)
            for task in tasks:
                task.cancel()


async def test_what_is_asked_wrongly_is_answered_in_words(tmp_path: Path) -> None:
    """At the door of the cloud: names, types, numbers that cannot be."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        verbs = profile_authority_verbs(authority_of(one))
        name = (await verbs["profile_new"]({}))["profile"]
        for verb, args in (
            ("show", {"profile": "jan"}),
            ("show", {"profile": "0000000000000001"}),
            ("set", {"profile": name, "values": {"seat.leg_mm": True}}),
            ("set", {"profile": name, "values": {"seat.leg": 812}}),
            ("set", {"profile": name, "values": {}}),
            ("set", {"profile": name, "values": [1]}),
            ("set", {"profile": name, "values": {"seat.leg_mm": 812}, "if_version": "1"}),
            ("code", {"profile": name, "life_s": 0}),
            ("code", {"profile": name, "device": "no such device!"}),
            ("stage", {"profile": name, "device": "car-1", "lease_s": 5}),
            ("unstage", {"stage": "zz", "device": "car-1"}),
            ("key", {"profile": name, "key": "AAAA"}),
            ("key", {"profile": name, "key": "not base64!"}),
            ("history", {"profile": name, "more": 1}),
        ):
            with pytest.raises(InputError):
                await verbs[f"profile_{verb}"](args)


async def test_a_guests_app_opens_a_car_and_sees_what_the_car_changed(tmp_path: Path) -> None:
    """By its key, in the visit that is open and on that very device; its writes never undo what it did not see."""
    async with profile_loop(tmp_path) as one, AsyncExitStack() as stack:
        await one.cloud_up()
        async with running(one) as car, asyncio.TaskGroup() as group:
            cloud_door = await stack.enter_async_context(
                Door(tmp_path / "cloud", profile_authority_verbs(authority_of(one)))
            )
            car_door = await stack.enter_async_context(
                Door(tmp_path / "car", desk_verbs(desk_of(car)) | profile_verbs(sync_of(car)))
            )
            tasks = [group.create_task(door.run()) for door in (cloud_door, car_door)]
            folder, there = ("--folder", str(tmp_path / "jan")), ("--cloud", str(tmp_path / "cloud"))
            here = ("--car", str(tmp_path / "car"))
            missing = await run(guest_app, "show", *folder, *there)
            assert "holds no guest's app" in str(missing.exception)
            assert "with a key" in await said(guest_app, "new", *folder, *there)
            assert (tmp_path / "jan" / "app.json").stat().st_mode & 0o777 == 0o600
            await said(guest_app, "set", "seat.leg_mm=812", *folder, *there)
            await said(guest, "open", "--agree", "--door", str(tmp_path / "car"))
            wrong = await run(guest_app, "open-car", *folder, *here, "--device", "car-2")
            assert (wrong.exit_code, "unknown_key" in wrong.output) == (1, True)
            assert "profile open, version 1" in await said(guest_app, "open-car", *folder, *here, "--device", "car-1")
            await sync_of(car).edit("posture", {"seat.torso_deg": 25.0}, Origin("car-1", "suv", 1))
            await car.until(lambda: sync_of(car).counters["edits"] == 1 and not sync_of(car).status().waiting)
            shown = await said(guest_app, "show", *folder, *there)
            assert "new: car-1 changed posture" in shown
            assert "seat.torso_deg                     25.0" in shown
            await said(guest_app, "set", "seat.leg_mm=820", *folder, *there)
            await car.until(lambda: document_of(car).values == {"seat.leg_mm": 820.0, "seat.torso_deg": 25.0})
            for task in tasks:
                task.cancel()


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("show", {"profile": "f" * 16}),
        ("show", {"profile": "f" * 400}),
        ("show", {"profile": "-1"}),
        ("show", {"profile": "0x5f2a07c1d8e94b"}),
        ("set", {"values": {"seat.leg_mm": 10**400}}),
        ("set", {"values": {"radio.volume_pct": -(10**400)}}),
        ("set", {"values": {"home.address": "\ud800"}}),
        ("set", {"values": {"radio.presets": ["a", "\ud800"]}}),
        ("code", {"device": "\ud800"}),
        ("code", {"life_s": 10**400}),
        ("stage", {"device": "car-1", "lease_s": 10**400}),
    ],
)
async def test_what_cannot_be_ends_no_cloud(tmp_path: Path, verb: str, args: dict[str, object]) -> None:
    """A name, a number or a text that no database and no message can hold is an error in words, not the door's end."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        verbs = profile_authority_verbs(authority_of(one))
        name = (await verbs["profile_new"]({}))["profile"]
        with pytest.raises(InputError):
            await verbs[f"profile_{verb}"]({"profile": name} | args)


@pytest.mark.parametrize("args", [{"token": "\ud800"}, {"code": "7K-\ud800"}, {"key": "\ud800", "signature": "AAAA"}])
async def test_a_proof_that_cannot_travel_is_refused_in_words(args: dict[str, object]) -> None:
    """Before anything is asked of anybody."""
    verbs = profile_verbs(None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="ASCII"):
        await verbs["sign_in"](args)
