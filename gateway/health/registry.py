"""Numbers for Prometheus: counters, gauges, histograms with labels; must never be given a subject or a guest's data."""

import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TypeVar

CHILDREN_MAX = 1_000
"""Combinations of label values of one metric; what comes later is counted under `other`."""
OTHER = "other"
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_NAME = re.compile(r"[a-z][a-z0-9_]*")

M = TypeVar("M", bound="Metric")


class Metric:
    """A name with its label names; `labels(...)` gives the child that holds numbers. Belongs to the loop thread."""

    type = ""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        """Raises ValueError for a name that Prometheus or its conventions refuse."""
        for word in (name, *labels):
            if not _NAME.fullmatch(word) or word == "le":
                raise ValueError(f"{word!r} is no name of a metric or label")
        if (self.type == "counter") != name.endswith("_total"):
            raise ValueError(f"{name}: counters, and only they, end in _total")
        self.name, self.text, self.label_names = name, text, tuple(labels)
        self._values: tuple[str, ...] = ()
        self._children: dict[tuple[str, ...], Metric] = {}
        if not labels:
            self._children[()] = self

    def labels(self: M, *values: object) -> M:
        """The child with these label values, in the order of the label names."""
        key = tuple(map(str, values))
        child = self._children.get(key)
        if child is None:
            if len(key) != len(self.label_names):
                raise ValueError(f"{self.name} has the labels {self.label_names}, not {key}")
            if len(self._children) >= CHILDREN_MAX:
                key = (OTHER,) * len(key)
            child = self._children.setdefault(key, self._child())
            child._values = key
        return child  # type: ignore[return-value]

    def samples(self) -> Iterator[str]:
        """Lines of the text format."""
        text = self.text.replace("\\", "\\\\").replace("\n", "\\n")
        yield f"# HELP {self.name} {text}"
        yield f"# TYPE {self.name} {self.type}"
        for child in self._children.values():
            yield from child._lines(self.name, list(zip(self.label_names, child._values, strict=False)))

    def _child(self) -> "Metric":
        return type(self)(self.name, self.text)

    def _lines(self, name: str, labels: list[tuple[str, str]]) -> Iterator[str]:
        raise NotImplementedError


class Gauge(Metric):
    """A number that goes up and down."""

    type = "gauge"
    value: float = 0

    def set(self, value: float) -> None:
        """It is so much now."""
        self.value = value

    def inc(self, by: float = 1) -> None:
        """So much more, or less."""
        self.value += by

    def _lines(self, name: str, labels: list[tuple[str, str]]) -> Iterator[str]:
        yield f"{name}{_braced(labels)} {_number(self.value)}"


class Counter(Metric):
    """A number that only rises."""

    type = "counter"
    value: float = 0

    def inc(self, by: float = 1) -> None:
        """So much more; raises ValueError for less."""
        if by < 0:
            raise ValueError("a counter does not fall")
        self.value += by

    def mirror(self, value: float) -> None:
        """Takes over a count that is kept elsewhere."""
        self.value = value

    def _lines(self, name: str, labels: list[tuple[str, str]]) -> Iterator[str]:
        yield f"{name}{_braced(labels)} {_number(self.value)}"


class Histogram(Metric):
    """How often a value fell into each bucket."""

    type = "histogram"

    def __init__(self, name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = BUCKETS_S) -> None:
        super().__init__(name, text, labels)
        self._bounds = tuple(buckets)
        if not buckets or list(buckets) != sorted(set(buckets)) or not all(map(math.isfinite, buckets)):
            raise ValueError(f"{name}: buckets are finite numbers that rise")
        self._counts = [0] * (len(buckets) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """One value more. NaN belongs to no bucket and is left out."""
        if value == value:
            self._counts[bisect_left(self._bounds, value)] += 1
            self._sum += value

    def _child(self) -> "Histogram":
        return Histogram(self.name, self.text, (), self._bounds)

    def _lines(self, name: str, labels: list[tuple[str, str]]) -> Iterator[str]:
        total = 0
        for bound, count in zip((*self._bounds, math.inf), self._counts, strict=True):
            total += count
            yield f"{name}_bucket{_braced([*labels, ('le', _number(bound))])} {total}"
        yield f"{name}_sum{_braced(labels)} {_number(self._sum)}"
        yield f"{name}_count{_braced(labels)} {total}"


class Registry:
    """All metrics of a process, each name once."""

    def __init__(self) -> None:
        self._metrics: dict[str, Metric] = {}

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """A new counter; its name ends in _total."""
        return self._added(Counter(name, text, labels))

    def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        """A new gauge."""
        return self._added(Gauge(name, text, labels))

    def histogram(
        self, name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = BUCKETS_S
    ) -> Histogram:
        """A new histogram; `buckets` are upper bounds, included."""
        return self._added(Histogram(name, text, labels, buckets))

    def render(self) -> str:
        """Prometheus text format 0.0.4."""
        return "\n".join(line for metric in self._metrics.values() for line in metric.samples()) + "\n"

    def _added(self, metric: M) -> M:
        if metric.name in self._metrics:
            raise ValueError(f"{metric.name} is there already")
        self._metrics[metric.name] = metric
        return metric


def _number(value: float) -> str:
    if value == math.inf:
        return "+Inf"
    if value == -math.inf:
        return "-Inf"
    if value != value:
        return "NaN"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _braced(labels: list[tuple[str, str]]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
