"""Proves that a signal ends a group in good order, and that errors of its tasks come out as they are."""

import asyncio
import os
import signal

import pytest

from gateway.tasks import first_of, signalled, until_signal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_group_quietly(number: signal.Signals) -> None:
    """Tasks are cancelled and cleaned up, nothing is raised, and the handlers are gone."""
    ended, before = [], signal.getsignal(number)

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    async with until_signal() as group:
        group.create_task(work())
        await asyncio.sleep(0)
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()
    assert ended == ["work"]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_sets_an_event(number: signal.Signals) -> None:
    """Once; from then on, as before the block, a signal does what it did."""
    before = signal.getsignal(number)
    async with signalled() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        await stop.wait()
        assert signal.getsignal(number) is signal.SIG_DFL
    assert signal.getsignal(number) is before


async def test_an_error_comes_out_alone() -> None:
    """Not as a group: a person wants to read the first."""

    async def fail() -> None:
        raise OSError("disk")

    async def serve() -> None:
        async with until_signal() as group:
            group.create_task(fail())
            await asyncio.Event().wait()

    with pytest.raises(OSError, match="disk"):
        await serve()


def test_the_first_of_groups() -> None:
    """However deep."""
    inner = KeyError("a")
    assert first_of(BaseExceptionGroup("x", [BaseExceptionGroup("y", [inner])])) is inner
