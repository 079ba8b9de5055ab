"""What vehicles say about profiles, in the transaction that admits it; must never take an edit of an erased profile."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from forecourt.v1 import consent_pb2, control_pb2, profile_pb2, record_pb2
from google.protobuf.message import DecodeError

from gateway.clock import Clock
from gateway.cloud.profile.ledger import ProfileLedger
from gateway.cloud.profile.terms import ProfileTerms
from gateway.cloud.schema import signed, unsigned
from gateway.cloud.sinks import Effects
from gateway.errors import InputError
from gateway.log import Log
from gateway.model import Purpose, PurposeSet
from gateway.profile.sealing import KEY_BYTES, context, unseal
from gateway.profile.wording import edit_head, read_edit

KIND: Final = "profile"
"""Of events that carry a SealedProfile; they are taken here and go into no sink."""
REQUESTS_MAX: Final = 8
"""Of one device that wait to be answered; a device has one visit."""
PROOF_BYTES_MAX: Final = 12_288
SEALED_MAX: Final = 128
"""Seals of one batch that are opened: a device keeps half as many changes, and sends again what was not taken."""
LATE_US: Final = 86_400_000_000
"""So long after its end a visit's last edits are still taken."""
log = Log("cloud")


class ProfileDesk:
    """The authority's side of the streams. Methods are for the inbox's thread, in the caller's transaction."""

    def __init__(
        self, db: sqlite3.Connection, terms: ProfileTerms, clock: Clock, count: Callable[[str, int], None]
    ) -> None:
        """Raises StoreError when the ledger of erasures cannot be relied on."""
        self.db = self._db = db
        self._terms, self._clock, self._count = terms, clock, count
        self.ledger = ProfileLedger(db, clock, terms.erasures)
        if self.ledger.erased_again:
            log.warning("profiles_erased_again_after_restore", entries=self.ledger.erased_again)

    def close(self) -> None:
        """Lets go of files."""
        self.ledger.close()

    def take(self, device: str, record: control_pb2.ControlRecord) -> bool:
        """The effect of a request or of the end of a visit; whether somebody is to be answered."""
        try:
            match record.WhichOneof("record"):
                case "profile":
                    return self._request(device, record.profile)
                case "session":
                    self._session(device, record.session)
        except InputError:
            self._count("profile_refused.input", 1)
        return False

    def take_effects(self, effects: Sequence[Effects]) -> tuple[list[Effects], bool]:
        """The effects that are none of a profile, and whether a vehicle is to be told something."""
        rest, due, opened = [], False, 0
        for effect in effects:
            if effect.shape.kind != KIND:
                rest.append(effect)
                continue
            for raw in effect.columns[0] if effect.columns else ():
                opened += 1
                if opened > SEALED_MAX:
                    self._count("profile_refused.too_many", 1)
                else:
                    due |= isinstance(raw, bytes) and self._sealed(effect, raw)
        return rest, due

    def erase(self, subject: int, purposes: PurposeSet) -> None:
        """A visit said no: its tie to a profile goes. The profile itself is the account's, and stays."""
        if purposes >> Purpose.PROFILE & 1:
            for table in ("profile_visit", "profile_request"):
                self._db.execute(f"delete from {table} where subject = ?", (signed(subject),))

    def sweep(self) -> None:
        """Forgets visits that ended long ago, and codes that are over."""
        now_us = self._clock.wall_us()
        self._db.execute("delete from profile_visit where ended_us < ?", (now_us - LATE_US,))
        self._db.execute("delete from profile_code where until_us < ?", (now_us - LATE_US,))

    def _request(self, device: str, request: profile_pb2.ProfileRequest) -> bool:
        if not request.subject or not request.request:
            raise InputError("a request names a visit")
        if request.sign_out:
            self._end(device, request.subject)
            return False
        if len(request.session_key) != KEY_BYTES or len(request.proof) > PROOF_BYTES_MAX:
            raise InputError("a request brings the key of its visit, and a short proof")
        (waiting,) = self._db.execute("select count(*) from profile_request where device = ?", (device,)).fetchone()
        if waiting >= REQUESTS_MAX:
            self._count("profile_requests_over_bound", 1)
            return False
        row = self._db.execute(
            "select device from profile_request where subject = ?", (signed(request.subject),)
        ).fetchone()
        if row is not None and row[0] != device:
            raise InputError("a visit belongs to one device")
        values = (
            signed(request.subject), device, signed(request.request), request.session_key, request.proof,
            self._clock.wall_us(),
        )  # fmt: skip
        # A question behind a proof that was not looked at yet does not undo it.
        self._db.execute(
            "insert into profile_request values(?, ?, ?, ?, ?, ?) on conflict do update set request = excluded.request,"
            " session_key = excluded.session_key, received_us = excluded.received_us,"
            " proof = case when excluded.proof = x'' and session_key = excluded.session_key then proof"
            " else excluded.proof end",
            values,
        )
        self._count("profile_requests", 1)
        return True

    def _session(self, device: str, report: consent_pb2.SessionReport) -> None:
        if report.phase in (consent_pb2.SessionReport.PHASE_ENDED, consent_pb2.SessionReport.PHASE_WIPED):
            self._end(device, report.subject)

    def _end(self, device: str, subject: int) -> None:
        self._db.execute(
            "update profile_visit set ended_us = ?, session_key = x'' where subject = ? and device = ?"
            " and ended_us is null",
            (self._clock.wall_us(), signed(subject), device),
        )
        self._db.execute("delete from profile_request where subject = ? and device = ?", (signed(subject), device))

    def _sealed(self, effect: Effects, raw: bytes) -> bool:
        """An edit or a result; one that makes no sense is counted, it would make no more sense the next time."""
        visit = self._visit(effect)
        if visit is None:
            self._count("profile_refused.no_visit", 1)
            return False
        try:
            record = record_pb2.Record.FromString(raw).profile
            if record.edit:
                return self._edit(effect, record.edit, *visit)
            return self._result(effect, record.result, visit[0])
        except (DecodeError, InputError) as error:
            self._count("profile_refused.sealed", 1)
            log.debug("profile_record_refused", device=effect.device, error=type(error).__name__)
            return False

    def _edit(self, effect: Effects, sealed: bytes, profile: int, seen: int) -> bool:
        plain = unseal(sealed, self._terms.seal, context("edit", effect.device, effect.subject))
        number, epoch = edit_head(plain)
        if epoch != self.ledger.epoch(profile):  # of an erased profile: the vehicle counts anew when it hears
            self._count("profile_refused.epoch", 1)
            return self._say(effect.subject)
        if number <= seen:
            self._count("profile_edits_repeated", 1)
        if number > seen + 1:  # the one before comes later, or again: the device is told where to begin
            self._count("profile_edits_out_of_order", 1)
            return self._say(effect.subject)
        try:
            _, _, edit = read_edit(plain)
            own = replace(edit, origin=replace(edit.origin, device=effect.device))
            taken = self.ledger.take_edit(profile, epoch, own, effect.device)
        except InputError:  # nor would it make sense the next time: those behind it must not wait for it for ever
            self._count("profile_refused.edit", 1)
            self._seen(effect.subject, max(number, seen))
            return number > seen and self._say(effect.subject)
        if number <= seen and not taken.changed:  # as nearly always; a number given twice, after a restore, is news
            return False
        if taken.ahead:
            self._count("profile_refused.ahead", 1)
            self._db.execute("update profile_visit set ahead = 1 where subject = ?", (signed(effect.subject),))
            return self._say(effect.subject)
        self._count("profile_edits" if taken.changed else "profile_edits_older", 1)
        self._count("profile_conflicts", taken.conflict is not None)
        self._seen(effect.subject, max(number, seen))
        return self._say(effect.subject)  # so that the vehicle hears that it was taken, or what won

    def _result(self, effect: Effects, sealed: bytes, profile: int) -> bool:
        plain = unseal(sealed, self._terms.seal, context("result", effect.device, effect.subject))
        result = profile_pb2.ProfileResult.FromString(plain)
        if result.epoch != self.ledger.epoch(profile):
            self._count("profile_refused.epoch", 1)
            return False
        self._db.execute(
            "update profile_visit set reported_version = ?1, result = ?2 where subject = ?3 and reported_version <= ?1",
            (min(result.version, (1 << 62) - 1), plain, signed(effect.subject)),
        )
        self._count("profile_results", 1)
        return False

    def _visit(self, effect: Effects) -> tuple[int, int] | None:
        """Profile and number of the last edit of a visit on this very device."""
        row: tuple[int, int] | None = self._db.execute(
            "select profile, edits_seen from profile_visit where subject = ? and device = ?",
            (signed(effect.subject), effect.device),
        ).fetchone()
        return row

    def _seen(self, subject: int, number: int) -> None:
        self._db.execute(
            "update profile_visit set edits_seen = ?, ahead = 0 where subject = ?", (number, signed(subject))
        )

    def _say(self, subject: int) -> bool:
        """The vehicle of this visit is to ask again, whatever it was told before."""
        self._db.execute("update profile_visit set told_notice = -1 where subject = ?", (signed(subject),))
        return True


def visits_to_tell(db: sqlite3.Connection, kind: str, now_us: int) -> list[tuple[int, str, int, int | None]]:
    """(subject, device, notice, sent) of open visits whose profile has changed since they were told.

    `sent`: when a command of this kind went to the device that it has not taken yet, in us; None for none.
    """
    rows = db.execute(
        "select v.subject, v.device, p.notice, (select max(c.issued_us) from command c where c.device = v.device"
        " and c.kind = ?1 and c.stage = 0 and c.not_after_us > ?2) from profile_visit v"
        " join profile p on p.id = v.profile where v.ended_us is null and v.told_notice < p.notice",
        (kind, now_us),
    )
    return [(unsigned(subject), device, notice, sent_us) for subject, device, notice, sent_us in rows]
