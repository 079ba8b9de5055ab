"""Least squares within a box, for a handful of unknowns, in plain Python; must never leave the box.

Gauss-Newton steps; each minimises the linearised sum of squares within the box exactly, by a primal active set, and is
shortened until the true sum falls (Nocedal and Wright, Numerical Optimization, 2nd ed., sections 10.3 and 16.5).
"""

from collections.abc import Callable, Sequence
from typing import Final

Vector = list[float]
Problem = Callable[[Sequence[float]], tuple[Vector, list[Vector]]]
"""Residuals at a point, and their derivatives: one row per residual, one column per unknown."""

STEPS_MAX: Final = 40
_DAMPING: Final = 1e-9
_CLOSE: Final = 1e-7
_SHORTER: Final = 0.5


def least_squares(problem: Problem, start: Sequence[float], low: Sequence[float], high: Sequence[float]) -> Vector:
    """Where the sum of the squared residuals is least between `low` and `high`, both included.

    Unknowns with low == high stay there. The start is brought into the box. A local minimum: the problems here have
    one, as the tests find with another method.
    """
    here = _boxed(start, low, high)
    residuals, slopes = problem(here)
    for _ in range(STEPS_MAX):
        rooms = [(a - x, b - x) for x, a, b in zip(here, low, high, strict=True)]
        step = _step(residuals, slopes, [a for a, _ in rooms], [b for _, b in rooms])
        size, cost, share = max(map(abs, step), default=0.0), _squares(residuals), 1.0
        while share * size >= _CLOSE:
            there = _boxed([x + share * d for x, d in zip(here, step, strict=True)], low, high)
            found = problem(there)
            if _squares(found[0]) < cost:
                here, (residuals, slopes) = there, found
                break
            share *= _SHORTER
        else:
            break
    return here


def _boxed(point: Sequence[float], low: Sequence[float], high: Sequence[float]) -> Vector:
    return [min(max(x, a), b) for x, a, b in zip(point, low, high, strict=True)]


def _squares(values: Sequence[float]) -> float:
    return sum(value * value for value in values)


def _step(residuals: Vector, slopes: list[Vector], low: Vector, high: Vector) -> Vector:
    """The step of the linearised problem: normal equations, lightly damped so that they always have a solution."""
    size = len(low)
    matrix = [[sum(row[i] * row[j] for row in slopes) for j in range(size)] for i in range(size)]
    right = [-sum(row[i] * r for row, r in zip(slopes, residuals, strict=True)) for i in range(size)]
    damping = _DAMPING * max(1.0, *(matrix[i][i] for i in range(size))) if size else 0.0
    for i in range(size):
        matrix[i][i] += damping
    return quadratic(matrix, right, low, high)


def quadratic(matrix: list[Vector], right: Vector, low: Vector, high: Vector) -> Vector:
    """Where x·Ax/2 - b·x is least within a box that holds 0; A is symmetric and positive definite.

    Primal active set: solve for the free unknowns, walk there until the first end stop, hold that one; when all free
    ones are content, let go of the held one that pulls inwards most; done when none does.
    """
    size = len(low)
    x = [0.0] * size
    free = [low[i] < high[i] for i in range(size)]
    for _ in range(8 * size + 8):
        chosen = [i for i in range(size) if free[i]]
        wanted = _solve(
            [[matrix[i][j] for j in chosen] for i in chosen],
            [right[i] - sum(matrix[i][j] * x[j] for j in range(size) if not free[j]) for i in chosen],
        )
        share, hit = 1.0, -1
        for i, goal in zip(chosen, wanted, strict=True):
            way = goal - x[i]
            end = high[i] if way > 0 else low[i]
            if (goal > high[i] or goal < low[i]) and (end - x[i]) / way < share:
                share, hit = (end - x[i]) / way, i
        for i, goal in zip(chosen, wanted, strict=True):
            x[i] += share * (goal - x[i])
        if hit >= 0:
            x[hit] = high[hit] if x[hit] - low[hit] > high[hit] - x[hit] else low[hit]
            free[hit] = False
            continue
        inward, pull = -1, 1e-9 * (1.0 + max(map(abs, right), default=0.0))
        for i in range(size):
            if free[i] or not low[i] < high[i]:
                continue
            downhill = right[i] - sum(matrix[i][j] * x[j] for j in range(size))
            inwards = downhill if x[i] <= low[i] else -downhill
            if inwards > pull:
                inward, pull = i, inwards
        if inward < 0:
            break
        free[inward] = True
    return x


def _solve(matrix: list[Vector], right: Vector) -> Vector:
    """Cholesky's way; the matrix is symmetric and positive definite."""
    size = len(right)
    factor = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(factor[i][k] * factor[j][k] for k in range(j))
            if i == j:
                factor[i][i] = max(rest, 1e-300) ** 0.5
            else:
                factor[i][j] = rest / factor[j][j]
    y = [0.0] * size
    for i in range(size):
        y[i] = (right[i] - sum(factor[i][k] * y[k] for k in range(i))) / factor[i][i]
    for i in reversed(range(size)):
        y[i] = (y[i] - sum(factor[k][i] * y[k] for k in range(i + 1, size))) / factor[i][i]
    return y
