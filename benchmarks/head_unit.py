"""The head unit of `idle` as a process that imports only what a vehicle has; must never import a simulator."""

import asyncio
from pathlib import Path

from benchmarks.edge import agent
from benchmarks.process import tell
from benchmarks.watch import watch
from vehicle_agent.agent import VehicleAgent
from vehicle_agent.kuksa import KuksaSource
from vehicle_agent.plan import PlanFile
from vehicle_agent.settings import DatabrokerSettings


async def unit(identity: str, folder: str, broker: str, databroker: str, plan: str, seconds: float) -> None:
    """The vehicle agent with its gateway, connected and sending."""
    async with agent(identity, folder, broker) as one:
        source = KuksaSource(DatabrokerSettings(address=databroker))
        vehicle = VehicleAgent(one, source, await asyncio.to_thread(PlanFile.read, Path(plan)))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(one.run(vehicle.run), name="agent")
            found = await watch(seconds)
            status = vehicle.status()
            tell(**found, readings=status.counters.get("readings", 0), missing=len(status.missing))
            task.cancel()
        tell(appended=(await one.outbox.books()).appended)
