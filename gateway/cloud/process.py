"""The cloud's end as a process: from a folder and a URL to a service that a signal ends; must never be nested."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.clock import SystemClock
from gateway.cloud.enrolled import Enrolled
from gateway.cloud.inbox import Inbox
from gateway.cloud.service import Cloud
from gateway.cloud.sinks import Sink
from gateway.identity import load_cloud, tls_context
from gateway.link import Endpoint


async def serve(identity: Path, broker: str, db: Path, sink: Sink) -> None:
    """Serves until SIGTERM or SIGINT with the identity of a folder; ConfigError and StoreError say what is wrong."""
    clock = await asyncio.to_thread(SystemClock)
    who = await asyncio.to_thread(load_cloud, identity)
    tls = await asyncio.to_thread(tls_context, who.tls, clock) if broker.startswith("mqtts:") else None
    endpoint = Endpoint.parse(broker, tls)
    inbox = await Inbox.open(db, Enrolled(who), clock=clock, sink=sink)
    try:
        async with until_signal() as group:
            group.create_task(Cloud(who, endpoint, inbox, clock=clock).run(), name="cloud")
    finally:
        await inbox.aclose()


@asynccontextmanager
async def until_signal() -> AsyncIterator[asyncio.TaskGroup]:
    """A group that SIGTERM and SIGINT end in good order."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def end() -> None:
        await stop.wait()
        raise _Stopped

    with contextlib.suppress(_Stopped):
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(end(), name="signals")
                yield group
        except BaseExceptionGroup as problems:
            stopped, others = problems.split(_Stopped)
            if others is not None:
                raise others.exceptions[0] from None
            assert stopped is not None


class _Stopped(Exception):
    """A signal asked for the end."""
