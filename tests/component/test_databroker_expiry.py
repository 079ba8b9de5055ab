"""Proves that what a token opened closes when it expires, for callers that are connected already."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from kuksa.val.v1 import val_pb2 as v1
from kuksa.val.v1 import val_pb2_grpc as v1_grpc
from kuksa.val.v2 import val_pb2

from simulators.databroker import Databroker, TokenCheck, issue
from tests.kit.databrokers import GEAR, SPEED, order, raw, served, signal

KEY = Ed25519PrivateKey.generate()
SHORT_S = 60.0


class World:
    """A databroker whose clock is set, and headers with a token for a minute and one for a day."""

    def __init__(self, clock: list[float], broker: Databroker, stub: Any) -> None:
        self.clock, self.broker, self.stub = clock, broker, stub
        self.short = self.header(SHORT_S)
        self.long = self.header(86_400.0)

    @staticmethod
    def header(valid_s: float) -> tuple[tuple[str, str], ...]:
        """Metadata of a call with a token for everything."""
        return (("authorization", f"Bearer {issue(KEY, 'read provide actuate', valid_s=valid_s)}"),)

    def expire(self) -> None:
        """The short token is none any more."""
        self.clock[0] += 2 * SHORT_S

    async def provide(self, header: Any) -> Any:
        """A stream that provides the gear, once it is accepted."""
        stream = self.stub.OpenProviderStream(metadata=header)
        claim = val_pb2.ProvideActuationRequest(actuator_identifiers=[signal(GEAR)])
        await stream.write(val_pb2.OpenProviderStreamRequest(provide_actuation_request=claim))
        assert (await stream.read()).HasField("provide_actuation_response")
        return stream


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """A new one."""
    clock = [time.time()]
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    async with served(tokens=TokenCheck(pem, lambda: clock[0])) as (broker, _), raw(broker) as stub:
        yield World(clock, broker, stub)


def subscribe(made: World, call: str, channel: grpc.aio.Channel, header: Any) -> Any:
    """One of the three calls that tell of changes."""
    if call == "v1":
        asked = v1.SubscribeEntry(path=SPEED, view="VIEW_CURRENT_VALUE", fields=["FIELD_VALUE"])
        return v1_grpc.VALStub(channel).Subscribe(v1.SubscribeRequest(entries=[asked]), metadata=header)
    if call == "v2":
        return made.stub.Subscribe(val_pb2.SubscribeRequest(signal_paths=[SPEED]), metadata=header)
    number = made.broker.tree.by_path[SPEED].id
    return made.stub.SubscribeById(val_pb2.SubscribeByIdRequest(signal_ids=[number]), metadata=header)


@pytest.mark.parametrize("call", ["v1", "v2", "v2 by id"])
async def test_a_subscription_ends_with_its_token(call: str) -> None:
    """Quietly, as with the databroker, and the change after it is not told; one with a good token goes on."""
    async with world() as made, grpc.aio.insecure_channel(made.broker.address) as channel:
        ending, lasting = (subscribe(made, call, channel, header) for header in (made.short, made.long))
        for stream in (ending, lasting):
            await stream.read()
        made.broker.publish([(SPEED, 1.0, 1)])
        for stream in (ending, lasting):
            assert await stream.read() is not grpc.aio.EOF
        made.expire()
        made.broker.publish([(SPEED, 2.0, 2)])
        assert await ending.read() is grpc.aio.EOF
        assert await ending.code() is grpc.StatusCode.OK
        assert await lasting.read() is not grpc.aio.EOF
        again = subscribe(made, call, channel, made.short)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await again.read()
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
        lasting.cancel()


async def test_a_provider_ends_with_its_token() -> None:
    """It gets no more orders, and another may take its place."""
    async with world() as made:
        stale = await made.provide(made.short)
        await made.stub.Actuate(order(GEAR, int32=1), metadata=made.long)
        assert (await stale.read()).batch_actuate_stream_request.actuate_requests[0].value.int32 == 1
        made.expire()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await made.stub.Actuate(order(GEAR, int32=2), metadata=made.long)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        fresh = await made.provide(made.long)
        await made.stub.Actuate(order(GEAR, int32=3), metadata=made.long)
        assert (await fresh.read()).batch_actuate_stream_request.actuate_requests[0].value.int32 == 3
        for stream in (stale, fresh):
            stream.cancel()
