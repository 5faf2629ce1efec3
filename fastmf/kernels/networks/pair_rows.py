"""The first dense layer of a network over two embeddings, once for each row that a batch names.

A batch names many rows more than once: of 10,000 ratings, a few thousand items. The first layer is
``rows of users @ upper weights + rows of items @ lower weights``, so its products are of distinct
rows alone. Forward, each has its half of the layer's output; on the way back, the gradients by the
layer's output are summed for each row first, and what is left are products again, whose result is
the gradient of the row as the optimizer wants it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from fastmf.kernels.batch_rows import prefetch_to_second_level
from fastmf.kernels.compiled import kernel
from fastmf.kernels.networks import lazy_adam
from fastmf.kernels.networks.pair_norms import BY_ONE, BY_SLOPE, BY_X, STRIDE
from fastmf.kernels.networks.ticks import PRODUCTS, ROW_STEPS, ROWS_AT_HAND, SUMS_BY_ROW, tick
from fastmf.kernels.products import ANEW, Block, block_product, in_panels, pack, panel_product
from fastmf.kernels.vector_roots import add
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    multiply,
    multiply_add,
    store,
    sum_lanes,
    zeros,
)

__all__ = ["AdamHistory", "Shown", "Side", "Trained", "halves_of_rows", "step_of_rows"]


class Shown(NamedTuple):
    """What the shards of a batch see of a table.

    Attributes
    ----------
    places : (n,) int32
        Of all batches, one after another; see
        `fastmf.kernels.networks.sorted_batches.sort_batches`.
    inputs : (m * stride,) float32
        The touched rows of a batch, side by side.
    halves : (m * half_stride,) float32
        Their half of the first layer's output, with zeros behind its last column.
    stride, column, width : int
        The layer's inputs are `width` columns of a row from `column` on.
    bias : int
        The column that the biased dot product adds; -1 where there is none.
    """

    places: Any
    inputs: Any
    halves: Any
    stride: int
    column: int
    width: int
    bias: int


class Trained(NamedTuple):
    """The rows of a table, and Adam's state; see `bring_up_to_date` of `lazy_adam`."""

    rows: Any
    means: Any
    squares: Any
    stamps: Any
    fades: Any
    losses: Any
    lines: Any
    plain_lines: Any
    mixed: int


class Side(NamedTuple):
    """One of the two tables, sorted batches of it, and room for a batch.

    Attributes
    ----------
    shown : Shown
    trained : Trained
    entries, touched, starts : int32
        Of all batches, one after another; see
        `fastmf.kernels.networks.sorted_batches.sort_batches`.
    n_touched : (n_batches,) int64
    gradients, same_gradients : (m * stride,) float32
        Of the touched rows; the same memory, to write and to read. Zero in the padding.
    weights : (stride,) float32
        1 in the columns of the table, 0 in the padding.
    pulls : (stride,) float32
        Derivative of a quadratic penalty, over the row; 0 where there is none.
    nothing : (stride,) float32
        Zeros.
    numbers : (m + 2,) int32
        0, 1, 2...
    weights_at : int
        Where the first layer's weights of these inputs begin among the parameters.
    packed_at : int
        Where their transpose begins among what is packed; see `fastmf.kernels.products.pack`.
    """

    shown: Shown
    trained: Trained
    entries: Any
    touched: Any
    starts: Any
    n_touched: Any
    gradients: Any
    same_gradients: Any
    weights: Any
    pulls: Any
    nothing: Any
    numbers: Any
    weights_at: int
    packed_at: int


class AdamHistory(NamedTuple):
    """The steps that Adam has taken, and takes next; see `fastmf.kernels.networks.lazy_adam`.

    Attributes
    ----------
    steps : (n_steps + 1, 4) float32
    powers1, powers2 : (n_steps + 1,) float32
    betas : (4,) float32
        beta1, ``1 - beta1``, beta2, ``1 - beta2``.
    epsilon : float32
    window : int
    """

    steps: Any
    powers1: Any
    powers2: Any
    betas: Any
    epsilon: Any
    window: int


