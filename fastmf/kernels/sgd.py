"""Stochastic gradient descent for matrix factorization, one block of the grid at a time.

A *row* holds everything one user or one item has, padded to a multiple of sixteen floats::

    user row   factors (k) | zeros | user bias | 1
    item row   factors (k) | zeros | 1         | item bias

so the prediction ``user_bias + item_bias + user_factors . item_factors`` is one dot product of
two rows: biases cost nothing, and no number of factors leaves a remainder outside the vector
unit. The ones never change, because their lane has rate zero (`lane_rates`). Bias and one are the
last two lanes of a row, so that the last sixteen lanes hold both for any number of factors.
Models without biases set the rate of both lanes to zero.

How far a step goes depends on the loss. With ``x`` the product of the rows, ``s = sigmoid(offset +
scale * x)`` and ``y = bottom + span * s``, it is ``rate`` times

    squared    r - x               down the gradient of (r - x)^2
    absolute   sign(r - x)         2 |r - x|
    logistic   r - y               the cross entropy of (r - bottom) / span and s, 2 span / scale
                                   times
    sigmoid    (r - y) * dy / dx   (r - y)^2

each of which is minus half the gradient of its loss.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from fastmf.kernels.batch_rows import BATCH, BATCH_WORDS, ask_for_rows, offsets_of_rows
from fastmf.kernels.compiled import kernel
from fastmf.kernels.links import sigmoids
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    load_quarters,
    maximum,
    multiply,
    multiply_add,
    negative_multiply_add,
    prefetch,
    quarters,
    sign,
    spread_quarter,
    store,
    subtract,
    sum_four,
    sum_lanes,
    zeros,
)

__all__ = [
    "ABSOLUTE",
    "BATCH",
    "BATCH_WORDS",
    "LOGISTIC",
    "SIGMOID",
    "SQUARED",
    "Variant",
    "row_length",
    "update_block",
]

SQUARED, ABSOLUTE, LOGISTIC, SIGMOID = range(4)

_FLUSH = 256
"""Batches whose squared errors are added in float32 before they go to the float64 sum."""

# Batches between asking for a user's row, which lies far away, and using it: 4% more ratings a
# second at 50 factors. Rows of more floats than `_LONG` are asked for with their items, and users'
# for the second-level cache before: 14% less time at 200 factors, 24% at 256, but 3% more at 16.
_AHEAD = 8
_LONG, _SOON, _LATER = 112, 2, 16

# Not 'nnan' and not 'ninf': the compiler must keep NaN alive, as the loop stops on it.
_FLAGS = {"contract", "nsz"}


def row_length(factors: int) -> int:
    """Return the floats of a padded row: `factors`, a bias and a one, rounded up to sixteen."""
    return -(-(factors + 2) // WIDTH) * WIDTH


class Variant(NamedTuple):
    """What the kernel is compiled for."""

    stride: int  # floats of a row, a multiple of sixteen
    loss: int = SQUARED  # or ABSOLUTE, LOGISTIC, SIGMOID
    non_negative: bool = False  # whether factors are raised to zero after every step


@cache
def _update_block_of(variant: Variant) -> Any:  # noqa: PLR0915 - see `update`
    """Return `update_block` compiled for one length of rows, one loss, and a floor or none.

    With the length known, the compiler unrolls the loops over a row, which is worth 16% of the
    throughput at 50 factors. Each variant that is used is compiled once, and cached on disk.
    """
    stride, loss, non_negative = variant
    on_sigmoid = loss in (LOGISTIC, SIGMOID)
    long = stride > _LONG

    @kernel(fastmath=_FLAGS, error_model="numpy")
    def update(  # noqa: PLR0912, PLR0915 - one loop, written out four ratings wide
        batches,
        values,
        targets_of_levels,
        first,
        last,
        user_rows,
        item_rows,
        lane_rates,
        user_keep,
        item_keep,
        learning_rate,
        sigmoid_terms,
    ):
        squared = 0.0
        user_in_item = load(lane_rates, 0)
        items_in_user = load(lane_rates, WIDTH)
        item_keep_tail = load(lane_rates, 2 * WIDTH)
        keep = broadcast(item_keep)
        rate = broadcast(learning_rate)
        length = np.int64(stride)  # not the literal, of which each is a type
        tail = stride - WIDTH
        if non_negative:
            floor = zeros()
            floor_tail = load(lane_rates, 7 * WIDTH)
        if on_sigmoid:
            offset, scale = sigmoid_terms[0], sigmoid_terms[1]
            span, bottom = broadcast(sigmoid_terms[2]), broadcast(sigmoid_terms[3])
            slope = broadcast(sigmoid_terms[2] * scale)
        coded = values.size == 0
        item_mask = np.uint32(0xFFFFFF) if coded else np.uint32(0xFFFFFFFF)
        for start in range(first, last, _FLUSH):
            squared_steps = zeros()
            for batch in range(start, min(start + _FLUSH, last)):
                at = batch * BATCH_WORDS
                user, item0, item1, item2, item3 = offsets_of_rows(batches, at, item_mask, length)
                count = np.int64(batches[at] >> np.uint32(30))
                if coded:
                    targets = load_quarters(
                        targets_of_levels,
                        np.int64(batches[at + 1] >> np.uint32(24)) * 4,
                        np.int64(batches[at + 2] >> np.uint32(24)) * 4,
                        np.int64(batches[at + 3] >> np.uint32(24)) * 4,
                        np.int64(batches[at + 4] >> np.uint32(24)) * 4,
                    )
                else:
                    slot = batch * BATCH
                    targets = quarters(
                        values[slot], values[slot + 1], values[slot + 2], values[slot + 3]
                    )
                    if loss == SQUARED:
                        targets = multiply(rate, targets)
                ahead = min(batch + (_LATER if long else _AHEAD), last - 1) * BATCH_WORDS
                later_user = offsets_of_rows(batches, ahead, item_mask, length)[0]
                if long:
                    ahead = min(batch + _SOON, last - 1) * BATCH_WORDS
                    soon = offsets_of_rows(batches, ahead, item_mask, length)
                else:
                    for lane in range(0, stride, WIDTH):
                        prefetch(user_rows, later_user + lane)
                dot0, dot1, dot2, dot3 = zeros(), zeros(), zeros(), zeros()
                for lane in range(0, stride, WIDTH):
                    p = load(user_rows, user + lane)
                    dot0 = multiply_add(p, load(item_rows, item0 + lane), dot0)
                    dot1 = multiply_add(p, load(item_rows, item1 + lane), dot1)
                    dot2 = multiply_add(p, load(item_rows, item2 + lane), dot2)
                    dot3 = multiply_add(p, load(item_rows, item3 + lane), dot3)
                dots = sum_four(dot0, dot1, dot2, dot3)
                if loss == SQUARED:
                    steps = negative_multiply_add(rate, dots, targets)
                    squared_steps = multiply_add(steps, steps, squared_steps)
                elif loss == ABSOLUTE:
                    errors = subtract(targets, dots)
                    squared_steps = multiply_add(errors, errors, squared_steps)
                    steps = multiply(rate, sign(errors))
                else:
                    chances = sigmoids(offset, scale, dots)
                    errors = subtract(subtract(targets, bottom), multiply(span, chances))
                    # Here an empty slot has an error, of the offset alone.
                    errors = multiply(load(lane_rates, (8 + count) * WIDTH), errors)
                    squared_steps = multiply_add(errors, errors, squared_steps)
                    steps = multiply(rate, errors)
                    if loss == SIGMOID:
                        # dy / dx = span * scale * s * (1 - s)
                        slopes = multiply(slope, negative_multiply_add(chances, chances, chances))
                        steps = multiply(steps, slopes)
                step0, step1 = spread_quarter(steps, 0), spread_quarter(steps, 1)
                step2, step3 = spread_quarter(steps, 2), spread_quarter(steps, 3)
                keep_user = broadcast(user_keep[count])
                for lane in range(0, tail, WIDTH):
                    if long:
                        ask_for_rows(user_rows, item_rows, soon, later_user, lane)
                    p = load(user_rows, user + lane)
                    q0, q1 = load(item_rows, item0 + lane), load(item_rows, item1 + lane)
                    q2, q3 = load(item_rows, item2 + lane), load(item_rows, item3 + lane)
                    new0 = multiply_add(step0, p, multiply(keep, q0))
                    new1 = multiply_add(step1, p, multiply(keep, q1))
                    new2 = multiply_add(step2, p, multiply(keep, q2))
                    new3 = multiply_add(step3, p, multiply(keep, q3))
                    if non_negative:
                        new0, new1 = maximum(new0, floor), maximum(new1, floor)
                        new2, new3 = maximum(new2, floor), maximum(new3, floor)
                    store(item_rows, item0 + lane, new0)
                    store(item_rows, item1 + lane, new1)
                    store(item_rows, item2 + lane, new2)
                    store(item_rows, item3 + lane, new3)
                    p = multiply_add(step1, q1, multiply_add(step0, q0, multiply(keep_user, p)))
                    p = multiply_add(step3, q3, multiply_add(step2, q2, p))
                    store(user_rows, user + lane, maximum(p, floor) if non_negative else p)
                if long:
                    ask_for_rows(user_rows, item_rows, soon, later_user, tail)
                p = load(user_rows, user + tail)
                scaled = multiply(p, user_in_item)
                q0, q1 = load(item_rows, item0 + tail), load(item_rows, item1 + tail)
                q2, q3 = load(item_rows, item2 + tail), load(item_rows, item3 + tail)
                keep_tail = item_keep_tail
                new0 = multiply_add(step0, scaled, multiply(keep_tail, q0))
                new1 = multiply_add(step1, scaled, multiply(keep_tail, q1))
                new2 = multiply_add(step2, scaled, multiply(keep_tail, q2))
                new3 = multiply_add(step3, scaled, multiply(keep_tail, q3))
                if non_negative:
                    new0, new1 = maximum(new0, floor_tail), maximum(new1, floor_tail)
                    new2, new3 = maximum(new2, floor_tail), maximum(new3, floor_tail)
                store(item_rows, item0 + tail, new0)
                store(item_rows, item1 + tail, new1)
                store(item_rows, item2 + tail, new2)
                store(item_rows, item3 + tail, new3)
                gradient = multiply_add(step1, q1, multiply(step0, q0))
                gradient = multiply_add(step3, q3, multiply_add(step2, q2, gradient))
                keep_tail = load(lane_rates, (3 + count) * WIDTH)
                p = multiply_add(items_in_user, gradient, multiply(keep_tail, p))
                store(user_rows, user + tail, maximum(p, floor_tail) if non_negative else p)
            # Every square is in four lanes.
            squared += np.float64(sum_lanes(squared_steps)) / 4
        if loss == SQUARED:  # those of rate * error
            return squared / (np.float64(learning_rate) * np.float64(learning_rate))
        return squared

    return update


def update_block(
    batches,
    values,
    targets_of_levels,
    first,
    last,
    user_rows,
    item_rows,
    variant,
    lane_rates,
    user_keep,
    item_keep,
    learning_rate,
    sigmoid_terms,
):
    """Take one gradient step for every batch of a block, in order, and return the squared error.

    For a batch of one user ``u`` and up to four items ``i``, with ``step_i`` of the loss (see the
    module; ``rate * error`` for squares) from the rows as they are before the batch::

        item  <- (1 - rate * reg) * item + step_i * user
        user  <- (1 - count * rate * reg) * user + sum(step_i * item)

    which is the step of Koren, Bell and Volinsky (2009), equations 4 and 5, with the user's
    gradient summed over four ratings. Four errors in flight hide the latency of dot -> error ->
    update, which bounds a rating-by-rating loop; neighbouring batches, of different users, overlap
    as well. Non-negative factors are then raised to zero: projected gradient descent.

    Parameters
    ----------
    batches : (n_batches * 5,) uint32, read-only
        A word of ``user | (count - 1) << 30``, then four words ``item | code << 24`` (or plain
        items when `values` is used). Slots past `count` name a spare item row of zeros and a
        level of zero, so their error is zero.
    values : (n_batches * 4,) or (0,) float32, read-only
        Centred ratings by slot, for tables with too many distinct ratings to code; else empty.
    targets_of_levels : (256 * 4,) float32
        Each code's centred rating, four times over; ``rate`` times that for the squared loss.
    first, last : int
        The batches of this block.
    user_rows, item_rows : (rows * stride,) float32, modified in place
        Padded rows, see the module.
    variant : Variant
        What the kernel is compiled for.
    lane_rates : (192,) float32
        For the last sixteen lanes of a row, where the bias and the one live: how the user row
        enters the item's step (rate relative to `learning_rate`), how the item rows enter the
        user's, ``1 - rate * reg`` of an item, ``1 - count * rate * reg`` of a user for a count
        of 1, 2, 3 and 4, the floor of non-negative factors (minus infinity elsewhere). Then for
        a count of 1, 2, 3 and 4 a one for each lane of a rated slot's quarter.
    user_keep : (4,) float32
        ``1 - count * rate * reg`` of the factors, for a count of 1, 2, 3 and 4.
    item_keep : float32
        ``1 - rate * reg`` of the factors.
    learning_rate : float32
        Rate of the factors, above 0.
    sigmoid_terms : (4,) float32
        Offset, scale, span and bottom, the latter two in units of the centred ratings.

    Returns
    -------
    float64
        Sum of squared errors, each before its own step.

    Notes
    -----
    No race as long as no other thread works on a block of the same users or items.
    """
    return _update_block_of(variant)(
        batches,
        values,
        targets_of_levels,
        first,
        last,
        user_rows,
        item_rows,
        lane_rates,
        user_keep,
        item_keep,
        learning_rate,
        sigmoid_terms,
    )
