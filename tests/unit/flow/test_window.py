"""Proves the order, the bounds and the bookkeeping of the send window, case by case."""

import pytest

from gateway.flow.window import STARVE_TURNS, SendWindow, Turn
from gateway.limits import RECEIPT_RANGES_MAX
from gateway.model import SeqRange, Stream
from tests.unit.flow.shelf import Shelf, anything, send

NOTHING = dict.fromkeys(Stream, 0)


def started(shelf: Shelf, **bounds: int) -> SendWindow:
    """A window of a process that begins with this shelf and has connected."""
    window = SendWindow({stream: shelf.floor(stream) for stream in Stream}, shelf.last, **bounds)
    window.connected(shelf.last, {stream: shelf.floor(stream) for stream in Stream})
    return window


def only_bulk(stream: Stream, replayed: bool) -> bool:
    """Leave for bulk alone."""
    return stream is Stream.BULK


def nothing(stream: Stream, replayed: bool) -> bool:
    """Leave for nobody."""
    return False


def next_turn(window: SendWindow, shelf: Shelf) -> Turn:
    """Whose turn it is, which somebody's must be."""
    turn = window.pick(shelf.last, anything)
    assert turn is not None
    return turn


def test_what_is_older_than_the_connection_is_backlog() -> None:
    """Events from before the connect are marked replayed, later ones are fresh and go first."""
    shelf = Shelf()
    shelf.append(Stream.LIVE, [10, 10])
    window = started(shelf)
    shelf.append(Stream.LIVE, [5])
    turn = next_turn(window, shelf)
    assert (turn.replayed, turn.after, turn.up_to) == (False, 20, 25)
    send(window, shelf, turn)
    turn = next_turn(window, shelf)
    assert (turn.replayed, turn.after, turn.up_to) == (True, 0, 20)
    send(window, shelf, turn)
    assert window.pick(shelf.last, anything) is None


def test_order_of_the_classes() -> None:
    """Urgent before control before live before bulk, even where live is fresh and control is backlog."""
    shelf = Shelf()
    for stream in (Stream.BULK, Stream.CONTROL, Stream.URGENT):
        shelf.append(stream, [1])
    window = started(shelf)
    shelf.append(Stream.LIVE, [1])
    order = []
    while (turn := window.pick(shelf.last, anything)) is not None:
        order.append(turn.stream)
        send(window, shelf, turn)
    assert order == [Stream.URGENT, Stream.CONTROL, Stream.LIVE, Stream.BULK]


def test_fresh_goes_before_backlog_by_ratio() -> None:
    """Three fresh batches, then one of the backlog."""
    shelf = Shelf()
    shelf.append(Stream.LIVE, [1] * 20)
    window = started(shelf)
    order = ""
    for _ in range(12):
        shelf.append(Stream.LIVE, [1])
        turn = next_turn(window, shelf)
        order += "b" if turn.replayed else "f"
        send(window, shelf, turn, bags_max=1)
    assert order == "fffbfffbfffb"


def test_nobody_starves_beside_a_flood_of_urgent_events() -> None:
    """While urgent and live never end, bulk and every backlog still get a turn in so many batches."""
    shelf = Shelf()
    for stream in Stream:
        shelf.append(stream, [1] * 50)
    window = started(shelf, unreceipted_max=10, urgent_reserve=3)
    shelf.append(Stream.BULK, [1] * 50)
    served: dict[tuple[Stream, bool], int] = {}
    flying = []
    for number in range(200):
        shelf.append(Stream.URGENT, [1])
        shelf.append(Stream.LIVE, [1])
        while (turn := window.pick(shelf.last, anything)) is not None:
            flying.append(send(window, shelf, turn, bags_max=1)[1][0])
            served.setdefault((turn.stream, turn.replayed), number)
        for cursor in window.cursors.values():
            for item in list(cursor.sent)[:2]:
                window.receipt(cursor.stream, shelf.last[cursor.stream], 0, 0, [SeqRange(item.first, item.last)])
    assert len(served) == 7, "all but the fresh side of control, which has nothing to send"
    assert max(served.values()) <= 8 * STARVE_TURNS


