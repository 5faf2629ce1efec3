"""What networks learn to predict besides a number: one of several ratings, and likes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastmf.models.networks.objectives import (
    Objective,
    RatingObjective,
    check_numbers,
    logit,
    sigmoid,
)
from fastmf.nn.losses import Loss, loss_named
from fastmf.nn.tape import Tape

__all__ = ["ClassObjective", "LikeObjective", "RatingAndLikeObjective"]

Array = NDArray[Any]


@dataclass(frozen=True)
class ClassObjective:
    """One of the ratings that there are, each a class of its own.

    Attributes
    ----------
    levels : tuple of float
        The distinct ratings, ascending.
    spread : float
    predict : {"mean", "mode"}
        The mean of the ratings by their probabilities, or the most probable one.
    """

    levels: tuple[float, ...]
    spread: float
    predict: str = "mean"

    def __post_init__(self) -> None:
        check_numbers(**{f"level {place}": level for place, level in enumerate(self.levels)})
        check_numbers(spread=self.spread, least=math.ulp(0.0))
        rising = all(low < high for low, high in pairwise(self.levels))
        if not self.levels or not rising or self.predict not in ("mean", "mode"):
            raise ValueError(f"the objective is the {self.predict!r} of {str(self.levels)[:40]}")

    @property
    def n_outputs(self) -> int:
        """One a level."""
        return len(self.levels)

    @property
    def dot_shares(self) -> tuple[float, ...]:
        """The ratings, standardized: the higher the product, the likelier are high ratings."""
        middle = (self.levels[0] + self.levels[-1]) / 2
        return tuple((level - middle) / self.spread for level in self.levels)

    @property
    def loss(self) -> Loss:
        """Cross-entropy."""
        return loss_named("cross_entropy")

    def lose(self, outputs: Array, values: Array, gradient: Array, tape: Tape) -> None:
        """See `Objective.lose`."""
        classes = np.searchsorted(np.asarray(self.levels, np.float32), values)
        loss = self.loss.value_and_gradient(outputs, classes, tape.n_batch, gradient)
        error = self.scores(outputs).astype(np.float64) - values
        tape.record(loss, float(error @ error), len(values))

    def probabilities(self, outputs: Array) -> Array:
        """Return the probability of each level, (m, n_levels)."""
        parts: Array = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        parts /= parts.sum(axis=1, keepdims=True)
        return parts

    def scores(self, outputs: Array) -> Array:
        """Return the mean rating by the probabilities."""
        means: Array = self.probabilities(outputs) @ np.asarray(self.levels, outputs.dtype)
        return means

    def ratings_of(self, scores: Array) -> Array:
        """Return the scores."""
        return scores

    def predictions(self, outputs: Array) -> Array:
        """See `Objective.predictions`."""
        if self.predict == "mean":
            return self.scores(outputs)
        found: Array = np.asarray(self.levels, outputs.dtype)[outputs.argmax(axis=1)]
        return found

    def targets(self, values: Array) -> Array:
        """Return the ratings."""
        return values

    def record(self) -> dict[str, Any]:
        """See `Objective.record`."""
        return asdict(self)


@dataclass(frozen=True)
class LikeObjective:
    """Whether a rating is above a threshold; predictions are probabilities.

    Attributes
    ----------
    threshold : float
        Ratings above it are likes (1), others are none (0).
    share : float
        Part of the training ratings that are likes, which an output of 0 stands for.
    """

    threshold: float
    share: float

    n_outputs: ClassVar[int] = 1
    dot_shares: ClassVar[tuple[float, ...]] = (1.0,)

    def __post_init__(self) -> None:
        check_numbers(threshold=self.threshold)
        check_numbers(share=self.share, least=0.0, most=1.0)

    @property
    def loss(self) -> Loss:
        """Binary cross-entropy."""
        return loss_named("bce")

    @property
    def spread(self) -> float:
        """Standard deviation of likes, or 1 where all are alike."""
        return math.sqrt(self.share * (1 - self.share)) or 1.0

    def likes(self, values: Array) -> Array:
        """Return 1 for ratings that are likes, 0 for others, float32."""
        found: Array = (values > self.threshold).astype(np.float32)
        return found

    def lose(self, outputs: Array, values: Array, gradient: Array, tape: Tape) -> None:
        """See `Objective.lose`."""
        flat = outputs.reshape(-1)
        likes = self.likes(values).astype(flat.dtype)
        scores = flat + flat.dtype.type(logit(self.share))
        loss = self.loss.value_and_gradient(scores, likes, tape.n_batch, gradient.reshape(-1))
        error = sigmoid(scores) - likes
        tape.record(loss, float(error @ error), len(values))

    def scores(self, outputs: Array) -> Array:
        """Return the outputs."""
        return outputs.reshape(-1)

    def ratings_of(self, scores: Array) -> Array:
        """Return probabilities."""
        return sigmoid(scores + scores.dtype.type(logit(self.share)))

    def predictions(self, outputs: Array) -> Array:
        """See `Objective.predictions`."""
        return self.ratings_of(outputs.reshape(-1))

    def targets(self, values: Array) -> Array:
        """Return the likes."""
        return self.likes(values)

    def record(self) -> dict[str, Any]:
        """See `Objective.record`."""
        return asdict(self)


@dataclass(frozen=True)
class RatingAndLikeObjective:
    """A rating and whether it is a like, by two outputs; the loss is a weighted sum.

    Attributes
    ----------
    rating : RatingObjective
        Predictions and scores are its.
    like : LikeObjective
    rating_weight, like_weight : float
    """

    rating: RatingObjective
    like: LikeObjective
    rating_weight: float = 1.0
    like_weight: float = 1.0

    n_outputs: ClassVar[int] = 2
    dot_shares: ClassVar[tuple[float, ...]] = (1.0, 2.0)

    def __post_init__(self) -> None:
        check_numbers(rating_weight=self.rating_weight, like_weight=self.like_weight, least=0.0)

    @property
    def loss(self) -> Loss:
        """That of the rating."""
        return self.rating.loss

    @property
    def spread(self) -> float:
        """That of the ratings."""
        return self.rating.spread

    def lose(self, outputs: Array, values: Array, gradient: Array, tape: Tape) -> None:
        """See `Objective.lose`."""
        part = Tape(tape.rows, tape.n_batch, workspace=tape.workspace, dtype=tape.dtype)
        single = tape.buffer(self, "output", (len(values), 1))
        slope = tape.buffer(self, "gradient", (len(values), 1))
        loss = squares = 0.0
        tasks: tuple[Objective, ...] = self.rating, self.like
        for column, weight in enumerate((self.rating_weight, self.like_weight)):
            single[:, 0] = outputs[:, column]
            before = part.loss
            tasks[column].lose(single, values, slope, part)
            loss += weight * (part.loss - before)
            squares = squares or part.squared_error  # of the ratings, which come first
            np.multiply(slope[:, 0], slope.dtype.type(weight), out=gradient[:, column])
        tape.record(loss, squares, len(values))

    def scores(self, outputs: Array) -> Array:
        """Return the outputs for ratings."""
        return np.ascontiguousarray(outputs[:, 0])

    def ratings_of(self, scores: Array) -> Array:
        """See `Objective.ratings_of`."""
        return self.rating.ratings_of(scores)

    def predictions(self, outputs: Array) -> Array:
        """See `Objective.predictions`."""
        return self.ratings_of(self.scores(outputs))

    def targets(self, values: Array) -> Array:
        """Return the ratings."""
        return values

    def record(self) -> dict[str, Any]:
        """See `Objective.record`."""
        return asdict(self)
