"""What goes wrong between cars and the profile authority: clocks, order, repetition, backups, schemas, two guests."""

import asyncio
import shutil
from pathlib import Path

import pytest
from forecourt.v1 import profile_pb2, record_pb2

from gateway.clock import ManualClock
from gateway.errors import InputError
from gateway.flow.commands import CommandFailed
from gateway.flow.profile_views import Phase
from gateway.model import ClockQuality, Event, Stream, purpose_set
from gateway.profile import Document, Hlc, Origin
from gateway.profile.sealing import context, seal
from gateway.profile.wording import edit_bytes
from tests.kit.consent_loop import Car, Loop
from tests.kit.profile_loop import (
    authority_of,
    desk_of,
    document_of,
    profile_loop,
    running,
    sign_in,
    sync_of,
    until_version,
    visit,
)

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]
SEAT = {"seat.leg_mm": 812.0, "seat.torso_deg": 24.5}
YEAR_S = 365 * 86_400


def of(name: str) -> Origin:
    """Set in that car."""
    return Origin(name, "suv", 1)


async def jan_in(one: Loop, car: Car, jan: int) -> int:
    """Jan signs in there; his handle."""
    subject = await visit(car)
    assert (await sign_in(car, await authority_of(one).code(jan))).phase is Phase.OPEN
    return subject


async def test_two_cars_without_a_network_change_one_field(tmp_path: Path) -> None:
    """Case 4: the later change stays, whoever tells first, and both cars show it; the other group stays whole (5)."""
    async with profile_loop(tmp_path, "car-1", "car-2") as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        async with running(one, "car-1") as first, running(one, "car-2") as second:
            for car in (first, second):
                await jan_in(one, car, jan)
            one.network.cut()
            await first.until(lambda: not first.agent.uplink.status().online)
            await second.until(lambda: not second.agent.uplink.status().online)
            await sync_of(second).edit("posture", {"seat.leg_mm": 790.0}, of("car-2"))
            one.clock.advance(60)
            await sync_of(first).edit("posture", {"seat.leg_mm": 830.0}, of("car-1"))
            await sync_of(second).edit("radio", {"radio.volume_pct": 40.0}, of("car-2"))
            one.network.heal()
            first.agent.uplink.link.hurry()
            await until_version(one, jan, 2)
            second.agent.uplink.link.hurry()
            wanted = SEAT | {"seat.leg_mm": 830.0, "radio.volume_pct": 40.0}
            await first.until(lambda: document_of(first).values == wanted and not sync_of(first).status().waiting)
            await second.until(lambda: document_of(second).values == wanted and not sync_of(second).status().waiting)
            assert (await authority.show(jan)).values == wanted
            ((conflicts,),) = await one.rows("select value from counter where name = 'profile_edits_older'")
            assert conflicts == 1


