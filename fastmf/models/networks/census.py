"""What one pass over the training ratings tells a network before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings
from fastmf.data.arrays import frozen
from fastmf.errors import DataError
from fastmf.kernels.grid import add_counts, add_levels
from fastmf.parallel import Team

__all__ = ["RatingCensus", "take_census"]

Array = NDArray[Any]

# What `add_levels` counts up to.
_MOST_LEVELS = 255
_SLOTS = 1024


@dataclass(frozen=True)
class RatingCensus:
    """Figures of ratings.

    Attributes
    ----------
    n_ratings : int
    mean, spread : float
        Mean and standard deviation; the latter 1 where all are equal.
    rating_range : tuple of float
        Lowest and highest, those held out included.
    levels : tuple of float or None
        The distinct ratings, ascending; None where there are more than 255.
    user_counts, item_counts : (n_users,), (n_items,) int64
        Ratings of each.
    n_above : int
        Ratings above the threshold asked about.
    """

    n_ratings: int
    mean: float
    spread: float
    rating_range: tuple[float, float]
    levels: tuple[float, ...] | None
    user_counts: Array
    item_counts: Array
    n_above: int


def take_census(ratings: Ratings, team: Team, threshold: float = 0.0) -> RatingCensus:
    """Count and add up ratings, range by range: the same bits for any team.

    Parameters
    ----------
    ratings : Ratings
    team : Team
    threshold : float, optional
        Ratings above it are counted.

    Returns
    -------
    RatingCensus

    Raises
    ------
    DataError
        If there are no ratings.
    """
    n = len(ratings)
    if n == 0:
        raise DataError("there are no ratings to train on; hold out fewer of them")
    # One of the ratings themselves keeps the variance exact, and 0 where all are equal.
    shift = next(float(chunk.value[0]) for chunk in ratings.chunks() if len(chunk.value))
    shares = [
        (np.zeros(ratings.n_users, np.int64), np.zeros(ratings.n_items, np.int64))
        for _ in range(team.num_threads)
    ]
    ranges = ratings.ranges()

    def measure(worker: int) -> list[tuple[float, float, int, Array, int]]:
        found = []
        for bounds in ranges[worker :: team.num_threads]:
            users, items, value = ratings.chunk(*bounds)
            for index, counts in zip((users, items), shares[worker], strict=True):
                add_counts(frozen(index), counts)
            keys, used = np.zeros(_SLOTS, np.uint32), np.zeros(_SLOTS, np.uint8)
            distinct = int(add_levels(frozen(value).view(np.uint32), keys, used, 0))
            centred = value.astype(np.float64) - shift
            sums = float(centred.sum()), float((centred * centred).sum())
            above = int(np.count_nonzero(value > threshold))
            found.append((*sums, above, keys[used == 1], distinct))
            ratings.release()
        return found

    of_workers = list(team.map(measure, range(team.num_threads)))
    # In the order of the ranges, whoever measured them.
    parts = [of_workers[k % team.num_threads][k // team.num_threads] for k in range(len(ranges))]
    offset = sum(part[0] for part in parts) / n
    variance = sum(part[1] for part in parts) / n - offset * offset
    return RatingCensus(
        n,
        shift + offset,
        variance**0.5 if variance > 0 else 1.0,
        ratings.rating_range,
        _levels([(part[3], part[4]) for part in parts]),
        sum((share[0] for share in shares), np.zeros(ratings.n_users, np.int64)),
        sum((share[1] for share in shares), np.zeros(ratings.n_items, np.int64)),
        sum(part[2] for part in parts),
    )


def _levels(parts: list[tuple[Array, int]]) -> tuple[float, ...] | None:
    """Return the distinct ratings of all parts; None where there are too many."""
    if max(distinct for _, distinct in parts) > _MOST_LEVELS:
        return None
    levels = np.unique(np.concatenate([keys for keys, _ in parts]).view(np.float32))
    return tuple(levels.tolist()) if len(levels) <= _MOST_LEVELS else None
