"""Proves that tokens and TLS keep out whom they should, with the databroker's own client."""

import asyncio
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from kuksa_client.grpc import DataEntry, Datapoint, EntryUpdate, Field, VSSClientError
from kuksa_client.grpc.aio import VSSClient

from gateway.errors import ConfigError
from gateway.identity.pki import make_dev_pki
from simulators.databroker import Databroker, TokenCheck, issue
from tests.kit.databrokers import GEAR, PEDAL, SPEED, catalogue, codes, following, plain, served


async def test_a_token_opens_what_it_names() -> None:
    """None: UNAUTHENTICATED; the wrong scope: denied per signal; a client that shows a good one may."""
    key = await asyncio.to_thread(rsa.generate_private_key, 65_537, 2_048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    async with served(tokens=TokenCheck(pem)) as (broker, client):
        with pytest.raises(VSSClientError) as raised:
            await client.set_current_values({SPEED: Datapoint(1.0)})
        assert codes(raised.value) == {grpc.StatusCode.UNAUTHENTICATED.value[0]}
        await client.authorize(issue(key, "read:Vehicle.Speed"))
        broker.publish([(SPEED, 1.0, 1)])
        assert (await client.get_current_values([SPEED]))[SPEED].value == 1.0
        async with following(client.subscribe_current_values([SPEED])) as updates:
            assert plain(await updates.get()) == {SPEED: 1.0}
        for attempt in (
            client.set_current_values({SPEED: Datapoint(2.0)}),
            client.get_current_values([PEDAL]),
            client.set([EntryUpdate(DataEntry(SPEED, value=Datapoint(2.0)), (Field.VALUE,))]),
        ):
            with pytest.raises(VSSClientError) as raised:
                await attempt
            assert codes(raised.value) <= {403, grpc.StatusCode.PERMISSION_DENIED.value[0]}
        for updates_of in (client.subscribe_current_values([SPEED, PEDAL]), client.subscribe_target_values([GEAR])):
            async with following(updates_of) as updates:
                assert codes(await updates.get()) == {grpc.StatusCode.PERMISSION_DENIED.value[0]}
        await client.authorize(issue(key, "read provide:Vehicle.Speed actuate"))
        await client.set_current_values({SPEED: Datapoint(2.0)})
        await client.set_target_values({GEAR: Datapoint(2)})
        assert broker.tree.by_path[SPEED].point.value.float == 2.0


async def test_tls_is_checked_by_the_client(tmp_path: Path) -> None:
    """With the authority's certificate it connects; without TLS nothing is answered."""
    pki = await asyncio.to_thread(make_dev_pki, tmp_path / "pki", ["car-1"])
    files = (pki.broker_cert, pki.broker_key)
    async with Databroker(await asyncio.to_thread(catalogue), tls=files) as broker:
        secure = VSSClient("127.0.0.1", broker.port, root_certificates=pki.ca_cert, tls_server_name="localhost")
        await secure.connect()
        await secure.set_current_values({SPEED: Datapoint(2.0)})
        await secure.disconnect()
        assert broker.tree.by_path[SPEED].point.value.float == 2.0
        bare = VSSClient("127.0.0.1", broker.port, ensure_startup_connection=False)
        await bare.connect()
        with pytest.raises(VSSClientError):
            await bare.get_current_values([SPEED], timeout=1.0)
        await bare.disconnect()
    with pytest.raises(ConfigError, match="No such file"):
        async with Databroker(broker.catalogue, tls=(tmp_path / "none", pki.broker_key)):
            pass
