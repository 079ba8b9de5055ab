"""`forecourt sim bluez`: a bus, adapters, and tags that send, for a hub on a desk; must never need a radio."""

import asyncio
import contextlib
import os
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulators.bluez.bus import VARIABLE, PrivateBus
from simulators.bluez.rules import Report
from simulators.bluez.service import BlueZ

UUID = bytes.fromhex("6f7265636f7572740000000000000001")
INTERVAL_S = 0.5
STRANGERS = 8
FORGET_S = 1.0
FAULTS = "off ADAPTER, on ADAPTER, unplug ADAPTER, plug ADAPTER, busy ADAPTER, silent ADAPTER, restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class BluezOptions:
    """What was asked for. `command` runs with the bus as its system bus; the simulator ends with it."""

    adapters: int = 1
    tags: int = 3
    seed: int = 1
    command: tuple[str, ...] = ()


async def serve_bluez(options: BluezOptions, say: Callable[[str], None], stop: asyncio.Event) -> int:
    """Until `stop`, or the command's end, whose exit code comes back."""
    names = [f"hci{number}" for number in range(options.adapters)]
    async with PrivateBus() as bus, BlueZ(bus.address, names) as bluez, asyncio.TaskGroup() as group:
        say(f"BlueZ on {bus.address} with {', '.join(names)}: {VARIABLE}={bus.address}")
        say(f"tags ibeacon:{UUID.hex()}:1:1 to 1:{options.tags}, and {STRANGERS} strangers; faults: {FAULTS}")
        tasks = [group.create_task(_air(bluez, options), name="air")]
        tasks.append(group.create_task(_old(bluez), name="forget"))
        if sys.stdin is not None and sys.stdin.isatty():
            tasks.append(group.create_task(_faults(bluez, say), name="faults"))
        code = await _command(options.command, stop) if options.command else await _wait(stop)
        for task in tasks:
            task.cancel()
    say(f"{bluez.reports} adverts on the air, {bluez.signals} signals on the bus")
    return code


def report(tag: int, rssi: int) -> Report:
    """An advert of tag number n, a resident iBeacon."""
    data = b"\x02\x15" + UUID + b"\0\1" + tag.to_bytes(2, "big") + b"\xc5"
    return Report(f"C0:00:00:00:{tag >> 8:02X}:{tag & 255:02X}", rssi, {0x4C: data})


async def apply_fault(bluez: BlueZ, words: Sequence[str]) -> str:
    """Makes a fault as typed; says what was done, or what can be."""
    match list(words):
        case ["restart"]:
            await bluez.stop()
            await bluez.start()
        case [word, name] if name in bluez.adapters and word in {"off", "on", "unplug", "busy", "silent"}:
            if word in {"off", "on"}:
                bluez.power(name, word == "on")
            elif word == "unplug":
                bluez.unplug(name)
            elif word == "busy":
                bluez.busy(name, 3)
            else:
                bluez.deafen(name)
        case ["plug", name] if name not in bluez.adapters:
            bluez.plug(name)
        case _:
            return f"say {FAULTS}"
    return " ".join(words)


async def _air(bluez: BlueZ, options: BluezOptions) -> None:
    rng, loop = random.Random(options.seed), asyncio.get_running_loop()
    due = loop.time()
    near = {tag: rng.uniform(-85, -50) for tag in range(1, options.tags + 1)}
    while True:
        for name in list(bluez.adapters):
            for tag, level in near.items():
                await bluez.hear(name, report(tag, round(min(max(rng.gauss(level, 4), -100), -30))))
            for number in range(STRANGERS):
                await bluez.hear(name, Report(f"5A:00:00:00:00:{number:02X}", -80, {0x4C: b"\x10\x05abcde"}))
        due += INTERVAL_S
        await asyncio.sleep(max(0.0, due - loop.time()))


async def _old(bluez: BlueZ) -> None:
    while True:
        await asyncio.sleep(FORGET_S)
        bluez.forget_old()


async def _faults(bluez: BlueZ, say: Callable[[str], None]) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        say(await apply_fault(bluez, line.decode("utf-8", "replace").split()))


async def _wait(stop: asyncio.Event) -> int:
    await stop.wait()
    return 0


async def _command(words: Sequence[str], stop: asyncio.Event) -> int:
    process = await asyncio.create_subprocess_exec(*words, env=dict(os.environ))

    async def end() -> None:
        await stop.wait()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()

    async with asyncio.TaskGroup() as group:
        ending = group.create_task(end(), name="stop")
        code = await process.wait()
        ending.cancel()
    return code
