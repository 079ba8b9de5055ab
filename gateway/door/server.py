"""The door's inside: one JSON object per line, asked by users on an allow list; must never trust a line's length."""

import asyncio
import contextlib
import json
import os
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.errors import ConfigError, ForecourtError, InputError
from gateway.limits import DOOR_CONNECTIONS_MAX, DOOR_IDLE_S, DOOR_LINE_BYTES_MAX
from gateway.log import Log

Verb = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Takes the arguments of a request, gives what JSON can say; raises ForecourtError, whose words the asker reads."""
_CREDENTIALS = struct.Struct("3i")
_log = Log("door")


class Door:
    """`async with` binds the socket, `run` serves until it is cancelled. Belongs to the loop thread.

    A request is `{"verb": NAME, "args": {...}}`, an answer `{"ok": RESULT}` or `{"error": WORDS, "retry": WHEN}`, each
    in one line of UTF-8; a connection's requests are answered in order. Who asks is told by the kernel (SO_PEERCRED).
    """

    def __init__(self, path: Path, verbs: Mapping[str, Verb], allowed: Iterable[int] = ()) -> None:
        """`allowed` are user ids beside the own one and root; with others the file is open and the list decides."""
        self._path, self._verbs = path, dict(verbs)
        self._others = frozenset(allowed) - {os.getuid(), 0}
        self._server: asyncio.Server | None = None
        self._group: asyncio.TaskGroup | None = None
        self._open = 0
        self.refused = 0
        """Connections of users who are not on the list, or beyond DOOR_CONNECTIONS_MAX."""

    async def __aenter__(self) -> Self:
        """Binds; raises ConfigError when the path cannot be had, or somebody else serves there."""
        mode = 0o666 if self._others else 0o600
        sock = await asyncio.to_thread(_bound, self._path, mode)
        self._server = await asyncio.start_unix_server(self._accept, sock=sock, limit=DOOR_LINE_BYTES_MAX)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._path.unlink)

    async def run(self) -> None:
        """Serves until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            _log.info("door_open")
            await asyncio.Event().wait()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        user = _user_of(writer)
        known = user in (os.getuid(), 0) or user in self._others
        if self._group is None or not known or self._open >= DOOR_CONNECTIONS_MAX:
            self.refused += 1
            writer.transport.abort()
            return
        self._open += 1
        self._group.create_task(self._serve(reader, writer), name="door-connection")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(DOOR_IDLE_S):
                    line = await reader.readline()
                if not line.endswith(b"\n"):
                    return
                writer.write(_line(await self._answer(line)))
                async with asyncio.timeout(DOOR_IDLE_S):
                    await writer.drain()
        except ValueError:
            writer.write(_line({"error": f"a line has at most {DOOR_LINE_BYTES_MAX} bytes", "retry": "never"}))
        except (TimeoutError, OSError):
            return
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            name, args = _request(line)
            verb = self._verbs.get(name)
            if verb is None:
                raise InputError(f"there is no such verb; there are {', '.join(sorted(self._verbs))}")
            return {"ok": await verb(args)}
        except ForecourtError as error:
            return {"error": str(error) or type(error).__name__, "retry": error.retry.value}
        except Exception as error:  # noqa: BLE001 - a mistake in a verb ends one request, not the process behind it
            _log.error("door_verb_broke", error=type(error).__name__)
            return {"error": f"this request broke here ({type(error).__name__})", "retry": "never"}


def _request(line: bytes) -> tuple[str, Mapping[str, Any]]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError("a request is one JSON object in one line") from error
    if isinstance(content, dict) and content.keys() <= {"verb", "args"}:
        name, args = content.get("verb"), content.get("args", {})
        if isinstance(name, str) and isinstance(args, dict):
            return name, args
    raise InputError('a request is {"verb": NAME, "args": {...}}')


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _user_of(writer: asyncio.StreamWriter) -> int:
    """The user id of the process at the other end, as the kernel tells; -1 when it cannot."""
    sock = writer.get_extra_info("socket")
    try:
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except OSError:
        return -1
    return int(_CREDENTIALS.unpack(raw)[1])


def _bound(path: Path, mode: int) -> socket.socket:
    """A socket at `path`, whose folder is made, that has its mode before anybody can connect; raises ConfigError."""
    _make_room(path)
    sock = socket.socket(socket.AF_UNIX)
    try:
        path.parent.mkdir(0o755, parents=True, exist_ok=True)  # the socket's own mode says who may ask
        sock.bind(str(path))
        path.chmod(mode)
    except OSError as error:
        sock.close()
        raise ConfigError(f"door: {path} cannot be bound ({error.strerror or error}); choose another path") from error
    return sock


def _make_room(path: Path) -> None:
    """Removes the socket of a process that has ended; raises ConfigError for anything else that is there."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"door: {path} cannot be had ({error.strerror})") from error
    if not stat.S_ISSOCK(kind):
        raise ConfigError(f"door: {path} is there and no socket; choose another path")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise ConfigError(f"door: somebody serves at {path} already")
