"""Proves that the databroker's own client takes the simulated one for a databroker."""

import asyncio
import time
from typing import Any

import grpc
import pytest
from kuksa.val.v2 import types_pb2, val_pb2
from kuksa_client.grpc import (
    Datapoint,
    DataType,
    EntryType,
    Field,
    MetadataField,
    SubscribeEntry,
    View,
    VSSClientError,
)  # fmt: skip
from kuksa_client.grpc import VSSClient as SyncClient

from gateway.errors import ConfigError
from simulators.databroker import Databroker
from tests.kit.databrokers import (
    BEAM,
    BRAKE,
    CODES,
    GEAR,
    PEDAL,
    SPEED,
    codes,
    following,
    order,
    plain,
    raw,
    served,
    signal,
    until,
)  # fmt: skip


async def test_values_are_set_and_got() -> None:
    """Every kind of value, with the time of its publication; a signal nobody set has none."""
    values = {SPEED: 42.5, PEDAL: 30, BEAM: True, BRAKE: "ACTIVE", GEAR: -1, CODES: "[P0420, U0100]"}
    async with served() as (_, client):
        before_s = time.time()
        await client.set_current_values({path: Datapoint(value) for path, value in values.items()})
        got = await client.get_current_values([*values, "Vehicle.TraveledDistance"])
    assert got.pop("Vehicle.TraveledDistance") is None
    assert list(plain(got)[CODES].values) == ["P0420", "U0100"]
    assert {**plain(got), CODES: values[CODES]} == values
    assert all(abs(point.timestamp.timestamp() - before_s) < 5 for point in got.values())


async def test_the_blocking_client_works_too() -> None:
    """The same from a thread."""
    async with served() as (broker, _):

        def talk() -> object:
            with SyncClient("127.0.0.1", broker.port) as client:
                client.set_current_values({SPEED: Datapoint(7.0)})
                return client.get_current_values([SPEED])[SPEED].value

        assert await asyncio.to_thread(talk) == 7.0


async def test_server_and_signals_say_what_they_are() -> None:
    """Name, types, units, bounds and allowed values, of a leaf and of a branch."""
    async with served() as (broker, client):
        info = await client.get_server_info()
        found = await client.get_metadata([SPEED, PEDAL, BRAKE], MetadataField.ALL)
        branch = await client.get_metadata(["Vehicle.Chassis.Axle"], MetadataField.ALL)
        async with raw(broker) as stub:
            listed = (await stub.ListMetadata(val_pb2.ListMetadataRequest(root=PEDAL))).metadata
    assert info is not None
    assert info.name == "databroker"
    assert (found[SPEED].data_type, found[SPEED].unit) == (DataType.FLOAT, "km/h")
    restriction = found[PEDAL].value_restriction
    assert (found[PEDAL].data_type, restriction.min, restriction.max) == (DataType.UINT8, 0, 100)
    assert found[BRAKE].entry_type is EntryType.ACTUATOR
    assert found[BRAKE].value_restriction.allowed_values == ["INACTIVE", "ACTIVE", "ADAPTIVE"]
    assert len(branch) == 8
    assert [(one.path, one.unit, one.min.uint32, one.max.uint32) for one in listed] == [(PEDAL, "percent", 0, 100)]


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (PEDAL, 101, grpc.StatusCode.INVALID_ARGUMENT.value[0]),
        (PEDAL, 300, grpc.StatusCode.INVALID_ARGUMENT.value[0]),
        (BRAKE, "DUSK", grpc.StatusCode.INVALID_ARGUMENT.value[0]),
        ("Vehicle.Nope", 1, 404),
    ],
)
async def test_bad_values_are_refused(path: str, value: object, code: int) -> None:
    """Bounds, type, allowed values, unknown signals: an error, and the value stays as it was."""
    async with served() as (broker, client):
        await client.set_current_values({PEDAL: Datapoint(7)})
        with pytest.raises(VSSClientError) as raised:
            await client.set_current_values({path: Datapoint(value)})
        assert codes(raised.value) == {code}
        assert (await client.get_current_values([PEDAL]))[PEDAL].value == 7
        async with raw(broker) as stub:
            point = types_pb2.Datapoint(value=types_pb2.Value(string="fast"))
            with pytest.raises(grpc.aio.AioRpcError) as wrong:
                await stub.PublishValue(val_pb2.PublishValueRequest(signal_id=signal(SPEED), data_point=point))
            assert wrong.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_leaf_and_a_branch_are_watched() -> None:
    """The present values first, then each change, only of what changed."""
    async with served() as (broker, client):
        broker.publish([(SPEED, 1.0, 1)])
        async with following(client.subscribe_current_values([SPEED])) as leaf:
            assert plain(await leaf.get()) == {SPEED: 1.0}
            for value in (2.0, 3.0):
                broker.publish([(SPEED, value, 2)])
                assert plain(await leaf.get()) == {SPEED: value}
            async with following(client.subscribe_current_values(["Vehicle.Chassis"])) as branch:
                assert len(await branch.get()) > 10
                broker.publish([(SPEED, 9.0, 3), (PEDAL, 5, 3)])
                assert plain(await branch.get()) == {PEDAL: 5}
                assert plain(await leaf.get()) == {SPEED: 9.0}
        await until(lambda: broker.counters.subscriptions == 0)


