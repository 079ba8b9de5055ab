"""Answers what vehicles ask for, and tells them of changes; must never send a profile that nobody asked for."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from forecourt.v1 import profile_pb2

from gateway.clock import Clock
from gateway.cloud.consent.rounds import Books, Issue
from gateway.cloud.profile.desk import ProfileDesk, visits_to_tell
from gateway.cloud.profile.proofs import Asked, Codes, ProofRefused, Proofs
from gateway.cloud.schema import signed, unsigned
from gateway.errors import ForecourtError, InputError, StoreError
from gateway.limits import COMMAND_LIFE_MAX_S
from gateway.log import Log
from gateway.profile.sealing import context, seal
from gateway.profile.wording import document_bytes

ANSWER: Final = "profile.answer"
CHANGED: Final = "profile.changed"
UNSTAGE: Final = "profile.unstage"
ANSWER_LIFE_S: Final = 30
"""A profile that comes later than that moves nothing any more; the vehicle asks again."""
CHANGED_LIFE_S: Final = 3_600
LOOK_S: Final = 30.0
CONSENT_WAIT_S: Final = 8.0
TAKEN_US: Final = 5_000_000
ANSWERS_MAX: Final = 240
ANSWERS_S: Final = 30.0
_WRONG: Final = frozenset({"unknown_code", "token_refused", "unknown_key", "not_opened"})
"""These count as tries."""
log = Log("cloud")


@dataclass(frozen=True, slots=True)
class ProfileParts:
    """What the authority stands on. `allowed` says, on the inbox's thread, whether a visit agreed to its profile."""

    inbox: Books
    desk: ProfileDesk
    codes: Codes
    proofs: Proofs
    allowed: Callable[[int], bool]


