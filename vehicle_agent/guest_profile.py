"""The guest's profile in this vehicle: applied when it comes, learnt from his hands; must never move a seat by itself.

The cabin judges every motion; here is decided only what is wanted. What the guest changes by hand goes back into the
profile, in terms that no model decides.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from gateway.errors import ForecourtError, InputError, LinkError
from gateway.log import Log
from gateway.profile import FIELDS, Document, Edit, Origin, Value
from gateway.profile.fit import Card, Fit, fit, learn, load_card, load_cards
from gateway.runtime import Agent
from vehicle_agent.cabin import ApplyTiming, Cabin, CabinEdit, Outcome, Seated
from vehicle_agent.settings import CabinSettings

POSTURE, MIRRORS = "posture", "mirrors"
AGAIN_S: Final = 5.0
_log = Log("profile")


class Profiles(Protocol):
    """gateway.runtime.Agent.profiles, as far as it is needed here."""

    def document(self) -> Document | None:
        """The profile of the visit; None before a sign-in."""
        ...

    async def edit(
        self, group: str, values: Mapping[str, Value | None], origin: Origin, subject: int | None = None
    ) -> Edit:
        """The guest changed fields of a group by hand; kept when this returns. InputError where his visit is over."""
        ...

    async def report(self, card: str, outcomes: Iterable[Outcome], document: Document) -> None:
        """What became of a document in this vehicle."""
        ...


@dataclass(frozen=True, slots=True)
class Applied:
    """The last plan: of which version, how it ended field by field, and when its orders were given."""

    version: int
    outcomes: tuple[Outcome, ...]
    timing: ApplyTiming | None


class GuestProfile:
    """Between profile room and cabin. `run` goes on until it is cancelled."""

    def __init__(
        self,
        profiles: Profiles,
        cabin: Cabin,
        cards: Mapping[str, Card],
        card: Card,
        device: str,
        visit: Callable[[], int | None],
    ) -> None:
        """`cards`: models that profiles may come from; `card`: this one. `visit`: the open visit's handle, or None."""
        self._profiles, self._cabin, self._card, self._cards = profiles, cabin, card, cards
        self._device, self._visit = device, visit
        self._wanted: frozenset[str] = frozenset()
        self._left = self._begins = False
        self._plans = 0
        self._told: tuple[tuple[int, bytes] | None, dict[str, Outcome]] = (None, {})
        self._wake = asyncio.Event()
        self.last: Applied | None = None
        self.applied = asyncio.Condition()

    def arrived(self, document: Document, groups: frozenset[str]) -> None:
        """The profile is this now, and these groups of it changed."""
        del document
        self._wanted |= groups | ({MIRRORS} if POSTURE in groups else frozenset())  # the eye moves with the seat
        self._begins = True
        self._wake.set()

    def signed_out(self) -> None:
        """There is no profile any more, though perhaps a visit: what was set goes back, and the home address goes."""
        self._wanted, self._left, self._told = frozenset(), True, (None, {})
        self._wake.set()

    async def run(self) -> None:
        """Applies and learns, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_up(), name="profile-take-up")
            group.create_task(self._apply_all(), name="profile-apply")
            group.create_task(self._learn_all(), name="profile-learn")

    async def again(self, *, confirmed: bool) -> Applied:
        """Applies the whole profile once more; `confirmed`: the guest tapped on the screen. InputError without one."""
        document = self._profiles.document()
        if document is None:
            raise InputError("the guest has no profile here: sign in first")
        return await self._apply(document, frozenset(document.groups()), confirmed=confirmed)

    async def apply_verb(self, args: Mapping[str, Any]) -> Any:
        """At the door: the guest taps on the screen, so that everything is set that may be. No arguments."""
        if args:
            raise InputError("apply takes no arguments")
        done = await self.again(confirmed=True)
        return [{"field": one.field, "outcome": one.kind.value, "reason": one.reason} for one in done.outcomes]

    async def _take_up(self) -> None:
        """A visit of an earlier process: its guest's hands are learnt from, or what his no has left goes."""
        subject = self._visit()
        if subject is None:
            return
        await self._cabin.ready()
        if self._visit() != subject:
            return
        if self._profiles.document() is None:
            self.signed_out()
            return
        try:
            await self._cabin.begin(Seated(subject))
        except ForecourtError as error:
            _log.warning("profile_not_taken_up", error=type(error).__name__, why=str(error))

    async def _apply_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._round()
            except ForecourtError as error:
                _log.warning("profile_not_applied", error=type(error).__name__, why=str(error))

    async def _round(self) -> None:
        if self._left:
            self._left = False
            try:
                await self._cabin.neutral()
            except LinkError:
                self._left = True
                asyncio.get_running_loop().call_later(AGAIN_S, self._wake.set)
                raise
        wanted, self._wanted = self._wanted, frozenset()
        document, subject = self._profiles.document(), self._visit()
        if document is None or subject is None:
            return
        begins, self._begins = self._begins, False
        try:
            if wanted:
                await self._apply(document, wanted, confirmed=False)
            elif begins:  # an empty profile: nothing is set, but his hands are learnt from
                await self._begin(subject, document)
        except LinkError:  # nothing is set later by itself; from his hands it is learnt as soon as that can be
            self._begins = True
            asyncio.get_running_loop().call_later(AGAIN_S, self._wake.set)
            raise

    async def _apply(self, document: Document, groups: frozenset[str], *, confirmed: bool) -> Applied:
        subject = self._visit()
        if subject is None:
            raise InputError("there is no visit")
        translated = await asyncio.to_thread(fit, document.values, document.origins, self._card, self._cards)
        seated = await self._begin(subject, document)
        self._left = False
        self._plans += 1
        plan = f"{document.epoch.hex()}:{document.version}:{self._plans}"
        outcomes = await self._cabin.apply(_of(translated, groups), plan, seated, confirmed=confirmed)
        self.last = Applied(document.version, outcomes, self._cabin.last_apply)
        _log.info("profile_applied", version=document.version, **_counted(outcomes))
        async with self.applied:
            self.applied.notify_all()
        await self._profiles.report(self._card.id, self._of_visit(subject, document.epoch, outcomes), document)
        return self.last

    async def _begin(self, subject: int, document: Document) -> Seated:
        """The guest is in the cabin; InputError where he, or his profile, is not here any more."""
        self._check(subject, document)
        seated = Seated(subject)
        await self._cabin.begin(seated)
        if self._visit() != subject:  # the wipe may have come first
            await self._cabin.wipe(subject)
        self._check(subject, document)
        return seated

    def _check(self, subject: int, document: Document) -> None:
        """InputError where the guest, or his profile, is not here any more."""
        now = self._profiles.document()
        if self._visit() != subject or now is None or now.epoch != document.epoch:
            raise InputError("the guest's profile is not here any more")

    def _of_visit(self, subject: int, epoch: bytes, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """What became of each field of this profile at last in this visit: a plan may set one group only."""
        before, told = self._told
        told = (told if before == (subject, epoch) else {}) | {one.field: one for one in outcomes}
        self._told = (subject, epoch), told
        return list(told.values())

    async def _learn_all(self) -> None:
        async for edit in self._cabin.edits():
            with suppress(InputError):  # the profile went meanwhile
                await self._learn(edit)

    async def _learn(self, edit: CabinEdit) -> None:
        document = self._profiles.document()
        if document is None or edit.session.subject != self._visit():
            return
        found = await asyncio.to_thread(
            learn, edit.before, edit.after, document.values, document.origins, self._card, self._cards
        )
        for group, learned in found.items():
            self._check(edit.session.subject, document)
            origin = Origin(self._device, self._card.id, self._card.revision, learned.raw)
            await self._profiles.edit(group, learned.values, origin, edit.session.subject)
            _log.info("profile_learnt", group=group)


async def open_guest_profile(agent: Agent, cabin: Cabin, settings: CabinSettings) -> GuestProfile | None:
    """The one of an agent that keeps profiles; None of another. Raises ConfigError for a card that cannot be read."""
    profiles, desk = agent.profiles, agent.desk
    if profiles is None or desk is None:
        return None
    cards = await asyncio.to_thread(load_cards)
    card = await asyncio.to_thread(load_card, settings.card_file or settings.card)

    made = GuestProfile(profiles, cabin, cards, card, agent.identity.device, desk.guest)
    profiles.on_document.append(made.arrived)
    profiles.on_signed_out.append(made.signed_out)
    agent.verbs["apply"] = made.apply_verb
    return made


def _of(translated: Fit, groups: frozenset[str]) -> Fit:
    """What of a translated profile belongs to these groups."""
    targets = tuple(one for one in translated.targets if FIELDS[one.field].group in groups)
    skipped = tuple(
        (name, why) for name, why in translated.skipped if name not in FIELDS or FIELDS[name].group in groups
    )
    return replace(translated, targets=targets, skipped=skipped)


def _counted(outcomes: Iterable[Outcome]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in outcomes:
        found[one.kind.value] = found.get(one.kind.value, 0) + 1
    return found