async def test_a_target_is_no_order() -> None:
    """v1's target values and v2's actuations are two channels, as in the databroker."""
    async with served() as (broker, client), following(client.subscribe_target_values([GEAR])) as orders:
        await until(lambda: broker.tree.by_path[GEAR].provider is not None)
        asked = [SubscribeEntry(GEAR, View.TARGET_VALUE, (Field.ACTUATOR_TARGET,))]
        async with following(client.subscribe(asked)) as targets:
            await targets.get()
            await client.set_target_values({GEAR: Datapoint(3)})
            assert (await targets.get())[0].entry.actuator_target.value == 3
        assert (await client.get_target_values([GEAR]))[GEAR].value == 3
        await client.client_stub_v2.Actuate(order(GEAR, int32=5))
        assert plain(await orders.get()) == {GEAR: 5}
        with pytest.raises(VSSClientError) as raised:
            await client.set_target_values({SPEED: Datapoint(3.0)})
        assert codes(raised.value) == {400}


async def test_an_actuator_has_one_provider() -> None:
    """None: UNAVAILABLE; a second one: ALREADY_EXISTS; gone: UNAVAILABLE again; a batch goes out whole or not."""
    async with served() as (broker, client):
        stub, gear = client.client_stub_v2, broker.tree.by_path[GEAR]

        async def refused(request: Any) -> grpc.StatusCode:
            call = stub.BatchActuate if isinstance(request, val_pb2.BatchActuateRequest) else stub.Actuate
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call(request)
            code: grpc.StatusCode = raised.value.code()
            return code

        assert await refused(order(GEAR, int32=1)) is grpc.StatusCode.UNAVAILABLE
        async with following(client.subscribe_target_values([GEAR])) as orders:
            await until(lambda: gear.provider is not None)
            async with following(client.subscribe_target_values([GEAR])) as second:
                assert codes(await second.get()) == {grpc.StatusCode.ALREADY_EXISTS.value[0]}
            both = val_pb2.BatchActuateRequest(actuate_requests=[order(GEAR, int32=1), order(BEAM, bool=True)])
            assert await refused(both) is grpc.StatusCode.UNAVAILABLE
            assert await refused(order(SPEED, float=1.0)) is grpc.StatusCode.INVALID_ARGUMENT
            assert await refused(order(GEAR, int32=200)) is grpc.StatusCode.INVALID_ARGUMENT
            assert await refused(order("Vehicle.No", int32=2)) is grpc.StatusCode.NOT_FOUND
            await stub.Actuate(order(GEAR, int32=4))
            assert plain(await orders.get()) == {GEAR: 4}
        await until(lambda: gear.provider is None)
        assert await refused(order(GEAR, int32=1)) is grpc.StatusCode.UNAVAILABLE


async def test_a_stream_of_orders_ends_with_the_first_bad_one() -> None:
    """Those before it went out."""
    async with served() as (broker, client), following(client.subscribe_target_values([GEAR])) as orders:
        await until(lambda: broker.tree.by_path[GEAR].provider is not None)
        stub = client.client_stub_v2
        await stub.ActuateStream(iter([order(GEAR, int32=1), order(GEAR, int32=2)]))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ActuateStream(iter([order(GEAR, int32=3), order(GEAR, int32=300)]))
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert [plain(await orders.get())[GEAR] for _ in range(3)] == [1, 2, 3]


