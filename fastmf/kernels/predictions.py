"""Predictions of a factor model for (user, item) pairs, and their errors, fused.

The arrays are those of a fitted model: compact rows of `k` float32 factors, possibly mapped from
a file. A row of 50 factors is three vectors of sixteen lanes and a fourth one that overlaps the
third, masked so that no factor counts twice; nothing is read past the end of a row.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from fastmf.kernels.compiled import kernel
from fastmf.kernels.links import Link, rating_of
from fastmf.kernels.vectors import WIDTH, load, multiply, multiply_add, sum_lanes

__all__ = ["predict_pairs", "squared_and_absolute_error"]

_FACTORS = types.Array(types.float32, 2, "C", readonly=True)
_FLOATS = types.Array(types.float32, 1, "C", readonly=True)
_INDEX = types.Array(types.int32, 1, "C", readonly=True)
_OUT = types.Array(types.float32, 1, "C")

_LINK = types.NamedTuple((types.float32, types.boolean, *[types.float32] * 4), Link)

# What every kernel here takes of the model: factors, biases, those of the unknown, and the link.
_MODEL = (_FACTORS, _FACTORS, _FLOATS, _FLOATS, _FLOATS, _FLOATS, _FLOATS, _LINK)

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
    """Write the dot product of each known pair, rows of at least sixteen factors."""
    k = user_factors.shape[1]
    flat_users, flat_items = user_factors.reshape(-1), item_factors.reshape(-1)
    mask = _tail_mask(k)
    last = k - WIDTH
    # Rejected: prefetching the users' rows 8 or 16 pairs ahead. 10 to 16% faster with 480,189 users
    # in random order, 4% slower with sorted ones: out-of-order loads overlap well enough.
    for row in range(user_index.shape[0]):
        if user_index[row] < 0 or item_index[row] < 0:
            continue
        user, item = np.intp(user_index[row]) * k, np.intp(item_index[row]) * k
        products = multiply(load(flat_users, user + last), load(flat_items, item + last))
        sums = multiply(load(mask, 0), products)
        for f in range(0, last + 1, WIDTH):
            sums = multiply_add(load(flat_users, user + f), load(flat_items, item + f), sums)
        out[row] = sum_lanes(sums)


@njit(nogil=True)
def _dots_of_few(user_index, item_index, user_factors, item_factors, out):
    """Write the dot product of each known pair, rows of any number of factors."""
    for row in range(user_index.shape[0]):
        user, item = user_index[row], item_index[row]
        if user >= 0 and item >= 0:
            out[row] = _dot(user_factors[user], item_factors[item])


@njit(nogil=True)
def _dot(left, right):
    total = np.float32(0)
    for f in range(left.shape[0]):
        total += left[f] * right[f]
    return total


@kernel(
    signature=types.void(_INDEX, _INDEX, *_MODEL, _OUT),
)
def predict_pairs(
    user_index,
    item_index,
    user_factors,
    item_factors,
    user_bias,
    item_bias,
    unknown_user,
    unknown_item,
    unknown_bias,
    link,
    out,
):
    """Predict the rating of each (user, item) pair.

    ``out = rating_of(offset + user_bias[u] + item_bias[i] + user_factors[u] . item_factors[i])``,
    see `fastmf.kernels.links`. An unknown user or item, of index -1, has a bias and factors of
    its own, which are zeros for models that predict nothing of the unknown.

    Parameters
    ----------
    user_index, item_index : int32 (m,)
        Dense indices; -1 where unknown. Not checked against the number of rows.
    user_factors, item_factors : float32 (n_users, k), (n_items, k)
        Factors.
    user_bias, item_bias : float32 (n_users,), (n_items,)
        Biases.
    unknown_user, unknown_item : float32 (k,)
        Factors of the unknown.
    unknown_bias : float32 (2,)
        Biases of an unknown user and of an unknown item.
    link : fastmf.kernels.links.Link
        How a score becomes a rating.
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
        if user < 0 or item < 0:
            p = user_factors[user] if user >= 0 else unknown_user
            out[row] = _dot(p, item_factors[item] if item >= 0 else unknown_item)
        score = link.offset
        score += user_bias[user] if user >= 0 else unknown_bias[0]
        score += item_bias[item] if item >= 0 else unknown_bias[1]
        out[row] = rating_of(score + out[row], link)


@kernel(
    signature=types.UniTuple(types.float64, 2)(_INDEX, _INDEX, _FLOATS, *_MODEL),
)
def squared_and_absolute_error(
    user_index,
    item_index,
    value,
    user_factors,
    item_factors,
    user_bias,
    item_bias,
    unknown_user,
    unknown_item,
    unknown_bias,
    link,
):
    """Add up the squared and the absolute errors of the predictions of a chunk of ratings.

    Parameters
    ----------
    user_index, item_index, user_factors, item_factors, user_bias, item_bias, unknown_user,
    unknown_item, unknown_bias, link
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
            unknown_user,
            unknown_item,
            unknown_bias,
            link,
            predictions,
        )
        for row in range(start, stop):
            error = np.float64(value[row]) - np.float64(predictions[row - start])
            squared += error * error
            absolute += abs(error)
    return squared, absolute
