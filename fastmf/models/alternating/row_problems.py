"""The least squares problem that one user or item of a model is the solution of.

Rows are in units of the centred and scaled ratings, as in training. The squared error and
preferences with confidences are least squares as they stand. The other losses lie below a
parabola that touches them at the present score; one solution after another of the problems made
of these parabolas never makes the loss greater (Hunter and Lange 2004, "A tutorial on MM
algorithms").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fastmf.errors import ModelFileError
from fastmf.kernels.alternating.normal_equations import System, system_of
from fastmf.models.alternating.als_rows import SolvedRows, padded_rows
from fastmf.models.alternating.steps import Penalty
from fastmf.models.losses import LossName, sigmoid_ends

__all__ = ["RowProblem", "RowRules"]

# Errors below this many spreads of the ratings count as squares: an absolute error has a parabola
# above it that touches it anywhere but at zero.
_SMALLEST_ERROR = 0.02

# The greatest second derivative of (y - sigmoid(score))^2 for y from 0 to 1 is at most
# 2 (1 / 16 + 1 / (6 sqrt(3))).
_SIGMOID_CURVATURE = 2 * (1 / 16 + 1 / (6 * 3**0.5))

# Below this, one over a confidence is not a float32.
_SMALLEST_CONFIDENCE = 1e-30

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class RowRules:
    """What the hyperparameters of a model say of one row.

    Attributes
    ----------
    penalty : Penalty
        Of a row that is solved from nothing.
    loss : {"squared", "absolute", "logistic", "sigmoid"}
    learned : Penalty, optional
        What held a row when it was learned, where that is something else.
    biases, non_negative : bool
    alpha : float
        Weight of a value in its confidence, above 0 for an implicit model.
    """

    penalty: Penalty
    loss: LossName = "squared"
    learned: Penalty | None = None
    biases: bool = True
    non_negative: bool = False
    alpha: float = 0.0


@dataclass(frozen=True)
class RowProblem:
    """How rows of a fitted model relate to ratings; see the module.

    Attributes
    ----------
    system : System
    rules : RowRules
    offset, scale, spread : float
        As the fitted attributes of these names.
    ends : tuple of float
        What a sigmoid runs between.
    """

    system: System
    rules: RowRules
    offset: float
    scale: float
    spread: float
    ends: tuple[float, float]

    @classmethod
    def of(cls, model: Any) -> Self:
        """Return the problem of a fitted model's rows.

        Parameters
        ----------
        model : FactorModel

        Returns
        -------
        RowProblem

        Raises
        ------
        ModelFileError
            If the model was saved before its units were recorded.
        """
        if not model.scale_ > 0:
            raise ModelFileError(
                "this model was saved by an earlier fastmf, which did not record the spread of "
                "its ratings; train it again to take new ratings in"
            )
        rules = model.fitted_parameters_.row_rules
        k = model.user_factors_.shape[1]
        system = system_of(k + rules.biases, biased=rules.biases)
        ends = sigmoid_ends(model.rating_range_)
        return cls(system, rules, model.offset_, model.scale_, model.spread_, ends)

    @property
    def iterated(self) -> bool:
        """Whether weights and targets depend on the scores so far."""
        return self.rules.loss != "squared"

    def padded(self, factors: Floats, bias: Floats) -> Floats:
        """Return rows of a fitted model as its kernels take them.

        Parameters
        ----------
        factors : (n, k) float32
        bias : (n,) float32

        Returns
        -------
        (n * stride,) float32
        """
        root, unit = np.float32(self.scale**0.5), np.float32(self.scale)
        return padded_rows(self.system, factors / root, bias / unit)

    def compact(self, rows: Floats) -> tuple[Floats, Floats]:
        """Return the factors and biases of padded rows, in units of the score.

        Parameters
        ----------
        rows : (n * stride,) float32

        Returns
        -------
        factors, bias : (n, k), (n,) float32
        """
        arrays = SolvedRows(rows, rows[:0], self.system).compact(self.scale)
        return arrays.user_factors, arrays.user_bias

    def weighted(self, values: Floats, products: Floats) -> tuple[Floats, Floats]:
        """Return the weights and targets of ratings.

        Parameters
        ----------
        values : (n,) float32
            Ratings.
        products : (n,) float32
            The rows' products so far; of use where the problem is iterated.

        Returns
        -------
        weights, targets : (n,) float32
        """
        of_loss = {
            "squared": self._squared,
            "absolute": self._absolute,
            "logistic": self._logistic,
            "sigmoid": self._sigmoid,
        }[self.rules.loss]
        if self.rules.alpha > 0:
            of_loss = self._confident
        weights, targets = of_loss(values.astype(np.float64), products.astype(np.float64))
        return weights.astype(np.float32), targets.astype(np.float32)

    def _confident(self, values: Any, products: Any) -> tuple[Any, Any]:
        # What counts for a pair without a value is in the base matrix of all rows.
        weights = np.maximum(self.rules.alpha * values, _SMALLEST_CONFIDENCE)
        targets = np.where(values > 0, (1 + weights) / weights, 0.0)
        return np.where(values > 0, weights, 0.0), targets

    def _squared(self, values: Any, products: Any) -> tuple[Any, Any]:
        return np.ones_like(values), (values - self.offset) / self.scale

    def _absolute(self, values: Any, products: Any) -> tuple[Any, Any]:
        # Twice the absolute error, as the steps of training have it.
        targets = (values - self.offset) / self.scale
        return 1 / np.maximum(np.abs(targets - products), _SMALLEST_ERROR), targets

    def _logistic(self, values: Any, products: Any) -> tuple[Any, Any]:
        # The parabola of Jaakkola and Jordan (2000), "Bayesian parameter estimation via
        # variational methods".
        parts, span = self._parts(values)
        scores = self.offset + self.scale * products
        half = np.maximum(np.abs(scores), 1e-6) / 2
        curvature = np.tanh(half) / (8 * half)
        targets = ((parts - 0.5) / (2 * curvature) - self.offset) / self.scale
        return 2 * span * self.scale * curvature, targets

    def _sigmoid(self, values: Any, products: Any) -> tuple[Any, Any]:
        parts, span = self._parts(values)
        scores = self.offset + self.scale * products
        found = 1 / (1 + np.exp(-np.clip(scores, -500, 500)))
        slope = 2 * (parts - found) * found * (1 - found)
        targets = (scores + slope / _SIGMOID_CURVATURE - self.offset) / self.scale
        weight = (span * self.scale) ** 2 * _SIGMOID_CURVATURE / 2
        return np.full_like(values, weight), targets

    def _parts(self, values: Any) -> tuple[Any, float]:
        """Return where ratings lie between the ends, from 0 to 1, and their distance."""
        bottom, top = self.ends
        if top == bottom:
            return np.full_like(values, 0.5), 0.0
        return np.clip((values - bottom) / (top - bottom), 0, 1), (top - bottom) / self.spread
