"""The desk at which hubs join, on the site's network; must never hold more of a stranger than the bounds say.

Each connection says one thing and is answered once. It is counted before its handshake, so that whoever opens many and
says nothing takes a bounded number of places for a bounded time.
"""

import asyncio
import contextlib
import time
from collections import Counter, OrderedDict, deque
from types import TracebackType
from typing import Self

from gateway.clock import Clock
from gateway.errors import ConfigError, InputError
from gateway.log import Log
from showroom_agent.joining import talk
from showroom_agent.joining.bounds import (
    ANSWER_BYTES_MAX,
    CONVERSATION_S,
    FAILURES_MAX,
    FAILURES_S,
    GUESTS_MAX,
    MESSAGE_BYTES_MAX,
)
from showroom_agent.joining.enrolment import Enrolment, Message
from showroom_agent.joining.place import Place

_PEERS_MAX = 256
log = Log("joining")


class JoinDesk:
    """`async with` binds, `run` serves until it is cancelled. Port 0 is any free one."""

    def __init__(self, place: Place, clock: Clock, host: str = "0.0.0.0", port: int | None = None) -> None:  # noqa: S104 - hubs come from the whole network of the site
        """Reads the desk's key, so make it in a thread. Raises ConfigError."""
        self._host, self._port = host, place.address.join_port if port is None else port
        self._enrolment = Enrolment(place, clock)
        self._tls = place.tls()
        self._turn = asyncio.Lock()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._inside = set[asyncio.StreamWriter]()
        self._empty = asyncio.Event()
        self._empty.set()
        self._server: asyncio.Server | None = None
        self.counters: Counter[str] = self._enrolment.counters

    async def __aenter__(self) -> Self:
        """Binds; raises ConfigError when the address cannot be had."""
        try:
            self._server = await asyncio.start_server(self._came, self._host, self._port, limit=MESSAGE_BYTES_MAX)
        except OSError as error:
            raise ConfigError(f"join desk: {self._host}:{self._port} cannot be bound ({error.strerror})") from error
        self._port = self._server.sockets[0].getsockname()[1]
        log.info("desk_open", port=self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._inside:
            writer.transport.abort()
        await self._empty.wait()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    async def run(self) -> None:
        """Serves until it is cancelled; who comes is answered by the loop."""
        await asyncio.Event().wait()

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str((writer.get_extra_info("peername") or ("?",))[0])
        if len(self._inside) >= GUESTS_MAX:
            self.counters["turned_away"] += 1
            writer.close()
            return
        self._inside.add(writer)
        self._empty.clear()
        try:
            async with asyncio.timeout(CONVERSATION_S):
                await writer.start_tls(self._tls, ssl_handshake_timeout=CONVERSATION_S / 2)
                writer.write(talk.packed(await self._answer(peer, reader), ANSWER_BYTES_MAX))
                await writer.drain()
        except (OSError, TimeoutError, InputError, EOFError):
            self.counters["broken_off"] += 1
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()
            self._inside.discard(writer)
            if not self._inside:
                self._empty.set()

    async def _answer(self, peer: str, reader: asyncio.StreamReader) -> Message:
        head = await reader.readexactly(talk.LENGTH.size)
        data = await reader.readexactly(talk.length_of(head, MESSAGE_BYTES_MAX))
        if self._locked(peer):
            self.counters["locked_out"] += 1
            return {"ok": False, "text": "too many refusals of this address: wait a minute"}
        async with self._turn:
            answer = await asyncio.to_thread(self._enrolment.answer, data)
        if answer.pop("guess", False):
            self._note(peer)
        return answer

    def _locked(self, peer: str) -> bool:
        found = self._failures.get(peer)
        return found is not None and len(found) == FAILURES_MAX and time.monotonic() - found[0] < FAILURES_S

    def _note(self, peer: str) -> None:
        self._failures.setdefault(peer, deque(maxlen=FAILURES_MAX)).append(time.monotonic())
        self._failures.move_to_end(peer)
        while len(self._failures) > _PEERS_MAX:
            self._failures.popitem(last=False)
