"""The door: who may ask, what a line may be, and that each error is an answer in words."""

import asyncio
import json
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.door import Door, ask
from gateway.errors import ConfigError, InputError, LinkError, StoreError
from gateway.limits import DOOR_CONNECTIONS_MAX, DOOR_LINE_BYTES_MAX


async def echo(args: Mapping[str, Any]) -> Any:
    """What was said."""
    return dict(args)


async def full(args: Mapping[str, Any]) -> Any:
    """A disk that refuses."""
    raise StoreError("no room")


async def wrong(args: Mapping[str, Any]) -> Any:
    """A wish that cannot be."""
    raise InputError("grüße, nein")


async def busy(args: Mapping[str, Any]) -> Any:
    """A network that is away."""
    raise LinkError("")


async def wrongly(args: Mapping[str, Any]) -> Any:
    """A mistake of ours, with what it was asked in its words."""
    raise ZeroDivisionError(str(args))


VERBS = {"echo": echo, "full": full, "wrong": wrong, "busy": busy, "wrongly": wrongly}


@asynccontextmanager
async def served(path: Path, *allowed: int) -> AsyncIterator[Door]:
    """A door that is open."""
    async with Door(path, VERBS, allowed) as door, asyncio.TaskGroup() as group:
        task = group.create_task(door.run())
        try:
            yield door
        finally:
            task.cancel()


async def asked(path: Path, verb: str, **args: Any) -> Any:
    """As the command does, beside the loop."""
    return await asyncio.to_thread(ask, path, verb, args)


async def said(path: Path, *lines: bytes) -> list[Any]:
    """Raw lines over one connection, and the answers."""
    reader, writer = await asyncio.open_unix_connection(path)
    answers = []
    for line in lines:
        writer.write(line)
        await writer.drain()
        answer = await reader.readline()
        answers.append(json.loads(answer) if answer else None)
    writer.close()
    return answers


