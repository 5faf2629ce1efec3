"""The bias-only baseline that every model is measured against."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.data import RatingChunk, Ratings
from fastmf.kernels.baseline import add_ratings, add_residuals
from fastmf.parallel import Team

__all__ = ["ITEM_DAMPING", "USER_DAMPING", "BiasBaseline", "fit_bias_baseline"]

# Fixed, so that sums are taken in the same order, and come out the same, for any team.
_PARTS = 8

ITEM_DAMPING = 25.0
USER_DAMPING = 10.0


class BiasBaseline(NamedTuple):
    """Mean and biases in rating units; ``prediction = mean + user_bias + item_bias``."""

    mean: float
    user_bias: NDArray[np.float32]  # (n_users,)
    item_bias: NDArray[np.float32]  # (n_items,)
    user_counts: NDArray[np.int64]  # (n_users,) ratings behind each bias
    item_counts: NDArray[np.int64]  # (n_items,)


def fit_bias_baseline(ratings: Ratings, team: Team) -> BiasBaseline:
    """Fit damped means, the decoupled biases of Koren (2010), "Factor in the neighbors", 2.1.

    ``item_bias = sum(r - mean) / (25 + count)``, then
    ``user_bias = sum(r - mean - item_bias) / (10 + count)``.

    Parameters
    ----------
    ratings : Ratings
    team : Team

    Returns
    -------
    BiasBaseline
    """
    sums, counts = _totals(
        ratings, team, ratings.n_items, lambda c, totals: add_ratings(c.item_index, c.value, totals)
    )
    mean = float(sums.sum() / counts.sum())
    item_counts = counts
    item_bias = (sums - mean * counts) / (ITEM_DAMPING + counts)
    expected = mean + item_bias
    sums, counts = _totals(
        ratings, team, ratings.n_users, lambda c, totals: add_residuals(*c, expected, totals)
    )
    user_bias = sums / (USER_DAMPING + counts)
    return BiasBaseline(
        mean,
        user_bias.astype(np.float32),
        item_bias.astype(np.float32),
        counts.astype(np.int64),
        item_counts.astype(np.int64),
    )


def _totals(
    ratings: Ratings,
    team: Team,
    size: int,
    add: Callable[[RatingChunk, NDArray[np.float64]], None],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ranges = ratings.ranges()

    def part(number: int) -> NDArray[np.float64]:
        totals = np.zeros((size, 2))
        for bounds in ranges[number::_PARTS]:
            add(ratings.chunk(*bounds), totals)
        ratings.release()
        return totals

    whole = np.zeros((size, 2))
    for totals in team.map(part, range(min(_PARTS, len(ranges)))):
        whole += totals
    return whole[:, 0], whole[:, 1]
