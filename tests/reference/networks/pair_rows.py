"""Slow, obvious twins of kernels.networks.pair_rows: a layer over gathered rows, entry by entry."""

import numpy as np


def first_layer(user_rows, item_rows, weights):
    """Return the first layer's output of gathered rows, without its bias."""
    return np.concatenate([user_rows, item_rows], axis=1) @ weights


def first_layer_gradients(user_rows, item_rows, weights, slopes):
    """Return the gradients of the weights, and of the gathered rows of users and of items."""
    rows = np.concatenate([user_rows, item_rows], axis=1)
    by_rows = slopes @ weights.T
    k = user_rows.shape[1]
    return rows.T @ slopes, by_rows[:, :k], by_rows[:, k:]


def by_row(index, gradients, n_rows):
    """Return the sums of gradients by the row that each is of."""
    sums = np.zeros((n_rows, gradients.shape[1]))
    for row, gradient in zip(index, gradients, strict=True):
        sums[row] += gradient
    return sums
