"""Cars, a broker and an authority of profiles in one world; must never shorten the way between them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from forecourt.v1 import profile_pb2

from gateway.clock import ManualClock
from gateway.cloud.profile.authority import ProfileAuthority
from gateway.flow.profile_sync import ProfileSync
from gateway.flow.profile_views import ProfileStatus
from gateway.guest import GuestDesk
from gateway.model import Purpose, Scope
from gateway.profile import Document
from tests.kit.consent_loop import Car, Loop, loop

PROFILE = Purpose.PROFILE


@contextlib.asynccontextmanager
async def profile_loop(folder: Path, *devices: str) -> AsyncIterator[Loop]:
    """A world whose cloud keeps profiles and whose cars have them; no cloud yet."""
    async with loop(folder, *(devices or ("car-1",))) as one:
        one.profiles = True
        yield one


@contextlib.asynccontextmanager
async def running(
    one: Loop, name: str = "car-1", clock: ManualClock | None = None, *, offline: bool = False
) -> AsyncIterator[Car]:
    """A car that runs, connected unless `offline`."""
    async with one.car(name, subject=0, clock=clock) as car:
        await car.runs()
        if not offline:
            await car.until(lambda: car.agent.uplink.status().online and sync_of(car)._mail.ready)
        yield car


def desk_of(car: Car) -> GuestDesk:
    """The guest desk of a car."""
    assert car.agent.desk is not None
    return car.agent.desk


def sync_of(car: Car) -> ProfileSync:
    """The profile room of a car."""
    assert car.agent.profiles is not None
    return car.agent.profiles


def authority_of(one: Loop) -> ProfileAuthority:
    """The authority, while the cloud is up."""
    assert one.cloud is not None
    assert one.cloud.profiles is not None
    return one.cloud.profiles


async def visit(car: Car, scope: Scope | None = None) -> int:
    """A guest comes and agrees to his profile; the handle."""
    view = await desk_of(car).open("head_unit", "de")
    car.subject = view.subject
    await desk_of(car).grant([PROFILE], scope)
    return view.subject


async def sign_in(car: Car, code: str) -> ProfileStatus:
    """With a code, as typed into the head unit."""
    return await sync_of(car).sign_in(profile_pb2.ProfileProof(code=code))


def document_of(car: Car) -> Document:
    """The profile as the car shows it."""
    document = sync_of(car).document()
    assert document is not None
    return document


async def until_version(one: Loop, profile: int, version: int) -> None:
    """Returns when the authority has come so far."""
    async with asyncio.timeout(15):
        while (await authority_of(one).show(profile)).version < version:  # noqa: ASYNC110 - an inbox has many causes
            await asyncio.sleep(0.01)
