"""What the vehicle agent tells on the health page; must never show a value or a position."""

from gateway.health import Health
from vehicle_agent.agent import VehicleAgent

SILENT_S = 60.0


def observe(health: Health, vehicle: VehicleAgent) -> None:
    """Adds the source and the counters of readings to the page."""
    registry = health.registry
    connected = registry.gauge("forecourt_source_connected", "1 while the source of signals is connected")
    signals = registry.gauge("forecourt_source_signals", "Signals of the plan by whether the source has them", ("has",))
    in_flight = registry.gauge("forecourt_source_events_in_flight", "Events that wait for the disk")
    counted = registry.counter("forecourt_source_counted_total", "What the agent counts of readings", ("what",))

    async def collect() -> None:
        status = vehicle.status()
        connected.set(int(status.connected))
        signals.labels("yes").set(status.signals)
        signals.labels("no").set(len(status.missing))
        in_flight.set(status.in_flight)
        for what, count in status.counters.items():
            counted.labels(what).mirror(count)

    def ready() -> str:
        status = vehicle.status()
        return "" if status.connected else f"no signals: {status.trouble}"

    health.collectors.append(collect)
    health.ready["source"] = ready