@kernel
def halves_of_rows(side, batch, base, first, last, now, history, layers, scratch, ticks):
    """Bring touched rows up to date, and multiply them by their weights of the first layer.

    Parameters
    ----------
    side : Side
        Inputs and halves are assigned in the range; the state of the rows is modified.
    batch, base : int64
        Number of the batch, and entries of all batches before it.
    first, last : int64
        The rows are ``touched[base + first : base + last]``.
    now : int64
        Steps taken.
    history : AdamHistory
    layers : Layers
        See `fastmf.kernels.networks.pair_shards`.
    scratch : float32, modified in place
        Room for the weights in panels.
    ticks : int64, modified in place
        See `fastmf.kernels.networks.ticks.tick`.

    Notes
    -----
    Free of races as long as no other thread has the same range or scratch memory.
    """
    shown, trained = side.shown, side.trained
    touched, stride = side.touched[base : base + side.n_touched[batch]], shown.stride
    lazy_adam.bring_up_to_date(
        *(first, last, touched, now, trained.stamps, trained.rows, trained.means),
        *(trained.squares, stride, trained.fades, history.window, trained.lines),
        *(trained.plain_lines, trained.mixed, trained.losses, history.powers1, history.powers2),
        *(history.steps, history.epsilon),
    )
    for k in range(first, last):
        at = np.int64(touched[k]) * stride
        for lane in range(0, stride, WIDTH):
            store(shown.inputs, k * stride + lane, load(trained.rows, at + lane))
    tick(ticks, ROWS_AT_HAND)
    weights = Block(layers.parameters, side.weights_at, layers.width, False)
    pack(weights, shown.width, layers.width, scratch, np.int64(0))
    inputs = Block(shown.inputs, first * stride + shown.column, stride, False)
    halves = Block(shown.halves, first * layers.stride, layers.stride, False)
    m = last - first
    block_product(inputs, scratch, np.int64(0), m, layers.width, shown.width, ANEW, halves)
    tick(ticks, PRODUCTS)


@njit
def _sum_slopes(entries, begin, end, slopes, n, sums, row, rows):
    """Set a row of the sums, in panels, to the sum of the slopes of some entries in their order."""
    whole = n - n % WIDTH
    for number in range(begin, end):
        at = np.int64(entries[number]) * n
        # Entries lie in no order: the slopes of the next one are asked for meanwhile.
        soon = np.int64(entries[min(number + 1, len(entries) - 1)]) * n
        for lane in range(0, whole, WIDTH):
            prefetch_to_second_level(slopes, soon + lane)
            to, value = in_panels(lane, row, rows), load(slopes, at + lane)
            store(sums, to, value if number == begin else add(load(sums, to), value))
        for column in range(whole, n):
            to, slope = in_panels(column, row, rows), slopes[at + column]
            sums[to] = slope if number == begin else sums[to] + slope


@njit
def _sum_through_norm(entries, begin, end, layers, slopes, x, sums, row, rows):
    """Do what `_sum_slopes` does, with the slopes by the output of the first norm."""
    stride = layers.norms[0, STRIDE]
    by_slope, by_x = layers.terms[BY_SLOPE, :stride], layers.terms[BY_X, :stride]
    by_one = layers.terms[BY_ONE, :stride]
    for number in range(begin, end):
        at = np.int64(entries[number]) * stride
        soon = np.int64(entries[min(number + 1, len(entries) - 1)]) * stride
        for lane in range(0, stride, WIDTH):
            prefetch_to_second_level(slopes, soon + lane)
            prefetch_to_second_level(x, soon + lane)
            to = in_panels(lane, row, rows)
            value = multiply_add(load(by_x, lane), load(x, at + lane), load(by_one, lane))
            value = multiply_add(load(by_slope, lane), load(slopes, at + lane), value)
            store(sums, to, value if number == begin else add(load(sums, to), value))


