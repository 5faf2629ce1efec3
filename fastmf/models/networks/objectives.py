"""What networks learn to predict: how outputs become losses in training and ratings afterwards.

An objective is a function of the outputs of a network, (m, n_outputs), and of the ratings they
stand for. Ratings are centred and divided by their spread, so that rates and regularization mean
the same on any scale.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, ClassVar, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from fastmf.models.losses import sigmoid_ends
from fastmf.models.networks.census import RatingCensus
from fastmf.models.networks.parameters import OutputName
from fastmf.nn.losses import LOSSES, Loss, loss_named
from fastmf.nn.tape import Tape

__all__ = ["Objective", "RatingObjective", "check_numbers", "logit", "sigmoid"]

Array = NDArray[Any]

# A sigmoid whose middle is the mean of the ratings starts at most this far from its own middle.
_FARTHEST_PART = 0.99

# Past all float32, of which ratings are.
_LARGEST = 2.0**128


class Objective(Protocol):
    """What a network's outputs are for."""

    @property
    def n_outputs(self) -> int:
        """Outputs of the network for a pair."""

    @property
    def dot_shares(self) -> tuple[float, ...]:
        """How much of the biased dot product each output has, where a network has one."""

    @property
    def loss(self) -> Loss:
        """What decides whether gradients are multiplied by a function of the batch's mean loss."""

    @property
    def spread(self) -> float:
        """Root of the mean square that a constant prediction would leave."""

    def lose(self, outputs: Array, values: Array, gradient: Array, tape: Tape) -> None:
        """Record the loss of a shard, and assign the gradient by its outputs.

        Parameters
        ----------
        outputs : (m, n_outputs) ndarray
        values : (m,) float32
            Ratings.
        gradient : (m, n_outputs) ndarray
            Assigned.
        tape : Tape
        """

    def scores(self, outputs: Array) -> Array:
        """Return what items are ranked by, (m,): it rises with the prediction and has no ties."""

    def ratings_of(self, scores: Array) -> Array:
        """Return the predictions that scores stand for, not clipped; NaN stays NaN."""

    def predictions(self, outputs: Array) -> Array:
        """Return the predictions of outputs, (m,), not clipped."""

    def targets(self, values: Array) -> Array:
        """Return what predictions are to be, (m,), for ratings."""

    def record(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""


def check_numbers(*, least: float = -_LARGEST, most: float = _LARGEST, **numbers: Any) -> None:
    """Refuse what an objective never has, but a file that was tampered with may.

    Parameters
    ----------
    least, most : float, optional
        What is allowed.
    **numbers : object
        By their names.

    Raises
    ------
    ValueError
    """
    for name, number in numbers.items():
        is_number = isinstance(number, Real) and not isinstance(number, bool)
        if not is_number or not least <= number <= most:  # NaN is not either
            raise ValueError(f"{name} of the objective is {str(number)[:40]!r}")


def sigmoid(scores: Array) -> Array:
    """Return ``1 / (1 + exp(-scores))``, which no score overflows; NaN stays NaN."""
    part: Array = np.tanh(scores * 0.5)
    part += 1
    part *= 0.5
    return part


def logit(part: float) -> float:
    """Return what `sigmoid` makes a part of; those near 0 and 1 count as .01 and .99."""
    part = min(max(part, 1 - _FARTHEST_PART), _FARTHEST_PART)
    return math.log(part / (1 - part))


@dataclass(frozen=True)
class RatingObjective:
    """A rating as a number.

    Attributes
    ----------
    mean, spread : float
        Of the training ratings; their standard deviation, or 1 where all are equal.
    bottom, top : float
        What a sigmoid runs between.
    loss_name : {"mse", "mae", "rmse", "bce"}
        The last on ratings scaled to 0-1 between bottom and top.
    output : {"linear", "sigmoid", "relu"}
    """

    mean: float
    spread: float
    bottom: float
    top: float
    loss_name: str = "mse"
    output: str = "linear"

    n_outputs: ClassVar[int] = 1
    dot_shares: ClassVar[tuple[float, ...]] = (1.0,)

    def __post_init__(self) -> None:
        check_numbers(mean=self.mean, bottom=self.bottom)
        check_numbers(top=self.top, least=self.bottom)
        check_numbers(spread=self.spread, least=math.ulp(0.0))
        if self.output not in get_args(OutputName) or self.loss_name not in LOSSES:
            raise ValueError(f"the objective is {self.loss_name!r} of {self.output!r}")

    @classmethod
    def of(cls, census: RatingCensus, loss_name: str, output: str) -> RatingObjective:
        """Return the objective for ratings.

        Parameters
        ----------
        census : RatingCensus
        loss_name, output : str

        Returns
        -------
        RatingObjective
        """
        ends = sigmoid_ends(census.rating_range)
        return cls(census.mean, census.spread, *ends, loss_name, output)

    @property
    def loss(self) -> Loss:
        """The loss by its name."""
        return loss_named(self.loss_name)

    @property
    def is_plain(self) -> bool:
        """Whether outputs are the ratings, standardized, and the loss is the squared error."""
        return (self.loss_name, self.output) == ("mse", "linear")

    @property
    def offset(self) -> float:
        """The score of the mean rating: what an output of 0 stands for."""
        if self.output != "sigmoid":
            return self.mean
        width = self.top - self.bottom
        return logit((self.mean - self.bottom) / width) if width > 0 else 0.0

    def lose(self, outputs: Array, values: Array, gradient: Array, tape: Tape) -> None:
        """See `Objective.lose`."""
        flat, slope = outputs.reshape(-1), gradient.reshape(-1)
        if self.loss_name == "bce":
            loss, squares = self._lose_parts(flat, values, slope, tape)
        else:
            targets = np.subtract(values, self.mean, dtype=flat.dtype)
            targets /= self.spread
            found = self._standardized(flat)
            loss = self.loss.value_and_gradient(found, targets, tape.n_batch, slope)
            squares = loss * tape.n_batch
            if self.loss_name == "mae":
                targets -= found
                squares = float(targets @ targets)
            self._chain(flat, found, slope)
        tape.record(loss, squares * self.spread**2, len(values))

    def _lose_parts(
        self, flat: Array, values: Array, slope: Array, tape: Tape
    ) -> tuple[float, float]:
        """Return cross-entropy and the sum of squared errors in spreads; assign the gradient."""
        width = self.top - self.bottom
        parts = (values - self.bottom) / width if width > 0 else np.full_like(values, 0.5)
        scores = flat + self.offset
        loss = self.loss.value_and_gradient(scores, parts.astype(flat.dtype), tape.n_batch, slope)
        error = self._standardized(flat) - (values - self.mean) / self.spread
        return loss, float(error @ error)

    def _standardized(self, flat: Array) -> Array:
        """Return predictions, centred and divided by the spread."""
        if self.output == "linear":
            return flat
        if self.output == "relu":
            positive: Array = np.maximum(flat, -self.mean / self.spread)
            return positive
        low, width = self._sigmoid_units
        ratings: Array = low + width * sigmoid(flat + self.offset)
        return ratings

    def _chain(self, flat: Array, found: Array, slope: Array) -> None:
        """Turn the gradient by standardized predictions into that by outputs."""
        if self.output == "relu":
            slope *= flat > -self.mean / self.spread
        elif self.output == "sigmoid":
            low, width = self._sigmoid_units
            part = (found - low) / width if width > 0 else np.zeros_like(found)
            slope *= width * part * (1 - part)

    @property
    def _sigmoid_units(self) -> tuple[float, float]:
        return (self.bottom - self.mean) / self.spread, (self.top - self.bottom) / self.spread

    def scores(self, outputs: Array) -> Array:
        """Return the outputs."""
        return outputs.reshape(-1)

    def ratings_of(self, scores: Array) -> Array:
        """See `Objective.ratings_of`."""
        ratings: Array = self.mean + self.spread * self._standardized(scores)
        return ratings

    def predictions(self, outputs: Array) -> Array:
        """See `Objective.predictions`."""
        return self.ratings_of(outputs.reshape(-1))

    def targets(self, values: Array) -> Array:
        """Return the ratings."""
        return values

    def record(self) -> dict[str, Any]:
        """See `Objective.record`."""
        return asdict(self)
