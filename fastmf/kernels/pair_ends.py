"""Where pairs of rows meet: in front of the layers, and behind them with their targets."""

from __future__ import annotations

import numpy as np
from numba import njit

from fastmf.kernels.compiled import kernel
from fastmf.kernels.vectors import WIDTH, load, multiply_add, sum_lanes, zeros

__all__ = ["join_halves", "lose_squares"]


@kernel
def join_halves(users, items, first, has_bias, bias, rectified, out):
    """Set the output of the first layer: the sum of both halves, and the bias; rectified or not.

    Parameters
    ----------
    users, items : Shown
        See `fastmf.kernels.pair_rows`; their halves are looked at.
    first : int64
        The place of the first pair among those of all batches.
    has_bias : bool
    bias : (n,) float32
        Only looked at where there is one.
    rectified : bool
        With a bias; without, nothing is rectified.
    out : (m, n) float32, modified in place
    """
    width, zero = out.shape[1], np.float32(0)
    for row in range(len(out)):
        user = np.int64(users.places[first + row]) * width
        item = np.int64(items.places[first + row]) * width
        left, right = users.halves[user : user + width], items.halves[item : item + width]
        if not has_bias:
            for column in range(width):
                out[row, column] = left[column] + right[column]
        elif rectified:
            for column in range(width):
                total = left[column] + right[column] + bias[column]
                out[row, column] = zero if total < zero else total
        else:
            for column in range(width):
                out[row, column] = left[column] + right[column] + bias[column]


@njit
def _biased_dot(users, items, user, item):
    """Return ``user bias + item bias + user . item`` of two touched rows."""
    left, right = user * users.stride, item * items.stride
    score = users.inputs[left + users.bias] + items.inputs[right + items.bias]
    left += users.column
    right += items.column
    whole = users.width - users.width % WIDTH
    sums = zeros()
    for lane in range(0, whole, WIDTH):
        sums = multiply_add(load(users.inputs, left + lane), load(items.inputs, right + lane), sums)
    for column in range(whole, users.width):
        score += users.inputs[left + column] * items.inputs[right + column]
    return score + sum_lanes(sums)


@kernel
def lose_squares(output, users, items, first, n_batch, targets, errors):
    """Return the sum of squared errors, and set the gradient of their mean over the batch.

    Parameters
    ----------
    output : (m, 1) float32
        Scores, or what is added to the biased dot product of the rows.
    users, items : Shown
        See `fastmf.kernels.pair_rows`; biased where the dot product is added.
    first : int64
        The place of the first pair among those of all batches.
    n_batch : int64
        Pairs of the batch.
    targets : (n,) float32
        Of all batches.
    errors : (m,) float32, modified in place
        Receives ``2 / n_batch * (score - target)``.

    Returns
    -------
    float64

    Notes
    -----
    Free of races as long as no other thread has the same `errors`.
    """
    factor = np.float32(2.0 / n_batch)
    total = 0.0
    for row in range(len(output)):
        pair = first + row
        score = output[row, 0]
        if users.bias >= 0:
            user, item = np.int64(users.places[pair]), np.int64(items.places[pair])
            score += _biased_dot(users, items, user, item)
        error = score - targets[pair]
        total += np.float64(error) * np.float64(error)
        errors[row] = factor * error
    return total
