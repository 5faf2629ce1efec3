"""L-BFGS for AutoRec: steps with the gradient over all rows, by what earlier steps told of it.

Nocedal (1980), "Updating quasi-Newton matrices with limited storage", in the form of Nocedal and
Wright (2006), "Numerical optimization", algorithms 7.4 and 7.5; the step's length by bisection as
Lewis and Overton (2013), "Nonsmooth optimization via quasi-Newton methods", section 4.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.models.autoencoder.batches import RatedBatch
from fastmf.models.autoencoder.steps import AutoRecSteps

__all__ = ["HISTORY", "LimitedMemory", "LimitedMemorySteps"]

Array = NDArray[Any]

HISTORY = 10
"""Steps that are remembered, each with two arrays as large as what is trained."""

# Of Wolfe's conditions: how much of the promised descent, and what part of the slope may be left.
_DESCENT, _SLOPE_LEFT = 1e-4, 0.9
_MOST_TRIALS = 20


class _Change(NamedTuple):
    """What a step has changed."""

    values: list[Array]
    gradients: list[Array]
    product: float  # of the two, above 0


def _product(left: Sequence[Array], right: Sequence[Array]) -> float:
    return sum(float(np.dot(a, b)) for a, b in zip(left, right, strict=True))


def _add(to: Sequence[Array], factor: float, arrays: Sequence[Array]) -> None:
    for one, array in zip(to, arrays, strict=True):
        np.add(one, one.dtype.type(factor) * array, out=one)


def _copied(arrays: Sequence[Array]) -> list[Array]:
    return [array.copy() for array in arrays]


class LimitedMemory:
    """Minimizes a function by L-BFGS, step by step.

    Parameters
    ----------
    values : sequence of ndarray
        (n,) each: what the function is of, modified in place.
    evaluate : callable
        Returns the function at `values` as they are, and its gradients in arrays that may be
        overwritten by the next call.
    """

    def __init__(
        self, values: Sequence[Array], evaluate: Callable[[], tuple[float, Sequence[Array]]]
    ) -> None:
        self._values, self._evaluate = values, evaluate
        self._changes: deque[_Change] = deque(maxlen=HISTORY)
        self._loss = math.inf
        self._gradients: list[Array] = []

    def step(self) -> float:
        """Go to where the function is lower, if there is such a place in sight.

        Returns
        -------
        float
            The function there; that of before where no descent was found.
        """
        if not self._gradients:
            self._loss, gradients = self._evaluate()
            self._gradients = _copied(gradients)
        way = self._direction()
        slope = _product(way, self._gradients)
        if not slope < 0 or not self._go(way, slope):
            # Rounding has spoilt what is remembered, or nothing is left to gain.
            self._changes.clear()
        return self._loss

    def _direction(self) -> list[Array]:
        """Return minus the gradient times an approximate inverse of the second derivatives."""
        way, parts = _copied(self._gradients), []
        for change in reversed(self._changes):
            parts.append(_product(change.values, way) / change.product)
            _add(way, -parts[-1], change.gradients)
        if self._changes:
            last = self._changes[-1]
            scale = last.product / _product(last.gradients, last.gradients)
        else:
            # Nothing is known of lengths yet: a step of length 1.
            scale = 1 / max(math.sqrt(_product(way, way)), 1e-30)
        for array in way:
            np.multiply(array, array.dtype.type(-scale), out=array)
        for change, part in zip(self._changes, reversed(parts), strict=True):
            rest = part + _product(change.gradients, way) / change.product
            _add(way, -rest, change.values)
        return way

    def _go(self, way: list[Array], slope: float) -> bool:
        """Find a length of the step; go there and remember it, or stay and return False."""
        start, length, low, high = _copied(self._values), 1.0, 0.0, math.inf
        for _ in range(_MOST_TRIALS):
            loss, gradients = self._at(start, way, length)
            if not loss <= self._loss + _DESCENT * length * slope:
                high = length
            elif _product(way, gradients) < _SLOPE_LEFT * slope:
                low = length
            else:
                self._remember(start, loss, gradients)
                return True
            length = (low + high) / 2 if high < math.inf else 2 * low
        if low > 0:
            loss, gradients = self._at(start, way, low)
            self._remember(start, loss, gradients)
        else:
            _assign(self._values, start)
        return low > 0

    def _at(
        self, start: list[Array], way: list[Array], length: float
    ) -> tuple[float, Sequence[Array]]:
        _assign(self._values, start)
        _add(self._values, length, way)
        return self._evaluate()

    def _remember(self, start: list[Array], loss: float, gradients: Sequence[Array]) -> None:
        moved = [new - old for new, old in zip(self._values, start, strict=True)]
        turned = [new - old for new, old in zip(gradients, self._gradients, strict=True)]
        product = _product(moved, turned)
        if product > 0:
            self._changes.append(_Change(moved, turned, product))
        self._loss, self._gradients = loss, _copied(gradients)


def _assign(to: Sequence[Array], arrays: Sequence[Array]) -> None:
    for one, array in zip(to, arrays, strict=True):
        one[...] = array


class LimitedMemorySteps:
    """Steps of L-BFGS, each with a batch of all rows; see `AutoRecSteps.take`.

    Parameters
    ----------
    steps : AutoRecSteps
        With gradient descent without momentum, whose moments are then the gradients.
    """

    def __init__(self, steps: AutoRecSteps) -> None:
        self._steps = steps
        self._batch: RatedBatch | None = None
        self._squared_error = math.inf
        self._minimizer = LimitedMemory(steps.values, self._evaluate)

    def take(self, batch: RatedBatch, learning_rate: float) -> float:
        """Take a step.

        Parameters
        ----------
        batch : RatedBatch
            The same rows, and nothing dropped, in each step.
        learning_rate : float
            Without effect.

        Returns
        -------
        float
            Sum of the squared errors where it was last evaluated.
        """
        self._batch = batch
        self._minimizer.step()
        return self._squared_error

    def _evaluate(self) -> tuple[float, Sequence[Array]]:
        """Return the loss and its gradients."""
        assert self._batch is not None
        steps = self._steps
        for moments in steps.moments:
            moments[...] = 0  # what is not finite would stay, even times no momentum
        with np.errstate(all="ignore"):
            self._squared_error = steps.take(self._batch, 0.0)
            loss = self._squared_error / len(self._batch.rows) + steps.penalty()
        return loss, steps.moments
