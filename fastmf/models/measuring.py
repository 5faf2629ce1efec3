"""Errors of whatever predicts ratings by dense indices."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings, Vocabulary, read_ratings
from fastmf.errors import DataError
from fastmf.metrics import ErrorSums, RatingErrors, total_errors
from fastmf.parallel import Team

__all__ = ["Predicts", "errors_on", "given_ratings"]

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


def given_ratings(
    given: Any, users: Vocabulary, items: Vocabulary
) -> tuple[Ratings, tuple[Index, Index]]:
    """Read the ratings that a model is measured on.

    Parameters
    ----------
    given : Ratings, or whatever `read_ratings` takes
    users, items : Vocabulary
        The model's.

    Returns
    -------
    Ratings, tuple of ndarray
        And the model's index of each of their users and items, -1 for the unknown.

    Raises
    ------
    DataError
        If there are none, or they cannot be read.
    """
    ratings = read_ratings(given, trainable=False)
    if len(ratings) == 0:
        raise DataError("there are no ratings to evaluate the model on")
    return ratings, (users.index_of(ratings.users), items.index_of(ratings.items))


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
