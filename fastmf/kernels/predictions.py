"""Predictions of a biased factor model for (user, item) pairs, and their errors, fused.

The arrays are those of a fitted model: compact rows of `k` float32 factors, possibly mapped from
a file. A row of 50 factors is three vectors of sixteen lanes and a fourth one that overlaps the
third, masked so that no factor counts twice; nothing is read past the end of a row.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from fastmf.kernels.vectors import WIDTH, load, multiply, multiply_add, sum_lanes

__all__ = ["predict_pairs", "squared_and_absolute_error"]

_FACTORS = types.Array(types.float32, 2, "C", readonly=True)
_FLOATS = types.Array(types.float32, 1, "C", readonly=True)
_INDEX = types.Array(types.int32, 1, "C", readonly=True)
_OUT = types.Array(types.float32, 1, "C")

# What every kernel here takes of the model: factors, biases, mean, and the two limits.
_MODEL = (_FACTORS, _FACTORS, _FLOATS, _FLOATS, types.float32, types.float32, types.float32)

# Pairs predicted at once on the way to their errors: 4 kB of predictions in first-level cache.
_BLOCK = 1024


@njit(nogil=True)
def _tail_mask(k):
    """Return one for the lanes of a row's last sixteen factors that whole vectors leave over."""
    mask = np.zeros(WIDTH, np.float32)
    mask[WIDTH - k % WIDTH :] = np.float32(1)
    return mask


@njit(nogil=True)
def _dots(user_index, item_index, user_factors, item_factors, out):
    """Write the dot product of each pair, rows of at least sixteen factors; 0 where unknown."""
    k = user_factors.shape[1]
    flat_users, flat_items = user_factors.reshape(-1), item_factors.reshape(-1)
    mask = _tail_mask(k)
    last = k - WIDTH
    # Rejected: prefetching the users' rows 8 or 16 pairs ahead. 10 to 16% faster with 480,189 users
    # in random order, 4% slower with sorted ones: out-of-order loads overlap well enough.
    for row in range(user_index.shape[0]):
        if user_index[row] < 0 or item_index[row] < 0:
            out[row] = np.float32(0)
            continue
        user, item = np.intp(user_index[row]) * k, np.intp(item_index[row]) * k
        products = multiply(load(flat_users, user + last), load(flat_items, item + last))
        sums = multiply(load(mask, 0), products)
        for f in range(0, last + 1, WIDTH):
            sums = multiply_add(load(flat_users, user + f), load(flat_items, item + f), sums)
        out[row] = sum_lanes(sums)


@njit(nogil=True)
def _dots_of_few(user_index, item_index, user_factors, item_factors, out):
    """Write the dot product of each pair, rows of any number of factors; 0 where unknown."""
    for row in range(user_index.shape[0]):
        user, item = user_index[row], item_index[row]
        total = np.float32(0)
        if user >= 0 and item >= 0:
            for f in range(user_factors.shape[1]):
                total += user_factors[user, f] * item_factors[item, f]
        out[row] = total


@njit(types.void(_INDEX, _INDEX, *_MODEL, _OUT), cache=True, nogil=True)
def predict_pairs(
    user_index,
    item_index,
    user_factors,
    item_factors,
    user_bias,
    item_bias,
    mean,
    low,
    high,
    out,
):
    """Predict the rating of each (user, item) pair.

    ``out = clip(mean + user_bias[u] + item_bias[i] + user_factors[u] . item_factors[i])``, where
    the terms of an unknown user or item, of index -1, are left out.

    Parameters
    ----------
    user_index, item_index : int32 (m,)
        Dense indices; -1 where unknown. Not checked against the number of rows.
    user_factors, item_factors : float32 (n_users, k), (n_items, k)
        Factors.
    user_bias, item_bias : float32 (n_users,), (n_items,)
        Biases.
    mean, low, high : float32
        The mean, and the range that predictions are clipped to.
    out : float32 (m,)
        Written. NaN where a factor or bias is NaN.

    Notes
    -----
    Threads are free of races when each has its own slice of `out`. A prediction depends on its
    own pair only, so its bits are the same however the pairs are cut.
    """
    # Two loops, not a branch in one: that halved the throughput (about 25 to 11 million pairs/s).
    if user_factors.shape[1] >= WIDTH:
        _dots(user_index, item_index, user_factors, item_factors, out)
    else:
        _dots_of_few(user_index, item_index, user_factors, item_factors, out)
    for row in range(user_index.shape[0]):
        user, item = user_index[row], item_index[row]
        prediction = mean
        if user >= 0:
            prediction += user_bias[user]
        if item >= 0:
            prediction += item_bias[item]
        prediction += out[row]
        # NaN stays NaN: neither comparison holds for it.
        if prediction < low:
            prediction = low
        elif prediction > high:
            prediction = high
        out[row] = prediction


@njit(
    types.UniTuple(types.float64, 2)(_INDEX, _INDEX, _FLOATS, *_MODEL),
    cache=True,
    nogil=True,
)
def squared_and_absolute_error(
    user_index,
    item_index,
    value,
    user_factors,
    item_factors,
    user_bias,
    item_bias,
    mean,
    low,
    high,
):
    """Add up the squared and the absolute errors of the predictions of a chunk of ratings.

    Parameters
    ----------
    user_index, item_index, user_factors, item_factors, user_bias, item_bias, mean, low, high
        As for `predict_pairs`.
    value : float32 (m,)
        The true ratings.

    Returns
    -------
    squared, absolute : float64
        ``sum (value - prediction)^2`` and ``sum |value - prediction|`` over the chunk, added up
        in the order of the rows. NaN where a prediction or a rating is NaN.

    Notes
    -----
    Reads only, so threads cannot race. Predictions are the bits that `predict_pairs` writes.
    Sums of fixed chunks, added in their order, do not depend on the number of threads.
    """
    m = user_index.shape[0]
    predictions = np.empty(_BLOCK, np.float32)
    squared, absolute = 0.0, 0.0
    for start in range(0, m, _BLOCK):
        stop = min(start + _BLOCK, m)
        predict_pairs(
            user_index[start:stop],
            item_index[start:stop],
            user_factors,
            item_factors,
            user_bias,
            item_bias,
            mean,
            low,
            high,
            predictions,
        )
        for row in range(start, stop):
            error = np.float64(value[row]) - np.float64(predictions[row - start])
            squared += error * error
            absolute += abs(error)
    return squared, absolute
