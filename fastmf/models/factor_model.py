"""What models of users' and items' factors share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from fastmf.kernels.links import Link
from fastmf.models.base import RatingModel
from fastmf.models.folding.growing import GrowingFactors
from fastmf.models.rows import FactorArrays
from fastmf.training import Outcome

__all__ = ["FactorModel", "Fitted"]


class Fitted(NamedTuple):
    """What the training of a factor model returns."""

    arrays: FactorArrays
    mean: float
    link: Link
    outcome: Outcome
    train_rmse: float
    prepare_seconds: float
    schedule: dict[str, Any]
    spread: float  # standard deviation of the ratings, or 1 for preferences
    scale: float  # units of the score in one of the rows' product while training


class FactorModel(RatingModel, GrowingFactors):
    """A model of user factors and item factors; see `FittedFactors` for what a fitted one has.

    `GrowingFactors` has what it does with ratings that come after training.
    """

    factors: int

    def _restore(self, arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any]) -> None:
        super()._restore(arrays, record)
        if self.factors != self.user_factors_.shape[1]:
            raise ValueError("factors is not the length of the saved user_factors")
