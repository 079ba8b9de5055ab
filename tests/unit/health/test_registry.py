"""Metrics: the numbers, and the text format 0.0.4 read by a parser written from its description."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.health import BooksMetrics, Registry
from gateway.health.registry import CHILDREN_MAX
from gateway.model import Books

SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> tuple[dict[str, str], Samples]:
    """Types by family, and every sample; fails on what a strict reader refuses."""
    types: dict[str, str] = {}
    samples: Samples = {}
    assert text.endswith("\n")
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family not in types, "a family stands there twice"
            types[family] = kind
            continue
        found = SAMPLE.fullmatch(line)
        assert found is not None, line
        name, labels, value = found.groups()
        pairs = LABEL.findall(labels or "")
        assert "".join(f'{n}="{v}",' for n, v in pairs).removesuffix(",") == (labels or ""), line
        family = next(f for f in (name, name.rpartition("_")[0]) if f in types)
        assert family == list(types)[-1], "samples of a family stand apart"
        plain = frozenset((n, re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], v)) for n, v in pairs)
        assert (name, plain) not in samples, "a sample stands there twice"
        samples[name, plain] = float(value.replace("Inf", "inf"))
    return types, samples


def one(samples: Samples, name: str, **labels: str) -> float:
    """The value of a sample."""
    return samples[name, frozenset(labels.items())]


def test_counters_and_gauges() -> None:
    """What was counted and set is what is shown."""
    registry = Registry()
    sent = registry.counter("forecourt_sent_total", "Sent", ("stream",))
    sent.labels("live").inc()
    sent.labels("live").inc(2)
    sent.labels("bulk").mirror(12_345_678_901)
    registry.gauge("forecourt_up", "Up\nor \\ down").set(math.inf)
    types, samples = parsed(registry.render())
    assert types == {"forecourt_sent_total": "counter", "forecourt_up": "gauge"}
    assert one(samples, "forecourt_sent_total", stream="live") == 3
    assert one(samples, "forecourt_sent_total", stream="bulk") == 12_345_678_901
    assert one(samples, "forecourt_up") == math.inf
    assert "# HELP forecourt_up Up\\nor \\\\ down\n" in registry.render()


def test_histograms_count_up() -> None:
    """Buckets are cumulative, their bounds included; NaN is in none."""
    registry = Registry()
    waits = registry.histogram("forecourt_wait_seconds", "Waits", ("stream",), buckets=(0.1, 1))
    for value in (0.1, 0.2, 5.0, math.nan):
        waits.labels("live").observe(value)
    types, samples = parsed(registry.render())
    assert types == {"forecourt_wait_seconds": "histogram"}
    assert [one(samples, "forecourt_wait_seconds_bucket", stream="live", le=le) for le in ("0.1", "1", "+Inf")] == [
        1,
        2,
        3,
    ]
    assert one(samples, "forecourt_wait_seconds_count", stream="live") == 3
    assert one(samples, "forecourt_wait_seconds_sum", stream="live") == pytest.approx(5.3)


@settings(deadline=None)
@given(st.text(max_size=12), st.floats())
def test_any_label_and_any_number_can_be_read(label: str, value: float) -> None:
    """Quotes, line ends, back-slashes, tiny and endless numbers survive."""
    registry = Registry()
    registry.gauge("g", "G", ("x",)).labels(label).set(value)
    found = one(parsed(registry.render())[1], "g", x=label)
    assert found == value or (math.isnan(found) and math.isnan(value))


def test_names_follow_the_conventions() -> None:
    """What a linter of metrics would refuse is refused at once; a name is given once."""
    registry = Registry()
    for make in (
        lambda: registry.counter("forecourt_sent", "no _total"),
        lambda: registry.gauge("forecourt_sent_total", "no counter"),
        lambda: registry.gauge("Forecourt", "capital"),
        lambda: registry.gauge("g", "reserved", ("le",)),
        lambda: registry.histogram("h", "falls", buckets=(2, 1)),
        lambda: registry.counter("c_total", "falls").inc(-1),
        lambda: registry.counter("d_total", "labels", ("a",)).labels("x", "y"),
    ):
        with pytest.raises(ValueError, match=r".") as caught:
            make()
        assert str(caught.value)
    registry.gauge("once", "")
    with pytest.raises(ValueError, match="there already"):
        registry.gauge("once", "")


def test_labels_are_bounded() -> None:
    """A flood of label values ends in one child called other."""
    registry = Registry()
    counter = registry.counter("c_total", "C", ("who",))
    for number in range(CHILDREN_MAX + 50):
        counter.labels(number).inc()
    _, samples = parsed(registry.render())
    assert len(samples) == CHILDREN_MAX + 1
    assert one(samples, "c_total", who="other") == 50


def test_the_books_are_metrics() -> None:
    """Each line of the books of a stream, and whether they balance."""
    registry = Registry()
    books = BooksMetrics(registry)
    books.show("live", Books(10, 5, 1, 1, 1, 1, 1))
    books.show("bulk", Books(10, 5, 1, 1, 1, 1, 0))
    _, samples = parsed(registry.render())
    assert one(samples, "forecourt_events_total", stream="live", fate="appended") == 10
    assert one(samples, "forecourt_events_pending", stream="live") == 1
    assert one(samples, "forecourt_books_balanced", stream="live") == 1
    assert one(samples, "forecourt_books_balanced", stream="bulk") == 0
