"""docs/wire.md: its example and its limits are those of the code."""

import re
from pathlib import Path

import pytest

from gateway import limits
from gateway.model import Event, Stream, ValueType
from gateway.wire.codec import COLUMNS_ZSTD, Encoder
from gateway.wire.columns import ColumnEncoder
from gateway.wire.dictionary import Dictionary
from gateway.wire.topics import CLOUD_STATE, Topics
from tests.kit.wires import DRIVING, WALL_US, expected, read_back

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "wire.md").read_text("utf-8")


def test_the_worked_example_is_what_the_encoder_writes() -> None:
    """Byte by byte, and as a frame; and it reads as the page says."""
    block = re.search(r"```hex\n(.*?)```", TEXT, re.DOTALL)
    assert block is not None
    pairs = [re.match(r"((?:\s*\b[0-9a-f]{2}\b(?= |$))+)", line) for line in block[1].splitlines()]
    body = bytes.fromhex("".join(pair[1] for pair in pairs if pair))
    dictionary = Dictionary()
    signals = [
        dictionary.intern_signal("Vehicle.Speed", ValueType.FLOAT, "km/h"),
        dictionary.intern_signal("Vehicle.Powertrain.Transmission.GearChangeMode", ValueType.STRING),
    ]
    kind = dictionary.intern_kind("drive", Stream.LIVE, DRIVING, signals)
    rows = [(38.5, "ECO"), (37.25, "ECO"), (37.25, "SPORT")]
    events = [Event(kind, 7, WALL_US + 100_000 * n, 5_000 + 100 * n, row) for n, row in enumerate(rows)]
    assert ColumnEncoder().encode(events) == body
    assert len(body) == 61
    head = re.search(r"zstd frame `([0-9a-f ]+)`", TEXT)
    assert head is not None
    assert read_back(COLUMNS_ZSTD, bytes.fromhex(head[1]) + body, 3, dictionary.types) == expected(events)
    assert Encoder().encode(events) == (COLUMNS_ZSTD, bytes.fromhex(head[1]) + body)


def test_topics_are_those_of_the_page() -> None:
    """The table names every topic."""
    topics = Topics("car")
    for topic in (topics.state, topics.receipt, topics.command, topics.epoch, CLOUD_STATE):
        assert f"| `{topic.removeprefix('forecourt/v1/').replace('car/', '{device}/')}` |" in TEXT
    assert [stream for stream in Stream if f"`{stream.word}`" not in TEXT] == []


@pytest.mark.parametrize(
    "name",
    [
        "MESSAGE_BYTES_MAX", "DOWNLINK_BYTES_MAX", "BATCH_BAGS_MAX", "BATCH_BOOTS_MAX", "DICTIONARY_SIGNALS_MAX",
        "DICTIONARY_SHAPES_MAX", "EVENT_VALUES_MAX", "BAG_DECODE_EVENTS_MAX", "BAG_EVENTS_MAX", "BODY_DECODE_BYTES_MAX",
        "STRING_VALUE_BYTES_MAX", "RECORD_BYTES_MAX", "EXPONENT_MAX",
    ],
)  # fmt: skip
def test_limits_are_those_of_the_page(name: str) -> None:
    """Every bound that a subscriber has to know stands in the table with its number."""
    table = TEXT.partition("## Limits")[2]
    assert re.search(rf"(?<![\d,]){getattr(limits, name):,}(?![\d,])", table)


@pytest.mark.parametrize(
    "name",
    [
        "RECEIPT_RANGES_MAX",
        "RECEIPT_EVENTS",
        "UNRECEIPTED_EVENTS_DEFAULT",
        "UNRECEIPTED_EVENTS_MAX",
        "URGENT_RESERVE_EVENTS",
    ],
)
def test_windows_are_those_of_the_page(name: str) -> None:
    """What the text says of receipts and windows."""
    assert re.search(rf"(?<![\d,]){getattr(limits, name):,}(?![\d,])", TEXT.partition("## Limits")[0])
