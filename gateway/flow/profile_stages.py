"""Profiles that wait here for their guests, under codes that this device does not know; must never outstay a lease."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

from forecourt.v1 import profile_pb2

from gateway.clock import Clock
from gateway.flow import profile_keeping as keeping
from gateway.flow.profile_views import Tries, read_body
from gateway.profile import Document
from gateway.profile.sealing import NotOpened, hint_of, unstage
from gateway.profile.wording import read_document
from gateway.store import Store

TIDY_S = 60.0


class Stages:
    """The staged profiles of a device. Belongs to the loop's thread."""

    def __init__(self, store: Store, clock: Clock, counters: Counter[str]) -> None:
        self._store, self._clock, self._counters = store, clock, counters
        self._tries, self._trying = Tries(), asyncio.Lock()
        self.count = 0

    async def open(self) -> None:
        """Counts what an earlier process left."""
        self.count = len(await self._store.read(keeping.stages))

    async def put(self, body: bytes) -> bytes:
        """A command: keeps one for its guest; InputError for one that cannot be."""
        one = read_body(profile_pb2.ProfileStage(), body)
        stage = keeping.new_stage(one.id, one.hint, one.sealed, one.lease_s, one.until_us, self._clock)

        def put(db: sqlite3.Connection) -> int:
            keeping.put_stage(db, stage)
            return len(keeping.stages(db))

        self.count = await self._store.write(put)
        return b""

    async def take_back(self, body: bytes) -> bytes:
        """A command: one waits no longer."""
        await self.drop([read_body(profile_pb2.ProfileUnstage(), body).id])
        return b""

    async def drop(self, ids: Iterable[bytes]) -> None:
        """Forgets these."""
        gone = list(ids)

        def drop(db: sqlite3.Connection) -> int:
            keeping.drop_stages(db, gone)
            return len(keeping.stages(db))

        self.count = await self._store.write(drop)

    async def until(self, wake: asyncio.Event) -> None:
        """Until there is something to do, or it is time to look whether a lease is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TIDY_S):
                await wake.wait()

    async def tidy(self) -> None:
        """Forgets what waited too long."""
        if self.count:
            over = [one.id for one in await self._store.read(keeping.stages) if one.over(self._clock)]
            if over:
                self._counters["stages_over"] += len(over)
                await self.drop(over)

    async def opened(self, code: str) -> tuple[bytes, Document] | None:
        """Id and document of what waits under this code; None for nothing. InputError for what is no code.

        After CODE_TRIES_MAX wrong ones in a minute nobody is listened to.
        """
        hint = hint_of(code)
        async with self._trying:  # one after the other, or many at once would all be tried before one counts
            now_s = self._clock.boottime_s()
            for one in await self._store.read(keeping.stages):
                if one.hint != hint or one.over(self._clock):
                    continue
                self._tries.check(now_s)
                try:
                    plain = await asyncio.to_thread(unstage, one.sealed, code, one.id)
                except NotOpened:
                    self._tries.wrong(now_s)
                    self._counters["codes_wrong"] += 1
                    continue
                return one.id, read_document(plain)
        return None
