"""Slots of the window: taken by packets, returned by PUBACK, overdue by the clock."""

import asyncio

import pytest

from gateway.errors import LinkBusy, LinkRefused
from gateway.link.flights import Flight, Flights


def flight(size: int = 10) -> Flight:
    """A publish of `size` bytes."""
    return Flight(asyncio.get_running_loop().create_future(), "t", b"", False, None, size)


async def test_a_slot_belongs_to_the_packet() -> None:
    """A cancelled waiter's packet keeps its slot until its PUBACK; one that was never sent takes none."""
    flights = Flights()
    flights.window = 1
    sent, waiting = flight(), flight()
    flights.launched(1, sent, 0.0)
    assert not flights.has_slot()
    flights.wait(waiting)
    sent.future.cancel()
    waiting.future.cancel()
    assert (flights.count, flights.next_waiting()) == (2, None)
    assert flights.holds(sent.future)
    flights.landed(1, 0x87, 1.0)
    assert flights.next_waiting() is None
    assert (flights.count, flights.buffered_bytes, flights.has_slot()) == (0, 10, True)
    flights.sent(1.0)
    assert flights.buffered_bytes == 0


async def test_nobody_overtakes_who_waits() -> None:
    """As long as a publish waits for a slot, a new one has none, even where one has just come back."""
    flights = Flights()
    flights.window = 1
    first = flight()
    flights.wait(first)
    assert not flights.has_slot()
    assert flights.next_waiting() is first
    assert flights.has_slot()


async def test_an_acknowledgement_of_nothing_changes_nothing() -> None:
    """A PUBACK for a packet id that is not in use gives no slot back."""
    flights = Flights()
    flights.window = 1
    flights.launched(1, flight(), 0.0)
    flights.landed(2, 0, 0.0)
    assert not flights.has_slot()


async def test_what_waits_is_bounded() -> None:
    """LinkBusy beyond the bound; cancelled publishes make room."""
    flights = Flights(waiting_bytes_max=25)
    first, second = flight(), flight()
    flights.wait(first)
    flights.wait(second)
    with pytest.raises(LinkBusy):
        flights.wait(flight())
    first.future.cancel()
    flights.wait(flight())
    assert (flights.count, flights.buffered_bytes) == (2, 20)


async def test_overdue() -> None:
    """Not while PUBACKs come or the kernel still takes bytes of the oldest; by the clock otherwise."""
    flights = Flights()
    flights.window = 4
    assert not flights.overdue(99.0, 0.0, 10.0)
    flights.launched(1, flight(), 0.0)
    flights.launched(2, flight(), 0.0)
    assert not flights.overdue(14.0, 5.0, 10.0), "its bytes moved 9 s ago"
    assert flights.overdue(15.1, 5.0, 10.0)
    flights.sent(15.0)
    assert not flights.overdue(24.0, 15.0, 10.0)
    assert flights.overdue(25.1, 25.0, 10.0), "bytes of others do not count once it is through"
    flights.landed(2, 0, 25.0)
    assert not flights.overdue(30.0, 25.0, 10.0), "a slow link is not a dead one"
    for second in range(26, 56):
        flights.launched(2, flight(), float(second))
        flights.landed(2, 0, float(second))
    assert flights.overdue(55.1, 55.0, 10.0), "but one packet is not overtaken for ever"


async def test_failing_tells_every_waiter() -> None:
    """All futures get an error of the connection's kind, each its own; nothing is held any more."""
    flights = Flights()
    flights.window = 1
    sent, waiting = flight(), flight()
    flights.launched(1, sent, 0.0)
    flights.wait(waiting)
    flights.fail(LinkRefused("no"))
    errors = [entry.future.exception() for entry in (sent, waiting)]
    assert [type(error) for error in errors] == [LinkRefused, LinkRefused]
    assert errors[0] is not errors[1]
    assert (flights.count, flights.buffered_bytes, flights.oldest_s(9.0)) == (0, 0, 0.0)
