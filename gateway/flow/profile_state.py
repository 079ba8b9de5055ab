"""The visit's profile in memory and on disk, the same in both; must never be kept without the key of its visit."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway.clock import Clock
from gateway.consent import Consent
from gateway.consent.holding import in_force
from gateway.errors import InputError
from gateway.flow import profile_keeping as keeping
from gateway.flow.profile_keeping import PENDING_MAX, Kept, Numbered
from gateway.log import Log
from gateway.model import Purpose, Scope
from gateway.profile import (
    Document,
    Edit,
    HlcClock,
    Moment,
    Offsets,
    Origin,
    Pending,
    Value,
    check_edit,
    moment_of,
    restamp,
)
from gateway.profile.wording import edit_bytes
from gateway.store import Store

_EXCHANGES = "exchanges"
log = Log("flow")


class Agreed(NamedTuple):
    """How far the guest's yes to his profile goes."""

    scope: Scope

    @property
    def reaches_cloud(self) -> bool:
        """Whether the authority may be asked."""
        return self.scope >= Scope.CLOUD


@dataclass(frozen=True, slots=True)
class Moved:
    """The document as it is now, and the groups that are not as they were.

    `erased`: nothing of before counts. `begun`: there was none before.
    """

    document: Document
    groups: frozenset[str]
    erased: bool = False
    begun: bool = False


class Poster(Protocol):
    """Where edits go: flow.profile_mail.Mail."""

    async def edit(self, kept: Kept, one: Numbered) -> bool:
        """Whether it was kept for the authority."""
        ...