class ProfileRounds:
    """Makes the round of what is due, for ever. Methods are for the loop's thread."""

    def __init__(self, parts: ProfileParts, commander: Issue, clock: Clock) -> None:
        self._parts, self._inbox, self._commander, self._clock = parts, parts.inbox, commander, clock
        self._wake = asyncio.Event()
        self._later: asyncio.TimerHandle | None = None
        self._answers: dict[str, deque[float]] = {}
        self._swept_s = clock.boottime_s()

    def due(self) -> None:
        """Somebody asked, or a profile was changed."""
        self._wake.set()

    async def run(self) -> None:
        """Answers and tells, for ever; what could not be sent is looked at again."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._round()
            except ForecourtError as error:  # a disk that refuses for a while ends no service
                log.warning("profile_round_failed", error=type(error).__name__)

    async def _round(self) -> None:
        now_s = self._clock.boottime_s()
        if now_s - self._swept_s >= LOOK_S:  # however busy it is
            self._swept_s = now_s
            self._answers.clear()
            await self._inbox.write(lambda _: self._parts.desk.sweep())
        for stage_id, device in await self._inbox.read(_taken_back):
            try:
                await self._unstage(stage_id, device)
            except ForecourtError as error:
                log.warning("profile_not_unstaged", device=device, error=type(error).__name__)
        for asked in await self._inbox.read(_waiting):
            try:
                await self._answer(asked)
            except ForecourtError as error:
                log.warning("profile_not_answered", device=asked.device, error=type(error).__name__)
        now_us = self._clock.wall_us()
        for subject, device, notice, sent_us in await self._inbox.read(lambda db: visits_to_tell(db, CHANGED, now_us)):
            if sent_us is not None:  # one note says all; it is about to be taken, or the vehicle asks when it is back
                if now_us - sent_us < TAKEN_US:
                    self._later_again()
                continue
            try:
                await self._tell(subject, device, notice)
            except ForecourtError as error:
                log.warning("profile_change_not_told", device=device, error=type(error).__name__)

    def _may_answer(self, device: str) -> bool:
        """So many answers a device has in ANSWERS_S; each costs three commits of what all share."""
        now_s = asyncio.get_running_loop().time()
        answers = self._answers.setdefault(device, deque())
        while answers and now_s - answers[0] >= ANSWERS_S:
            answers.popleft()
        if len(answers) >= ANSWERS_MAX:
            return False
        answers.append(now_s)
        return True

    async def _unstage(self, stage_id: bytes, device: str) -> None:
        body = profile_pb2.ProfileUnstage(id=stage_id).SerializeToString()
        await self._commander.issue(device, UNSTAGE, body, life_s=COMMAND_LIFE_MAX_S)
        await self._inbox.write(lambda db: db.execute("delete from profile_unstage where stage = ?", (stage_id,)))

    def _later_again(self) -> None:
        """One look for all that wait."""
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(CONSENT_WAIT_S / 4, self._look_again)

    def _look_again(self) -> None:
        self._later = None
        self._wake.set()

    async def _answer(self, asked: Asked) -> None:
        """One request. It is forgotten once its answer is on disk; until then it is answered again.

        After an outage it may overtake the guest's yes, which is behind it in the backlog: it waits for that a while.
        """
        agreed = await self._inbox.read(lambda _: self._parts.allowed(asked.subject))
        waited_s = (self._clock.wall_us() - asked.received_us) / 1_000_000
        if (not agreed and 0 <= waited_s < CONSENT_WAIT_S) or not self._may_answer(asked.device):
            self._later_again()
            return
        answer = profile_pb2.ProfileAnswer(
            subject=asked.subject, request=asked.request, received_ms=asked.received_us // 1_000
        )
        try:
            if not agreed:
                raise ProofRefused("no_consent")
            profile = await self._profile(asked)
            state = await self._inbox.write(lambda db: self._visit(db, asked, profile) if _asks(db, asked) else None)
            if state is None:
                return
            info = context("answer", asked.device, asked.subject, asked.request.to_bytes(8, "big"))
            answer.sealed = seal(state.SerializeToString(), asked.session_key, info)
        except ProofRefused as refused:
            answer.refused = str(refused)
            if answer.refused in _WRONG:
                self._parts.proofs.refused(asked.device)
            log.info("profile_refused", device=asked.device, reason=answer.refused)
        except InputError:
            answer.refused = "too_large"
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one request, whatever it holds, must not end the service
            answer.refused = "later"
            log.error("profile_request_broke", device=asked.device, error=type(error).__name__)
        answer.sent_ms = self._clock.wall_us() // 1_000
        await self._commander.issue(asked.device, ANSWER, answer.SerializeToString(), life_s=ANSWER_LIFE_S)
        await self._inbox.write(lambda db: _done(db, asked))

    async def _profile(self, asked: Asked) -> int | None:
        """The profile that a proof opens, None where the visit is to have one already; ProofRefused."""
        if not asked.proof:
            return None
        parts, proof = self._parts, self._parts.proofs.open(asked)
        match proof.WhichOneof("proof"):
            case "token":
                handle = await parts.proofs.account(asked, proof.token)
                return await self._inbox.write(lambda _: parts.desk.ledger.of_account(handle))
            case "code":
                return await self._inbox.write(lambda _: parts.codes.use(proof.code, asked.device, asked.subject))
            case "key":
                public = parts.proofs.key(asked, proof.key)
                return await self._inbox.read(lambda _: parts.codes.of_key(public))
        raise ProofRefused("not_opened")

    def _visit(self, db: sqlite3.Connection, asked: Asked, profile: int | None) -> profile_pb2.ProfileState:
        """Ties the visit to its profile, or finds the tie; the state that answers. On the inbox's thread."""
        row = db.execute(
            "select device, profile, edits_seen, ahead, ended_us is not null from profile_visit where subject = ?",
            (signed(asked.subject),),
        ).fetchone()
        device, before, seen, ahead, ended = row or (asked.device, None, 0, 0, True)
        if device != asked.device and not ended:
            raise ProofRefused("other_device")
        number = profile if profile is not None or ended else before
        if number is None:
            raise ProofRefused("sign_in")
        ledger = self._parts.desk.ledger
        document, notice = ledger.document(number), ledger.notice(number)
        db.execute(  # a device has one visit: that before is over, also where its end was never heard of
            "update profile_visit set ended_us = ?, session_key = x'' where device = ? and subject <> ?"
            " and ended_us is null",
            (self._clock.wall_us(), asked.device, signed(asked.subject)),
        )
        db.execute(
            "insert into profile_visit(subject, device, profile, session_key, opened_us, edits_seen, told_notice)"
            " values(?, ?, ?, ?, ?, ?, ?) on conflict do update set profile = excluded.profile,"
            " result = case when profile = excluded.profile then result end,"
            " reported_version = case when profile = excluded.profile then reported_version else 0 end,"
            " ended_us = null, device = excluded.device, session_key = excluded.session_key,"
            " told_notice = excluded.told_notice, ahead = 0",
            (signed(asked.subject), asked.device, number, asked.session_key, asked.received_us, seen, notice),
        )
        state = profile_pb2.ProfileState(edits_seen=seen, notice=notice, ahead=bool(ahead))
        state.document.ParseFromString(document_bytes(document))
        return state

    async def _tell(self, subject: int, device: str, notice: int) -> None:
        body = profile_pb2.ProfileChanged(subject=subject, notice=notice).SerializeToString()
        await self._commander.issue(device, CHANGED, body, life_s=CHANGED_LIFE_S)
        await self._inbox.write(
            lambda db: db.execute(
                "update profile_visit set told_notice = ? where subject = ?", (notice, signed(subject))
            )
        )


def _taken_back(db: sqlite3.Connection) -> list[tuple[bytes, str]]:
    """(id, device) of what vehicles are to forget."""
    return [(bytes(stage), device) for stage, device in db.execute("select stage, device from profile_unstage")]


def _waiting(db: sqlite3.Connection) -> list[Asked]:
    rows = db.execute(
        "select subject, device, request, session_key, proof, received_us from profile_request order by received_us"
    )
    return [
        Asked(unsigned(subject), device, unsigned(request), bytes(key), bytes(proof), received_us)
        for subject, device, request, key, proof, received_us in rows
    ]


def _asks(db: sqlite3.Connection, asked: Asked) -> bool:
    """Whether it still waits: while a proof was judged the visit may have ended, said no, or asked anew."""
    row = signed(asked.subject), signed(asked.request)
    return db.execute("select 1 from profile_request where subject = ? and request = ?", row).fetchone() is not None


def _done(db: sqlite3.Connection, asked: Asked) -> None:
    db.execute(
        "delete from profile_request where subject = ? and request = ?", (signed(asked.subject), signed(asked.request))
    )
