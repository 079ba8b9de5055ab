"""The simulated databroker with the databroker's own client beside it; must never hide what the client raised."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from kuksa.val.v2 import types_pb2, val_pb2, val_pb2_grpc
from kuksa_client.grpc import VSSClientError
from kuksa_client.grpc.aio import VSSClient

from simulators.databroker import Catalogue, Databroker, Leaf

SPEED = "Vehicle.Speed"
PEDAL = "Vehicle.Chassis.Accelerator.PedalPosition"
BRAKE = "Vehicle.Body.Lights.Brake.IsActive"
BEAM = "Vehicle.Body.Lights.Beam.Low.IsOn"
GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"
CODES = "Vehicle.Diagnostics.DTCList"


def catalogue() -> Catalogue:
    """The packaged one and an array. Reads a file."""
    return Catalogue.packaged() | Catalogue.of([Leaf(CODES, "string[]")])


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[tuple[Databroker, VSSClient]]:
    """A databroker and a client of it."""
    broker = Databroker(await asyncio.to_thread(catalogue), **options)
    async with broker, VSSClient("127.0.0.1", broker.port) as client:
        yield broker, client


@asynccontextmanager
async def raw(broker: Databroker) -> AsyncIterator[val_pb2_grpc.VALStub]:
    """The client's own generated stub of v2, for what its methods cannot say."""
    async with grpc.aio.insecure_channel(broker.address) as channel:
        yield val_pb2_grpc.VALStub(channel)


def signal(path: str) -> types_pb2.SignalID:
    """A path as v2 has it."""
    return types_pb2.SignalID(path=path)


def order(path: str, **value: Any) -> val_pb2.ActuateRequest:
    """An order for an actuator."""
    return val_pb2.ActuateRequest(signal_id=signal(path), value=types_pb2.Value(**value))


async def until(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    """Until it is so; looks again after everything that is ready has run."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - nothing tells us of the peer's state
            await asyncio.sleep(0.002)


@asynccontextmanager
async def following(updates: AsyncIterator[Any]) -> "AsyncIterator[asyncio.Queue[Any]]":
    """What an iterator of the client yields, as it comes, and at last what it raised; cancelled at the end."""
    found: asyncio.Queue[Any] = asyncio.Queue()

    async def follow() -> None:
        try:
            async for update in updates:
                found.put_nowait(update)
        except VSSClientError as error:
            found.put_nowait(error)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(follow())
        yield found
        task.cancel()


def plain(update: Mapping[str, Any]) -> dict[str, Any]:
    """Values by path."""
    return {path: point.value for path, point in update.items()}


def codes(error: VSSClientError) -> set[int]:
    """The codes that a client's error names, for the whole or for signals."""
    return {error.error["code"]} if error.error else {one["error"]["code"] for one in error.errors}
