"""Errors of predicted ratings: root mean squared, mean squared and mean absolute.

Sums are float64 whatever the inputs are. For predictions that are never held all at once, add up
chunk by chunk with `total_errors`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmf.errors import DataError
from fastmf.parallel import Team

__all__ = ["ErrorSums", "RatingErrors", "mae", "mse", "rmse", "total_errors"]

# Ratings whose errors are held as float64 at once: 512 kB, which stays in cache.
_ROWS = 1 << 16

Chunk = TypeVar("Chunk")


class ErrorSums(NamedTuple):
    """Sums over some ratings, which add up to the errors of all."""

    squared: float
    absolute: float
    n_ratings: int


class RatingErrors(NamedTuple):
    """Errors over all ratings, in the unit of the ratings (mse: its square)."""

    rmse: float
    mae: float
    mse: float
    n_ratings: int


def rmse(true: ArrayLike, predicted: ArrayLike) -> float:
    """Return the root of the mean squared error.

    Parameters
    ----------
    true, predicted : array_like
        (m,) ratings, in the same order.

    Returns
    -------
    float
        ``sqrt(mean((true - predicted)^2))``, in the unit of the ratings.

    Raises
    ------
    DataError
        If there are no ratings, the lengths differ, or a value is NaN or infinite.
    """
    return math.sqrt(mse(true, predicted))


def mse(true: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean squared error.

    Parameters
    ----------
    true, predicted : array_like
        (m,) ratings, in the same order.

    Returns
    -------
    float
        ``mean((true - predicted)^2)``.

    Raises
    ------
    DataError
        If there are no ratings, the lengths differ, or a value is NaN or infinite.
    """
    sums = _error_sums(true, predicted)
    return sums.squared / sums.n_ratings


def mae(true: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean absolute error.

    Parameters
    ----------
    true, predicted : array_like
        (m,) ratings, in the same order.

    Returns
    -------
    float
        ``mean(|true - predicted|)``, in the unit of the ratings.

    Raises
    ------
    DataError
        If there are no ratings, the lengths differ, or a value is NaN or infinite.
    """
    sums = _error_sums(true, predicted)
    return sums.absolute / sums.n_ratings


def total_errors(
    sums_of: Callable[[Chunk], ErrorSums],
    chunks: Iterable[Chunk],
    team: Team,
    *,
    progress: Callable[[int], None] | None = None,
) -> RatingErrors:
    """Add up the errors of chunks of ratings, in parallel.

    Parameters
    ----------
    sums_of : callable
        Returns the sums of one chunk; called from several threads at once.
    chunks : iterable
        What `sums_of` takes, say ranges of rows. Cut by the data alone, never by the number of
        threads: the sums are added in the order of the chunks, so the result has the same bits
        for any number of threads.
    team : Team
        Threads to work with.
    progress : callable, optional
        Called with the number of ratings done since the last call.

    Returns
    -------
    RatingErrors
        NaN where a prediction was NaN.

    Raises
    ------
    DataError
        If there are no ratings.
    """
    squared, absolute, n_ratings = 0.0, 0.0, 0
    for sums in team.map(sums_of, chunks):
        squared += sums.squared
        absolute += sums.absolute
        n_ratings += sums.n_ratings
        if progress is not None:
            progress(sums.n_ratings)
    if n_ratings == 0:
        raise DataError("there are no ratings to measure the error of")
    mean_squared = squared / n_ratings
    return RatingErrors(math.sqrt(mean_squared), absolute / n_ratings, mean_squared, n_ratings)


def _error_sums(true: ArrayLike, predicted: ArrayLike) -> ErrorSums:
    """Return the sums over two arrays after checking them."""
    expected = _checked(true, "true")
    found = _checked(predicted, "predicted")
    if len(expected) != len(found):
        raise DataError(f"{len(expected)} true ratings but {len(found)} predicted ones")
    if len(expected) == 0:
        raise DataError("there are no ratings to measure the error of")
    squared, absolute = 0.0, 0.0
    for start in range(0, len(expected), _ROWS):
        part = slice(start, start + _ROWS)
        errors = np.subtract(expected[part], found[part], dtype=np.float64)
        absolute += float(np.abs(errors, out=errors).sum())
        # Not np.dot: BLAS may cut the sum by its number of threads.
        squared += float(np.square(errors, out=errors).sum())
    return ErrorSums(squared, absolute, len(expected))


def _checked(values: ArrayLike, role: str) -> NDArray[np.number]:
    """Return ratings as a numeric array of one dimension without NaN or infinity."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"{role} ratings must be a list, not of shape {array.shape}")
    if array.size and array.dtype.kind not in "iufb":
        raise DataError(f"{role} ratings must be numbers, not {array.dtype}")
    finite = np.isfinite(array) if array.size else np.ones(0, np.bool_)
    if not finite.all():
        place = int(np.argmin(finite))
        raise DataError(f"{role} rating {place + 1} of {array.size} is {array[place]}")
    return array
