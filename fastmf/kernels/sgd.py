"""Stochastic gradient descent for biased matrix factorization, one block of the grid at a time.

A *row* holds everything one user or one item has, padded to a multiple of sixteen floats::

    user row   factors (k) | zeros | user bias | 1
    item row   factors (k) | zeros | 1         | item bias

so the prediction ``user_bias + item_bias + user_factors . item_factors`` is one dot product of
two rows: biases cost nothing, and no number of factors leaves a remainder outside the vector
unit. The ones never change, because their lane has rate zero (`lane_rates`). Bias and one are the
last two lanes of a row, so that the last sixteen lanes hold both for any number of factors.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    load_quarters,
    multiply,
    multiply_add,
    negative_multiply_add,
    quarters,
    spread_quarter,
    store,
    sum_four,
    sum_lanes,
    zeros,
)

__all__ = [
    "BATCH",
    "BATCH_WORDS",
    "block_errors",
    "pair_errors",
    "row_length",
    "update_block",
]

BATCH = 4
"""Ratings of one user that are in flight together."""

BATCH_WORDS = BATCH + 1
"""uint32 words of one batch: the user, then four rated items."""

_FLUSH = 256
"""Batches whose squared errors are added in float32 before they go to the float64 sum."""

# Not 'nnan' and not 'ninf': the compiler must keep NaN alive, as the loop stops on it.
_FLAGS = {"contract", "nsz"}


def row_length(factors: int) -> int:
    """Return the floats of a padded row: `factors`, a bias and a one, rounded up to sixteen."""
    return -(-(factors + 2) // WIDTH) * WIDTH


@cache
def _update_block_of(stride: int) -> Any:  # noqa: PLR0915 - see `kernel`
    """Return `update_block` compiled for one length of rows.

    With the length known, the compiler unrolls the loops over a row, which is worth 16% of the
    throughput at 50 factors. Each length that is used is compiled once, and cached on disk.
    """

    @njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
    def kernel(  # noqa: PLR0915 - one loop, written out four ratings wide
        batches,
        values,
        steps_of_levels,
        first,
        last,
        user_rows,
        item_rows,
        lane_rates,
        user_keep,
        item_keep,
        learning_rate,
    ):
        squared = 0.0
        user_in_item = load(lane_rates, 0)
        items_in_user = load(lane_rates, WIDTH)
        item_keep_tail = load(lane_rates, 2 * WIDTH)
        keep = broadcast(item_keep)
        rate = broadcast(learning_rate)
        tail = stride - WIDTH
        coded = values.size == 0
        item_mask = np.uint32(0xFFFFFF) if coded else np.uint32(0xFFFFFFFF)
        for start in range(first, last, _FLUSH):
            squared_steps = zeros()
            for batch in range(start, min(start + _FLUSH, last)):
                at = batch * BATCH_WORDS
                head = batches[at]
                user = np.int64(head & np.uint32(0x3FFFFFFF)) * stride
                count = np.int64(head >> np.uint32(30))
                word0, word1 = batches[at + 1], batches[at + 2]
                word2, word3 = batches[at + 3], batches[at + 4]
                item0 = np.int64(word0 & item_mask) * stride
                item1 = np.int64(word1 & item_mask) * stride
                item2 = np.int64(word2 & item_mask) * stride
                item3 = np.int64(word3 & item_mask) * stride
                if coded:
                    targets = load_quarters(
                        steps_of_levels,
                        np.int64(word0 >> np.uint32(24)) * 4,
                        np.int64(word1 >> np.uint32(24)) * 4,
                        np.int64(word2 >> np.uint32(24)) * 4,
                        np.int64(word3 >> np.uint32(24)) * 4,
                    )
                else:
                    slot = batch * BATCH
                    targets = multiply(
                        rate,
                        quarters(
                            values[slot], values[slot + 1], values[slot + 2], values[slot + 3]
                        ),
                    )
                dot0, dot1, dot2, dot3 = zeros(), zeros(), zeros(), zeros()
                for lane in range(0, stride, WIDTH):
                    p = load(user_rows, user + lane)
                    dot0 = multiply_add(p, load(item_rows, item0 + lane), dot0)
                    dot1 = multiply_add(p, load(item_rows, item1 + lane), dot1)
                    dot2 = multiply_add(p, load(item_rows, item2 + lane), dot2)
                    dot3 = multiply_add(p, load(item_rows, item3 + lane), dot3)
                steps = negative_multiply_add(rate, sum_four(dot0, dot1, dot2, dot3), targets)
                squared_steps = multiply_add(steps, steps, squared_steps)
                step0, step1 = spread_quarter(steps, 0), spread_quarter(steps, 1)
                step2, step3 = spread_quarter(steps, 2), spread_quarter(steps, 3)
                keep_user = broadcast(user_keep[count])
                for lane in range(0, tail, WIDTH):
                    p = load(user_rows, user + lane)
                    q0, q1 = load(item_rows, item0 + lane), load(item_rows, item1 + lane)
                    q2, q3 = load(item_rows, item2 + lane), load(item_rows, item3 + lane)
                    store(item_rows, item0 + lane, multiply_add(step0, p, multiply(keep, q0)))
                    store(item_rows, item1 + lane, multiply_add(step1, p, multiply(keep, q1)))
                    store(item_rows, item2 + lane, multiply_add(step2, p, multiply(keep, q2)))
                    store(item_rows, item3 + lane, multiply_add(step3, p, multiply(keep, q3)))
                    p = multiply_add(step1, q1, multiply_add(step0, q0, multiply(keep_user, p)))
                    store(
                        user_rows, user + lane, multiply_add(step3, q3, multiply_add(step2, q2, p))
                    )
                p = load(user_rows, user + tail)
                scaled = multiply(p, user_in_item)
                q0, q1 = load(item_rows, item0 + tail), load(item_rows, item1 + tail)
                q2, q3 = load(item_rows, item2 + tail), load(item_rows, item3 + tail)
                keep_tail = item_keep_tail
                store(item_rows, item0 + tail, multiply_add(step0, scaled, multiply(keep_tail, q0)))
                store(item_rows, item1 + tail, multiply_add(step1, scaled, multiply(keep_tail, q1)))
                store(item_rows, item2 + tail, multiply_add(step2, scaled, multiply(keep_tail, q2)))
                store(item_rows, item3 + tail, multiply_add(step3, scaled, multiply(keep_tail, q3)))
                gradient = multiply_add(step1, q1, multiply(step0, q0))
                gradient = multiply_add(step3, q3, multiply_add(step2, q2, gradient))
                keep_tail = load(lane_rates, (3 + count) * WIDTH)
                p = multiply_add(items_in_user, gradient, multiply(keep_tail, p))
                store(user_rows, user + tail, p)
            # Every square is in four lanes, and is that of rate * error.
            squared += np.float64(sum_lanes(squared_steps)) / 4
        return squared / (np.float64(learning_rate) * np.float64(learning_rate))

    return kernel


def update_block(
    batches,
    values,
    steps_of_levels,
    first,
    last,
    user_rows,
    item_rows,
    stride,
    lane_rates,
    user_keep,
    item_keep,
    learning_rate,
):
    """Take one gradient step for every batch of a block, in order, and return the squared error.

    For a batch of one user ``u`` and up to four items ``i``, with ``e = r - u.i`` from the rows
    as they are before the batch::

        item  <- (1 - rate * reg) * item + rate * e * user
        user  <- (1 - count * rate * reg) * user + rate * sum(e * item)

    which is the step of Koren, Bell and Volinsky (2009), equations 4 and 5, with the user's
    gradient summed over four ratings. Four errors in flight hide the latency of
    dot -> error -> update, which is what bounds a rating-by-rating loop. The grid is laid out so
    that neighbouring batches belong to different users; they overlap as well.

    Parameters
    ----------
    batches : (n_batches * 5,) uint32, read-only
        A word of ``user | (count - 1) << 30``, then four words ``item | code << 24`` (or plain
        items when `values` is used). Slots past `count` name a spare item row of zeros and a
        level of zero, so their error is zero.
    values : (n_batches * 4,) or (0,) float32, read-only
        Centred ratings by slot, for tables with too many distinct ratings to code; else empty.
    steps_of_levels : (256 * 4,) float32
        ``rate * level`` of each code's centred rating, four times over.
    first, last : int
        The batches of this block.
    user_rows, item_rows : (rows * stride,) float32, modified in place
        Padded rows, see the module.
    stride : int
        Floats of a row, a multiple of sixteen.
    lane_rates : (112,) float32
        For the last sixteen lanes of a row, where the bias and the one live: how the user row
        enters the item's step (rate relative to `learning_rate`), how the item rows enter the
        user's, ``1 - rate * reg`` of an item, ``1 - count * rate * reg`` of a user for a count
        of 1, 2, 3 and 4.
    user_keep : (4,) float32
        ``1 - count * rate * reg`` of the factors, for a count of 1, 2, 3 and 4.
    item_keep : float32
        ``1 - rate * reg`` of the factors.
    learning_rate : float32
        Rate of the factors, above 0.

    Returns
    -------
    float64
        Sum of squared errors, each before its own step.

    Notes
    -----
    Free of races as long as no other thread works on a block of the same users or items.
    """
    return _update_block_of(int(stride))(
        batches,
        values,
        steps_of_levels,
        first,
        last,
        user_rows,
        item_rows,
        lane_rates,
        user_keep,
        item_keep,
        learning_rate,
    )


@njit(nogil=True, fastmath=_FLAGS, error_model="numpy")
def _error(rating, user, item, user_rows, item_rows, stride, constants):
    """Return ``rating - clip(mean + scale * user_row . item_row, low, high)`` in float64."""
    mean, scale, low, high = constants
    dot = zeros()
    for lane in range(0, stride, WIDTH):
        row = load(user_rows, user * stride + lane)
        dot = multiply_add(row, load(item_rows, item * stride + lane), dot)
    prediction = mean + scale * sum_lanes(dot)
    # Written so that NaN stays NaN; min() and max() would drop it.
    if prediction < low:
        prediction = low
    elif prediction > high:
        prediction = high
    return np.float64(rating) - np.float64(prediction)


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def pair_errors(
    user_index, item_index, ratings, user_rows, item_rows, stride, mean, scale, low, high
):
    """Add up the errors of clipped predictions for pairs of rows.

    The prediction is ``clip(mean + scale * user_row . item_row, low, high)``.

    Parameters
    ----------
    user_index, item_index : (m,) int32, read-only
        Rows. The caller maps what the model does not know to a row of zeros.
    ratings : (m,) float32, read-only
        What was rated.
    user_rows, item_rows : (rows * stride,) float32
        Padded rows, see the module.
    stride : int
        Floats of a row.
    mean, scale, low, high : float32
        How a dot product becomes a rating.

    Returns
    -------
    squared, absolute : float64
        Sums of squared and of absolute errors.
    count : int
        Pairs.
    """
    squared = 0.0
    absolute = 0.0
    constants = mean, scale, low, high
    for row in range(user_index.size):
        user, item = np.int64(user_index[row]), np.int64(item_index[row])
        error = _error(ratings[row], user, item, user_rows, item_rows, stride, constants)
        squared += error * error
        absolute += abs(error)
    return squared, absolute, user_index.size


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def block_errors(
    batches,
    values,
    levels,
    first,
    last,
    user_rows,
    item_rows,
    stride,
    mean,
    scale,
    low,
    high,
):
    """Add up the errors of clipped predictions for the ratings of a block.

    Parameters
    ----------
    batches, values, first, last, user_rows, item_rows, stride
        As for `update_block`; nothing is modified.
    levels : (256,) float32
        The centred rating of each code.
    mean, scale, low, high : float32
        As for `pair_errors`; ``mean + scale * centred`` is the rating.

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
    constants = mean, scale, low, high
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
            rating = mean + scale * centred
            error = _error(rating, user, item, user_rows, item_rows, stride, constants)
            squared += error * error
            absolute += abs(error)
        ratings += count
    return squared, absolute, ratings
