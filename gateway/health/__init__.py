"""/live, /ready and /metrics on loopback; must never change how a part behaves."""

from gateway.health.books import BooksMetrics
from gateway.health.page import Check, Collector, Health
from gateway.health.registry import Counter, Gauge, Histogram, Registry

__all__ = ["BooksMetrics", "Check", "Collector", "Counter", "Gauge", "Health", "Histogram", "Registry"]
