"""The shipped access rules on a real broker: what a device with a good certificate cannot do to others."""

import asyncio
import os
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.errors import LinkError, LinkRefused
from gateway.identity import load_cloud, tls_context
from gateway.identity.keystore import load
from gateway.identity.pki import Pki, make_dev_pki
from gateway.limits import MESSAGE_BYTES_MAX
from tests.kit.broker import ACL, Broker, free_port, mosquitto
from tests.kit.links import Inbox, connected, ended

pytestmark = pytest.mark.needs_mosquitto

DEVICE, FOREIGN = "car-1", "car-2"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Authority, broker, cloud and two devices."""
    return make_dev_pki(tmp_path_factory.mktemp("pki"), [DEVICE, FOREIGN])


@pytest.fixture(scope="module")
def context(pki: Pki) -> Callable[..., ssl.SSLContext]:
    """Contexts are made before a test's loop runs, for they read files."""
    made = {name: tls_context(load(pki.device(name)).tls, SystemClock()) for name in (DEVICE, FOREIGN)}
    made["cloud"] = tls_context(load_cloud(pki.cloud).tls, SystemClock())
    return lambda name=DEVICE: made[name]


async def test_a_hostile_device_cannot_speak_for_another(pki: Pki, context: Callable[..., ssl.SSLContext]) -> None:
    """Writing on a foreign device's or the cloud's topics is refused with 0x87 and reaches nobody."""
    inbox = Inbox()
    async with (
        mosquitto(tls=pki, acl=True) as broker,
        connected(broker.endpoint(context("cloud")), on_message=inbox) as cloud,
        connected(broker.endpoint(context())) as hostile,
    ):
        await cloud.subscribe("forecourt/v1/+/up/#")
        for topic in (
            f"forecourt/v1/{FOREIGN}/up/e/live",
            f"forecourt/v1/{FOREIGN}/up/state",
            f"forecourt/v1/{FOREIGN}/down/cmd",
            f"forecourt/v1/{DEVICE}/down/receipt",
            "forecourt/v1/cloud/state",
            "elsewhere",
        ):
            assert await hostile.publish(topic, b"forged", retain=True) == 0x87, topic
        assert await hostile.publish(f"forecourt/v1/{DEVICE}/up/e/live", b"mine") == 0
        messages = await inbox.count(1)
        assert [(message.topic, message.payload) for message in messages] == [
            (f"forecourt/v1/{DEVICE}/up/e/live", b"mine")
        ]


async def test_a_hostile_device_hears_nothing_of_others(pki: Pki, context: Callable[..., ssl.SSLContext]) -> None:
    """A device that subscribes to everything is given its own downlink and the cloud's state, nothing else."""
    inbox = Inbox()
    async with (
        mosquitto(tls=pki, acl=True) as broker,
        connected(broker.endpoint(context("cloud"))) as cloud,
        connected(broker.endpoint(context(FOREIGN))) as victim,
        connected(broker.endpoint(context()), on_message=inbox) as hostile,
    ):
        await cloud.publish("forecourt/v1/cloud/state", b"state", retain=True)
        await cloud.publish(f"forecourt/v1/{FOREIGN}/down/epoch", b"retained secret", retain=True)
        for pattern in ("#", "forecourt/#", f"forecourt/v1/{FOREIGN}/down/#", "forecourt/v1/+/down/+", "$SYS/#"):
            try:
                await hostile.subscribe(pattern)
            except LinkRefused:
                continue
        await cloud.publish(f"forecourt/v1/{FOREIGN}/down/cmd", b"secret")
        await victim.publish(f"forecourt/v1/{FOREIGN}/up/e/live", b"secret")
        await cloud.publish(f"forecourt/v1/{DEVICE}/down/cmd", b"mine")
        async with asyncio.timeout(10):
            while not any(message.payload == b"mine" for message in inbox.messages):
                await inbox.count(len(inbox.messages) + 1)
    assert {message.topic for message in inbox.messages} <= {
        f"forecourt/v1/{DEVICE}/down/cmd",
        "forecourt/v1/cloud/state",
    }


async def test_a_second_client_takes_the_session_over(pki: Pki, context: Callable[..., ssl.SSLContext]) -> None:
    """Two clients with one certificate cannot be online at once (mosquitto 2.0.11 closes the first without 0x8E)."""
    async with (
        mosquitto(tls=pki, acl=True) as broker,
        connected(broker.endpoint(context())) as first,
        connected(broker.endpoint(context())) as second,
    ):
        await ended(first)
        assert isinstance(first.error, LinkError)
        assert await second.publish(f"forecourt/v1/{DEVICE}/up/state", b"x") in {0x00, 0x10}


async def test_the_shipped_configuration_runs(pki: Pki, tmp_path: Path, context: Callable[..., ssl.SSLContext]) -> None:
    """deploy/mosquitto/mosquitto.conf as it is, but for port and folder: mosquitto takes it and its limits reach us."""
    port = free_port()

    def install() -> str:
        for source in (pki.ca_cert, pki.broker_cert, pki.broker_key, ACL):
            shutil.copy(source, tmp_path)
        text = (ACL.parent / "mosquitto.conf").read_text("utf-8").replace("/etc/mosquitto/forecourt/", f"{tmp_path}/")
        text = text.replace("listener 8883", f"listener {port} 127.0.0.1")
        return text + "log_type information\n" + ("user root\n" if os.geteuid() == 0 else "")

    broker = Broker(tmp_path, port, await asyncio.to_thread(install), secure=True)
    await broker.start()
    try:
        async with connected(broker.endpoint(context())) as connection:
            assert (connection.window, connection.packet_bytes_max) == (64, 1_100_000)
            assert connection.packet_bytes_max > MESSAGE_BYTES_MAX
            assert await connection.publish(f"forecourt/v1/{FOREIGN}/up/state", b"x") == 0x87
            assert await connection.publish(f"forecourt/v1/{DEVICE}/up/state", bytes(MESSAGE_BYTES_MAX)) in {0, 0x10}
    finally:
        await broker.kill()
