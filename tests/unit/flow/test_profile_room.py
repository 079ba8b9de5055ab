"""A visit's profile on a device, without network or authority: what is taken over, and what is not lost by it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.consent import Consent
from gateway.errors import InputError
from gateway.flow import profile_keeping as keeping
from gateway.flow.profile_keeping import Kept, Numbered
from gateway.flow.profile_state import ProfileRoom
from gateway.profile import Document, Hlc, Origin, new_epoch, take
from gateway.store import Store

CAR = Origin("car-1", "suv", 1)
NOW_MS = ManualClock().wall_us() // 1_000
EMPTY = Document(new_epoch(NOW_MS))


class Desk:
    """The visit that is open."""

    subject: int | None = 5


class Post:
    """Takes edits while it is allowed."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.allowed = True

    async def edit(self, kept: Kept, one: Numbered) -> bool:
        """Whether it was kept."""
        assert kept.signed_in
        if self.allowed:
            self.sent.append(one.number)
        return self.allowed


@asynccontextmanager
async def room(folder: Path) -> AsyncIterator[tuple[ProfileRoom, Desk, ManualClock]]:
    """One over a store and a keyring."""
    clock, desk = ManualClock(), Desk()
    store = await Store.open(folder, clock=clock, bytes_max=1 << 20, migrations=[Consent.migrations, keeping.schema])
    consent = await Consent.open(store, folder, clock)
    try:
        yield ProfileRoom(store, consent, clock, "car-1", lambda: desk.subject), desk, clock
    finally:
        await store.aclose()
        await consent.aclose()


def at_authority(document: Document, group: str, later_ms: int, **values: float) -> Document:
    """The authority takes a change of the app."""
    changed = {name.replace("__", "."): value for name, value in values.items()}
    edit = document.edit(group, changed, Hlc(NOW_MS + later_ms, 0, "authority"), Origin("app"))
    return take(document, edit).document


async def test_a_document_is_taken_over_by_the_visit_that_asked_for_it(tmp_path: Path) -> None:
    """The visit ended and another began while the answer was opened: nothing of the first gets into the second."""
    async with room(tmp_path) as (one, desk, _):
        first = await one.begin()
        desk.subject = 6
        second = await one.begin()
        with pytest.raises(InputError, match="visit"):
            await one.adopt(at_authority(EMPTY, "home", 1, home__latitude=52.0), asker=first.session_key)
        assert one.document is None
        await one.adopt(EMPTY, asker=second.session_key)
        assert one.document == EMPTY


async def test_a_change_is_that_of_the_guest_who_made_it(tmp_path: Path) -> None:
    """He left while it was learnt from his hand: it does not get into the profile of the next guest."""
    async with room(tmp_path) as (one, desk, _):
        await one.begin()
        await one.forget()
        desk.subject = 6
        await one.adopt(EMPTY, asker=(await one.begin()).session_key)
        with pytest.raises(InputError, match="visit"):
            await one.edit("home", {"home.latitude": 52.0}, CAR, subject=5)
        await one.edit("home", {"home.latitude": 48.0}, CAR, subject=6)
        assert one.document is not None
        assert one.document.values == {"home.latitude": 48.0}


async def test_what_was_staged_undoes_no_numbers(tmp_path: Path) -> None:
    """Signed in, two changes taken, one that waits; then the staged profile of the same guest is opened."""
    async with room(tmp_path) as (one, _, clock):
        asker = (await one.begin()).session_key
        first = at_authority(EMPTY, "radio", 1, radio__volume_pct=10.0)
        await one.adopt(first, asker=asker)
        for volume in (11.0, 12.0):
            clock.advance(1)
            await one.edit("radio", {"radio.volume_pct": volume}, CAR)
        assert one.kept is not None
        taken = one.kept.document
        assert taken is not None
        await one.adopt(taken, seen=2, asker=asker)
        await one.edit("climate.driver", {"climate.driver.temperature_c": 21.0}, CAR)
        await one.adopt(first, asker=asker, proven=b"code")
        assert one.kept.waiting[-1].number > 2
        await one.adopt(replace(taken, version=9), seen=2, asker=asker)
        assert one.document is not None
        assert one.document.values == {"radio.volume_pct": 12.0, "climate.driver.temperature_c": 21.0}
        assert one.waiting >= 1


async def test_a_restored_authority_learns_again_what_it_forgot_beside_what_waits(tmp_path: Path) -> None:
    """A change that it had taken and lost goes up again, though another waits at the same time."""
    async with room(tmp_path) as (one, _, clock):
        asker = (await one.begin()).session_key
        backup = at_authority(EMPTY, "radio", 1, radio__volume_pct=10.0)
        await one.adopt(backup, asker=asker)
        clock.advance(1)
        await one.edit("radio", {"radio.volume_pct": 11.0}, CAR)
        assert one.document is not None
        await one.adopt(one.document, seen=1, asker=asker)
        await one.edit("climate.driver", {"climate.driver.temperature_c": 21.0}, CAR)
        await one.adopt(backup, seen=0, asker=asker)
        post = Post()
        await one.send(post)
        await one.send_again(post)
        assert {edit.pending.edit.group for edit in one.kept.waiting} == {"radio", "climate.driver"}  # type: ignore[union-attr]
        assert one.document.values == {"radio.volume_pct": 11.0, "climate.driver.temperature_c": 21.0}
        assert sorted(set(post.sent)) == [1, 2]


async def test_an_edit_that_no_event_can_hold_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    """Otherwise it would never go up, and hold up all behind it."""
    async with room(tmp_path) as (one, _, _clock):
        await one.adopt(EMPTY, asker=(await one.begin()).session_key)
        huge = tuple(f"{number:03}" + "x" * 250 for number in range(32))
        await one.edit("radio", {"radio.presets": huge}, CAR)
        with pytest.raises(InputError, match="bytes"):
            await one.edit("radio", {"radio.service_id": "x"} | {f"radio.more_{n}": huge for n in range(2)}, CAR)
        assert one.waiting == 1


async def test_what_was_denied_for_a_while_is_handed_over_later(tmp_path: Path) -> None:
    """The gate is shut while consent is in doubt; whoever sends hears that something is left."""
    async with room(tmp_path) as (one, _, _clock):
        await one.adopt(EMPTY, asker=(await one.begin()).session_key)
        await one.edit("radio", {"radio.volume_pct": 11.0}, CAR)
        post = Post()
        post.allowed = False
        assert not await one.send(post)
        assert not await one.send_again(post)
        post.allowed = True
        assert await one.send_again(post)
        assert await one.send(post)
        assert post.sent == [1]
