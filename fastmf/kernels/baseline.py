"""Sums per user and per item, for the bias-only baseline."""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel

__all__ = ["add_ratings", "add_residuals"]


@kernel
def add_ratings(index, ratings, sums, counts):
    """Add every rating to the sum of its user or item, and one to its count.

    Parameters
    ----------
    index : (m,) int32
    ratings : (m,) float32
    sums : (n,) float64, modified in place
    counts : (n,) int64, modified in place
    """
    for row in range(index.size):
        sums[index[row]] += np.float64(ratings[row])
        counts[index[row]] += 1


@kernel
def add_residuals(user_index, item_index, ratings, mean, item_bias, sums, counts):
    """Add ``rating - mean - item_bias[item]`` to the sum of its user, and one to its count.

    Parameters
    ----------
    user_index, item_index : (m,) int32
    ratings : (m,) float32
    mean : float64
    item_bias : (n_items,) float64
    sums : (n_users,) float64, modified in place
    counts : (n_users,) int64, modified in place
    """
    for row in range(user_index.size):
        user = user_index[row]
        sums[user] += np.float64(ratings[row]) - mean - item_bias[item_index[row]]
        counts[user] += 1
