"""An event that a signal sets, and a group that it ends in good order; never nested: signals belong to the process."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def signalled() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}

    def asked() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in numbers:
        loop.add_signal_handler(number, asked)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


@asynccontextmanager
async def until_signal() -> AsyncIterator[asyncio.TaskGroup]:
    """A group that SIGTERM and SIGINT cancel, see `signalled`. Errors of its tasks come out as they are."""

    async def end(stop: asyncio.Event) -> None:
        await stop.wait()
        raise _Stopped

    async with signalled() as stop:
        with contextlib.suppress(_Stopped):
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(end(stop), name="signals")
                    yield group
            except BaseExceptionGroup as problems:
                _, others = problems.split(_Stopped)
                if others is not None:
                    raise first_of(others) from None


def first_of(problems: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group of groups: what a person wants to read."""
    found: BaseException = problems
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


class _Stopped(Exception):
    """A signal asked for the end."""
