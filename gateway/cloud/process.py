"""The cloud's end as a process: from a folder and a URL to a service that a signal ends; must never be nested."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.clock import SystemClock
from gateway.cloud import metrics
from gateway.cloud.enrolled import Enrolled
from gateway.cloud.inbox import Inbox
from gateway.cloud.service import Cloud
from gateway.cloud.sinks import Sink
from gateway.health import Health
from gateway.identity import load_cloud, tls_context
from gateway.link import Endpoint


async def serve(identity: Path, broker: str, db: Path, sink: Sink, health_port: int | None = None) -> None:
    """Serves until SIGTERM or SIGINT with the identity of a folder; ConfigError and StoreError say what is wrong.

    `health_port`: where /live, /ready and /metrics are on this machine; None for nowhere, 0 for any free port.
    """
    clock = await asyncio.to_thread(SystemClock)
    who = await asyncio.to_thread(load_cloud, identity)
    tls = await asyncio.to_thread(tls_context, who.tls, clock) if broker.startswith("mqtts:") else None
    endpoint = Endpoint.parse(broker, tls)
    inbox = await Inbox.open(db, Enrolled(who), clock=clock, sink=sink)
    try:
        cloud = Cloud(who, endpoint, inbox, clock=clock)
        async with Health(health_port) as health, _until_signal() as group:
            metrics.show(health, cloud, inbox)
            group.create_task(health.run(), name="health")
            group.create_task(cloud.run(), name="cloud")
    finally:
        await inbox.aclose()


@asynccontextmanager
async def _until_signal() -> AsyncIterator[asyncio.TaskGroup]:
    """A group that SIGTERM and SIGINT end in good order."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def end() -> None:
        await stop.wait()
        raise _Stopped

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(end(), name="signals")
            yield group
    except* _Stopped:
        pass


class _Stopped(Exception):
    """A signal asked for the end."""