async def test_a_provider_publishes_in_bulk() -> None:
    """After a claim; what is bad is named by id, the rest is kept; without a claim the stream ends."""
    async with served() as (broker, _), raw(broker) as stub:
        ids = {path: broker.tree.by_path[path].id for path in (SPEED, PEDAL)}
        point = {
            ids[SPEED]: types_pb2.Datapoint(value=types_pb2.Value(float=5.0)),
            ids[PEDAL]: types_pb2.Datapoint(value=types_pb2.Value(uint32=101)),
        }
        publish = val_pb2.OpenProviderStreamRequest(
            publish_values_request=val_pb2.PublishValuesRequest(request_id=7, data_points=point)
        )
        early = stub.OpenProviderStream()
        await early.write(publish)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await early.read()
        assert raised.value.code() is grpc.StatusCode.ABORTED
        stream = stub.OpenProviderStream()
        claim = val_pb2.ProvideSignalRequest(signals_sample_intervals={number: {} for number in ids.values()})
        await stream.write(val_pb2.OpenProviderStreamRequest(provide_signal_request=claim))
        assert (await stream.read()).HasField("provide_signal_response")
        await stream.write(publish)
        answer = (await stream.read()).publish_values_response
        assert (answer.request_id, list(answer.status)) == (7, [ids[PEDAL]])
        assert broker.tree.by_path[SPEED].point.value.float == 5.0
        await stream.write(
            val_pb2.OpenProviderStreamRequest(provider_error_indication=val_pb2.ProviderErrorIndication())
        )
        await until(lambda: not broker.tree.by_path[SPEED].point.HasField("value"))
        stream.cancel()


async def test_ids_and_buffers_are_checked() -> None:
    """Subscriptions by id work; unknown ids, empty ones and huge buffers are refused."""
    async with served() as (broker, _), raw(broker) as stub:
        number = broker.tree.by_path[SPEED].id
        stream = stub.SubscribeById(val_pb2.SubscribeByIdRequest(signal_ids=[number], buffer_size=1_000))
        assert list((await stream.read()).entries) == [number]
        stream.cancel()
        for request, code in (
            (val_pb2.SubscribeByIdRequest(signal_ids=[number + 10_000]), grpc.StatusCode.NOT_FOUND),
            (val_pb2.SubscribeByIdRequest(), grpc.StatusCode.INVALID_ARGUMENT),
            (val_pb2.SubscribeByIdRequest(signal_ids=[number], buffer_size=1_001), grpc.StatusCode.INVALID_ARGUMENT),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await stub.SubscribeById(request).read()
            assert raised.value.code() is code


async def test_after_a_restart_the_same_client_goes_on() -> None:
    """Its subscription ends with UNAVAILABLE; the port is the same, values are gone, ids are others."""
    async with served() as (broker, client):
        port, number = broker.port, broker.tree.by_path[SPEED].id
        broker.publish([(SPEED, 1.0, 1)])
        async with following(client.subscribe_current_values([SPEED])) as updates:
            await updates.get()
            await broker.stop()
            assert codes(await updates.get()) == {grpc.StatusCode.UNAVAILABLE.value[0]}
        assert broker.publish([(SPEED, 2.0, 1)]) == [(SPEED, "the databroker is down")]
        await broker.start()
        assert broker.port == port
        assert broker.tree.by_path[SPEED].id != number
        got = await client.client_stub_v2.GetValue(
            val_pb2.GetValueRequest(signal_id=signal(SPEED)), wait_for_ready=True
        )
        assert not got.data_point.HasField("value")
        await client.set_current_values({SPEED: Datapoint(3.0)})
        assert broker.tree.by_path[SPEED].point.value.float == 3.0


async def test_ids_are_kept_over_a_restart_when_asked() -> None:
    """A client that kept them finds the same signals; by default all are others, also the second time."""
    async with served() as (broker, _):
        ids = [{path: entry.id for path, entry in broker.tree.by_path.items()}]
        for new_ids in (False, True, False, True):
            await broker.restart(new_ids=new_ids)
            ids.append({path: entry.id for path, entry in broker.tree.by_path.items()})
        assert ids[1] == ids[0]
        assert ids[3] == ids[2]
        assert len({number for run in (ids[0], ids[2], ids[4]) for number in run.values()}) == 3 * len(ids[0])


async def test_a_taken_port_is_named() -> None:
    """Two databrokers on one port would share their clients."""
    async with served() as (broker, _):
        with pytest.raises(ConfigError, match="port taken"):
            async with Databroker(broker.catalogue, port=broker.port):
                pass
