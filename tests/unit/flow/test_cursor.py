"""Proves the arithmetic under the send window: ranges, and a backlog in too many pieces."""

from gateway.flow.cursor import PIECES_MAX
from gateway.flow.ranges import common, merged, without
from gateway.model import SeqRange, Stream
from tests.unit.flow.shelf import Shelf, anything, send
from tests.unit.flow.test_window import started


def test_ranges() -> None:
    """Merging, intersecting and subtracting ranges give what the same sets of numbers give."""
    assert merged([SeqRange(5, 6), SeqRange(1, 2), SeqRange(3, 3), SeqRange(9, 8)]) == [(1, 3), (5, 6)]
    assert common([SeqRange(1, 5), SeqRange(8, 9)], [SeqRange(4, 8)]) == [(4, 5), (8, 8)]
    assert without([SeqRange(1, 9), SeqRange(10, 12)], [SeqRange(2, 3), SeqRange(9, 10)]) == [(1, 1), (4, 8), (11, 12)]


def test_a_backlog_in_too_many_pieces_is_made_whole() -> None:
    """Losing thousands of batches with holes between them costs a bounded list, and no number."""
    shelf = Shelf()
    window = started(shelf, unreceipted_max=40_000)
    shelf.append(Stream.LIVE, [1] * (2 * PIECES_MAX + 10))
    batches = []
    while (turn := window.pick(shelf.last, anything)) is not None:
        batches.append(send(window, shelf, turn, bags_max=1)[0])
    for batch in batches[::2]:
        window.lost(batch)
    cursor = window.cursors[Stream.LIVE]
    assert len(cursor.pieces) <= PIECES_MAX
    covered = {n for piece in cursor.pieces for n in range(piece.first, piece.last + 1)}
    covered |= {item.first for item in cursor.sent}
    assert covered == set(range(1, shelf.last[Stream.LIVE] + 1))
