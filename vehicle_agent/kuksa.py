"""The KUKSA databroker as a source: kuksa.val.v2 over gRPC; must never let one signal's refusal stop the others."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import grpc
import grpc.aio
from forecourt.kuksa.v2 import val_pb2 as v2
from google.protobuf.message import DecodeError, Message

from gateway.errors import LinkError, LinkRefused
from vehicle_agent.kuksa_values import info_of, reading_of
from vehicle_agent.settings import DatabrokerSettings, VehicleAgentSettings
from vehicle_agent.source import Missing, Reading, SignalInfo

R = TypeVar("R", bound=Message)
SERVICE: Final = "/kuksa.val.v2.VAL/"
CALL_TIMEOUT_S: Final = 10.0
MESSAGE_BYTES_MAX: Final = 16 << 20
GET_PATHS: Final = 256
_OPTIONS: Final = (
    # Our own back-off decides when to connect, not the memory of an earlier channel.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    # A peer that is gone without a word is noticed; more often would break the rule of gRPC servers for silent streams.
    ("grpc.keepalive_time_ms", 330_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)
_ONE_BY_ONE: Final = {
    grpc.StatusCode.PERMISSION_DENIED: "may not be read: the token lacks the scope read:{path}",
    grpc.StatusCode.UNAUTHENTICATED: "may not be read: the databroker wants a token (databroker.token)",
    grpc.StatusCode.NOT_FOUND: "is not known to the databroker",
}
_ADVICE: Final = {
    grpc.StatusCode.UNAUTHENTICATED: "the token is missing, expired or refused: give a valid one in databroker.token",
    grpc.StatusCode.PERMISSION_DENIED: "the token does not allow this: ask for one with the scope read",
    grpc.StatusCode.UNIMPLEMENTED: "it does not speak kuksa.val.v2: use a databroker of version 0.5 or newer",
    grpc.StatusCode.INVALID_ARGUMENT: "it does not understand what was asked",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "it is busy, or a message is too large",
}


class KuksaSource:
    """Signals of a KUKSA databroker. A new channel for each `describe`; ids are not kept, as they may change."""

    def __init__(self, settings: DatabrokerSettings) -> None:
        self._settings = settings
        self._channel: grpc.aio.Channel | None = None
        self._metadata: tuple[tuple[str, str], ...] = ()
        self.counters: Counter[str] = Counter()
        self.metadata: Mapping[str, v2.Metadata] = {}
        """What the databroker knows of the paths that were asked for last."""

    @classmethod
    def of(cls, settings: VehicleAgentSettings) -> "KuksaSource":
        """The factory behind the entry point."""
        return cls(settings.databroker)

    async def describe(self, paths: Sequence[str]) -> Mapping[str, SignalInfo | Missing]:
        """Types, units and bounds, and why a signal cannot be had. Raises LinkError."""
        await self._connect()
        known: dict[str, SignalInfo | Missing] = {}
        listed = self.metadata = await self._list(paths)
        for path in paths:
            entry = listed.get(path)
            known[path] = Missing(_ONE_BY_ONE[grpc.StatusCode.NOT_FOUND]) if entry is None else info_of(entry)
        wanted = [path for path in paths if isinstance(known[path], SignalInfo)]
        for begin in range(0, len(wanted), GET_PATHS):
            known.update(await self._unreadable(wanted[begin : begin + GET_PATHS]))
        refused = [info.why for info in known.values() if isinstance(info, Missing)]
        if wanted and set(refused) == {_ONE_BY_ONE[grpc.StatusCode.UNAUTHENTICATED]} and len(refused) == len(paths):
            raise LinkRefused(f"{self._name}: {_ADVICE[grpc.StatusCode.UNAUTHENTICATED]}")
        return known

    async def readings(self, paths: Sequence[str]) -> AsyncGenerator[Sequence[Reading], None]:
        """Readings as the databroker sends them: one list for each of its messages. Raises LinkError at the end."""
        index_of = {path: index for index, path in enumerate(paths)}
        async with aclosing(self.points(paths)) as messages:
            async for points in messages:
                found = []
                for path, point in points.items():
                    index = index_of.get(path)
                    if index is not None:
                        found.append(reading_of(index, point))
                if found:
                    yield found

    async def points(self, paths: Sequence[str]) -> AsyncGenerator[Mapping[str, v2.Datapoint], None]:
        """The messages of a subscription as they are. Raises LinkError at the end."""
        if self._channel is None:
            raise LinkError(f"{self._name}: not connected")
        subscribe: grpc.aio.UnaryStreamMultiCallable[v2.SubscribeRequest, bytes] = self._channel.unary_stream(
            SERVICE + "Subscribe",
            request_serializer=v2.SubscribeRequest.SerializeToString,
            response_deserializer=None,  # bytes: gRPC would log what cannot be read, and hand out None
        )
        request = v2.SubscribeRequest(signal_paths=paths, buffer_size=self._settings.buffer_messages)
        call = subscribe(request, metadata=self._metadata)
        try:
            async for raw in call:
                try:
                    response = v2.SubscribeResponse.FromString(raw)
                except DecodeError:
                    self.counters["unreadable"] += 1
                    continue
                yield response.entries
        except grpc.aio.AioRpcError as error:
            self._lost(error)
        finally:
            call.cancel()

    async def actuate(self, path: str, value: v2.Value, timeout_s: float = CALL_TIMEOUT_S) -> None:
        """An order for whoever provides that actuator. Raises grpc.aio.AioRpcError when it is refused, or LinkError."""
        request = v2.ActuateRequest(signal_id=v2.SignalID(path=path), value=value)
        await self._call("Actuate", request, v2.ActuateResponse, timeout_s)

    async def aclose(self) -> None:
        """Closes the channel; what iterates ends with it."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    @property
    def _name(self) -> str:
        return f"databroker {self._settings.address}"

    async def _connect(self) -> None:
        await self.aclose()
        settings = self._settings
        token = await asyncio.to_thread(self._read, settings.token) if settings.token else b""
        self._metadata = (("authorization", f"Bearer {token.decode('ascii', 'replace').strip()}"),) if token else ()
        if settings.ca is None:
            self._channel = grpc.aio.insecure_channel(settings.address, options=_OPTIONS)
            return
        credentials = grpc.ssl_channel_credentials(await asyncio.to_thread(self._read, settings.ca))
        name = (("grpc.ssl_target_name_override", settings.server_name),) if settings.server_name else ()
        self._channel = grpc.aio.secure_channel(settings.address, credentials, options=(*_OPTIONS, *name))

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise LinkRefused(f"{self._name}: {path} cannot be read ({error.strerror})") from error

    async def _list(self, paths: Sequence[str]) -> dict[str, v2.Metadata]:
        """Metadata of all paths by one call for the branch they share; path by path where that is refused."""
        root = _shared_branch(paths)
        try:
            return {entry.path: entry for entry in await self._list_one(root)}
        except grpc.aio.AioRpcError as error:
            if error.code() not in _ONE_BY_ONE:
                self._lost(error)
        found: dict[str, v2.Metadata] = {}
        for path in paths:
            try:
                found.update({entry.path: entry for entry in await self._list_one(path)})
            except grpc.aio.AioRpcError as error:
                if error.code() not in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND}:
                    self._lost(error)
        return found

    async def _list_one(self, root: str) -> Sequence[v2.Metadata]:
        request = v2.ListMetadataRequest(root=root)
        return (await self._call("ListMetadata", request, v2.ListMetadataResponse)).metadata

    async def _unreadable(self, paths: list[str]) -> dict[str, Missing]:
        """Which of the paths may not be read: the whole is halved until each refusal has its signal."""
        request = v2.GetValuesRequest(signal_ids=[v2.SignalID(path=path) for path in paths])
        try:
            await self._call("GetValues", request, v2.GetValuesResponse)
        except grpc.aio.AioRpcError as error:
            why = _ONE_BY_ONE.get(error.code())
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return {}  # an old databroker: the subscription will tell
            if why is None:
                self._lost(error)
            if len(paths) == 1:
                return {paths[0]: Missing(why.format(path=paths[0]))}
            half = len(paths) // 2
            return {**await self._unreadable(paths[:half]), **await self._unreadable(paths[half:])}
        return {}

    async def _call(self, method: str, request: Message, response: type[R], timeout_s: float = CALL_TIMEOUT_S) -> R:
        if self._channel is None:
            raise LinkError(f"{self._name}: not connected")
        call: grpc.aio.UnaryUnaryMultiCallable[Message, bytes] = self._channel.unary_unary(
            SERVICE + method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=None,
        )
        raw = await call(request, timeout=timeout_s, metadata=self._metadata)
        try:
            return response.FromString(raw)
        except DecodeError as error:
            self.counters["unreadable"] += 1
            raise LinkRefused(f"{self._name}: its answer to {method} cannot be read") from error

    def _lost(self, error: grpc.aio.AioRpcError) -> NoReturn:
        """What the connection ended with, as an error that says whether somebody has to act."""
        advice = _ADVICE.get(error.code())
        if advice is not None:
            raise LinkRefused(f"{self._name}: {advice} ({error.details()})") from error
        raise LinkError(f"{self._name}: {error.code().name.lower()} ({error.details()})") from error


def _shared_branch(paths: Sequence[str]) -> str:
    """The deepest branch (or leaf) that all paths share; the root of the first where they share none."""
    first, *others = [path.split(".") for path in paths]
    shared = len(first)
    for other in others:
        shared = next(
            (n for n, (a, b) in enumerate(zip(first, other, strict=False)) if a != b), min(shared, len(other))
        )
        first = first[:shared]
    return ".".join(first) or paths[0].partition(".")[0]
