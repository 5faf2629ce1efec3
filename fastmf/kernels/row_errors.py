"""Errors of a model in training, from the padded rows that `fastmf.kernels.sgd` describes."""

from __future__ import annotations

import numpy as np
from numba import njit

from fastmf.kernels.compiled import kernel
from fastmf.kernels.links import rating_of
from fastmf.kernels.sgd import BATCH, BATCH_WORDS
from fastmf.kernels.vectors import WIDTH, load, multiply_add, sum_lanes, zeros

__all__ = ["block_errors", "pair_errors"]

# Not 'nnan' and not 'ninf': the compiler must keep NaN alive, as training stops on it.
_FLAGS = {"contract", "nsz"}


@njit(nogil=True, fastmath=_FLAGS, error_model="numpy")
def _error(rating, user, item, user_rows, item_rows, stride, scale, link):
    """Return ``rating - rating_of(offset + scale * user_row . item_row)`` in float64."""
    dot = zeros()
    for lane in range(0, stride, WIDTH):
        row = load(user_rows, user * stride + lane)
        dot = multiply_add(row, load(item_rows, item * stride + lane), dot)
    score = link.offset + scale * sum_lanes(dot)
    return np.float64(rating) - np.float64(rating_of(score, link))


@kernel(fastmath=_FLAGS, error_model="numpy")
def pair_errors(user_index, item_index, ratings, user_rows, item_rows, stride, scale, link):
    """Add up the errors of clipped predictions for pairs of rows.

    The prediction is ``rating_of(offset + scale * user_row . item_row)``, see
    `fastmf.kernels.links`.

    Parameters
    ----------
    user_index, item_index : (m,) int32, read-only
        Rows. What the model does not know has a row of its own.
    ratings : (m,) float32, read-only
        What was rated.
    user_rows, item_rows : (rows * stride,) float32
        Padded rows, see `fastmf.kernels.sgd`.
    stride : int
        Floats of a row.
    scale : float32
        Units of the score in one of the dot product.
    link : fastmf.kernels.links.Link

    Returns
    -------
    squared, absolute : float64
        Sums of squared and of absolute errors.
    count : int
        Pairs.
    """
    squared = 0.0
    absolute = 0.0
    for row in range(user_index.size):
        user, item = np.int64(user_index[row]), np.int64(item_index[row])
        error = _error(ratings[row], user, item, user_rows, item_rows, stride, scale, link)
        squared += error * error
        absolute += abs(error)
    return squared, absolute, user_index.size


@kernel(fastmath=_FLAGS, error_model="numpy")
def block_errors(
    batches,
    values,
    levels,
    first,
    last,
    user_rows,
    item_rows,
    stride,
    scale,
    link,
    mean,
    spread,
):
    """Add up the errors of clipped predictions for the ratings of a block.

    Parameters
    ----------
    batches, values, first, last, user_rows, item_rows, stride
        As for `fastmf.kernels.sgd.update_block`; nothing is modified.
    levels : (256,) float32
        The centred rating of each code.
    scale, link
        As for `pair_errors`.
    mean, spread : float32
        ``mean + spread * centred`` is the rating.

    Returns
    -------
    squared, absolute : float64
        Sums of squared and of absolute errors.
    count : int
        Ratings of the block.
    """
    squared = 0.0
    absolute = 0.0
    ratings = np.int64(0)
    coded = values.size == 0
    item_mask = np.uint32(0xFFFFFF) if coded else np.uint32(0xFFFFFFFF)
    for batch in range(first, last):
        head = batches[batch * BATCH_WORDS]
        user = np.int64(head & np.uint32(0x3FFFFFFF))
        count = np.int64(head >> np.uint32(30)) + 1
        for slot in range(count):
            word = batches[batch * BATCH_WORDS + 1 + slot]
            centred = levels[word >> np.uint32(24)] if coded else values[batch * BATCH + slot]
            item = np.int64(word & item_mask)
            rating = mean + spread * centred
            error = _error(rating, user, item, user_rows, item_rows, stride, scale, link)
            squared += error * error
            absolute += abs(error)
        ratings += count
    return squared, absolute, ratings
