"""Losses: means over the rows of the batch, told shard by shard, and their gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data.choices import check_choice

__all__ = ["LOSSES", "Loss", "loss_named"]

Array = NDArray[Any]


class Loss:
    """A mean over the rows of a batch; the squared error, and what the others are children of.

    Attributes
    ----------
    name : str
    """

    name = "mse"

    def value_and_gradient(
        self, output: Array, target: Array, n_batch: int, gradient: Array, weight: Any = 1.0
    ) -> float:
        """Return a shard's part of the mean, and assign the gradient by the outputs.

        Parameters
        ----------
        output : ndarray
            (m,) of floats; (m, n_classes) for cross-entropy.
        target : ndarray
            (m,).
        n_batch : int
            Rows of the whole batch.
        gradient : ndarray
            In the shape of `output`; assigned.
        weight : float or ndarray, optional
            Of the loss, or (m,) of each row; a row of weight 0 may have any target but NaN.

        Returns
        -------
        float
            ``sum(weight * loss) / n_batch``.
        """
        np.subtract(output, target, out=gradient)
        value = _mean(np.square(gradient), weight, n_batch)
        gradient *= 2 / n_batch * weight
        return value

    def of_mean(self, mean: float) -> tuple[float, float]:
        """Return the loss of a batch, and what all gradients are then to be multiplied by.

        Parameters
        ----------
        mean : float
            Sum of what `value_and_gradient` returned for all shards.

        Returns
        -------
        tuple of float
            ``(mean, 1)``, but for a loss that is a function of the mean.
        """
        return mean, 1.0


class AbsoluteError(Loss):
    """The absolute error; its gradient at no error is 0."""

    name = "mae"

    def value_and_gradient(
        self, output: Array, target: Array, n_batch: int, gradient: Array, weight: Any = 1.0
    ) -> float:
        """See `Loss.value_and_gradient`."""
        np.subtract(output, target, out=gradient)
        value = _mean(np.abs(gradient), weight, n_batch)
        np.sign(gradient, out=gradient)
        gradient *= 1 / n_batch * weight
        return value


class RootMeanSquaredError(Loss):
    """The root of the mean squared error of the batch.

    Its gradient is that of the mean squared error over twice the root, which is known once all
    shards are through.
    """

    name = "rmse"

    def of_mean(self, mean: float) -> tuple[float, float]:
        """See `Loss.of_mean`; without any error there is no gradient."""
        root = math.sqrt(mean)
        return root, 0.5 / root if root > 0 else 0.0


class BinaryCrossEntropy(Loss):
    """Cross-entropy of targets from 0 to 1 and the sigmoid of scores.

    ``log(1 + exp(score)) - target * score``, which does not overflow as it is computed here.
    """

    name = "bce"

    def value_and_gradient(
        self, output: Array, target: Array, n_batch: int, gradient: Array, weight: Any = 1.0
    ) -> float:
        """See `Loss.value_and_gradient`."""
        value = _mean(np.logaddexp(output, 0) - target * output, weight, n_batch)
        np.multiply(output, 0.5, out=gradient)
        np.tanh(gradient, out=gradient)
        gradient += 1
        gradient *= 0.5
        gradient -= target
        gradient *= 1 / n_batch * weight
        return value


class CrossEntropy(Loss):
    """Cross-entropy of classes and the softmax of scores.

    Outputs and gradients are (m, n_classes), targets (m,) integers.
    """

    name = "cross_entropy"

    def value_and_gradient(
        self, output: Array, target: Array, n_batch: int, gradient: Array, weight: Any = 1.0
    ) -> float:
        """See `Loss.value_and_gradient`."""
        rows = np.arange(len(target))
        np.subtract(output, output.max(axis=1, keepdims=True), out=gradient)
        of_target = gradient[rows, target]
        np.exp(gradient, out=gradient)
        totals = gradient.sum(axis=1)
        value = _mean(np.log(totals) - of_target, weight, n_batch)
        gradient /= totals[:, None]
        gradient[rows, target] -= 1
        gradient *= (1 / n_batch * np.broadcast_to(weight, len(target)))[:, None]
        return value


def _mean(losses: Array, weight: Any, n_batch: int) -> float:
    """Return the sum of weighted losses over the rows of the batch, added in float64."""
    if isinstance(weight, np.ndarray):
        losses = losses * weight
        weight = 1.0
    return float(weight) * float(np.sum(losses, dtype=np.float64)) / n_batch


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(),
        AbsoluteError(),
        RootMeanSquaredError(),
        BinaryCrossEntropy(),
        CrossEntropy(),
    )
}
"""Losses by name: mse, mae, rmse, bce (on scores before the sigmoid), cross_entropy (likewise)."""


def loss_named(name: str) -> Loss:
    """Return the loss of a name.

    Parameters
    ----------
    name : {"mse", "mae", "rmse", "bce", "cross_entropy"}

    Returns
    -------
    Loss

    Raises
    ------
    ParameterError
        If there is none.
    """
    check_choice("loss", name, LOSSES)
    return LOSSES[name]