async def test_a_clock_that_is_a_year_ahead_neither_wins_nor_loses(tmp_path: Path) -> None:
    """Cases 2 and 3: changes of the wrong clock lose against later ones, and win over earlier ones; so do its steps."""
    async with profile_loop(tmp_path, "car-1", "car-2") as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        wrong = ManualClock(one.clock.wall_us() + YEAR_S * 1_000_000, boot_id=7)
        wrong.trust = ClockQuality.UNTRUSTED
        async with running(one, "car-1", wrong) as car:
            await jan_in(one, car, jan)
            one.network.cut()
            await car.until(lambda: not car.agent.uplink.status().online)
            await sync_of(car).edit("posture", {"seat.leg_mm": 700.0}, of("car-1"))
            wrong.jump(-2 * YEAR_S)
            await sync_of(car).edit("posture", {"seat.leg_mm": 701.0}, of("car-1"))
            for clock in (wrong, one.clock):
                clock.advance(120)
            await authority.set(jan, {"seat.torso_deg": 30.0})
            one.network.heal()
            car.agent.uplink.link.hurry()
            await car.until(lambda: not sync_of(car).status().waiting)
            assert (await authority.show(jan)).values == {"seat.leg_mm": 812.0, "seat.torso_deg": 30.0}
            await sync_of(car).edit("posture", {"seat.leg_mm": 702.0}, of("car-1"))
            await until_version(one, jan, 3)
            document = await authority.show(jan)
            assert document.values["seat.leg_mm"] == 702.0
            stamp = document.stamp("posture")
            assert stamp is not None
            assert abs(stamp.physical_ms - one.clock.wall_us() // 1_000) < 60_000
            assert await one.rows("select value from counter where name = 'profile_refused.ahead'") == []


async def test_what_comes_twice_or_in_another_order_has_one_effect(tmp_path: Path) -> None:
    """Cases 19 and 20: answers, edits, notices; an answer that nobody waits for moves nothing."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        async with running(one) as car:
            subject = await jan_in(one, car, jan)
            ((answer,),) = await one.rows("select body from command where kind = 'profile.answer'")
            assert isinstance(answer, bytes)
            seen: list[frozenset[str]] = []
            sync_of(car).on_document.append(lambda _, groups: seen.append(groups))
            for _ in range(3):
                with pytest.raises(CommandFailed, match="stale"):
                    await sync_of(car).answer(answer)
            document = document_of(car)
            edits = []
            for number, leg in ((1, 801.0), (2, 802.0), (3, 803.0)):
                stamp = Hlc(one.clock.wall_us() // 1_000 + number, 0, "car-1")
                edits.append((number, document.edit("posture", {"seat.leg_mm": leg}, stamp, of("car-1"))))
            for number, edit in (edits[2], edits[0], edits[0], edits[1], edits[2], edits[0]):
                plain = edit_bytes(number, document.epoch, edit)
                await put(car, subject, plain)
            await until_version(one, jan, 4)
            assert (await authority.show(jan)).values["seat.leg_mm"] == 803.0
            assert await car.agent.drained(20)
            counts = {str(name): int(str(value)) for name, value in await one.rows("select name, value from counter")}
            assert counts["profile_edits_out_of_order"] == 1
            assert counts["profile_edits_repeated"] >= 2
            changed = profile_pb2.ProfileChanged(subject=subject, notice=1).SerializeToString()
            for _ in range(3):
                await sync_of(car).changed(changed)
            await car.until(lambda: document_of(car).values["seat.leg_mm"] == 803.0)
            assert set(seen) == {frozenset({"posture"})}


async def put(car: Car, subject: int, plain: bytes) -> None:
    """An edit as the car would send it."""
    sealed = seal(plain, sync_of(car)._mail._to, context("edit", "car-1", subject))
    body = record_pb2.Record(profile=profile_pb2.SealedProfile(edit=sealed)).SerializeToString()
    kind = car.agent.intern_kind("profile", Stream.LIVE, purpose_set([3]))
    assert (await car.agent.append(Event(kind, subject, car.agent.clock.wall_us(), 1, body))).kept == 1


async def test_an_authority_that_was_restored_keeps_the_erased_erased(tmp_path: Path) -> None:
    """Case 21: the backup holds an erased profile; it is erased again before anything is served, and what a car knows
    of another one, newer than the backup, goes up again.
    """
    async with profile_loop(tmp_path, "car-1", "car-2") as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan, mia = await authority.new(), await authority.new()
        await authority.set(jan, SEAT)
        await authority.set(mia, SEAT | {"home.address": "Canary-Allee 1"})
        async with running(one, "car-1") as car:
            await jan_in(one, car, jan)
            await one.cloud_down()
            await asyncio.to_thread(shutil.copy, tmp_path / "cloud.db", tmp_path / "backup.db")
            await one.cloud_up()
            authority = authority_of(one)
            await car.until(lambda: car.agent.uplink.status().online)
            await sync_of(car).edit("posture", {"seat.leg_mm": 777.0}, of("car-1"))
            await until_version(one, jan, 2)
            await car.until(lambda: not sync_of(car).status().waiting)
            await authority.erase(mia)
            await one.cloud_down()
            one.clock.advance(60)
            for file in ("cloud.db", "cloud.db-wal", "cloud.db-shm"):
                (tmp_path / file).unlink(missing_ok=True)
            await asyncio.to_thread(shutil.copy, tmp_path / "backup.db", tmp_path / "cloud.db")
            assert await one.rows(f"select version from profile where id = {jan}") == [(1,)]
            await one.cloud_up()
            authority = authority_of(one)
            assert (await authority.show(mia)).values == {}
            car.agent.uplink.link.hurry()
            await until_version(one, jan, 2)
            assert (await authority.show(jan)).values["seat.leg_mm"] == 777.0


async def test_fields_of_a_newer_schema_pass_through_an_older_car(tmp_path: Path) -> None:
    """Case 24: what this version does not know is neither read nor lost, when the car changes its neighbour."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        assert one.cloud is not None
        desk = one.cloud.profiles.rounds._parts.desk  # type: ignore[union-attr]

        def newer(_: object) -> Document:
            before = desk.ledger.document(jan)
            hlc = Hlc(one.clock.wall_us() // 1_000, 0, "app")
            edit = before.edit("posture", {"posture.massage_level": 3, **SEAT}, hlc, Origin("app"))
            return desk.ledger.write(jan, before, [edit], "app")

        await one._inbox.write(newer)  # type: ignore[union-attr]
        async with running(one) as car:
            await jan_in(one, car, jan)
            assert document_of(car).values["posture.massage_level"] == 3
            await sync_of(car).edit("posture", {"seat.leg_mm": 820.0}, of("car-1"))
            await until_version(one, jan, 2)
            assert (await authority.show(jan)).values == SEAT | {"posture.massage_level": 3, "seat.leg_mm": 820.0}


async def test_a_second_guest_waits_for_the_wipe_of_the_first(tmp_path: Path) -> None:
    """Case 18: no visit and no sign-in before nothing of the first is left; then nothing of him is seen."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan, mia = await authority.new(), await authority.new()
        await authority.set(jan, SEAT)
        async with running(one) as car:
            await jan_in(one, car, jan)
            with pytest.raises(InputError, match="another guest is here"):
                await desk_of(car).open("kiosk", "en")
            reached, go = asyncio.Event(), asyncio.Event()

            class Slow:
                """A room whose wipe takes its time."""

                async def wipe(self, subject: int) -> None:
                    """Until the test says so."""
                    assert subject
                    reached.set()
                    await go.wait()

            desk_of(car).wipe.others.append(Slow())
            async with asyncio.TaskGroup() as group:
                group.create_task(desk_of(car).end())
                await reached.wait()
                next_one = group.create_task(desk_of(car).open("kiosk", "en"))
                with pytest.raises(InputError):
                    await sign_in(car, await authority.code(mia))
                assert not next_one.done()
                go.set()
                await next_one
            assert sync_of(car).document() is None
            await desk_of(car).end()
            await jan_in(one, car, mia)
            assert document_of(car).values == {}
