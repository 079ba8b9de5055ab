"""The profile authority: what apps ask of it; must never answer before it is kept, nor send a profile unsealed."""

import asyncio
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from forecourt.v1 import profile_pb2

from gateway.clock import Clock
from gateway.cloud.consent.rounds import Books, Issue
from gateway.cloud.profile.ledger import Version
from gateway.cloud.profile.proofs import CODE_LIFE_MAX_S, new_stage_id
from gateway.cloud.profile.rounds import ProfileParts, ProfileRounds
from gateway.cloud.schema import unsigned
from gateway.errors import InputError
from gateway.limits import COMMAND_LIFE_MAX_S
from gateway.profile import Document, Value
from gateway.profile.sealing import STAGE_ID_BYTES, hint_of, stage
from gateway.profile.wording import document_bytes, read_value
from gateway.wire.topics import check_device_id

STAGE: Final = "profile.stage"
CODE_LIFE_S: Final = 600


@dataclass(frozen=True, slots=True)
class Reported:
    """What a vehicle said of the profile in a visit: the version it applied, and what became of each field."""

    subject: int
    device: str
    version: int
    ended: bool
    outcomes: tuple[tuple[str, str, str], ...]
    values: tuple[Mapping[str, Value | bool], ...]
    """Of each outcome what was wanted, set and read back, for the guest himself."""


@dataclass(frozen=True, slots=True)
class Openers:
    """What opens a profile: keys; handles of accounts; of codes device, end (us), whether used, whether staged."""

    keys: tuple[bytes, ...]
    accounts: tuple[bytes, ...]
    codes: tuple[tuple[str, int, bool, bool], ...]


class ProfileAuthority:
    """Made by Cloud where the inbox keeps profiles. For the loop's thread; InputError says what is wrong."""

    def __init__(self, parts: ProfileParts, commander: Issue, clock: Clock) -> None:
        self._inbox: Books = parts.inbox
        self._ledger, self._codes = parts.desk.ledger, parts.codes
        self._commander, self._clock = commander, clock
        self.rounds = ProfileRounds(parts, commander, clock)

    async def new(self) -> int:
        """An empty profile; its number."""
        return await self._inbox.write(lambda _: self._ledger.new())

    async def show(self, profile: int) -> Document:
        """The profile as it is."""
        return await self._inbox.read(lambda _: self._ledger.document(profile))

    async def set(
        self, profile: int, values: Mapping[str, Value | None], *, if_version: int | None = None, actor: str = "app"
    ) -> Document:
        """Writes fields, None to delete one, and tells vehicles; StaleWrite where the version is not `if_version`."""
        document = await self._inbox.write(lambda _: self._ledger.set(profile, values, actor, if_version))
        self.rounds.due()
        return document

    async def history(self, profile: int) -> list[Version]:
        """The versions that are kept, newest first."""

        def read(_: sqlite3.Connection) -> list[Version]:
            self._ledger.document(profile)
            return self._ledger.history(profile)

        return await self._inbox.read(read)

    async def reported(self, profile: int) -> list[Reported]:
        """What vehicles said, newest visit first."""

        def read(db: sqlite3.Connection) -> list[Reported]:
            rows = db.execute(
                "select subject, device, reported_version, ended_us, result from profile_visit where profile = ?"
                " order by opened_us desc",
                (profile,),
            )
            return [Reported(unsigned(s), d, v, e is not None, *_outcomes(raw)) for s, d, v, e, raw in rows]

        return await self._inbox.read(read)

    async def openers(self, profile: int) -> Openers:
        """What opens it; a code is told by where it opens, since only its digest is kept."""

        def read(db: sqlite3.Connection) -> Openers:
            keys = db.execute("select public from profile_key where profile = ? order by made_us", (profile,))
            accounts = db.execute("select handle from profile_account where profile = ?", (profile,))
            codes = db.execute(
                "select device, until_us, used_by is not null, stage is not null from profile_code where profile = ?"
                " order by until_us",
                (profile,),
            )
            return Openers(
                tuple(bytes(one) for (one,) in keys),
                tuple(bytes(one) for (one,) in accounts),
                tuple((device, until_us, bool(used), bool(staged)) for device, until_us, used, staged in codes),
            )

        return await self._inbox.read(read)

    async def erase(self, profile: int) -> None:
        """Everything of the profile goes, here and in every vehicle that has it (GDPR Art. 17)."""
        await self._inbox.write(lambda _: self._ledger.erase(profile))
        self.rounds.due()

    async def code(self, profile: int, *, device: str = "", life_s: int = CODE_LIFE_S) -> str:
        """A code that opens the profile once, on `device` or on any, for `life_s` seconds."""
        if device:
            check_device_id(device)
        return await self._inbox.write(lambda _: self._codes.new(profile, device, life_s))

    async def add_key(self, profile: int, public_key: bytes) -> None:
        """A key, such as a phone's, opens the profile from now on."""
        await self._inbox.write(lambda _: self._codes.add_key(profile, public_key))

    async def link_account(self, profile: int, handle: bytes) -> None:
        """An account opens the profile from now on; `handle` is that of Accounts."""
        await self._inbox.write(lambda _: self._ledger.link_account(profile, handle))

    async def stage(self, profile: int, device: str, *, lease_s: int) -> tuple[str, bytes]:
        """Sends the profile ahead to a vehicle, sealed under a new code; the code, and the id to take it back by.

        The vehicle forgets it after `lease_s` seconds. With the code a guest signs in there without a network.
        """
        check_device_id(device)
        if not 60 <= lease_s <= min(CODE_LIFE_MAX_S, COMMAND_LIFE_MAX_S):
            raise InputError(f"a lease is 60 to {min(CODE_LIFE_MAX_S, COMMAND_LIFE_MAX_S)} seconds")
        stage_id = new_stage_id()

        def write(_: sqlite3.Connection) -> tuple[str, Document]:
            code = self._codes.new(profile, device, lease_s, stage_id)
            return code, self._ledger.document(profile)

        code, document = await self._inbox.write(write)
        sealed = await asyncio.to_thread(stage, document_bytes(document), code, stage_id)
        until_us = self._clock.wall_us() + lease_s * 1_000_000
        body = profile_pb2.ProfileStage(
            id=stage_id, hint=hint_of(code), sealed=sealed, lease_s=lease_s, until_us=until_us
        )
        await self._commander.issue(device, STAGE, body.SerializeToString(), life_s=lease_s)
        return code, stage_id

    async def unstage(self, stage_id: bytes, device: str) -> None:
        """The booking is off: the vehicle forgets it, and its code opens nothing any more."""
        if len(stage_id) != STAGE_ID_BYTES:
            raise InputError("a stage is what `stage` answered")
        check_device_id(device)
        await self._inbox.write(lambda _: self._codes.drop_stage(stage_id, device))
        self.rounds.due()


def _outcomes(raw: bytes | None) -> tuple[tuple[tuple[str, str, str], ...], tuple[Mapping[str, Value | bool], ...]]:
    """Field, kind and reason of each; and its values, which are not for whoever only looks."""
    found = profile_pb2.ProfileResult.FromString(raw or b"").outcomes
    values = []
    for one in found:
        told = {"wanted": one.wanted, "set": one.set, "read_back": one.read_back}
        held = {name: value for name, value in told.items() if value.WhichOneof("value") is not None}
        values.append({name: v.flag if v.WhichOneof("value") == "flag" else read_value(v) for name, v in held.items()})
    return tuple((one.field, one.kind, one.reason) for one in found), tuple(values)
