"""The broker of the floor as a child of the site: mosquitto with a written configuration; must never outlive the site.

Only devices with a certificate of the site's authority get in, each to its own topics. It keeps nothing: what a hub
heard is of no use ten seconds later, and a guest's request is repeated by his phone.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError
from gateway.log import Log

START_S: Final = 10.0
RESTART_S: Final = 1.0
ACL: Final = """user {site}
topic read forecourt/v1/+/up/#
topic write forecourt/v1/+/down/#

pattern write forecourt/v1/%u/up/#
pattern read forecourt/v1/%u/down/#
"""
_COMMON: Final = """persistence false
max_queued_messages 1000
max_queued_bytes 10000000
message_size_limit 131072
max_inflight_messages 100
log_type error
log_type warning
"""
_SECURE: Final = """listener {port} {host}
cafile {folder}/ca.crt
certfile {folder}/broker.crt
keyfile {folder}/broker.key
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {acl}
tls_version tlsv1.3
"""
_DESK: Final = """listener {port} 127.0.0.1
allow_anonymous true
"""
log = Log("floor")


@dataclass(frozen=True, slots=True)
class FloorBroker:
    """Where the floor's broker listens."""

    port: int
    secure: bool

    @property
    def url(self) -> str:
        """For the site itself, which is on the same machine."""
        return f"{'mqtts' if self.secure else 'mqtt'}://localhost:{self.port}"


@asynccontextmanager
async def floor_broker(
    folder: Path,
    port: int,
    site: str,
    certificates: Path | None,
    host: str = "0.0.0.0",  # noqa: S104 - hubs come from the whole floor
) -> AsyncIterator[FloorBroker]:
    """Runs mosquitto, and again when it ends, until the block is left.

    `folder`: for its configuration; `certificates`: folder with ca.crt, broker.crt and broker.key, None for a desk,
    where it listens on this machine only. Raises ConfigError where there is no mosquitto or it does not start.
    """
    command = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
    if command is None:
        raise ConfigError("there is no mosquitto; on Debian or Ubuntu: sudo apt-get install mosquitto")
    config = await asyncio.to_thread(_write, folder, port, site, certificates, host)
    process = await _started(command, config, port)
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(_keep(command, config, port, process), name="floor broker")
        try:
            yield FloorBroker(port, certificates is not None)
        finally:
            keeping.cancel()


def _write(folder: Path, port: int, site: str, certificates: Path | None, host: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    acl, config = folder / "floor.acl", folder / "floor.conf"
    acl.write_text(ACL.format(site=site), "ascii")
    acl.chmod(0o600)
    listener = _DESK.format(port=port)
    if certificates is not None:
        for name in ("ca.crt", "broker.crt", "broker.key"):
            if not (certificates / name).exists():
                raise ConfigError(
                    f"{certificates / name} is missing: make the site's authority with `forecourt site pki`"
                )
        listener = _SECURE.format(port=port, host=host, folder=certificates.resolve(), acl=acl.resolve())
    config.write_text(_COMMON + listener, "utf-8")
    return config


async def _started(command: str, config: Path, port: int) -> asyncio.subprocess.Process:
    """A broker that listens."""
    process = await asyncio.create_subprocess_exec(
        command, "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(START_S):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                return process
    except TimeoutError:
        await _end(process)
    raise ConfigError(f"mosquitto does not start; run it by hand to see why: mosquitto -c {config}")


async def _keep(command: str, config: Path, port: int, process: asyncio.subprocess.Process) -> None:
    try:
        while True:
            code = await process.wait()
            log.warning("floor_broker_ended", code=code)
            await asyncio.sleep(RESTART_S)
            with contextlib.suppress(ConfigError):
                process = await _started(command, config, port)
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    await process.wait()
