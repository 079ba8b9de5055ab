"""Proves that what is typed in a terminal acts line by line, and that a simulator goes on between two lines."""

import asyncio
import os
import pty
import sys
from collections.abc import Iterator

import pytest

from simulators.serving import on_lines

pytestmark = pytest.mark.may_block  # a terminal is read when it has a line, which takes no time


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The keyboard's end of a terminal whose other end is standard input."""
    keyboard, screen = pty.openpty()
    with os.fdopen(screen, "r", encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield keyboard
    os.close(keyboard)


async def test_a_line_acts_and_the_loop_goes_on(terminal: int) -> None:
    """Each line once, in order, also two at once; after each of them the loop is not blocked until the next."""
    said: asyncio.Queue[str] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        typing = group.create_task(on_lines(said.put_nowait))
        for line in ("cut", "heal  ", "latency 80"):
            os.write(terminal, f"{line}\n".encode())
            assert await said.get() == line.strip()
            for _ in range(20):
                await asyncio.sleep(0)
        os.write(terminal, b"one\ntwo\n")
        assert [await said.get(), await said.get()] == ["one", "two"]
        typing.cancel()
    assert said.empty()


async def test_the_end_of_typing_is_no_end_of_the_simulator(terminal: int) -> None:
    """Ctrl-D ends the lines, not the process; without a terminal no line ever comes."""
    said: list[str] = []
    os.write(terminal, b"cut\n\x04")
    await on_lines(said.append)
    assert said == ["cut"]
    sys.stdin = None
    await on_lines(said.append)
    assert said == ["cut"]
