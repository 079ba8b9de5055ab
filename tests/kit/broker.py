"""A real mosquitto of one test: own folder, own port, killed and wiped at will; must never outlive its block."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.link import Endpoint

if TYPE_CHECKING:
    from gateway.identity.pki import Pki

START_S = 15.0
ACL = Path(__file__).resolve().parents[2] / "deploy" / "mosquitto" / "acl"


class _Watch(asyncio.SubprocessProtocol):
    """Collects the log and says when a line is there."""

    def __init__(self) -> None:
        self.text = ""
        self.changed = asyncio.Event()
        self.exited = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.text += data.decode(errors="replace")
        self.changed.set()

    def process_exited(self) -> None:
        self.exited.set()
        self.changed.set()


class Broker:
    """The controller of one mosquitto; made by `mosquitto`."""

    def __init__(self, folder: Path, port: int, config: str, secure: bool) -> None:
        self.host, self.port, self.folder = "127.0.0.1", port, folder
        self._config, self._secure = config, secure
        self._watch = _Watch()
        self._transport: asyncio.SubprocessTransport | None = None
        self.log = ""

    @property
    def url(self) -> str:
        """What a client is given."""
        return f"{'mqtts' if self._secure else 'mqtt'}://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        assert self._transport is not None, "the broker does not run"
        return self._transport.get_pid()

    def endpoint(self, tls: ssl.SSLContext | None = None) -> Endpoint:
        """The endpoint for a link."""
        return Endpoint.parse(self.url, tls)

    async def start(self) -> None:
        """Starts the process and returns when it listens."""
        assert self._transport is None, "the broker runs already"
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        path = self.folder / "mosquitto.conf"
        await asyncio.to_thread(path.write_text, self._config, "utf-8")
        self._watch = _Watch()
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.subprocess_exec(
            lambda: self._watch, program, "-c", str(path), stdin=None, stderr=asyncio.subprocess.STDOUT
        )
        try:
            await self.logged(" running\n")
        except BaseException:
            await self.kill()
            raise

    async def logged(self, text: str, timeout_s: float = START_S) -> None:
        """Returns when the log of this run of the process contains `text`."""
        async with asyncio.timeout(timeout_s):
            while text not in self._watch.text:
                assert not self._watch.exited.is_set(), f"mosquitto ended:\n{self._watch.text}"
                self._watch.changed.clear()
                await self._watch.changed.wait()

    @property
    def text(self) -> str:
        """The log of this run of the process."""
        return self._watch.text

    async def kill(self) -> None:
        """SIGKILL: whatever it held is gone, for persistence is off."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, as an operator does."""
        await self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT after `freeze`."""
        os.kill(self.pid, signal.SIGCONT)

    async def wipe(self) -> None:
        """Removes what a broker with persistence has kept; only while it does not run."""
        assert self._transport is None, "the broker runs"
        for path in self.folder.glob("*.db*"):
            path.unlink()

    async def restart(self, wipe: bool = False) -> None:
        """Kill and start again on the same port."""
        await self.kill()
        if wipe:
            await self.wipe()
        await self.start()

    async def _end(self, number: signal.Signals) -> None:
        if self._transport is None:
            return
        transport, self._transport = self._transport, None
        with contextlib.suppress(ProcessLookupError):
            transport.send_signal(number)
        await self._watch.exited.wait()
        transport.close()
        self.log += self._watch.text


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def config_text(folder: Path, port: int, tls: "Pki | None", acl: bool, options: dict[str, object]) -> str:
    """A mosquitto.conf of the terms that deploy/mosquitto ships, and `options` instead of or beside them."""
    lines: dict[str, object] = {"user": "root"} if os.geteuid() == 0 else {}
    lines |= {
        "listener": f"{port} 127.0.0.1",
        "persistence": "false",
        "persistence_location": f"{folder}/",
        "log_dest": "stderr",
        "log_type": ("error", "warning", "notice", "information"),
        "connection_messages": "true",
        "allow_anonymous": "true",
        "max_queued_messages": 1_000_000,
        "max_queued_bytes": 64 << 20,
        "max_inflight_messages": 64,
        "max_packet_size": 1_100_000,
        "set_tcp_nodelay": "true",
    }
    if tls is not None:
        lines |= {
            "cafile": tls.ca_cert,
            "certfile": tls.broker_cert,
            "keyfile": tls.broker_key,
            "tls_version": "tlsv1.3",
            "require_certificate": "true",
            "use_identity_as_username": "true",
            "use_username_as_clientid": "true",
        }
    if acl:
        lines["acl_file"] = ACL
    text = ""
    for name, value in (lines | options).items():
        for one in value if isinstance(value, tuple) else () if value is None else (value,):
            text += f"{name} {one}\n"
    return text


@contextlib.asynccontextmanager
async def mosquitto(
    port: int = 0, tls: "Pki | None" = None, acl: bool = False, **conf: object
) -> AsyncIterator[Broker]:
    """A running mosquitto. `conf` sets or replaces lines of its configuration; None leaves one out, a tuple is several.

    With `tls` every client needs a certificate, whose CN becomes its user name and client id, as in deployment. `acl`
    switches the shipped access rules on; without `tls` a client is then whoever it says it is.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="forecourt-mosquitto-"))
    number = port or free_port()
    broker = Broker(folder, number, config_text(folder, number, tls, acl, conf), tls is not None)
    try:
        await broker.start()
        yield broker
    finally:
        await broker.kill()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
