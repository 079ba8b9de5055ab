"""A bare KUKSA stub: subscribes, parses and keeps nothing; what listening costs with grpcio and protobuf alone."""

import asyncio

import grpc.aio
from forecourt.kuksa.v2 import val_pb2 as v2

from benchmarks.process import tell
from benchmarks.watch import watch

SUBSCRIBE = "/kuksa.val.v2.VAL/Subscribe"


async def reader(databroker: str, seconds: float, paths: list[str]) -> None:
    """A stub that subscribes and parses, and keeps nothing."""
    readings = 0

    async def read() -> None:
        nonlocal readings
        subscribe = channel.unary_stream(
            SUBSCRIBE,
            request_serializer=v2.SubscribeRequest.SerializeToString,
            response_deserializer=v2.SubscribeResponse.FromString,
        )
        async for response in subscribe(v2.SubscribeRequest(signal_paths=paths, buffer_size=1_000)):
            readings += len(response.entries)

    async with grpc.aio.insecure_channel(databroker) as channel, asyncio.TaskGroup() as group:
        task = group.create_task(read(), name="read")
        found = await watch(seconds)
        tell(**found, readings=readings)
        task.cancel()
