"""Plane geometry on arrays of points, in metres; must never know what a polygon stands for."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Ring = tuple[tuple[float, float], ...]
"""Corners of a polygon in order, the first not repeated."""
Segment = tuple[tuple[float, float], tuple[float, float]]


def inside(ring: Ring, x: Array, y: Array) -> Mask:
    """Which of the points lie in the polygon: a ray to the right crosses its edges an odd number of times."""
    odd = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(ring, (*ring[1:], ring[0]), strict=True):
        if ay == by:
            continue
        spans = (ay > y) != (by > y)
        odd ^= spans & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return odd


def inside_any(rings: Sequence[Ring], x: Array, y: Array) -> Mask:
    """Which of the points lie in at least one of the polygons."""
    found = np.zeros(x.shape, bool)
    for ring in rings:
        found |= inside(ring, x, y)
    return found


def area(ring: Ring) -> float:
    """Square metres of a simple polygon (the shoelace formula), never negative."""
    total = sum(ax * by - bx * ay for (ax, ay), (bx, by) in zip(ring, (*ring[1:], ring[0]), strict=True))
    return abs(total) / 2


def crossing(segment: Segment, x: Array, y: Array, dx: float, dy: float) -> Mask:
    """Which of the steps from (x, y) by (dx, dy) cross the segment; touching an end does not count."""
    (ax, ay), (bx, by) = segment
    begin = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
    end = (bx - ax) * (y + dy - ay) - (by - ay) * (x + dx - ax)
    left = dx * (ay - y) - dy * (ax - x)
    right = dx * (by - y) - dy * (bx - x)
    return (begin * end < 0) & (left * right < 0)


def first_self_crossing(ring: Ring) -> tuple[float, float] | None:
    """A corner at which an edge begins that another edge of the polygon crosses; None for a simple polygon."""
    count = len(ring)
    if count < 4:
        return None
    corners = np.asarray(ring, float)
    ends = np.roll(corners, -1, axis=0)
    for index in range(count - 1):
        segment = (ring[index], ring[index + 1])
        others = np.arange(index + 2, count if index else count - 1)
        if not others.size:
            continue
        at, to = corners[others], ends[others]
        steps = to - at
        (ax, ay), (bx, by) = segment
        begin = (bx - ax) * (at[:, 1] - ay) - (by - ay) * (at[:, 0] - ax)
        end = (bx - ax) * (to[:, 1] - ay) - (by - ay) * (to[:, 0] - ax)
        left = steps[:, 0] * (ay - at[:, 1]) - steps[:, 1] * (ax - at[:, 0])
        right = steps[:, 0] * (by - at[:, 1]) - steps[:, 1] * (bx - at[:, 0])
        if ((begin * end < 0) & (left * right < 0)).any():
            return ring[index]
    return None
