"""Events cut into bags that a message can carry; must never lose one on the way."""

from collections.abc import Iterable
from operator import attrgetter, itemgetter

from gateway.errors import TooLarge
from gateway.limits import BAG_BYTES_MAX, BAG_EVENTS_MAX, BODY_TEXT_BYTES_MAX, LONE_BAG_BYTES_MAX
from gateway.model import Event, ValueType
from gateway.outbox.core import Core

_kind_of = attrgetter("kind")


def bags_of(core: Core, events: list[Event]) -> Iterable[tuple[list[Event], tuple[int, bytes]]]:
    """Events cut into bags that a message can carry, with their codec and body; raises TooLarge for one that cannot."""
    for part in _portions(events):
        yield from _cut(core, part)


def _portions(events: list[Event]) -> Iterable[list[Event]]:
    """At most as many events as a bag may have, and as much text as a body may hold once it is unpacked."""
    for start in range(0, len(events), BAG_EVENTS_MAX):
        part = events[start : start + BAG_EVENTS_MAX]
        if _text_bytes(part) <= BODY_TEXT_BYTES_MAX:
            yield part
        else:
            yield from _by_text(part)


def _by_text(events: list[Event]) -> Iterable[list[Event]]:
    part: list[Event] = []
    size = 0
    for event in events:
        text = _text_bytes([event])
        if part and size + text > BODY_TEXT_BYTES_MAX:
            yield part
            part, size = [], 0
        part.append(event)
        size += text
    yield part


def _text_bytes(events: list[Event]) -> int:
    """Bytes of the texts and records of events, at most; costs little where there are none."""
    size = 0
    for kind in set(map(_kind_of, events)):
        texts = [place for place, signal in enumerate(kind.signals) if signal.type is ValueType.STRING]
        if kind.signals and not texts:
            continue
        own = [event.values for event in events if event.kind is kind]
        if not kind.signals:
            size += sum(map(len, own))
        for place in texts:
            size += 4 * sum(map(len, map(itemgetter(place), own)))
    return size


def _cut(core: Core, events: list[Event]) -> Iterable[tuple[list[Event], tuple[int, bytes]]]:
    codec, body = core.encoder.encode(events)
    if len(body) > BAG_BYTES_MAX and len(events) > 1:
        middle = len(events) // 2
        yield from _cut(core, events[:middle])
        yield from _cut(core, events[middle:])
        return
    if len(body) > LONE_BAG_BYTES_MAX:
        raise TooLarge(f"an event of {len(body)} bytes, which no message can carry")
    yield events, (codec, body)
