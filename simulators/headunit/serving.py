"""What `forecourt sim head-unit` does until it is told to stop; must never need a terminal."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.errors import ConfigError
from simulators.databroker import Catalogue, Databroker
from simulators.headunit.headunit import HeadUnit
from simulators.headunit.leaves import HAND, catalogue_for
from simulators.headunit.world import World
from simulators.serving import Say, on_lines
from vehicle_agent.cabin import paths
from vehicle_agent.cabin.fitting import limits_of
from vehicle_agent.cabin.plan import Limits

if TYPE_CHECKING:
    from gateway.profile.fit import Card

OCCUPANCY: Final = ("UNKNOWN", "OCCUPIED", "EMPTY")
WORDS: Final = (
    "speed KMH, park, seat EMPTY, belt on, press SWITCH, release SWITCH, turn PATH VALUE, stall PATH, free PATH, show"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadUnitOptions:
    """What `forecourt sim head-unit` was asked for. `databroker` empty: one of its own on `port`."""

    card: str = "suv"
    databroker: str = ""
    host: str = "127.0.0.1"
    port: int = 55_555
    parked: bool = True
    missing: Sequence[str] = ()


async def serve_head_unit(options: HeadUnitOptions, say: Say, stop: asyncio.Event) -> None:
    """A head unit, and a databroker unless there is one, until `stop`. Raises ConfigError and InputError."""
    card, private = await asyncio.to_thread(_card, options.card)
    limits = limits_of(card)
    absent = set(options.missing)
    if unknown := absent - limits.keys():
        raise ConfigError(f"{card.id} has no {unknown.pop()}; it has: {', '.join(sorted(limits))}")
    async with AsyncExitStack() as stack:
        address = options.databroker
        if not address:
            drive = await asyncio.to_thread(Catalogue.packaged)  # a plan's signals are known, though nobody tells them
            catalogue = drive | catalogue_for(limits, private)
            broker = await stack.enter_async_context(Databroker(catalogue, host=options.host, port=options.port))
            address = broker.address
            say(f"databroker on {address}: {len(catalogue)} signals, kuksa.val.v1 and v2")
        unit = HeadUnit(
            address, limits, world=World() if options.parked else None, missing=options.missing, private=private
        )
        say(f"{card.model} ({card.id}), driver on the {card.drive_side.value}: waiting for {address}")
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks = [
            group.create_task(unit.run(), name="head-unit"),
            group.create_task(_tell(unit, limits, say), name="told"),
            group.create_task(on_lines(lambda line: say(do(unit, line))), name="lines"),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()
    say(f"{unit.unit.ordered} orders taken")


def do(unit: HeadUnit, line: str) -> str:
    """Does what a typed line says, and tells it or what could be said."""
    word, *rest = line.split()
    try:
        match word, rest:
            case "speed", [kmh]:
                _world(unit).drive_off(float(kmh))
            case "park", []:
                _world(unit).park()
            case "seat", [state] if state in OCCUPANCY:
                _world(unit).seats[paths.DRIVER_SEAT] = state
            case "belt", [state] if state in {"on", "off"}:
                _world(unit).belted = {paths.DRIVER_SEAT} if state == "on" else set()
            case (("press" | "release"), [switch]):
                unit.press(_switch(unit, switch), word == "press")
            case "turn", [path, *value] if value:
                unit.by_hand(f"{path}={' '.join(value)}")
            case (("stall" | "free"), [path]):
                unit.stall(path, word == "stall")
            case "show", []:
                return "\n".join(f"{path} = {value}" for path, value in sorted(unit.unit.shown().items()))
            case _:
                raise ValueError(line)
    except (ValueError, KeyError, ConfigError) as error:
        return str(error) if isinstance(error, ConfigError) else f"say one of: {WORDS}"
    unit.tell()
    return line


def _world(unit: HeadUnit) -> World:
    if unit.world is None:
        raise ConfigError("the car's state is told by somebody else: leave out --no-parked")
    return unit.world


def _switch(unit: HeadUnit, name: str) -> str:
    """A switch by its path, or by the end of it."""
    found = [switch for switch in unit.unit.switches() if switch.endswith(name)]
    if len(found) != 1:
        raise ConfigError(
            f"switches are: {', '.join(switch.rpartition('DriverSide.')[2] for switch in unit.unit.switches())}"
        )
    return found[0]


async def _tell(unit: HeadUnit, limits: Mapping[str, Limits], say: Say) -> None:
    await unit.serving.wait()
    say(f"serving {len(unit.unit.limits)} of {len(limits)} actuators; write PATH=VALUE into {HAND} to turn a knob")
    say(f"type: {WORDS}")


def _card(name: str) -> "tuple[Card, Catalogue]":
    from gateway.profile.fit import load_card, overlay_path

    return load_card(name), Catalogue.read(overlay_path())
