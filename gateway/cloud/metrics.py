"""The cloud's end as metrics; must never name a device."""

import sqlite3

from gateway.cloud.inbox import Inbox
from gateway.cloud.service import Cloud
from gateway.health.page import Health
from gateway.link import LinkState

_COUNTED = {
    "messages": "Messages taken in or put aside",
    "events": "Events that took effect",
    "repeated": "Events that came again and took no second effect",
    "poison": "Messages put aside",
    "unknown_dictionaries": "Batches whose dictionary had to be asked for",
    "births": "Births of devices",
    "receipts": "Receipts sent",
    "refused": "Messages that the disk refused",
}


def show(health: Health, cloud: Cloud, inbox: Inbox) -> None:
    """Puts the cloud's counts and its readiness on the health page."""
    registry = health.registry
    counters = {name: registry.counter(f"forecourt_cloud_{name}_total", text) for name, text in _COUNTED.items()}
    online = registry.gauge("forecourt_cloud_devices_online", "Devices whose last word was a birth")
    waiting = registry.gauge("forecourt_cloud_messages_waiting", "Messages that wait for their commit")
    reasons = registry.counter("forecourt_cloud_put_aside_total", "Messages and bags put aside, ever", ["reason"])

    def count(db: sqlite3.Connection) -> tuple[int, list[tuple[str, int]]]:
        devices = int(db.execute("select count(*) from device where online").fetchone()[0])
        return devices, db.execute("select substr(name, 8), value from counter where name glob 'poison.*'").fetchall()

    async def collect() -> None:
        for name, counter in counters.items():
            counter.mirror(getattr(cloud.tally, name))
        waiting.set(cloud.status().waiting)
        devices, by_reason = await inbox.read(count)
        online.set(devices)
        for reason, value in by_reason:
            reasons.labels(reason).mirror(value)

    def broker() -> str:
        status = cloud.status().link
        return "" if status.state is LinkState.ONLINE else f"no broker: {status.last_error or status.state.value}"

    health.collectors.append(collect)
    health.ready["broker"] = broker
