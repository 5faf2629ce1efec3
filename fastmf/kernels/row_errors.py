"""Errors of a model in training, from the padded rows that `fastmf.kernels.sgd` describes."""

from __future__ import annotations

import numpy as np
from numba import njit

from fastmf.kernels.compiled import kernel
from fastmf.kernels.links import rating_of
from fastmf.kernels.sgd import BATCH, BATCH_WORDS
from fastmf.kernels.vectors import (
    WIDTH,
    first_of_quarter,
    load,
    multiply_add,
    sum_four,
    sum_lanes,
    zeros,
)

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
        word = batch * BATCH_WORDS
        head = batches[word]
        user = np.int64(head & np.uint32(0x3FFFFFFF)) * stride
        count = np.int64(head >> np.uint32(30)) + 1
        item0 = np.int64(batches[word + 1] & item_mask) * stride
        item1 = np.int64(batches[word + 2] & item_mask) * stride
        item2 = np.int64(batches[word + 3] & item_mask) * stride
        item3 = np.int64(batches[word + 4] & item_mask) * stride
        dot0, dot1, dot2, dot3 = zeros(), zeros(), zeros(), zeros()
        for lane in range(0, stride, WIDTH):
            row = load(user_rows, user + lane)
            dot0 = multiply_add(row, load(item_rows, item0 + lane), dot0)
            dot1 = multiply_add(row, load(item_rows, item1 + lane), dot1)
            dot2 = multiply_add(row, load(item_rows, item2 + lane), dot2)
            dot3 = multiply_add(row, load(item_rows, item3 + lane), dot3)
        sums = sum_four(dot0, dot1, dot2, dot3)
        dots = (
            first_of_quarter(sums, 0),
            first_of_quarter(sums, 1),
            first_of_quarter(sums, 2),
            first_of_quarter(sums, 3),
        )
        for slot in range(count):
            code = batches[word + 1 + slot] >> np.uint32(24)
            centred = levels[code] if coded else values[batch * BATCH + slot]
            score = link.offset + scale * dots[slot]
            error = np.float64(mean + spread * centred) - np.float64(rating_of(score, link))
            squared += error * error
            absolute += abs(error)
        ratings += count
    return squared, absolute, ratings
