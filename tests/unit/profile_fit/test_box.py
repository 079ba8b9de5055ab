"""Holds the solver against brute force; must never test it with its own steps."""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.profile.fit.box import least_squares, quadratic

NUMBERS = st.floats(-3, 3, allow_nan=False, width=32)


def brute(matrix: list[list[float]], right: list[float], low: list[float], high: list[float]) -> float:
    """The least value over all choices of which unknowns sit at which end, each solved by Cramer's rule."""
    size, best = len(low), float("inf")
    for choice in product((None, 0, 1), repeat=size):
        fixed = {i: (low, high)[end][i] for i, end in enumerate(choice) if end is not None}
        free = [i for i in range(size) if i not in fixed]
        inner = [[matrix[i][j] for j in free] for i in free]
        rest = [right[i] - sum(matrix[i][j] * value for j, value in fixed.items()) for i in free]
        whole = determinant(inner)
        if abs(whole) < 1e-12:
            continue
        point = dict(fixed)
        for k, i in enumerate(free):
            swapped = [[rest[r] if c == k else inner[r][c] for c in range(len(free))] for r in range(len(free))]
            point[i] = determinant(swapped) / whole
        if all(low[i] - 1e-9 <= point[i] <= high[i] + 1e-9 for i in range(size)):
            best = min(best, value_at(matrix, right, [point[i] for i in range(size)]))
    return best


def determinant(matrix: list[list[float]]) -> float:
    """By the first row."""
    if not matrix:
        return 1.0
    return float(
        sum(
            (-1) ** c * value * determinant([row[:c] + row[c + 1 :] for row in matrix[1:]])
            for c, value in enumerate(matrix[0])
        )
    )


def value_at(matrix: list[list[float]], right: list[float], x: list[float]) -> float:
    """x·Ax/2 - b·x."""
    size = range(len(x))
    return sum(x[i] * matrix[i][j] * x[j] / 2 for i in size for j in size) - sum(right[i] * x[i] for i in size)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_quadratics_are_solved_as_by_brute_force(data: st.DataObject) -> None:
    """Random positive definite matrices and boxes, some of no width: never worse than the best of all faces."""
    size = data.draw(st.integers(1, 4))
    rows = [[data.draw(NUMBERS) for _ in range(size)] for _ in range(size + 1)]
    matrix = [[sum(r[i] * r[j] for r in rows) + (0.1 if i == j else 0.0) for j in range(size)] for i in range(size)]
    right = [data.draw(NUMBERS) for _ in range(size)]
    low = [-abs(data.draw(NUMBERS)) for _ in range(size)]
    high = [abs(data.draw(NUMBERS)) for _ in range(size)]
    found = quadratic(matrix, right, low, high)
    assert all(a <= x <= b for a, x, b in zip(low, found, high, strict=True))
    assert value_at(matrix, right, found) <= brute(matrix, right, low, high) + 1e-6


def test_a_curve_is_followed_to_its_least_value() -> None:
    """Rosenbrock's valley, free and cut off by an end stop."""

    def valley(at: Sequence[float]) -> tuple[list[float], list[list[float]]]:
        x, y = at
        return [10 * (y - x * x), 1 - x], [[-20 * x, 10.0], [-1.0, 0.0]]

    assert least_squares(valley, [-1.2, 1.0], [-2, -2], [2, 2]) == pytest.approx([1, 1], abs=1e-4)
    cut = least_squares(valley, [-1.2, 1.0], [-2, -2], [0.5, 2])
    assert cut == pytest.approx([0.5, 0.25], abs=1e-4)


def test_what_cannot_move_stays_and_a_start_outside_comes_in() -> None:
    """Equal ends hold an unknown; without unknowns there is nothing to do."""

    def line(at: Sequence[float]) -> tuple[list[float], list[list[float]]]:
        x, y = at
        return [x + y - 5], [[1.0, 1.0]]

    assert least_squares(line, [9, 9], [0, 2], [10, 2]) == pytest.approx([3, 2], abs=1e-6)
    assert least_squares(lambda _: ([1.0], [[]]), [], [], []) == []
