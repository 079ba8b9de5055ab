"""A guest's profile on a device: sign-in, whole documents, edits back; must never let one out of its visit.

Every document answers a request of this process that is younger than 30 s, so an old one moves nothing, whatever
the clocks say. After each connect, and whenever the authority says that there is something newer, the whole profile
is asked for; edits go up after that, dated in the authority's time.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from forecourt.v1 import profile_pb2

from gateway.clock import Clock
from gateway.errors import ForecourtError, InputError, LinkError, StoreError
from gateway.flow.commands import CommandFailed, CommandRouter
from gateway.flow.profile_asking import AGAIN_S, ENDED, Asking
from gateway.flow.profile_keeping import Kept
from gateway.flow.profile_mail import Mail
from gateway.flow.profile_stages import Stages
from gateway.flow.profile_state import Moved, ProfileRoom
from gateway.flow.profile_views import Asked, OnDocument, Phase, ProfileStatus, Told, forgets, read_body, result_message
from gateway.log import Log
from gateway.model import Purpose, PurposeSet
from gateway.profile import Document, Edit, Origin, Value, moment_of
from gateway.profile.sealing import KEY_BYTES, context, unseal
from gateway.profile.wording import read_document
from gateway.store import Store

ANSWER, CHANGED, STAGE, UNSTAGE = "profile.answer", "profile.changed", "profile.stage", "profile.unstage"
SOON_S, LATER_S = 1.0, 60.0
log = Log("flow")


class ProfileSync:
    """One device's side. Belongs to the loop's thread; `run` goes on until it is cancelled."""

    def __init__(self, room: ProfileRoom, mail: Mail, store: Store, clock: Clock, online: Callable[[], bool]) -> None:
        self._room, self._mail, self._clock, self._online = room, mail, clock, online
        self._wanted = self._synced = self._resend = False
        self._reason, self._heard, self._boot = "", b"", 0
        self._wake = asyncio.Event()
        self._loop, self._since_s = asyncio.get_running_loop(), float("-inf")
        self.on_document: list[OnDocument] = []
        self.on_signed_out: list[Callable[[], None]] = []
        self.counters: Counter[str] = Counter()
        self._stages = Stages(store, clock, self.counters)
        self._asking = Asking(mail, clock, self.counters, self._want)

    async def open(self) -> None:
        """Takes up the visit's profile where an earlier process left it."""
        await self._mail.open()
        await self._stages.open()
        await self._room.open()
        self._wanted = self._room.signed_in

    def register(self, router: CommandRouter) -> None:
        """Takes profile.answer, .changed, .stage and .unstage. None can do harm late, whatever the clock says."""
        for kind, handler in (
            (ANSWER, self.answer), (CHANGED, self.changed),
            (STAGE, self._stages.put), (UNSTAGE, self._stages.take_back),
        ):  # fmt: skip
            router.register(kind, handler, safe=True)

    def status(self) -> ProfileStatus:
        """A snapshot."""
        room = self._room
        phase = Phase.OPEN if room.signed_in else Phase.REFUSED if self._reason else Phase.NONE
        if self._asking.open is not None and self._asking.open.by_guest:
            phase = Phase.ASKING
        document = room.document
        return ProfileStatus(
            phase, self._reason, document.version if document else 0, room.waiting, self._stages.count, self.counters
        )

    def document(self) -> Document | None:
        """The profile of the visit as this device knows it; None before a sign-in."""
        return self._room.document

    async def challenge(self) -> bytes:
        """The key of this visit, which a phone's key signs to open its profile here; 32 bytes."""
        return (await self._room.begin()).session_key

    async def sign_in(self, proof: profile_pb2.ProfileProof, timeout_s: float = 20.0) -> ProfileStatus:
        """The guest proves who he is. Returns when the profile is here, or with the reason why it is not.

        A code opens what is staged here without a network; anything else needs the authority. InputError without a
        visit or a yes to `profile`, LinkError where nobody answers.
        """
        agreed = await self._room.agreed()
        kept, shown = await self._room.begin(), proof.SerializeToString()
        opened = await self._from_stage(kept, proof.code, shown) if proof.WhichOneof("proof") == "code" else False
        if not agreed.reaches_cloud and not opened:
            raise InputError("this visit's yes to its profile stays in the vehicle: only a staged profile opens")
        self._reason = ""
        if opened:
            self._want()
            return self.status()
        if not self._online():
            raise LinkError("there is no network, and nothing is staged here under that")
        asked = self._asking.begin(by_guest=True)
        try:
            await self._asking.send(asked, kept, self._mail.proof(kept, shown))
            async with asyncio.timeout(timeout_s):
                reason = await asyncio.shield(asked.done)
        except TimeoutError as error:
            raise LinkError("the profile authority does not answer: is there a network?") from error
        finally:  # also where who asked is gone
            if self._asking.open is asked:
                self._asking.open = None
                self._want()
        if reason == ENDED:
            raise InputError("the visit, or its yes to the profile, ended meanwhile")
        self._reason = reason
        return self.status()

    async def sign_out(self) -> None:
        """The profile goes, here at once and at the authority when it hears; the visit goes on without one."""
        kept = self._room.kept
        if kept is not None:
            told = await self._room.reaches_cloud()
            await self.wipe(kept.subject)
            if told:
                await self._mail.request(profile_pb2.ProfileRequest(subject=kept.subject, request=1, sign_out=True))

    async def edit(
        self, group: str, values: Mapping[str, Value | None], origin: Origin, subject: int | None = None
    ) -> Edit:
        """The guest changed fields of a group by hand; kept when this returns.

        `subject`: the visit in which it was made. InputError where that is over, has no profile, or no yes in force.
        """
        await self._room.agreed()
        edit = await self._room.edit(group, values, origin, subject)
        self.counters["edits"] += 1
        self._wake.set()
        return edit

    async def report(self, card: str, outcomes: Iterable[Told], document: Document) -> None:
        """What became of a document in this vehicle; goes up where the visit has it still and allows it."""
        kept = self._room.kept
        if kept is not None and kept.base is not None and kept.base.epoch == document.epoch:
            await self._mail.result(kept, result_message(document, card, outcomes))

    def connected(self) -> None:
        """A new connection: what was missed is not known, so the whole profile is asked for."""
        self._synced, self._wanted, self._boot = False, self._room.signed_in, 0
        self._since_s = self._loop.time()
        self._wake.set()

    async def answer(self, body: bytes) -> bytes:
        """The authority answers a request; one that nobody waits for changes nothing."""
        message, now = read_body(profile_pb2.ProfileAnswer(), body), moment_of(self._clock)
        asked, kept = self._asking.answered(message, self._room.kept, now)
        reason = "later"
        try:
            await self._room.measured(asked.sent, message.received_ms, message.sent_ms, now)
            if message.refused:
                reason = await self._refused(asked, message.refused)
            else:
                await self._taken(message, kept)
                reason = ""
        except CommandFailed as error:
            reason = self._reason = str(error)
            raise
        except StoreError:
            self._loop.call_later(AGAIN_S, self._want)
            raise
        finally:
            if not asked.done.done():
                asked.done.set_result(reason)
        return b""

    async def _taken(self, message: profile_pb2.ProfileAnswer, kept: Kept) -> None:
        """The visit's profile, as the authority has it."""
        try:
            info = context("answer", self._mail.device, kept.subject, message.request.to_bytes(8, "big"))
            state = read_body(profile_pb2.ProfileState(), unseal(message.sealed, kept.private, info))
            document = read_document(state.document.SerializeToString())
        except InputError as error:
            self.counters["answers_bad"] += 1
            raise CommandFailed("not_opened") from error
        moved = await self._room.adopt(document, state.edits_seen, asker=kept.session_key, ahead=state.ahead)
        self._synced = self._resend = self._room.knows_the_time
        if not self._synced:  # the answer was too long on its way: what is sent undated stays so
            self._loop.call_later(SOON_S, self._want)
        self._reason = ""
        self.counters["answers"] += 1
        self._tell(moved)
        self._wake.set()

    async def changed(self, body: bytes) -> bytes:
        """There is something newer: it is asked for."""
        message = read_body(profile_pb2.ProfileChanged(), body)
        kept = self._room.kept
        if kept is not None and kept.subject == message.subject:
            self._want()
        return b""

    def authority_says(self, boot: int, key: bytes) -> None:
        """Its boot and key. Another boot than before: it may have forgotten something, so all is asked for again."""
        if len(key) == KEY_BYTES:
            self._heard = key
            self._wanted |= self._boot not in (0, boot) and self._room.signed_in
            self._boot = boot
            self._wake.set()

    async def wipe(self, subject: int) -> None:
        """Nothing of the visit's profile is left; may be called again (gateway.guest.Wipeable)."""
        del subject
        await self._forget()
        self._reason = ""

    async def withdrawn(self, subject: int, purposes: PurposeSet) -> None:
        """The guest said no: what is here of his profile goes, edits that wait and what a cut no left included."""
        if purposes >> Purpose.PROFILE & 1:
            if self._room.kept is None:  # finished before this room has opened, so that only the disk knows
                await self._room.disown(subject)
            elif self._room.kept.subject == subject:
                await self._forget()

    async def run(self) -> None:
        """Asks and sends for ever."""
        while True:
            await self._stages.until(self._wake)
            self._wake.clear()
            try:
                await self._stages.tidy()
                await self._mail.learn(self._heard)
                await self._exchange()
            except ForecourtError as error:
                log.warning("profile_waits", error=type(error).__name__)
                self._loop.call_later(AGAIN_S, self._wake.set)

    async def _exchange(self) -> None:
        """What is due between this visit and the authority, as far as the guest's yes goes."""
        kept = self._room.kept
        if kept is None or not kept.signed_in or not (self._wanted or self._synced):
            return
        if not await self._room.reaches_cloud():
            fresh = self._loop.time() - self._since_s < AGAIN_S  # what he said is on its way, perhaps; or he says more
            self._loop.call_later(SOON_S if fresh else AGAIN_S, self._wake.set)
            return
        gone = self._room.kept is None or self._room.kept.session_key != kept.session_key
        if self._wanted and self._asking.open is None and self._mail.ready and self._online() and not gone:
            self._wanted = False
            await self._asking.send(self._asking.begin(by_guest=False), kept, self._mail.proof(kept, kept.proof))
        if self._synced:
            again, self._resend, left = self._resend, False, True
            try:
                left = (again and not await self._room.send_again(self._mail)) or not await self._room.send(self._mail)
            finally:
                self._resend |= left
            if left:  # the gate is shut, perhaps for a moment
                self._loop.call_later(AGAIN_S, self._wake.set)

    def _want(self) -> None:
        """The whole profile is asked for, where there is one."""
        self._wanted |= self._room.signed_in
        self._wake.set()

    async def _refused(self, asked: Asked, reason: str) -> str:
        self._reason = reason if reason.isidentifier() and len(reason) <= 64 else "refused"
        self.counters[f"refused.{self._reason}"] += 1
        log.info("profile_refused", reason=self._reason)
        if forgets(reason, by_guest=asked.by_guest):
            await self._forget()  # what was staged, or open before, is not the authority's any more
        elif not asked.by_guest:  # it says nothing about this visit
            self._loop.call_later(LATER_S, self._want)
        return self._reason

    async def _from_stage(self, kept: Kept, code: str, proof: bytes) -> bool:
        """Whether something that was staged opens with this code; it is the visit's then."""
        found = await self._stages.opened(code)
        if found is None:
            return False
        stage_id, document = found
        moved = await self._room.adopt(document, asker=kept.session_key, proven=proof)
        self._tell(moved)
        await self._stages.drop([stage_id])
        self.counters["opened_from_stage"] += 1
        return True

    async def _forget(self) -> None:
        self._wanted = self._synced = self._resend = False
        self._asking.end()
        had = self._room.signed_in
        await self._room.forget()
        for told in self.on_signed_out if had else ():
            told()

    def _tell(self, moved: Moved) -> None:
        for left in self.on_signed_out if moved.erased else ():
            left()
        if moved.groups or moved.begun:
            for told in self.on_document:
                told(moved.document, moved.groups)
