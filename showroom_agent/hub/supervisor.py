"""Keeps a hub listening whatever happens to BlueZ, and says what happened; must never end by itself.

bleak tells nobody when scanning has died: no exception, no event, no adverts for ever. So BlueZ is watched beside it,
and so is silence.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from forecourt.v1 import showroom_pb2

from gateway.errors import LinkError
from gateway.log import Log
from showroom_agent.hub.bus import BluezWatch
from showroom_agent.hub.frames import ScannerState
from showroom_agent.hub.scanner import Refused, Scanner
from showroom_agent.radio import Advert

SILENT_S: Final = 2.5
"""Adverts that came and come no more for so long, or for eight usual gaps: the controller has died."""
SILENT_GAPS: Final = 8.0
SILENT_S_MAX: Final = 60.0
SETTLE_S: Final = 0.3
"""When the bus dies, BlueZ is seen to die first; a cause is named after what else goes with it."""
RETRY_S: Final = 0.3
RETRY_S_MAX: Final = 2.0
log = Log("scanner")


class State(Enum):
    """Where the supervisor stands."""

    OPENING = "opening"
    WAITING = "waiting"
    LISTENING = "listening"
    DOWN = "down"


MOVES: dict[State, frozenset[State]] = {
    State.OPENING: frozenset({State.WAITING, State.DOWN}),
    State.WAITING: frozenset({State.LISTENING, State.DOWN}),
    State.LISTENING: frozenset({State.WAITING, State.DOWN}),
    State.DOWN: frozenset({State.OPENING}),
}
"""OPENING: to the bus; WAITING: for a usable adapter and a scan; LISTENING; DOWN: a pause before the next try."""


@dataclass(frozen=True, slots=True)
class Health:
    """A fault, or its end. `down_s`: how long nothing was heard, at its end."""

    cause: str
    recovered: bool
    down_s: float = 0.0


class Radio(Protocol):
    """What scans; `Scanner` is one."""

    async def start(self) -> None:
        """Raises Refused."""
        ...

    async def stop(self, *, bus_gone: bool = False) -> None:
        """Never raises."""
        ...


class Supervisor:
    """`await supervisor.run()`; `hear` gets each advert, `tell` one Health for each fault and one for its end."""

    def __init__(
        self, adapter: str, hear: Callable[[Advert], object], tell: Callable[[Health], None], *, monitor: bool = True
    ) -> None:
        """`monitor`: register an advertisement monitor beside the scan where BlueZ offers it."""
        self._adapter, self._hear, self._tell, self._monitor = adapter, hear, tell, monitor
        self.state = State.OPENING
        self.fault = ""
        self.monitored = False
        self.scans = 0
        self._since_s = time.monotonic()
        self._heard_s = 0.0
        self._gap_s = 0.0
        self._retry_s = RETRY_S
        self._silences = 0

    def scanner_state(self) -> ScannerState:
        """For frames."""
        if self.fault or self.state is not State.LISTENING:
            return ScannerState(showroom_pb2.SCANNER_MODE_DOWN, self.fault or "starting")
        monitored = showroom_pb2.SCANNER_MODE_ACTIVE_MONITORED
        return ScannerState(monitored if self.monitored else showroom_pb2.SCANNER_MODE_ACTIVE)

    async def run(self) -> None:
        """For ever."""
        while True:
            self._move(State.OPENING)
            try:
                async with BluezWatch(self._adapter) as watch, asyncio.TaskGroup() as group:
                    lost = group.create_task(watch.lost(), name="bus")
                    await self._on_bus(watch)
                    lost.cancel()
            except LinkError:
                self._failed("dbus_gone")
            self._move(State.DOWN)
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(self._retry_s * 2, RETRY_S_MAX)

    async def _on_bus(self, watch: BluezWatch) -> None:
        """Until the bus is gone."""
        self._move(State.WAITING)
        while True:
            watch.changed.clear()
            if watch.trouble == "dbus_gone":
                self._failed("dbus_gone")
                return
            if watch.trouble:
                self._failed(watch.trouble)
                await _within(watch.changed, RETRY_S_MAX)
                if not watch.changed.is_set():
                    await watch.look()
                continue
            await self._scan(watch)
            self._move(State.WAITING)

    async def _scan(self, watch: BluezWatch) -> None:
        """One scan, until something is wrong with it."""
        cached = await watch.look()
        if watch.trouble:
            return
        watch.happened = ""
        self.monitored = self._monitor and await watch.monitor()
        radio: Radio = Scanner(self._adapter, self._take, cached)
        try:
            await radio.start()
        except Refused as refused:
            self._failed(refused.cause)
            log.debug("scan_refused", why=str(refused))
            await radio.stop()
            await _within(watch.changed, self._retry_s)
            self._retry_s = min(self._retry_s * 2, RETRY_S_MAX)
            return
        self.scans += 1
        self._heard_s = time.monotonic()
        self._move(State.LISTENING)
        if self.fault and self.fault != "silent":
            self._recovered()
        try:
            cause = await self._listen(watch)
        finally:
            await radio.stop(bus_gone=watch.gone)
        self._failed(cause)
        if cause == "silent" and self._silences > 1:
            await watch.power_cycle()

    async def _listen(self, watch: BluezWatch) -> str:
        """Returns why it is over."""
        while True:
            patience_s = self._patience_s()
            await _within(watch.changed, patience_s / 8)
            if watch.changed.is_set():
                watch.changed.clear()
                if watch.happened:
                    await asyncio.sleep(SETTLE_S)
                    return watch.happened
            # Where nobody was ever heard, silence says nothing.
            if self._gap_s and time.monotonic() - self._heard_s > patience_s:
                self._silences += 1
                if self._silences <= 2:
                    return "silent"
                self._gap_s = 0.0

    def _patience_s(self) -> float:
        return min(max(SILENT_S, SILENT_GAPS * self._gap_s), SILENT_S_MAX)

    def _take(self, advert: Advert) -> None:
        if advert.rssi is not None:
            now_s = time.monotonic()
            gap_s = min(now_s - self._heard_s, SILENT_S_MAX)
            self._gap_s = gap_s if not self._gap_s else self._gap_s + (gap_s - self._gap_s) * 0.1
            self._heard_s = now_s
            self._silences = 0
            self._retry_s = RETRY_S
            if self.fault:
                self._recovered()
        self._hear(advert)

    def _failed(self, cause: str) -> None:
        """Told once for each time that nothing can be heard, with what was first wrong."""
        if self.fault:
            return
        self.fault, self._since_s = cause, time.monotonic()
        log.warning("scanner_down", adapter=self._adapter, cause=cause)
        self._tell(Health(cause, recovered=False))

    def _recovered(self) -> None:
        cause, self.fault = self.fault, ""
        down_s = time.monotonic() - self._since_s
        log.info("scanner_back", adapter=self._adapter, cause=cause, down_s=round(down_s, 1))
        self._tell(Health(cause, recovered=True, down_s=down_s))

    def _move(self, state: State) -> None:
        if state is self.state:
            return
        assert state in MOVES[self.state], f"{self.state} to {state}"
        self.state = state


async def _within(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
