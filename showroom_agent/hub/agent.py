"""A hub put together: radio, ears, frames, link; must never wait for the network while it listens."""

import asyncio
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from gateway.clock import Clock
from gateway.health import Health as HealthPage
from gateway.link import Connection, Link
from gateway.log import Log
from gateway.runtime import Reach
from showroom_agent.hub.ears import Ears
from showroom_agent.hub.frames import FRAME_S, FrameMaker
from showroom_agent.hub.outgoing import Outgoing
from showroom_agent.hub.rawlog import Recorder
from showroom_agent.hub.settings import HubSettings
from showroom_agent.hub.supervisor import Health, Supervisor
from showroom_agent.hub.watch import load_watch
from showroom_agent.radio import Advert, built_in, outside

RAW_LOG = "raw.jsonl"
RAW_LOG_BEFORE = "raw.1.jsonl"
log = Log("hub")


@dataclass(frozen=True, slots=True)
class HubStatus:
    """How a hub does, in numbers."""

    state: str
    fault: str
    monitored: bool
    online: bool
    adverts: int
    impossible: int
    scans: int
    frames_sent: int
    frames_expired: int


class HubAgent:
    """`await HubAgent(...).run()`: listens and tells until it is cancelled."""

    def __init__(self, settings: HubSettings, found: Reach, clock: Clock, page: HealthPage) -> None:
        """Reads the tags file, so make it in a thread. Raises ConfigError."""
        device, boot = found.identity.device, clock.boot_id()
        self._settings, self._clock, self._page = settings, clock, page
        self._ears = Ears(load_watch(settings.tags), (*outside(settings.parsers), *built_in()))
        self._frames = FrameMaker(device, boot, self._ears)
        self._outgoing = Outgoing(device, boot, found.identity.key)
        self._link = Link(found.endpoint, device, on_message=lambda *_: None)
        self._supervisor = Supervisor(settings.adapter, self._hear, self._tell, monitor=settings.monitor)
        now_s, wall_us = clock.boottime_s(), clock.wall_us()
        self._frames.begin(now_s, wall_us)
        self._recorder = Recorder(device, boot, now_s, wall_us) if settings.raw_log else None
        self._trusted = found.trusted

    async def run(self) -> None:
        """Until it is cancelled."""
        self._observe()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._link.run(self._session), name="link")
            group.create_task(self._supervisor.run(), name="scanner")
            group.create_task(self._tick(), name="frames")
            group.create_task(self._page.run(), name="health")
            if self._recorder is not None:
                group.create_task(self._keep(self._recorder), name="raw log")

    def status(self) -> HubStatus:
        """For the health page and for tests."""
        return HubStatus(
            self._supervisor.state.value,
            self._supervisor.fault,
            self._supervisor.monitored,
            self._link.connection is not None,
            self._ears.counters["adverts"],
            self._ears.counters["impossible_level"],
            self._supervisor.scans,
            self._outgoing.sent,
            self._outgoing.expired,
        )

    def _hear(self, advert: Advert) -> None:
        tag = self._ears.hear(advert)
        if self._recorder is not None:
            self._recorder.heard(advert, tag)

    def _tell(self, health: Health) -> None:
        self._outgoing.tell(health, self._clock.boottime_s(), self._clock.wall_us())
        self._send()

    async def _tick(self) -> None:
        """Two frames a second, whatever else happens."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + FRAME_S, loop.time())
            await asyncio.sleep(due - loop.time())
            now_s, wall_us = self._clock.boottime_s(), self._clock.wall_us()
            state = self._supervisor.scanner_state()
            if self._recorder is not None:
                self._recorder.frame(now_s, wall_us, state)
            frame = self._frames.make(now_s, wall_us, state)
            if frame is not None:
                self._outgoing.frame(frame, now_s)
            self._send()

    def _send(self) -> None:
        connection = self._link.connection
        if connection is not None:
            self._outgoing.send(connection, self._clock.boottime_s())

    async def _session(self, connection: Connection) -> None:
        log.info("online", security=connection.security)
        self._send()
        await asyncio.get_running_loop().create_future()

    async def _keep(self, recorder: Recorder) -> None:
        """Writes the raw log each second; the file is the owner's alone."""
        path, before = self._settings.folder / RAW_LOG, self._settings.folder / RAW_LOG_BEFORE
        head = recorder.take()
        with contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread(path.replace, before)
        await asyncio.to_thread(_append, path, head)
        while True:
            await asyncio.sleep(1.0)
            size = await asyncio.to_thread(_append, path, recorder.take())
            if size > self._settings.raw_log_bytes_max:
                await asyncio.to_thread(path.replace, before)
                # What ears had learnt is not in the new log: the intervals of its first frames differ in a replay.
                await asyncio.to_thread(_append, path, head)

    def _observe(self) -> None:
        registry = self._page.registry
        listening = registry.gauge("forecourt_hub_listening", "1 while the scanner listens")
        counted = registry.counter("forecourt_hub_counted_total", "What the hub counts", ("what",))

        async def collect() -> None:
            status = self.status()
            listening.set(int(status.state == "listening" and not status.fault))
            for what, count in (*self._ears.counters.items(), ("frames_sent", status.frames_sent)):
                counted.labels(what).mirror(count)
            counted.labels("frames_expired").mirror(status.frames_expired)
            counted.labels("scans").mirror(status.scans)

        self._page.collectors.append(collect)
        self._page.ready["scanner"] = lambda: self.status().fault
        self._page.ready["link"] = lambda: "" if self.status().online else "no connection to the site's broker"


def _append(path: Path, data: bytes) -> int:
    number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with open(number, "ab") as file:  # noqa: PTH123 - a descriptor, so that the mode is right from the first byte
        file.write(data)
        return file.tell()
