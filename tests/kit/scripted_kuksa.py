"""A databroker that does what a test says, also what a good one never does; must never be taken for the simulator."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc
import grpc.aio
from forecourt.kuksa.v2 import val_pb2 as v2

from vehicle_agent.settings import DatabrokerSettings

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
SPEED, BELT, MODE, TYRE = "Vehicle.Speed", "Vehicle.IsBelted", "Vehicle.Mode", "Vehicle.Tyre.Pressure"


class ScriptedKuksa:
    """kuksa.val.v2 with ListMetadata, GetValues and Subscribe. `token`: what has to be shown; `denied`: paths."""

    def __init__(self) -> None:
        self.entries: dict[str, v2.Metadata] = {}
        self.denied: dict[str, grpc.StatusCode] = {}
        self.token = ""
        self.lacks: set[str] = set()
        self.asked: list[str] = []
        self.buffer_size = 0
        self.port = 0
        self._streams: list[asyncio.Queue[v2.SubscribeResponse | bytes | grpc.StatusCode]] = []
        self._present = v2.SubscribeResponse()
        self._server: grpc.aio.Server | None = None
        self._next_id = 1
        self.add(SPEED, v2.DATA_TYPE_FLOAT, unit="km/h")
        self.add(BELT, v2.DATA_TYPE_BOOLEAN)

    def add(self, path: str, kind: int, **fields: Any) -> v2.Metadata:
        """A signal; its id is the next one."""
        entry = v2.Metadata(path=path, id=self._next_id, **fields)
        entry.data_type = kind  # type: ignore[assignment]
        self._next_id += 1
        self.entries[path] = entry
        return entry

    def settings(self, **fields: Any) -> DatabrokerSettings:
        """Settings that reach it."""
        return DatabrokerSettings(address=f"127.0.0.1:{self.port}", **fields)

    async def show(self, message: v2.SubscribeResponse) -> None:
        """Sends a message to whoever has subscribed, and to whoever will."""
        for path, point in message.entries.items():
            self._present.entries[path].CopyFrom(point)
        for stream in self._streams:
            stream.put_nowait(message)

    def garble(self, raw: bytes) -> None:
        """Sends bytes that are no message."""
        for stream in self._streams:
            stream.put_nowait(raw)

    def end(self, code: grpc.StatusCode) -> None:
        """Ends the subscriptions with that code."""
        for stream in self._streams:
            stream.put_nowait(code)

    @property
    def streams(self) -> int:
        """Subscriptions that are open."""
        return len(self._streams)

    async def start(self, credentials: grpc.ServerCredentials | None = None) -> None:
        """Listens, after the first time on the same port."""
        self._server = grpc.aio.server()
        handlers = {
            "ListMetadata": self._unary(self._list, v2.ListMetadataRequest),
            "GetValues": self._unary(self._get, v2.GetValuesRequest),
            "Subscribe": grpc.unary_stream_rpc_method_handler(
                self._subscribe,
                request_deserializer=v2.SubscribeRequest.FromString,
                response_serializer=_bytes_of,
            ),
        }
        handlers = {name: handler for name, handler in handlers.items() if name not in self.lacks}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("kuksa.val.v2.VAL", handlers),))
        address = f"127.0.0.1:{self.port}"
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        await self._server.start()

    async def stop(self) -> None:
        """Gone, without a good-bye; values are forgotten, ids will be others."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None
        self._present = v2.SubscribeResponse()
        for entry in self.entries.values():
            entry.id += 1_000

    def _unary(self, method: Callable[..., Any], request: type[Any]) -> "grpc.RpcMethodHandler[Any, Any]":
        return grpc.unary_unary_rpc_method_handler(
            method,
            request_deserializer=request.FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )

    async def _admit(self, name: str, context: Context) -> None:
        self.asked.append(name)
        shown = dict(context.invocation_metadata() or ()).get("authorization", "")
        if self.token and shown != f"Bearer {self.token}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Unauthenticated")

    async def _list(self, request: v2.ListMetadataRequest, context: Context) -> v2.ListMetadataResponse:
        await self._admit("ListMetadata", context)
        root = request.root
        found = [entry for path, entry in self.entries.items() if path == root or path.startswith(root + ".")]
        if not found:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"Path not found: {root}")
        return v2.ListMetadataResponse(metadata=found)

    async def _get(self, request: v2.GetValuesRequest, context: Context) -> v2.GetValuesResponse:
        await self._admit("GetValues", context)
        await self._check([one.path for one in request.signal_ids], context)
        return v2.GetValuesResponse()

    async def _check(self, paths: list[str], context: Context) -> None:
        for path in paths:
            if path in self.denied:
                await context.abort(self.denied[path], f"no: {path}")
            if path not in self.entries:
                await context.abort(grpc.StatusCode.NOT_FOUND, f"Path not found: {path}")

    async def _subscribe(
        self, request: v2.SubscribeRequest, context: Context
    ) -> AsyncIterator[v2.SubscribeResponse | bytes]:
        await self._admit("Subscribe", context)
        await self._check(list(request.signal_paths), context)
        self.buffer_size = request.buffer_size
        stream: asyncio.Queue[v2.SubscribeResponse | bytes | grpc.StatusCode] = asyncio.Queue()
        self._streams.append(stream)
        try:
            if self._present.entries:
                yield self._present
            while True:
                message = await stream.get()
                if isinstance(message, grpc.StatusCode):
                    await context.abort(message, "as the test says")
                assert not isinstance(message, grpc.StatusCode)
                yield message
        finally:
            self._streams.remove(stream)


def _bytes_of(sent: Any) -> bytes:
    return sent if isinstance(sent, bytes) else bytes(sent.SerializeToString())


def message(seconds: int | None = 1_800_000_000, **values: object) -> v2.SubscribeResponse:
    """A message; names are the last parts of paths, with __ for dots."""
    response = v2.SubscribeResponse()
    for name, value in values.items():
        point = response.entries["Vehicle." + name.replace("__", ".")]
        if seconds is not None:
            point.timestamp.seconds = seconds
        if isinstance(value, bool):
            point.value.bool = value
        elif isinstance(value, int):
            point.value.int32 = value
        elif isinstance(value, float):
            point.value.float = value
        elif isinstance(value, str):
            point.value.string = value
        elif isinstance(value, list):
            point.value.int32_array.values.extend(value)
    return response


@asynccontextmanager
async def scripted_kuksa() -> AsyncIterator[ScriptedKuksa]:
    """A scripted databroker, listening."""
    server = ScriptedKuksa()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
