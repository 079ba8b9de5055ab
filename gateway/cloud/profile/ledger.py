"""The authority's profiles: documents, versions, epochs; every method is part of the caller's transaction."""

import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gateway.clock import Clock
from gateway.cloud.consent.erasure import ErasureLedger
from gateway.cloud.profile.tables import create
from gateway.errors import InputError, StoreError
from gateway.model import Purpose, purpose_set
from gateway.profile import (
    GROUPS,
    Document,
    Edit,
    Hlc,
    Origin,
    Taken,
    Value,
    check_document,
    check_edit,
    group_of,
    new_epoch,
    stamp_after,
    take,
)
from gateway.profile.hlc import AHEAD_MS_MAX
from gateway.profile.wording import document_bytes, read_document

VERSIONS_KEPT: Final = 100
"""Of each profile; older ones go first."""
NODE: Final = "authority"
_ERASED = "erased"
_PROFILE_ONLY = purpose_set([Purpose.PROFILE])


class StaleWrite(InputError):
    """Somebody else changed the profile first. `document` is what it is now, so that the caller can decide anew."""

    def __init__(self, document: Document) -> None:
        super().__init__(f"the profile is at version {document.version} by now: look at it and write again")
        self.document = document


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a profile: when it came about, by whom (a device's id, `app`), and which groups it changed."""

    version: int
    at_us: int
    actor: str
    groups: tuple[str, ...]
    document: Document


class ProfileLedger:
    """Profiles by number. An erased one has a new epoch, and nothing of an older epoch is ever taken again."""

    def __init__(self, db: sqlite3.Connection, clock: Clock, erasures: Path) -> None:
        """Makes the tables, and erases again what a restored backup brought back; raises StoreError."""
        self._db, self._clock = db, clock
        create(db)
        self._file = ErasureLedger(erasures)
        self.erased_again = self._replay()

    def close(self) -> None:
        """Lets go of the ledger of erasures."""
        self._file.close()

    def new(self) -> int:
        """An empty profile; its number, random in 62 bits."""
        number, now_us = secrets.randbits(62) | 1, self._clock.wall_us()
        row = number, new_epoch(now_us // 1_000), now_us
        self._db.execute("insert into profile(id, epoch, version, notice, made_us) values(?, ?, 0, 0, ?)", row)
        return number

    def of_account(self, handle: bytes) -> int:
        """The profile of an account's handle, made where it has none."""
        row = self._db.execute("select profile from profile_account where handle = ?", (handle,)).fetchone()
        if row:
            return int(row[0])
        number = self.new()
        self.link_account(number, handle)
        return number

    def link_account(self, profile: int, handle: bytes) -> None:
        """Another account opens the profile too; InputError where it opens one already."""
        self.epoch(profile)
        try:
            self._db.execute("insert into profile_account values(?, ?)", (handle, profile))
        except sqlite3.IntegrityError as error:
            raise InputError("that account opens a profile already") from error

    def document(self, profile: int) -> Document:
        """The profile as it is; InputError where there is none of that number."""
        row = self._db.execute(
            "select p.epoch, p.version, v.body from profile p left join profile_version v"
            " on v.profile = p.id and v.version = p.version where p.id = ?",
            (profile,),
        ).fetchone()
        if row is None:
            raise InputError("there is no such profile")
        epoch, version, body = row
        return replace(read_document(body), version=version) if body is not None else Document(bytes(epoch), version)

    def epoch(self, profile: int) -> bytes:
        """Its epoch, also where its document cannot be read; InputError where there is none of that number."""
        row = self._db.execute("select epoch from profile where id = ?", (profile,)).fetchone()
        if row is None:
            raise InputError("there is no such profile")
        return bytes(row[0])

    def notice(self, profile: int) -> int:
        """Counts the changes that vehicles are told of."""
        row = self._db.execute("select notice from profile where id = ?", (profile,)).fetchone()
        return int(row[0]) if row else 0

    def set(
        self, profile: int, values: Mapping[str, Value | None], actor: str, if_version: int | None = None
    ) -> Document:
        """Writes fields, None to delete one; StaleWrite where the version is not `if_version` any more.

        InputError for fields that cannot hold that.
        """
        document = self.document(profile)
        if if_version is not None and document.version != if_version:
            raise StaleWrite(document)
        by_group: dict[str, dict[str, Value | None]] = {}
        for key, value in values.items():
            group = group_of(key)
            if group not in GROUPS or key not in GROUPS[group]:
                raise InputError(f"there is no field {key}: `forecourt profile fields` lists them")
            by_group.setdefault(group, {})[key] = value
        if not by_group:
            raise InputError("name at least one field")
        now_ms = self._clock.wall_us() // 1_000
        edits = [
            document.edit(group, changed, stamp_after(now_ms, document.stamp(group), NODE), Origin(actor))
            for group, changed in by_group.items()
        ]
        return self.write(profile, document, edits, actor)

    def write(self, profile: int, document: Document, edits: Iterable[Edit], actor: str) -> Document:
        """Takes edits into `document`, the newest, as one version."""
        before, groups = document, []
        for edit in edits:
            taken = take(document, check_edit(edit))
            if taken.changed:
                document = taken.document
                groups.append(edit.group)
        if groups:
            document = replace(document, version=before.version + 1)
            self._keep(profile, document, actor, groups)
        return document

    def take_edit(self, profile: int, epoch: bytes, edit: Edit, actor: str) -> Taken:
        """An edit of a vehicle. One of another epoch changes nothing, whatever its stamp; InputError says so."""
        document = self.document(profile)
        if epoch != document.epoch:
            raise InputError("an edit of a profile that was erased")
        now_ms, known = self._clock.wall_us() // 1_000, document.stamp(edit.group)
        if known is not None:  # what follows upon a stamp that was believed is, also where the clock was set back
            now_ms = max(now_ms, known.physical_ms - AHEAD_MS_MAX)
        taken = take(document, edit, now_ms)
        if taken.changed:
            self._keep(profile, taken.document, actor, [edit.group])
        return taken

    def history(self, profile: int) -> list[Version]:
        """The versions that are kept, newest first."""
        rows = self._db.execute(
            "select version, at_us, actor, groups, body from profile_version where profile = ? order by version desc",
            (profile,),
        )
        return [
            Version(version, at_us, actor, tuple(groups.split()), replace(read_document(body), version=version))
            for version, at_us, actor, groups, body in rows
        ]

    def erase(self, profile: int) -> None:
        """Everything of the profile goes (GDPR Art. 17), with its accounts, keys and codes; its epoch is a new one.

        Written to the ledger of erasures first: a backup that is restored later is erased again.
        """
        self.epoch(profile)
        self._file.append(self._clock.wall_us(), profile, _PROFILE_ONLY)
        for entry in self._file.after(self._known()):  # with those whose transaction was undone
            self._erase(entry.subject)
            self._note(entry.n)

    def stamp_of(self, profile: int, group: str) -> Hlc | None:
        """When a group was changed last."""
        return self.document(profile).stamp(group)

    def _keep(self, profile: int, document: Document, actor: str, groups: Iterable[str]) -> None:
        body = document_bytes(check_document(document))  # what could not be read again is not written
        row = profile, document.version, self._clock.wall_us(), actor, " ".join(groups), body
        self._db.execute("insert into profile_version values(?, ?, ?, ?, ?, ?)", row)
        self._db.execute(
            "update profile set version = ?, notice = notice + 1 where id = ?", (document.version, profile)
        )
        self._db.execute(
            "delete from profile_version where profile = ? and version <= ?",
            (profile, document.version - VERSIONS_KEPT),
        )

    def _erase(self, profile: int) -> None:
        now_ms = self._clock.wall_us() // 1_000
        # The version goes on: a device that knows a higher one must not take what follows for older.
        self._db.execute(
            "update profile set epoch = ?, version = version + 1, notice = notice + 1 where id = ?",
            (new_epoch(now_ms), profile),
        )
        self._db.execute(
            "insert or ignore into profile_unstage select stage, device from profile_code"
            " where profile = ? and stage is not null",
            (profile,),
        )
        for table in ("profile_version", "profile_account", "profile_key", "profile_code"):
            self._db.execute(f"delete from {table} where profile = ?", (profile,))
        self._db.execute("update profile_visit set result = null where profile = ?", (profile,))

    def _replay(self) -> int:
        known = self._known()
        if known > self._file.last:
            raise StoreError(f"{self._file.path} is behind the database: put the newest one beside it")
        entries = self._file.after(known)
        self._db.execute("begin immediate")
        try:
            for entry in entries:
                self._erase(entry.subject)
                self._note(entry.n)
            self._db.execute("commit")
        except BaseException:
            self._db.execute("rollback")
            raise
        return len(entries)

    def _known(self) -> int:
        """The last entry of the ledger of erasures that was carried out here."""
        row = self._db.execute("select value from profile_meta where name = ?", (_ERASED,)).fetchone()
        return int(row[0]) if row else 0

    def _note(self, n: int) -> None:
        self._db.execute("insert or replace into profile_meta values(?, ?)", (_ERASED, n))
