"""Multinomial logistic regression by Newton's method with backtracking; must never be fed anything but numbers.

Hastie, Tibshirani, Friedman: The Elements of Statistical Learning, 4.4, with a ridge penalty on the weights.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from showroom_agent.plan.geometry import Array

Labels = npt.NDArray[np.intp]
_ROUNDS_MAX = 25
_CLOSE = 1e-4
_STEP_MIN = 1e-3


class _Problem(NamedTuple):
    rows: Array
    design: Array
    labels: Labels
    importance: Array
    ridge: Array

    def loss(self, weights: Array) -> tuple[float, Array]:
        """The penalised log loss, and the probabilities R x K."""
        likely = probabilities(self.rows, weights)
        own = likely[np.arange(len(self.rows)), self.labels]
        data = -float((self.importance * np.log(own + 1e-12)).sum())
        return data + 0.5 * float((self.ridge * weights * weights).sum()), likely


def probabilities(rows: Array, weights: Array) -> Array:
    """R x K. `rows`: R x F, standardised; `weights`: K x (F + 1), the intercept last."""
    scores = rows @ weights[:, :-1].T + weights[:, -1]
    scores -= scores.max(axis=1, keepdims=True)
    likely: Array = np.exp(scores)
    likely /= likely.sum(axis=1, keepdims=True)
    return likely


def fit(rows: Array, labels: Labels, classes: int, importance: Array, penalty: float) -> Array:
    """The weights K x (F + 1) that minimise the weighted log loss plus penalty / 2 times their squares."""
    design = np.hstack([rows, np.ones((len(rows), 1))])
    ridge = np.full(design.shape[1], penalty)
    ridge[-1] = 1e-3 * penalty
    problem = _Problem(rows, design, labels, importance, ridge)
    wanted = np.zeros((len(rows), classes))
    wanted[np.arange(len(rows)), labels] = 1.0
    weights = np.zeros((classes, design.shape[1]))
    loss, likely = problem.loss(weights)
    for _ in range(_ROUNDS_MAX):
        slope = ((likely - wanted) * importance[:, np.newaxis]).T @ design + ridge * weights
        move = _newton(problem, likely, slope)
        step = 1.0
        while True:
            after, likely = problem.loss(weights - step * move)
            if after < loss - 1e-4 * step * float((slope * move).sum()) or step < _STEP_MIN:
                break
            step /= 2
        weights = weights - step * move
        settled, loss = loss - after < _CLOSE * abs(loss), after
        if settled:
            break
    return weights


def _newton(problem: _Problem, likely: Array, slope: Array) -> Array:
    """The Newton direction K x (F + 1)."""
    classes, width = slope.shape
    curve = np.zeros((classes, width, classes, width))
    for one in range(classes):
        for other in range(one, classes):
            share = problem.importance * likely[:, one] * ((one == other) - likely[:, other])
            block = problem.design.T @ (problem.design * share[:, np.newaxis])
            curve[one, :, other, :] = block
            curve[other, :, one, :] = block
    flat = curve.reshape(classes * width, classes * width)
    flat[np.diag_indices_from(flat)] += np.tile(problem.ridge, classes) + 1e-9
    return np.asarray(np.linalg.solve(flat, slope.ravel()), float).reshape(classes, width)
