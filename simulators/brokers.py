"""A broker for a desk, without certificates and bound to this machine; must never listen where others reach it.

mosquitto is taken where it is installed, otherwise the broker that comes in a Python package (rumqttd in iotcore).
Neither is what a deployment uses: see deploy/mosquitto for that.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError, LinkError
from simulators import leash

HOST: Final = "127.0.0.1"
START_S: Final = 15.0
END_S: Final = 10.0
POLL_S: Final = 0.02
SECURITY: Final = "none (desk broker)"
MOSQUITTO: Final = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 1000000
max_queued_bytes 67108864
max_packet_size 2000000
max_inflight_messages 100
log_dest stderr
"""
RUMQTTD: Final = """\
id = 0
[router]
id = 0
max_connections = 200
max_outgoing_packet_count = 200
max_segment_size = 16777216
max_segment_count = 4
[v5.1]
name = "desk"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 5000
max_payload_size = 2000000
max_inflight_count = 100
dynamic_filters = true
"""


@dataclass(frozen=True, slots=True)
class DeskBroker:
    """A running broker: its name, port, what secures it, and how clients have to open a session."""

    name: str
    port: int
    clean_start: bool
    pid: int
    security: str = SECURITY
    host: str = HOST

    @property
    def url(self) -> str:
        """What a client is given."""
        return f"mqtt://{self.host}:{self.port}"


@contextlib.asynccontextmanager
async def desk_broker(port: int = 0, prefer: str = "auto") -> AsyncIterator[DeskBroker]:
    """A broker that runs while the block does; `prefer` is auto, mosquitto or iotcore.

    Raises ConfigError when the broker is not installed or the port is taken, LinkError when it fails to start.
    """
    program = await asyncio.to_thread(find_mosquitto)
    if prefer not in {"auto", "mosquitto", "iotcore"}:
        raise ConfigError(f"{prefer!r} is no desk broker: say auto, mosquitto or iotcore")
    if prefer == "mosquitto" and program is None:
        raise ConfigError("mosquitto is not installed: apt-get install mosquitto, or leave the choice to us")
    port = port or free_port()
    if await _answers(port):
        raise ConfigError(f"port {port} is taken: give another one, or 0 for any")
    if program is not None and prefer != "iotcore":
        name, clean_start, text, command = "mosquitto", True, MOSQUITTO, [program, "-c"]
    else:
        name, clean_start, text = "iotcore (rumqttd)", False, RUMQTTD
        command = [sys.executable, "-m", "iotcore", "--log-level", "error", "--config"]
    config = await asyncio.to_thread(_write_config, text.format(port=port))
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", leash.__file__, *command, str(config), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await _wait(process, port, name)
            yield DeskBroker(name, port, clean_start, process.pid)
        finally:
            await _end(process)
    finally:
        await asyncio.to_thread(shutil.rmtree, config.parent, ignore_errors=True)


def _write_config(text: str) -> Path:
    config = Path(tempfile.mkdtemp(prefix="forecourt-broker-")) / "broker.toml"
    config.write_text(text, "utf-8")
    return config


def find_mosquitto() -> str | None:
    """The path of mosquitto, which Debian installs where users do not look."""
    return shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _wait(process: asyncio.subprocess.Process, port: int, name: str) -> None:
    try:
        async with asyncio.timeout(START_S):
            while not await _answers(port):
                if process.returncode is not None:
                    raise LinkError(f"{name} ended while it started (exit code {process.returncode})")
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise LinkError(f"{name} did not listen on port {port} within {START_S:g} s") from None


async def _end(process: asyncio.subprocess.Process) -> None:
    """Lets go of the leash."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(OSError):
        await process.stdin.wait_closed()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