async def test_a_verb_is_asked_and_answers(tmp_path: Path) -> None:
    """Any JSON, umlauts included; the file is for its owner alone and goes with the door."""
    path = tmp_path / "door"
    async with served(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await asked(path, "echo", name="Grüße", number=3) == {"name": "Grüße", "number": 3}
        assert await asked(path, "echo") == {}
    assert not path.exists()


@pytest.mark.parametrize(
    ("verb", "error", "words"),
    [
        ("full", StoreError, "no room"),
        ("wrong", InputError, "grüße, nein"),
        ("busy", LinkError, "LinkError"),
        ("open", InputError, "there are busy, echo, full, wrong"),
    ],
)
async def test_an_error_comes_through_as_what_it_is(
    tmp_path: Path, verb: str, error: type[Exception], words: str
) -> None:
    """With its words, and when to try again; the connection goes on."""
    async with served(tmp_path / "door"):
        with pytest.raises(error, match=words):
            await asked(tmp_path / "door", verb)
        assert await asked(tmp_path / "door", "echo", again=True) == {"again": True}


@pytest.mark.parametrize(
    "line",
    [b"\n", b"hello\n", b"[]\n", b"{}\n", b'{"verb":1}\n', b'{"verb":"echo","args":[]}\n', b'{"verb":"echo","x":1}\n'],
)
async def test_nonsense_is_answered_in_words(tmp_path: Path, line: bytes) -> None:
    """And the next line is read."""
    async with served(tmp_path / "door"):
        first, second = await said(tmp_path / "door", line, b'{"verb":"echo","args":{"a":1}}\n')
        assert first["retry"] == "never"
        assert "a request is" in first["error"]
        assert second == {"ok": {"a": 1}}


async def test_a_line_without_an_end_is_cut_off(tmp_path: Path) -> None:
    """Memory has a bound, and so have brackets."""
    async with served(tmp_path / "door"):
        (answer,) = await said(tmp_path / "door", b"x" * (DOOR_LINE_BYTES_MAX + 10) + b"\n")
        assert "at most" in answer["error"]
        (answer,) = await said(tmp_path / "door", b"[" * 50_000 + b"\n")
        assert "a request is" in answer["error"]
        with pytest.raises(InputError):
            await asked(tmp_path / "door", "echo", long="x" * DOOR_LINE_BYTES_MAX)
        reader, writer = await asyncio.open_unix_connection(tmp_path / "door")
        writer.write(b'{"verb":"echo"}')
        writer.write_eof()
        assert await reader.read() == b"", "half a request is none"
        writer.close()


STRANGER = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
try:
    s.sendall(b'{"verb":"echo"}\\n')
    print(s.recv(99))
except ConnectionError:
    print(b"")
"""


@pytest.mark.needs_root
async def test_strangers_are_turned_away_by_what_the_kernel_says() -> None:
    """A user who is not on the list gets no byte; one who is, gets an answer."""

    def as_user(user: int) -> str:
        command = [sys.executable, "-c", STRANGER, str(path), str(user)]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout.strip()

    folder = Path(await asyncio.to_thread(tempfile.mkdtemp))
    await asyncio.to_thread(folder.chmod, 0o755)
    path = folder / "door"
    async with served(path, 1234) as door:
        assert await asyncio.to_thread(as_user, 1234) == repr(b'{"ok":{}}\n')
        assert await asyncio.to_thread(as_user, 4321) == repr(b"")
        assert door.refused == 1
    await asyncio.to_thread(folder.rmdir)


async def test_there_are_not_more_connections_than_fit(tmp_path: Path) -> None:
    """One more is turned away, and there is room again when one ends."""
    async with served(tmp_path / "door") as door:
        pairs = []
        for _ in range(DOOR_CONNECTIONS_MAX):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "door")
            writer.write(b'{"verb":"echo"}\n')
            assert await reader.readline() == b'{"ok":{}}\n'
            pairs.append((reader, writer))
        with pytest.raises(LinkError):
            await asked(tmp_path / "door", "echo")
        assert door.refused == 1
        reader, writer = pairs.pop()
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        assert await asked(tmp_path / "door", "echo") == {}
        for _, writer in pairs:
            writer.close()


async def test_a_socket_that_was_left_behind_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    """Not one that is served, not a file of somebody."""
    path = tmp_path / "door"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with served(path):
        assert await asked(path, "echo") == {}
        with pytest.raises(ConfigError, match="somebody serves"):
            async with Door(path, VERBS):
                pass
        assert await asked(path, "echo") == {}
    await asyncio.to_thread(path.write_text, "mine", "utf-8")
    with pytest.raises(ConfigError, match="no socket"):
        async with Door(path, VERBS):
            pass
    with pytest.raises(ConfigError, match=r"cannot be (bound|had)"):
        async with Door(path / "under-a-file", VERBS):
            pass


async def test_the_folder_of_a_door_is_made(tmp_path: Path) -> None:
    """As that of the store is, so that a settings file is enough."""
    async with served(tmp_path / "run" / "of-it" / "door") as door:
        assert await asked(tmp_path / "run" / "of-it" / "door", "echo") == {}
        assert door.refused == 0


async def test_a_door_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    """With the question that comes next."""
    with pytest.raises(LinkError, match="is the agent running"):
        await asked(tmp_path / "door", "echo")


async def test_a_mistake_in_a_verb_ends_one_request(tmp_path: Path) -> None:
    """The asker hears that it was ours, without what he said; the door, and the process behind it, go on."""
    async with served(tmp_path / "door"):
        with pytest.raises(InputError, match="ZeroDivisionError") as caught:
            await asked(tmp_path / "door", "wrongly", secret="Marktplatz 1")
        assert "Marktplatz" not in str(caught.value)
        assert await asked(tmp_path / "door", "echo", a=1) == {"a": 1}