@njit
def _set_dot_gradient(gradients, shown, other, k, entries, places, errors):
    """Set the gradient of the touched row `k` to that by the biased dot product.

    `entries` are those of the row, `places` those of the other table, of the batch.
    """
    to = k * shown.stride
    for lane in range(0, shown.stride, WIDTH):
        store(gradients, to + lane, zeros())
    start, whole = to + shown.column, shown.width - shown.width % WIDTH
    total = np.float32(0)
    for entry in entries:
        error = errors[entry]
        total += error
        at = np.int64(places[entry]) * other.stride + other.column
        for lane in range(0, whole, WIDTH):
            row, kept = load(other.inputs, at + lane), load(gradients, start + lane)
            store(gradients, start + lane, multiply_add(broadcast(error), row, kept))
        for column in range(whole, shown.width):
            gradients[start + column] += error * other.inputs[at + column]
    gradients[to + shown.bias] = total


@njit
def _add_pulls(gradients, inputs, pulls, starts, first, last, n_batch):
    """Add to the gradients of rows that of a quadratic penalty, for each entry of the batch."""
    stride = len(pulls)
    for lane in range(0, stride, WIDTH):
        pull = load(pulls, lane)
        if sum_lanes(pull) == 0:
            continue
        for k in range(first, last):
            at = k * stride + lane
            part = np.float32(starts[k + 1] - starts[k]) / np.float32(n_batch)
            row = multiply(broadcast(part), load(inputs, at))
            store(gradients, at, multiply_add(pull, row, load(gradients, at)))


@kernel
def step_of_rows(side, other, batch, base, first, last, now, history, layers, shard, part):
    """Go back through the first layer for touched rows, and take their step of Adam.

    Parameters
    ----------
    side : Side
        Its rows are moved.
    other : Shown
        What the biased dot product multiplies with; looked at where `side` has a bias.
    batch, base, first, last
        As for `halves_of_rows`.
    now : int64
        The number of this step.
    history : AdamHistory
    layers : Layers
        A part of its gradients is assigned what these rows add to that of the layer's weights.
    shard : Shard
        All of the batch: gradients by the output of the first layer or by that of the first norm,
        and by the output of the network. Its scratch memory is modified.
    part : int64
        The part of the gradients.

    Notes
    -----
    Free of races as long as no other thread has the same range or the same memory to write to.
    """
    n_touched, shown, trained = side.n_touched[batch], side.shown, side.trained
    n_batch, sums = shard.n_batch, shard.scratch
    entries, touched = side.entries[base : base + n_batch], side.touched[base : base + n_touched]
    # Every batch has a start more than it has entries at most.
    starts = side.starts[base + batch : base + batch + n_touched + 1]
    stride, m, width = shown.stride, last - first, layers.width
    for k in range(first, last):
        if len(layers.norms) > 0:
            _sum_through_norm(
                *(entries, starts[k], starts[k + 1], layers, shard.slopes, shard.room),
                *(sums, k - first, m),
            )
        else:
            _sum_slopes(entries, starts[k], starts[k + 1], shard.slopes, width, sums, k - first, m)
        if shown.bias >= 0:
            places = other.places[base : base + n_batch]
            of_row = entries[starts[k] : starts[k + 1]]
            _set_dot_gradient(side.gradients, shown, other, k, of_row, places, shard.errors)
    tick(shard.ticks, SUMS_BY_ROW)
    inputs = Block(shown.inputs, first * stride + shown.column, stride, True)
    by_weights = Block(layers.gradients[part], side.weights_at, width, False)
    block_product(inputs, sums, np.int64(0), shown.width, width, m, ANEW, by_weights)
    by_rows = Block(side.gradients, first * stride + shown.column, stride, False)
    panel_product(
        *(sums, np.int64(0), layers.packed, side.packed_at, m, shown.width, width),
        *(shown.bias >= 0, by_rows),
    )
    tick(shard.ticks, PRODUCTS)
    _add_pulls(side.gradients, shown.inputs, side.pulls, starts, first, last, n_batch)
    rate, inverse_root, lost = history.steps[now, 0], history.steps[now, 1], history.steps[now, 2]
    betas = history.betas
    lazy_adam.step(
        *(first, last, side.numbers, touched, side.numbers, side.same_gradients, stride),
        *(side.nothing, np.int64(0), side.weights, side.nothing, now),
        *(trained.stamps, trained.rows, trained.means, trained.squares, stride, trained.fades),
        *(rate, inverse_root, lost, history.epsilon, betas[0], betas[1], betas[2], betas[3]),
    )
    tick(shard.ticks, ROW_STEPS)
