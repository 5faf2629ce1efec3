"""Where pairs of rows meet: in front of the layers, and behind them with their targets."""

from __future__ import annotations

import numpy as np
from numba import njit

from fastmf.kernels.batch_rows import prefetch_to_second_level
from fastmf.kernels.compiled import kernel
from fastmf.kernels.vector_roots import add
from fastmf.kernels.vectors import WIDTH, load, multiply_add, store, sum_lanes, zeros

__all__ = ["join_halves", "join_rows", "lose_squares"]


_AHEAD = 1


@kernel
def join_halves(users, items, stride, first, has_bias, bias, rectified, out):
    """Set the output of the first layer: the sum of both halves, and the bias; rectified or not.

    Parameters
    ----------
    users, items : Shown
        See `fastmf.kernels.networks.pair_rows`; their halves are looked at.
    stride : int64
        Floats from one half to the next.
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
        user = np.int64(users.places[first + row]) * stride
        item = np.int64(items.places[first + row]) * stride
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


@kernel
def join_rows(users, items, stride, first, rows, n, out, at):
    """Set rows to the sums of both halves, padding included.

    Parameters
    ----------
    users, items : Shown
        See `fastmf.kernels.networks.pair_rows`; their halves are looked at.
    stride : int64
        Floats from one half to the next, and from one row to the next: a multiple of sixteen.
    first : int64
        The place of the first pair among those of all batches.
    rows : int64
    n : int64
        Pairs of this batch and those before it.
    out : float32, modified in place
        The first row begins at `at`.
    at : int64
    """
    for pair in range(first, first + rows):
        user = np.int64(users.places[pair]) * stride
        item = np.int64(items.places[pair]) * stride
        # Halves lie in no order, past the second-level cache: those of a pair are asked for while
        # the one before is summed.
        later = min(pair + _AHEAD, n - 1)
        next_user = np.int64(users.places[later]) * stride
        next_item = np.int64(items.places[later]) * stride
        for lane in range(0, stride, WIDTH):
            prefetch_to_second_level(users.halves, next_user + lane)
            prefetch_to_second_level(items.halves, next_item + lane)
            total = add(load(users.halves, user + lane), load(items.halves, item + lane))
            store(out, at + lane, total)
        at += stride


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
        See `fastmf.kernels.networks.pair_rows`; biased where the dot product is added.
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
