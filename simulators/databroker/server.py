"""The databroker as a server: ports, TLS, tokens, restarts; must never listen beyond this machine unless told to."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import grpc
import grpc.aio

from gateway.errors import ConfigError
from simulators.databroker.access import Access, Everything
from simulators.databroker.catalogue import Catalogue
from simulators.databroker.handlers import handlers
from simulators.databroker.tokens import TokenCheck
from simulators.databroker.tree import Counters, Tree, Update

HOST: Final = "127.0.0.1"
MESSAGE_BYTES_MAX: Final = 16 << 20
ROOM_S: Final = 2.0
ROOM_POLL_S: Final = 0.005
IDS_OF_A_RUN: Final = 10_000
_OPTIONS: Final = (("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX))


class Databroker:
    """`async with Databroker(catalogue) as broker:` listens while the block runs.

    `tls`: files of a certificate chain and of its key. `tokens`: callers have to show one. Without either everybody on
    this machine may do everything, as with the real databroker's `--insecure`.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        host: str = HOST,
        port: int = 0,
        tls: tuple[Path, Path] | None = None,
        tokens: TokenCheck | None = None,
    ) -> None:
        self.catalogue, self.host, self.port = catalogue, host, port
        self.counters = Counters()
        self._tls, self._tokens = tls, tokens
        self._runs = 0
        self._first_id = 1
        self._changed = asyncio.Event()
        self._server: grpc.aio.Server | None = None
        self.tree = Tree(catalogue, self.counters)

    async def __aenter__(self) -> "Databroker":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"{self.host}:{self.port}"

    async def start(self, *, new_ids: bool = True) -> None:
        """Listens, after the first time on the same port, with no values. Raises ConfigError.

        `new_ids`: signals have other numbers than before. Clients must not rely on old ones.
        """
        if self._server is not None:
            raise ConfigError(f"the databroker listens already on {self.address}")
        if new_ids:
            self._first_id = 1 + self._runs * IDS_OF_A_RUN
        self.tree = Tree(self.catalogue, self.counters, self._first_id)
        self.tree.on_watch = self._changed.set
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers(handlers(self.tree, self._admit))
        credentials = await asyncio.to_thread(self._credentials)
        try:
            if credentials is None:
                self.port = server.add_insecure_port(self.address)
            else:
                self.port = server.add_secure_port(self.address, credentials)
        except RuntimeError as error:
            raise ConfigError(f"the databroker cannot listen on {self.address}: is the port taken?") from error
        await server.start()
        self._server, self._runs = server, self._runs + 1

    async def stop(self, grace_s: float | None = None) -> None:
        """Ends all calls, at once or after `grace_s`; values are forgotten."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(grace_s)

    async def restart(self, down_s: float = 0.0, *, new_ids: bool = True) -> None:
        """Away for `down_s` seconds; see start."""
        await self.stop()
        await asyncio.sleep(down_s)
        await self.start(new_ids=new_ids)

    def publish(self, updates: Sequence[Update]) -> list[tuple[str, str]]:
        """Publishes (path, value, microseconds since 1970) in order; returns those refused, with the reason.

        What is published while it is stopped is refused: nobody holds it.
        """
        if self._server is None:
            return [(path, "the databroker is down") for path, _, _ in updates]
        return self.tree.publish_values(updates)

    async def room(self) -> None:
        """Waits while a subscriber with a large buffer is behind, for ROOM_S at most."""
        clock = asyncio.get_running_loop().time
        until_s = clock() + ROOM_S
        while clock() < until_s and any(box.behind for box in self.tree.boxes):  # noqa: ASYNC110 - there may be many
            await asyncio.sleep(ROOM_POLL_S)

    async def wait_subscribed(self, count: int = 1) -> None:
        """Until at least so many subscriptions are open."""
        while self.counters.subscriptions < count:
            self._changed.clear()
            await self._changed.wait()

    def stats(self) -> dict[str, int]:
        """Counters by name."""
        return {**asdict(self.counters), "signals": len(self.tree.by_path), "runs": self._runs}

    def _admit(self, context: "grpc.aio.ServicerContext[Any, Any]") -> Access:
        if self._tokens is None:
            return Everything()
        return self._tokens.access(context.invocation_metadata() or ())

    def _credentials(self) -> grpc.ServerCredentials | None:
        if self._tls is None:
            return None
        chain, key = self._tls
        try:
            return grpc.ssl_server_credentials([(key.read_bytes(), chain.read_bytes())])
        except OSError as error:
            raise ConfigError(f"{error.filename}: {error.strerror}") from error
