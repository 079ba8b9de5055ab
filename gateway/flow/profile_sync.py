"""A guest's profile on a device: sign-in, whole documents, edits back; must never let one out of its visit.

Every document answers a request of this process that is younger than ANSWER_S, so an old one moves nothing, whatever
the clocks say. After each connect, and whenever the authority says that there is something newer, the whole profile
is asked for; edits go up after that, dated in the authority's time.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from forecourt.v1 import profile_pb2

from gateway.clock import Clock
from gateway.errors import InputError, LinkError, StoreError
from gateway.flow.commands import CommandFailed, CommandRouter
from gateway.flow.profile_mail import Mail
from gateway.flow.profile_stages import Stages
from gateway.flow.profile_state import Moved, ProfileRoom
from gateway.flow.profile_views import Asked, OnDocument, Phase, ProfileStatus, Told, read_body, result_message
from gateway.log import Log
from gateway.model import Purpose, PurposeSet
from gateway.profile import Document, Edit, Origin, Value, moment_of
from gateway.profile.sealing import KEY_BYTES, context, unseal
from gateway.profile.wording import read_document
from gateway.store import Store

ANSWER, CHANGED, STAGE, UNSTAGE = "profile.answer", "profile.changed", "profile.stage", "profile.unstage"
ANSWER_S: Final = 30.0
AGAIN_S: Final = 10.0
log = Log("flow")


class ProfileSync:
    """One device's side. Belongs to the loop's thread; `run` goes on until it is cancelled."""

    def __init__(self, room: ProfileRoom, mail: Mail, store: Store, clock: Clock, online: Callable[[], bool]) -> None:
        self._room, self._mail, self._clock, self._online = room, mail, clock, online
        self._asked: Asked | None = None
        self._wanted = self._synced = self._resend = False
        self._reason, self._heard, self._boot = "", b"", 0
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.on_document: list[OnDocument] = []
        self.on_signed_out: list[Callable[[], None]] = []
        self.counters: Counter[str] = Counter()
        self._stages = Stages(store, clock, self.counters)

    async def open(self) -> None:
        """Takes up the visit's profile where an earlier process left it."""
        await self._mail.open()
        await self._stages.open()
        await self._room.open()
        self._wanted = self._room.signed_in

    def register(self, router: CommandRouter) -> None:
        """Takes profile.answer, .changed, .stage and .unstage. None can do harm late, whatever the clock says."""
        for kind, handler in (
            (ANSWER, self.answer), (CHANGED, self.changed), (STAGE, self.stage), (UNSTAGE, self.unstage),
        ):  # fmt: skip
            router.register(kind, handler, safe=True)

    def status(self) -> ProfileStatus:
        """A snapshot."""
        room = self._room
        phase = Phase.OPEN if room.signed_in else Phase.REFUSED if self._reason else Phase.NONE
        if self._asked is not None and self._asked.by_guest:
            phase = Phase.ASKING
        document = room.document
        return ProfileStatus(
            phase, self._reason, document.version if document else 0, room.waiting, self._stages.count, self.counters
        )

    def document(self) -> Document | None:
        """The profile of the visit as this device knows it; None before a sign-in."""
        return self._room.document

    # What surfaces ask for

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
        opened = await self._from_stage(proof.code, shown) if proof.WhichOneof("proof") == "code" else False
        if not agreed.reaches_cloud and not opened:
            raise InputError("this visit's yes to its profile stays in the vehicle: only a staged profile opens")
        self._reason = ""
        if opened:
            self._wanted = agreed.reaches_cloud
            self._wake.set()
            return self.status()
        if not self._online():
            raise LinkError("there is no network, and nothing is staged here under that")
        done = await self._ask(self._mail.proof(kept, shown), proven=True)
        try:
            async with asyncio.timeout(timeout_s):
                self._reason = await asyncio.shield(done)
        except TimeoutError as error:
            self._asked = None
            raise LinkError("the profile authority does not answer: is there a network?") from error
        return self.status()

    async def sign_out(self) -> None:
        """The profile goes, here at once and at the authority when it hears; the visit goes on without one."""
        kept = self._room.kept
        if kept is not None:
            await self._forget()
            await self._mail.request(profile_pb2.ProfileRequest(subject=kept.subject, request=1, sign_out=True))

    async def edit(self, group: str, values: Mapping[str, Value | None], origin: Origin) -> Edit:
        """The guest changed fields of a group by hand; kept when this returns. InputError where he has no profile."""
        edit = await self._room.edit(group, values, origin)
        self.counters["edits"] += 1
        self._wake.set()
        return edit

    async def report(self, card: str, outcomes: Iterable[Told]) -> None:
        """What became of the document in this vehicle; goes up where the visit allows it."""
        kept, document = self._room.kept, self._room.document
        if kept is not None and kept.signed_in and document is not None:
            await self._mail.result(kept, result_message(document, card, outcomes))

    # What comes down

    def connected(self) -> None:
        """A new connection: what was missed is not known, so the whole profile is asked for."""
        self._synced, self._wanted, self._boot = False, self._room.signed_in, 0
        self._wake.set()

    async def answer(self, body: bytes) -> bytes:
        """The authority answers a request; one that nobody waits for changes nothing."""
        message, asked, kept = read_body(profile_pb2.ProfileAnswer(), body), self._asked, self._room.kept
        now = moment_of(self._clock)
        if asked is None or kept is None or (message.request, message.subject) != (asked.number, kept.subject):
            self.counters["answers_stale"] += 1
            raise CommandFailed("stale")
        if now.boottime_ms - asked.sent.boottime_ms > ANSWER_S * 1_000:
            self.counters["answers_late"] += 1
            raise CommandFailed("late")
        self._asked = None
        await self._room.measured(asked.sent, message.received_ms, message.sent_ms, now)
        if message.refused:
            await self._refused(asked, message.refused)
            return b""
        try:
            info = context("answer", self._mail.device, kept.subject, asked.number.to_bytes(8, "big"))
            state = read_body(profile_pb2.ProfileState(), unseal(message.sealed, kept.private, info))
            document = read_document(state.document.SerializeToString())
        except InputError as error:
            self.counters["answers_bad"] += 1
            raise CommandFailed("not_opened") from error
        moved = await self._room.adopt(document, state.edits_seen, ahead=state.ahead)
        self._synced = self._resend = self._room.knows_the_time
        self._wanted |= not self._synced  # the answer was too long on its way: what is sent undated stays so
        self._reason = ""
        self.counters["answers"] += 1
        if not asked.done.done():
            asked.done.set_result("")
        self._tell(moved)
        self._wake.set()
        return b""

    async def changed(self, body: bytes) -> bytes:
        """There is something newer: it is asked for."""
        message = read_body(profile_pb2.ProfileChanged(), body)
        kept = self._room.kept
        if kept is not None and kept.subject == message.subject and kept.signed_in:
            self._wanted = True
            self._wake.set()
        return b""

    async def stage(self, body: bytes) -> bytes:
        """A profile that waits here for its guest."""
        await self._stages.put(read_body(profile_pb2.ProfileStage(), body))
        return b""

    async def unstage(self, body: bytes) -> bytes:
        """It waits no longer."""
        await self._stages.drop([read_body(profile_pb2.ProfileUnstage(), body).id])
        return b""

    def authority_says(self, boot: int, key: bytes) -> None:
        """Its boot and key. Another boot than before: it may have forgotten something, so all is asked for again."""
        if len(key) == KEY_BYTES:
            self._heard = key
            self._wanted |= self._boot not in (0, boot) and self._room.signed_in
            self._boot = boot
            self._wake.set()

    # The end of it

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

    # Running

    async def run(self) -> None:
        """Asks and sends for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._stages.tidy()
                await self._mail.learn(self._heard)
                kept = self._room.kept
                if self._wanted and self._asked is None and self._mail.ready and self._online() and kept is not None:
                    self._wanted = False
                    await self._ask(self._mail.proof(kept, kept.proof) if kept.proof else b"")
                if self._synced and self._resend:
                    self._resend = False
                    await self._room.send_again(self._mail)
                if self._synced:
                    await self._room.send(self._mail)
            except (StoreError, InputError) as error:
                log.warning("profile_waits", error=type(error).__name__)
                self._loop.call_later(AGAIN_S, self._wake.set)

    async def _ask(self, sealed: bytes, *, proven: bool = False) -> "asyncio.Future[str]":
        """Sends a request; it is sent again, with a new number, when no answer comes in time."""
        kept = self._room.kept
        if kept is None:
            raise InputError("there is no visit to ask a profile for")
        done: asyncio.Future[str] = self._loop.create_future() if self._asked is None else self._asked.done
        asked = self._asked = Asked(secrets.randbits(62) | 1, moment_of(self._clock), proven, done)
        self._loop.call_later(AGAIN_S, self._unanswered, asked.number)
        request = profile_pb2.ProfileRequest(
            subject=kept.subject, request=asked.number, session_key=kept.session_key, proof=sealed
        )
        await self._mail.request(request)
        self.counters["requests"] += 1
        return done

    def _unanswered(self, number: int) -> None:
        """No answer to that request; a sign-in is the guest's to repeat, everything else is asked again."""
        if self._asked is not None and self._asked.number == number:
            self.counters["unanswered"] += 1
            if not self._asked.by_guest or self._room.signed_in:
                self._asked, self._wanted = None, True
                self._wake.set()

    async def _refused(self, asked: Asked, reason: str) -> None:
        self._reason = reason if reason.isidentifier() and len(reason) <= 64 else "refused"
        self.counters[f"refused.{self._reason}"] += 1
        log.info("profile_refused", reason=self._reason)
        if not asked.done.done():
            asked.done.set_result(self._reason)
        if (
            not asked.by_guest or self._room.signed_in
        ):  # what was staged, or open before, is not the authority's any more
            await self._forget()

    async def _from_stage(self, code: str, proof: bytes) -> bool:
        """Whether something that was staged opens with this code; it is the visit's then."""
        found = await self._stages.opened(code)
        if found is None:
            return False
        stage_id, document = found
        moved = await self._room.adopt(document, proven=proof)
        await self._stages.drop([stage_id])
        self.counters["opened_from_stage"] += 1
        self._tell(moved)
        return True

    async def _forget(self) -> None:
        asked, self._asked = self._asked, None
        self._wanted = self._synced = self._resend = False
        if asked is not None and not asked.done.done():
            asked.done.set_result("visit_ended")
        had = self._room.signed_in
        await self._room.forget()
        for told in self.on_signed_out if had else ():
            told()

    def _tell(self, moved: Moved) -> None:
        for left in self.on_signed_out if moved.erased else ():
            left()
        if moved.groups:
            for told in self.on_document:
                told(moved.document, moved.groups)
