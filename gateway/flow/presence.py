"""Birth, farewell and last will of a device; must never give two connections the same number."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping

from forecourt.v1 import control_pb2, downlink_pb2

from gateway.flow.births import Births
from gateway.log import Log
from gateway.model import Stream
from gateway.store import Store

log = Log("flow")

_CONNECT = "connect"


class _Reserve:
    """Notes on disk that numbers below `upto` may have been used."""

    def __init__(self) -> None:
        self.upto = 0

    def run(self, db: sqlite3.Connection) -> None:
        """Part of the next commit."""
        db.execute(
            "insert into flow_state values(?, ?) on conflict do update set value = max(value, excluded.value)",
            (_CONNECT, self.upto),
        )

    def done(self, error: Exception | None) -> None:
        """A failure costs nothing until the process dies, and the next connection tries again."""
        if error is not None:
            log.warning("connect_number_not_kept", error=type(error).__name__)


class Presence:
    """The messages on the state topic. Each connection has a number of its own, also across restarts and kills.

    The store is always one number ahead, so that taking one needs no wait.
    """

    def __init__(
        self,
        store: Store,
        *,
        boot: int,
        version: str,
        capabilities: Callable[[], Iterable[str]],
        pack: Callable[[downlink_pb2.DeviceState], bytes],
    ) -> None:
        """`pack` signs and serialises."""
        self._store, self._boot, self._version = store, boot, version
        self._capabilities, self._pack = capabilities, pack
        self._reserve = _Reserve()
        self._births = Births(store)
        self.connect = 0

    async def open(self) -> None:
        """Goes on behind every number an earlier process may have used; raises StoreError."""

        def begin(db: sqlite3.Connection) -> int:
            row = db.execute("select value from flow_state where name = ?", (_CONNECT,)).fetchone()
            used = int(row[0]) if row else 0
            db.execute(
                "insert into flow_state values(?, ?) on conflict do update set value = excluded.value",
                (_CONNECT, used + 1),
            )
            return used

        self.connect = await self._store.write(begin)
        await self._births.open()

    def is_last(self, birth: int) -> bool:
        """Whether a birth is that of this connection."""
        return self._births.is_last(birth)

    def answered(self, birth: int) -> bool:
        """A receipt answers a birth; whether it is that of this connection."""
        return self._births.heard(birth)

    def next(self) -> None:
        """The number of the connection that is about to be made."""
        self.connect += 1
        self._reserve.upto = self.connect + 1
        self._store.schedule(self._reserve)

    def birth(self, last: Mapping[Stream, int], floor: Mapping[Stream, int]) -> bytes:
        """What the device says first: who it is and which numbers it has given and still keeps."""
        state = self._state(online=True)
        state.capabilities.extend(self._capabilities())
        state.birth, before = self._births.take()
        state.births.extend(before)
        for stream in Stream:
            head = state.heads.add(epoch=self._store.epoch, stream=stream, floor=last[stream])
            kept = floor[stream] + 1
            head.above.append(control_pb2.Range(first=kept, last=max(kept, last[stream])))
        return self._pack(state)

    def farewell(self) -> bytes:
        """What the device says last, or the broker for it: the will of the same connection."""
        return self._pack(self._state(online=False))

    def _state(self, online: bool) -> downlink_pb2.DeviceState:
        return downlink_pb2.DeviceState(
            online=online, boot=self._boot, connect=self.connect, epoch=self._store.epoch, version=self._version
        )
