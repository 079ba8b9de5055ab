"""gRPC around the calls: paths, (de)serialising, tokens, refusals as status; must never decide anything."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio
from forecourt.kuksa.v1 import val_pb2 as p1
from forecourt.kuksa.v2 import val_pb2 as p2
from google.protobuf.message import Message

from simulators.databroker import v1, v2
from simulators.databroker.access import Access
from simulators.databroker.provider import ProviderStream
from simulators.databroker.refusals import Refused
from simulators.databroker.tree import Tree

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Admit = Callable[[Context], Access]
Unary = Callable[[Tree, Any, Access], Message]
Sender = Callable[[Any], Awaitable[None]]
Stream = Callable[[Tree, Any, Access, Sender], Awaitable[None]]


async def _provide(
    tree: Tree, requests: AsyncIterator[p2.OpenProviderStreamRequest], access: Access, send: Sender
) -> None:
    await ProviderStream(tree, access).run(requests, send)


UNARY: Final[Mapping[str, Mapping[str, tuple[Unary, type[Message]]]]] = {
    "kuksa.val.v1.VAL": {
        "Get": (v1.get, p1.GetRequest),
        "Set": (v1.set_, p1.SetRequest),
        "GetServerInfo": (v1.server_info, p1.GetServerInfoRequest),
    },
    "kuksa.val.v2.VAL": {
        "GetValue": (v2.get_value, p2.GetValueRequest),
        "GetValues": (v2.get_values, p2.GetValuesRequest),
        "ListMetadata": (v2.list_metadata, p2.ListMetadataRequest),
        "PublishValue": (v2.publish_value, p2.PublishValueRequest),
        "Actuate": (v2.actuate, p2.ActuateRequest),
        "BatchActuate": (v2.batch_actuate, p2.BatchActuateRequest),
        "GetServerInfo": (v2.server_info, p2.GetServerInfoRequest),
    },
}
DOWN: Final[Mapping[str, Mapping[str, tuple[Stream, type[Message]]]]] = {
    "kuksa.val.v1.VAL": {"Subscribe": (v1.subscribe, p1.SubscribeRequest)},
    "kuksa.val.v2.VAL": {
        "Subscribe": (v2.subscribe, p2.SubscribeRequest),
        "SubscribeById": (v2.subscribe_by_id, p2.SubscribeByIdRequest),
    },
}
BOTH: Final[Mapping[str, Mapping[str, tuple[Stream, type[Message]]]]] = {
    "kuksa.val.v1.VAL": {"StreamedUpdate": (v1.streamed_update, p1.StreamedUpdateRequest)},
    "kuksa.val.v2.VAL": {"OpenProviderStream": (_provide, p2.OpenProviderStreamRequest)},
}


def handlers(tree: Tree, admit: Admit) -> list[grpc.GenericRpcHandler]:
    """Handlers of both services."""
    services = []
    for service, calls in UNARY.items():
        found = {name: _unary(tree, admit, call, request) for name, (call, request) in calls.items()}
        for name, (stream, request) in DOWN[service].items():
            found[name] = grpc.unary_stream_rpc_method_handler(
                _stream(tree, admit, stream), _reader(request), _serialise
            )  # fmt: skip
        for name, (stream, request) in BOTH[service].items():
            found[name] = grpc.stream_stream_rpc_method_handler(
                _stream(tree, admit, stream), _reader(request), _serialise
            )  # fmt: skip
        if service == "kuksa.val.v2.VAL":
            found["ActuateStream"] = grpc.stream_unary_rpc_method_handler(
                _actuate_stream(tree, admit), _reader(p2.ActuateRequest), _serialise
            )
        services.append(grpc.method_handlers_generic_handler(service, found))
    return services


def _unary(tree: Tree, admit: Admit, call: Unary, request: type[Message]) -> Handler:
    async def answer(message: Message, context: Context) -> Message:
        try:
            return call(tree, message, admit(context))
        except Refused as refused:
            tree.counters.refused += 1
            await context.abort(refused.status, str(refused))

    return grpc.unary_unary_rpc_method_handler(answer, _reader(request), _serialise)


def _stream(tree: Tree, admit: Admit, call: Stream) -> Callable[[Any, Context], Awaitable[None]]:
    async def serve(requests: Any, context: Context) -> None:
        try:
            await call(tree, requests, admit(context), context.write)
        except Refused as refused:
            tree.counters.refused += 1
            await context.abort(refused.status, str(refused))

    return serve


def _actuate_stream(tree: Tree, admit: Admit) -> Callable[[Any, Context], Awaitable[Message]]:
    async def serve(requests: AsyncIterator[p2.ActuateRequest], context: Context) -> Message:
        try:
            return await v2.actuate_stream(tree, requests, admit(context))
        except Refused as refused:
            tree.counters.refused += 1
            await context.abort(refused.status, str(refused))

    return serve


def _reader(request: type[Message]) -> Callable[[bytes], Message]:
    return request.FromString


def _serialise(message: Message) -> bytes:
    return message.SerializeToString()
