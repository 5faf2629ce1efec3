"""Errors of whatever predicts ratings by dense indices."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings
from fastmf.metrics import ErrorSums, RatingErrors, total_errors
from fastmf.parallel import Team

__all__ = ["Predicts", "errors_on"]

Floats = NDArray[np.float32]
Index = NDArray[np.int32]

# Ratings predicted by a thread at a time.
_ROWS_AT_ONCE = 1 << 16


class Predicts(Protocol):
    """Something that tells its errors on ratings."""

    def squared_and_absolute_error(
        self, user_index: Index, item_index: Index, value: Floats
    ) -> tuple[float, float]:
        """Return the sums of squared and of absolute errors."""


def errors_on(
    model: Predicts,
    ratings: Ratings,
    team: Team,
    rows: tuple[Index, Index] | None = None,
) -> RatingErrors:
    """Return the errors of clipped predictions on ratings.

    Parameters
    ----------
    model : object
        With `squared_and_absolute_error`.
    ratings : Ratings
    team : Team
    rows : tuple of ndarray, optional
        The model's index of each user and item of the ratings; default their own.

    Returns
    -------
    RatingErrors
    """

    def sums_of(bounds: tuple[int, int]) -> ErrorSums:
        users, items, value = ratings.chunk(*bounds)
        if rows is not None:
            users, items = rows[0][users], rows[1][items]
        squared, absolute = model.squared_and_absolute_error(users, items, value)
        ratings.release()
        return ErrorSums(squared, absolute, len(value))

    return total_errors(sums_of, ratings.ranges(_ROWS_AT_ONCE), team)
