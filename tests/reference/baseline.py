"""Slow, obvious twins of fastmf.kernels.baseline."""

import numpy as np


def add_ratings(index, ratings, n):
    sums = [
        sum(float(r) for i, r in zip(index, ratings, strict=True) if i == row) for row in range(n)
    ]
    return np.array(sums), np.bincount(index, minlength=n)


def add_residuals(user_index, item_index, ratings, expected, n_users):
    residuals = [float(r) - expected[i] for i, r in zip(item_index, ratings, strict=True)]
    sums = [
        sum(x for u, x in zip(user_index, residuals, strict=True) if u == row)
        for row in range(n_users)
    ]
    return np.array(sums), np.bincount(user_index, minlength=n_users)
