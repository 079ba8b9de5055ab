"""What an agent tells of itself on its health page; must never show a subject, a position or a key."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gateway.health import BooksMetrics, Health

if TYPE_CHECKING:
    from gateway.runtime.agent import Agent


def observe(health: Health, agent: "Agent") -> None:
    """Adds the books, the uplink and the counters of the rooms to the page."""
    registry = health.registry
    books = BooksMetrics(registry)
    online = registry.gauge("forecourt_link_online", "1 while the broker is connected")
    unreceipted = registry.gauge("forecourt_unreceipted_events", "Events on their way without a receipt")
    sent = registry.counter("forecourt_sent_bytes_total", "Bytes of batches handed to the link")
    batches = registry.counter("forecourt_sent_batches_total", "Batches handed to the link")
    rewinds = registry.counter("forecourt_rewinds_total", "Times that events were taken from the shelf again")
    receipts = registry.counter("forecourt_receipts_total", "Receipts by whether they were believed", ("believed",))
    counted = registry.counter("forecourt_counted_total", "What rooms count: refusals, evictions", ("room", "what"))

    async def collect() -> None:
        for stream, its in (await agent.outbox.books_by_stream()).items():
            books.show(stream.word, its)
        status = agent.uplink.status()
        online.set(int(status.online))
        unreceipted.set(status.unreceipted)
        sent.mirror(status.bytes_sent)
        batches.mirror(status.batches)
        rewinds.mirror(status.rewinds)
        receipts.labels("yes").mirror(status.receipts)
        receipts.labels("no").mirror(status.bad_receipts)
        counters: dict[str, Mapping[str, int]] = {
            "outbox": agent.outbox.counters,
            "commands": agent.commands.counters,
            "consent": agent.consent.counters,
        }
        for room, counts in counters.items():
            for what, count in counts.items():
                counted.labels(room, what).mirror(count)

    health.collectors.append(collect)
