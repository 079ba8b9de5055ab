"""Between profile room and cabin: what a guest's profile may not do once the guest, or his profile, has gone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from gateway.clock import ManualClock
from gateway.errors import InputError, LinkError
from gateway.profile import Document, Edit, Hlc, Origin, Value, new_epoch, take
from gateway.profile.fit import Fit, load_cards
from vehicle_agent.cabin import ApplyTiming, CabinEdit, Outcome, OutcomeKind, Seated
from vehicle_agent.guest_profile import GuestProfile

NOW_MS = ManualClock().wall_us() // 1_000
JAN, MIA = 5, 6


def document(volume: float, epoch: bytes) -> Document:
    """A profile."""
    empty = Document(epoch)
    stamp = Hlc(NOW_MS, round(volume), "app")
    return take(empty, empty.edit("radio", {"radio.volume_pct": volume}, stamp, Origin("app"))).document


@dataclass
class World:
    """Who is here and what is known of him; and a cabin that does at once what it is told."""

    shown: Document | None
    subject: int | None = JAN
    at_begin: Callable[[], None] = lambda: None
    at_apply: Callable[[], None] = lambda: None
    outcomes: tuple[Outcome, ...] = ()
    told: list[Document] = field(default_factory=list)
    fields: list[list[str]] = field(default_factory=list)
    edits_of: list[int | None] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    applied: list[int] = field(default_factory=list)
    wiped: list[int] = field(default_factory=list)
    away: int = 0
    seated: asyncio.Event = field(default_factory=asyncio.Event)
    last_apply: ApplyTiming | None = None

    def document(self) -> Document | None:
        """The profile of the visit."""
        return self.shown

    async def edit(
        self, group: str, values: Mapping[str, Value | None], origin: Origin, subject: int | None = None
    ) -> Edit:
        """A change by hand."""
        self.edits_of.append(subject)
        assert self.shown is not None
        return self.shown.edit(group, values, Hlc(NOW_MS, 99, "car"), origin)

    async def report(self, card: str, outcomes: Iterable[Outcome], document: Document) -> None:
        """What became of it."""
        assert card
        self.told.append(document)
        self.fields.append([one.field for one in outcomes])

    async def begin(self, session: Seated) -> None:
        """The guest sits down."""
        self.begun.append(session.subject)
        self.at_begin()
        if self.away:
            self.away -= 1
            raise LinkError("the databroker is away")
        self.seated.set()

    async def apply(self, fit: Fit, plan_id: str, session: Seated, *, confirmed: bool = False) -> tuple[Outcome, ...]:
        """Everything is as wanted."""
        assert fit.targets
        assert plan_id
        self.applied.append(session.subject)
        self.at_apply()
        return self.outcomes

    async def wipe(self, subject: int) -> None:
        """Nothing is left."""
        self.wiped.append(subject)

    async def edits(self) -> AsyncIterator[CabinEdit]:
        """None comes by itself."""
        await asyncio.Event().wait()
        yield  # type: ignore[misc]


async def made(world: World, visit: Callable[[], int | None] | None = None) -> GuestProfile:
    """One of an SUV."""
    cards = dict(await asyncio.to_thread(load_cards))
    return GuestProfile(world, world, cards, cards["suv"], "car-1", visit or (lambda: world.subject))  # type: ignore[arg-type]


async def test_a_profile_moves_nothing_after_its_visit() -> None:
    """The guest leaves while his seat is worked out, or while the cabin begins: then it is wiped again."""
    world = World(document(20.0, new_epoch(NOW_MS)))
    visits = iter((JAN, MIA))
    with pytest.raises(InputError, match="not here any more"):
        await (await made(world, lambda: next(visits))).again(confirmed=True)
    assert (world.begun, world.applied) == ([], [])

    def leaves() -> None:
        world.subject = MIA

    world.at_begin = leaves
    with pytest.raises(InputError, match="not here any more"):
        await (await made(world)).again(confirmed=True)
    assert (world.applied, world.wiped) == ([], [JAN])


async def test_a_profile_moves_nothing_after_a_sign_out() -> None:
    """Nor one that another has taken the place of in the same visit."""
    world = World(document(20.0, new_epoch(NOW_MS)))
    one = await made(world)
    for after in (None, document(30.0, new_epoch(NOW_MS + 1))):
        world.shown = document(20.0, new_epoch(NOW_MS))

        def goes(then: Document | None = after) -> None:
            world.shown = then

        world.at_begin = goes
        with pytest.raises(InputError, match="not here any more"):
            await one.again(confirmed=True)
    assert (world.applied, world.wiped) == ([], [])


async def test_what_is_told_is_told_of_what_was_applied() -> None:
    """A newer version comes while the seat moves: what became of the older is not told of it."""
    first = document(20.0, new_epoch(NOW_MS))
    world = World(first)

    def newer() -> None:
        world.shown = replace(first, version=9)

    world.at_apply = newer
    await (await made(world)).again(confirmed=True)
    assert world.told == [first]


async def test_what_became_of_one_profile_is_not_told_of_another() -> None:
    """Two guests sign in one after the other in one visit, the second while the first's is applied still."""
    first, second = document(20.0, new_epoch(NOW_MS)), document(30.0, new_epoch(NOW_MS + 1))
    world = World(first, outcomes=(Outcome("home.address", OutcomeKind.APPLIED),))
    one = await made(world)
    world.at_apply = one.signed_out
    await one.again(confirmed=True)
    world.shown, world.outcomes, world.at_apply = (
        second,
        (Outcome("radio.volume_pct", OutcomeKind.APPLIED),),
        lambda: None,
    )
    await one.again(confirmed=True)
    assert world.fields == [["home.address"], ["radio.volume_pct"]]


async def test_hands_are_learnt_from_once_the_databroker_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was away as the guest signed in: he is in the cabin as soon as can be, and nothing moves by itself then."""
    monkeypatch.setattr("vehicle_agent.guest_profile.AGAIN_S", 0.01)
    world = World(document(20.0, new_epoch(NOW_MS)), away=2)
    one = await made(world)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(one._apply_all())
        one.arrived(document(20.0, new_epoch(NOW_MS)), frozenset({"radio"}))
        await world.seated.wait()
        assert (world.begun, world.applied) == ([JAN] * 3, [])
        task.cancel()
