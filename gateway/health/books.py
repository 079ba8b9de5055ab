"""The books as metrics; must never count what the outbox did not."""

from gateway.health.registry import Registry
from gateway.model import Books

FATES = ("appended", "settled", "evicted", "expired", "purged", "quarantined")


class BooksMetrics:
    """forecourt_events_total{stream,fate}, forecourt_events_pending{stream}, forecourt_books_balanced{stream}."""

    def __init__(self, registry: Registry) -> None:
        self._events = registry.counter("forecourt_events_total", "Events by what became of them", ("stream", "fate"))
        self._pending = registry.gauge("forecourt_events_pending", "Events that wait for their receipt", ("stream",))
        self._balanced = registry.gauge(
            "forecourt_books_balanced",
            "1 while appended = settled + pending + evicted + expired + purged + quarantined",
            ("stream",),
        )

    def show(self, stream: str, books: Books) -> None:
        """Takes over the books of one stream, as counted by the outbox."""
        for fate in FATES:
            self._events.labels(stream, fate).mirror(getattr(books, fate))
        self._pending.labels(stream).set(books.pending)
        self._balanced.labels(stream).set(int(books.balanced))
