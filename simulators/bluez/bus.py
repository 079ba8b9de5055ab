"""A D-Bus of one's own that plays the system bus; must never touch the machine's."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from gateway.errors import ConfigError

VARIABLE = "DBUS_SYSTEM_BUS_ADDRESS"
_START_S = 10.0
_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  <limit name="max_outgoing_bytes">250000000</limit>
  <limit name="max_incoming_bytes">250000000</limit>
</busconfig>
"""


class PrivateBus:
    """`async with PrivateBus() as bus`: the bus runs, and this process takes it for the system bus (see VARIABLE)."""

    def __init__(self) -> None:
        self._folder = Path()
        self._process: asyncio.subprocess.Process | None = None
        self._before: str | None = None

    @property
    def address(self) -> str:
        """The same after a restart."""
        return f"unix:path={self._folder / 'bus'}"

    async def __aenter__(self) -> "PrivateBus":
        self._folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="forecourt-bus-"))
        config = _CONFIG.format(socket=self._folder / "bus")
        await asyncio.to_thread((self._folder / "bus.conf").write_text, config, "utf-8")
        try:
            await self.start()
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
            raise
        self._before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = self.address
        return self

    async def start(self) -> None:
        """Runs the daemon and waits until it listens. Raises ConfigError where there is none."""
        command = shutil.which("dbus-daemon", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
        if command is None:
            raise ConfigError("there is no dbus-daemon; on Debian or Ubuntu: sudo apt-get install dbus-daemon")
        config = f"--config-file={self._folder / 'bus.conf'}"
        self._process = await asyncio.create_subprocess_exec(
            command, config, "--nofork", "--nopidfile", "--print-address=1",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(_START_S):
            line = await self._process.stdout.readline()
        if not line.startswith(b"unix:"):
            raise ConfigError("dbus-daemon ended at once; run it by hand to see why")

    async def stop(self) -> None:
        """Ends the daemon; everybody on it loses the connection."""
        if self._process is None:
            return
        process, self._process = self._process, None
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()
        await asyncio.to_thread((self._folder / "bus").unlink, missing_ok=True)

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if self._before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = self._before
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