def test_urgent_has_room_above_a_full_window() -> None:
    """A full window holds live back and lets urgent go, up to its reserve."""
    shelf = Shelf()
    window = started(shelf, unreceipted_max=20, urgent_reserve=5)
    shelf.append(Stream.LIVE, [10, 10, 10])
    send(window, shelf, next_turn(window, shelf))
    assert window.unreceipted == 20
    assert window.pick(shelf.last, anything) is None
    shelf.append(Stream.URGENT, [2, 3, 1])
    turn = next_turn(window, shelf)
    assert turn.stream is Stream.URGENT
    send(window, shelf, turn)
    assert window.unreceipted == 25
    assert window.pick(shelf.last, anything) is None


def test_a_bag_larger_than_the_window_goes_alone() -> None:
    """Nothing waits for ever: a bag over the whole window goes when nothing else is on its way."""
    shelf = Shelf()
    window = started(shelf, unreceipted_max=5, urgent_reserve=0)
    shelf.append(Stream.LIVE, [2, 9])
    _, bags = send(window, shelf, next_turn(window, shelf))
    assert bags == [(1, 2)]
    held = next_turn(window, shelf)
    assert send(window, shelf, held)[1] == []
    assert window.pick(shelf.last, anything) is None, "it is known by now that this bag does not fit"
    window.receipt(Stream.LIVE, 11, 0, 2, [])
    _, bags = send(window, shelf, next_turn(window, shelf))
    assert bags == [(3, 11)]


def test_a_lane_without_leave_is_passed_over() -> None:
    """A budget that is spent or a metered link keeps a lane out without stopping the others."""
    shelf = Shelf()
    shelf.append(Stream.BULK, [1])
    shelf.append(Stream.LIVE, [1])
    window = started(shelf)
    turn = window.pick(shelf.last, only_bulk)
    assert turn is not None
    assert turn.stream is Stream.BULK
    assert window.pick(shelf.last, nothing) is None


def test_receipts_in_any_order_and_twice() -> None:
    """Ranges above the floor free their bags, repeated and overtaken receipts change nothing."""
    shelf = Shelf()
    window = started(shelf)
    shelf.append(Stream.LIVE, [10, 10, 10])
    send(window, shelf, next_turn(window, shelf))
    told = window.receipt(Stream.LIVE, 30, 0, 0, [SeqRange(11, 20)])
    assert told == (0, [(11, 20)], 10, 0)
    assert window.unreceipted == 20
    assert window.receipt(Stream.LIVE, 30, 0, 0, [SeqRange(11, 20)]) is None
    told = window.receipt(Stream.LIVE, 30, 0, 30, [])
    assert told == (30, [], 20, 0)
    window.receipt(Stream.LIVE, 30, 0, 10, [])
    assert (window.unreceipted, window.cursors[Stream.LIVE].floor) == (0, 30)
    assert window.drained(shelf.last)


def test_a_receipt_that_ends_inside_a_bag() -> None:
    """A bag stays on its way until the cloud has all of it, told by floor and range together or one after the other."""
    shelf = Shelf()
    window = started(shelf)
    shelf.append(Stream.LIVE, [10])
    send(window, shelf, next_turn(window, shelf))
    window.receipt(Stream.LIVE, 10, 0, 4, [])
    assert window.unreceipted == 10
    window.receipt(Stream.LIVE, 10, 0, 4, [SeqRange(6, 10)])
    assert window.unreceipted == 10
    window.receipt(Stream.LIVE, 10, 0, 5, [SeqRange(6, 10)])
    assert window.unreceipted == 0


@pytest.mark.parametrize(
    ("floor", "above"),
    [(31, []), (0, [SeqRange(31, 31)]), (0, [SeqRange(7, 6)]), (0, [SeqRange(0, 3)]), (1 << 63, [])],
)
def test_numbers_never_given_are_refused(floor: int, above: list[SeqRange]) -> None:
    """A receipt beyond the last number given, or with ranges that are none, is not believed at all."""
    shelf = Shelf()
    window = started(shelf)
    shelf.append(Stream.LIVE, [30])
    send(window, shelf, next_turn(window, shelf))
    with pytest.raises(ValueError, match="receipt"):
        window.receipt(Stream.LIVE, 30, 0, floor, above)
    assert window.unreceipted == 30