class ProfileRoom:
    """One visit's profile. Belongs to the loop's thread; what changes it runs one after the other."""

    def __init__(
        self, store: Store, consent: Consent, clock: Clock, device: str, visit: Callable[[], int | None]
    ) -> None:
        """`visit`: the handle of the guest whose visit is open; None for nobody."""
        self._store, self._consent, self._clock, self._visit = store, consent, clock, visit
        self._device = device
        self._turn = asyncio.Lock()
        self.kept: Kept | None = None
        self._hlc, self._offsets = HlcClock(device), Offsets()

    async def open(self) -> None:
        """Takes up what an earlier process kept, if the visit and its key are still there."""
        found, raw = await self._store.read(lambda db: (keeping.load(db), keeping.noted(db, _EXCHANGES)))
        self._offsets = Offsets(keeping.read_exchanges(raw))
        self._offsets.noticed(moment_of(self._clock))
        if found is None:
            return
        subject, key_id, sealed = found
        key = self._consent.keyring.key(key_id)
        try:
            if key is None or subject != self._visit():
                raise InputError("it belongs to no visit that is open")
            kept = keeping.unsealed(sealed, key)
        except InputError as error:
            log.warning("profile_not_taken_up", why=str(error))
            await self.forget()
            return
        self._hlc = _clock_of(self._device, kept)
        self.kept = kept

    @property
    def signed_in(self) -> bool:
        """Whether the visit has a profile."""
        return self.kept is not None and self.kept.signed_in

    @property
    def document(self) -> Document | None:
        """What the vehicle shows."""
        return self.kept.document if self.kept is not None else None

    @property
    def waiting(self) -> int:
        """How many edits the authority has not taken yet."""
        return len(self.kept.waiting) if self.kept is not None else 0

    async def agreed(self) -> Agreed:
        """How far the guest's yes to `profile` goes; InputError without a visit or without a yes."""
        subject = self._visit()
        if subject is None:
            raise InputError("there is no visit: open one first")
        yes = in_force(await self._consent.held(subject)).get(Purpose.PROFILE)
        if yes is None or not self._consent.gate.may_use(subject, Purpose.PROFILE):
            raise InputError("the guest has to agree to `profile` first")
        return Agreed(yes.asked)

    async def reaches_cloud(self) -> bool:
        """Whether the authority may hear of this visit's profile."""
        try:
            return (await self.agreed()).reaches_cloud
        except InputError:
            return False

    async def begin(self) -> Kept:
        """The visit's room for a profile, with a key of its own; made when first asked for."""
        async with self._turn:
            subject = self._visit()
            if subject is None:
                raise InputError("there is no visit: open one first")
            if self.kept is None or self.kept.subject != subject:
                self._hlc = HlcClock(self._device)
                await self._keep(Kept(subject, X25519PrivateKey.generate()))
            assert self.kept is not None
            return self.kept

    async def measured(self, sent: Moment, arrived_ms: int, answered_ms: int, now: Moment) -> None:
        """An answer of the authority says what time it is there."""
        if self._offsets.measured(sent, arrived_ms, answered_ms, now) is not None:
            raw = keeping.exchanges_bytes(self._offsets.remembered())
            await self._store.write(lambda db: keeping.note(db, _EXCHANGES, raw))

    @property
    def knows_the_time(self) -> bool:
        """Whether edits can be dated in the authority's time."""
        return self._offsets.now_ms(moment_of(self._clock)) is not None

    async def adopt(
        self, theirs: Document, seen: int | None = None, *, asker: bytes, ahead: bool = False, proven: bytes = b""
    ) -> Moved:
        """The authority's document replaces what was known; edits that it has not seen stay on top.

        A document of another epoch takes nothing over: what was before it was erased. What an authority forgot, since
        it was restored from a backup, goes up again. `asker`: the key of the visit that asked; InputError where that is
        over. `seen`: the last edit that the authority has; None where it did not say, since this was staged. `proven`:
        what the authority is still to be shown.
        """
        async with self._turn:
            kept = self._must()
            if kept.session_key != asker:
                raise InputError("the visit that asked for this is over")
            seen = kept.number - len(kept.waiting) if seen is None else seen
            begun = not kept.signed_in
            shown, waiting = kept.document, [one for one in kept.waiting if one.number > seen]
            erased = kept.base is not None and kept.base.epoch != theirs.epoch
            if erased:
                shown, waiting = None, []
            elif kept.base is not None:
                waiting = [*keeping.forgotten(kept.base, theirs, moment_of(self._clock)), *waiting][:PENDING_MAX]
            for register in theirs.registers.values():
                self._hlc.saw(register.hlc)
            if ahead:
                waiting = [one._replace(pending=replace(one.pending, final=False)) for one in waiting]
            # Counted on from what the authority has, which is less than it had where it was restored from a backup.
            waiting = [one._replace(number=number) for number, one in enumerate(waiting, seen + 1)]
            kept = replace(
                kept,
                base=theirs,
                signed_in=True,
                waiting=self._dated(waiting),
                number=seen + len(waiting),
                proof=proven,
            )
            await self._keep(kept)
            document = kept.document
            assert document is not None
            return Moved(document, keeping.changed(shown, document), erased, begun)

    async def edit(
        self, group: str, values: Mapping[str, Value | None], origin: Origin, subject: int | None = None
    ) -> Edit:
        """An edit of the guest, on disk when this returns; InputError where it cannot be.

        `subject`: the visit in which it was made, where another may have begun meanwhile.
        """
        async with self._turn:
            kept, document = self._must(), self.document
            if subject not in (None, kept.subject):
                raise InputError("the visit in which that was changed is over")
            if kept.base is None or document is None:
                raise InputError("the guest has no profile here: sign in first")
            if len(kept.waiting) >= PENDING_MAX:
                raise InputError(f"{PENDING_MAX} changes wait for the authority already")
            made = moment_of(self._clock)
            stamp = self._hlc.stamp(self._offsets.stamping_ms(made))
            edit = check_edit(document.edit(group, values, stamp, origin))
            one = Numbered(kept.number + 1, Pending(edit, made))
            edit_bytes(one.number, kept.base.epoch, edit, spare=keeping.GROWS_BYTES)
            await self._keep(replace(kept, waiting=(*kept.waiting, one), number=one.number))
            return edit

    async def send(self, mail: Poster) -> bool:
        """Hands edits that were not sent yet to the outbox, in their order; False where one was not kept there."""
        async with self._turn:
            kept = self.kept
            if kept is None or not kept.signed_in:
                return True
            for one in kept.waiting:
                if one.pending.final:
                    continue
                final = one._replace(pending=replace(one.pending, final=True))
                # Final before it is sent: what may have been taken under a stamp comes again under that stamp.
                kept = replace(
                    kept, waiting=tuple(final if each.number == one.number else each for each in kept.waiting)
                )
                await self._keep(kept)
                if not await mail.edit(kept, final):
                    return False
        return True

    async def send_again(self, mail: Poster) -> bool:
        """Hands all that was sent and not taken to the outbox once more, in their order; False as in `send`."""
        async with self._turn:
            kept = self.kept
            if kept is None or not kept.signed_in:
                return True
            for one in kept.waiting:
                if one.pending.final and not await mail.edit(kept, one):
                    return False
        return True

    async def disown(self, subject: int) -> None:
        """What an earlier process kept for a visit is not taken up any more; for before `open`."""
        async with self._turn:
            await self._store.write(lambda db: keeping.forget(db, subject))

    async def forget(self) -> None:
        """Nothing of the visit's profile is left here."""
        async with self._turn:
            self.kept = None
            self._hlc = HlcClock(self._device)
            await self._store.write(keeping.forget)

    def _must(self) -> Kept:
        if self.kept is None:
            raise InputError("there is no visit to keep a profile for")
        return self.kept

    async def _keep(self, kept: Kept) -> None:
        """On disk, then in memory. The key is on disk before what it seals."""
        key_id, key = self._consent.keyring.obtain(kept.subject, 0)
        await asyncio.to_thread(self._consent.keyring.harden)
        sealed = kept.sealed(key)
        await self._store.write(lambda db: keeping.save(db, kept.subject, key_id, sealed))
        self.kept = kept

    def _dated(self, waiting: Iterable[Numbered]) -> tuple[Numbered, ...]:
        found = list(waiting)
        now = moment_of(self._clock)
        dated = restamp([one.pending for one in found], self._offsets, now, self._hlc)
        return tuple(Numbered(one.number, pending) for one, pending in zip(found, dated, strict=True))


def _clock_of(device: str, kept: Kept) -> HlcClock:
    """The clock of an earlier process: behind everything that it gave or saw."""
    clock = HlcClock(device)
    for register in kept.base.registers.values() if kept.base is not None else ():
        clock.saw(register.hlc)
    for one in kept.waiting:
        clock.gave(one.pending.edit.hlc)
    return clock