def test_too_many_ranges_are_refused() -> None:
    """A receipt has at most 64 ranges."""
    shelf = Shelf()
    window = started(shelf)
    shelf.append(Stream.LIVE, [1] * 300)
    with pytest.raises(ValueError, match="ranges"):
        window.receipt(Stream.LIVE, 300, 0, 0, [SeqRange(2 * n, 2 * n) for n in range(1, RECEIPT_RANGES_MAX + 2)])


def test_numbers_never_sent_are_counted_and_not_settled() -> None:
    """Of a receipt that runs ahead only what was sent, or what an earlier process may have sent, is believed."""
    shelf = Shelf()
    shelf.append(Stream.LIVE, [5])
    window = started(shelf)
    shelf.append(Stream.LIVE, [5, 5])
    assert window.receipt(Stream.LIVE, 15, 0, 15, []) == (5, [], 0, 10)
    fresh = next_turn(window, shelf)
    assert fresh.after == 5
    send(window, shelf, fresh, bags_max=1)
    assert window.receipt(Stream.LIVE, 15, 0, 15, []) == (10, [], 5, 5)
    assert not window.drained(shelf.last)


def test_an_overdue_batch_is_sent_again_alone() -> None:
    """After the receipt time-out the oldest goes back into the backlog, what was sent later stays on its way."""
    shelf = Shelf()
    window = started(shelf)
    shelf.append(Stream.LIVE, [10])
    send(window, shelf, next_turn(window, shelf), now_s=100.0)
    shelf.append(Stream.LIVE, [10])
    send(window, shelf, next_turn(window, shelf), now_s=130.0)
    assert window.next_overdue_s() == 160.0
    assert window.overdue(159.9) == []
    (late,) = window.overdue(160.0)
    assert window.lost(late) == [(1, 10)]
    turn = next_turn(window, shelf)
    assert (turn.replayed, turn.after, turn.up_to) == (True, 0, 10)
    assert window.unreceipted == 10
    assert window.next_overdue_s() == 190.0


def test_a_refused_batch_is_split_down_to_one_bag() -> None:
    """Pieces of a split batch are taken apart from each other, until the bag that is refused stands alone."""
    shelf = Shelf()
    window = started(shelf)
    shelf.append(Stream.BULK, [10] * 8)
    sizes: list[int] = []
    bags: list[SeqRange] = []
    for _ in range(20):
        turn = next_turn(window, shelf)
        batch, bags = send(window, shelf, turn)
        sizes.append(len(bags))
        if not any(bag.first == 31 for bag in bags):
            window.receipt(Stream.BULK, 80, 0, 0, [SeqRange(bags[0].first, bags[-1].last)])
        elif len(bags) > 1:
            window.lost(batch, parts=2)
        else:
            break
    assert sizes == [8, 4, 2, 2, 1, 1]
    assert bags == [(31, 40)]


def test_rewind_sends_everything_again() -> None:
    """After a change of the cloud's boot all that has no receipt is backlog, and the cursor of fresh events stays."""
    shelf = Shelf()
    window = started(shelf)
    shelf.append(Stream.LIVE, [10, 10])
    send(window, shelf, next_turn(window, shelf), bags_max=1)
    window.receipt(Stream.LIVE, 20, 0, 10, [])
    send(window, shelf, next_turn(window, shelf))
    assert window.rewind() == 10
    shelf.append(Stream.LIVE, [10])
    fresh = next_turn(window, shelf)
    assert (fresh.replayed, fresh.after) == (False, 20)
    send(window, shelf, fresh)
    again = next_turn(window, shelf)
    assert (again.replayed, again.after, again.up_to) == (True, 10, 20)


def test_a_hand_out_that_is_no_longer_next_fits_nothing() -> None:
    """A rewind or a connect between a turn and its publish makes the hand-out stale."""
    shelf = Shelf()
    shelf.append(Stream.LIVE, [1])
    window = started(shelf)
    shelf.append(Stream.LIVE, [1, 1])
    fresh = next_turn(window, shelf)
    window.connected(shelf.last, NOTHING)
    assert window.fitting(fresh, [1, 1]) == 0
    backlog = next_turn(window, shelf)
    assert window.fitting(backlog, [1, 1, 1]) == 3
    window.receipt(Stream.LIVE, 3, 3, 3, [])
    window.rewind()
    assert window.fitting(backlog, [1, 1, 1]) == 0
