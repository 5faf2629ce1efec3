"""Layers with batch norms: what shards do between the sums over all of them.

The network is norms, each with a rectifier and a dropout, and dense layers between: the first
layer's output enters norm 0; behind each norm is a dense layer into the next, and behind the last
one a dense layer with a single output. Shards go through in turns, with all of them done before
the next begins. Of n norms, and the inputs of norm l called ``x[l]``::

    turn 0            x[0] of both halves
    turn l < n        x[l] of x[l - 1]
    turn n            the output, the errors, and the gradient by the output of norm n - 1
    turn 2 n - l      that by the output of norm l - 1, of that of norm l

and what is left, from the gradient by the output of norm 0 to that by its inputs, is done where it
is summed by row (`fastmf.kernels.networks.pair_rows`). Each turn leaves sums of its shards, of
which `fastmf.kernels.networks.pair_norms.combine_norms` makes what the next one needs.

Within a turn, rows go through in tiles that stay in the second-level cache from one step to the
next (`fastmf.kernels.networks.norm_tiles`).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from fastmf.kernels.compiled import kernel
from fastmf.kernels.networks import norm_tiles as tiles
from fastmf.kernels.networks.pair_ends import join_rows, lose_squares
from fastmf.kernels.networks.pair_norms import (
    ADDEND,
    AT,
    BIAS,
    BY_ONE,
    BY_SLOPE,
    BY_X,
    FACTOR,
    INVERSE,
    MEAN,
    PACKED,
    PACKED_BACK,
    SCALE,
    SHIFT,
    STRIDE,
    WEIGHTS,
    WIDTH,
)
from fastmf.kernels.networks.ticks import ELEMENTS, PRODUCTS, tick
from fastmf.kernels.products import ANEW, Block, block_product, panel_product
from fastmf.kernels.vectors import WIDTH as LANES
from fastmf.kernels.vectors import load, multiply_add, sum_lanes, zeros

__all__ = ["TILE", "run_turn"]

TILE = 96
"""Rows that go through at a time."""


@kernel
def run_turn(layers, turn, users, items, targets, losses, shard):
    """Take a shard through a turn.

    Parameters
    ----------
    layers : Layers
        Its moments, or a part of its gradients, are assigned.
    turn : int64
    users, items : Shown
        See `fastmf.kernels.networks.pair_rows`; their halves are made.
    targets, losses
        As for `fastmf.kernels.networks.pair_shards.run_chain`.
    shard : Shard
        Its memory is modified.

    Notes
    -----
    Free of races as long as no other thread has the same shard or memory.
    """
    n = len(layers.norms)
    if turn == 0:
        _join(layers, users, items, shard)
    elif turn < n:
        _go_forward(layers, turn, shard)
    elif turn == n:
        _turn_round(layers, users, items, targets, losses, shard)
    else:
        _go_back(layers, 2 * n - turn, shard)


@njit
def _place(norm, shard, row):
    """Return where a row of the batch begins among the inputs of a norm."""
    return shard.capacity * norm[AT] + row * norm[STRIDE]


@njit
def _terms_of(layers, norm, row):
    return layers.terms[row, norm[AT] : norm[AT] + norm[STRIDE]]


@njit
def _sum_moments(layers, number, shard, first, last, scratch):
    """Add some inputs of a norm to the shard's moments; the first rows of all, to begin with."""
    norm = layers.norms[number]
    at, end, stride = norm[AT], norm[AT] + norm[WIDTH], norm[STRIDE]
    totals, squares = (
        layers.moments[shard.number, 0, at:end],
        layers.moments[shard.number, 1, at:end],
    )
    pivot, sums = scratch[:stride], scratch[stride : 3 * stride]
    begin = _place(norm, shard, first)
    if first == shard.first:
        totals[:] = 0
        squares[:] = 0
        sums[:] = 0
        pivot[:] = shard.room[begin : begin + stride]
    tiles.add_moments(shard.room, begin, stride, last - first, pivot, sums)
    tiles.tile_moments(sums, pivot, last - first, totals, squares)


@njit
def _join(layers, users, items, shard):
    norm = layers.norms[0]
    for first in range(shard.first, shard.last, LANES):  # few enough for the first-level cache
        last = min(first + LANES, shard.last)
        join_rows(
            *(users, items, norm[STRIDE], shard.base + first, last - first),
            *(shard.base + shard.n_batch, shard.room, _place(norm, shard, first)),
        )
        _sum_moments(layers, np.int64(0), shard, first, last, shard.scratch)


@njit
def _activate(layers, number, shard, first, last, y, y_stride):
    norm = layers.norms[number]
    factors, addends = _terms_of(layers, norm, FACTOR), _terms_of(layers, norm, ADDEND)
    tiles.activate_tile(
        *(shard.room, _place(norm, shard, first), norm[STRIDE], last - first, factors, addends),
        *(layers.keys[shard.batch, number], first, layers.thresholds[number], y, y_stride),
        shard.masks,
    )


@njit
def _y_of(layers, number, shard):
    """Return scratch memory for a tile of activations, its stride, and what is left."""
    # Not a power of two: products read columns of it, whose lines would be in each other's way.
    stride = layers.norms[number, STRIDE] + LANES
    return shard.scratch[: TILE * stride], stride, shard.scratch[TILE * stride :]


@njit
def _go_forward(layers, number, shard):
    """Set the inputs of a norm behind another, and their moments."""
    before, norm = layers.norms[number - 1], layers.norms[number]
    y, y_stride, scratch = _y_of(layers, number - 1, shard)
    for first in range(shard.first, shard.last, TILE):
        last = min(first + TILE, shard.last)
        _activate(layers, number - 1, shard, first, last, y, y_stride)
        tick(shard.ticks, ELEMENTS)
        out = Block(shard.room, _place(norm, shard, first), norm[STRIDE], False)
        block_product(
            *(Block(y, 0, y_stride, False), layers.packed, before[PACKED]),
            *(last - first, norm[WIDTH], before[WIDTH], ANEW, out),
        )
        tick(shard.ticks, PRODUCTS)
        _sum_moments(layers, number, shard, first, last, scratch)


@njit
def _take_sums(norm, sums, inverse, gradients):
    """Assign the gradients of shift and scale."""
    for column in range(norm[WIDTH]):
        gradients[norm[SHIFT] + column] = sums[column]
        gradients[norm[SCALE] + column] = sums[norm[STRIDE] + column] * inverse[column]


@njit
def _outputs(y, y_stride, weights, bias, outputs):
    """Set the outputs of the last layer."""
    for row in range(len(outputs)):
        sums = zeros()
        for lane in range(0, len(weights), LANES):
            sums = multiply_add(load(y, row * y_stride + lane), load(weights, lane), sums)
        outputs[row, 0] = bias + sum_lanes(sums)


@njit
def _turn_round(layers, users, items, targets, losses, shard):
    """Go through the last layer and back."""
    number = len(layers.norms) - 1
    norm, gradients = layers.norms[number], layers.gradients[shard.number]
    stride, width, bias_at = norm[STRIDE], norm[WIDTH], norm[BIAS]
    y, y_stride, scratch = _y_of(layers, number, shard)
    weights, sums = scratch[:stride], scratch[stride : 4 * stride]
    weights[:width] = layers.parameters[norm[WEIGHTS] : norm[WEIGHTS] + width]
    weights[width:] = 0
    sums[:] = 0
    bias = layers.parameters[bias_at] if bias_at >= 0 else np.float32(0)
    means, inverse = _terms_of(layers, norm, MEAN), _terms_of(layers, norm, INVERSE)
    loss, by_bias = 0.0, np.float32(0)
    for first in range(shard.first, shard.last, TILE):
        last = min(first + TILE, shard.last)
        _activate(layers, number, shard, first, last, y, y_stride)
        outputs = scratch[4 * stride : 4 * stride + last - first].reshape((last - first, 1))
        _outputs(y, y_stride, weights, bias, outputs)
        errors = shard.errors[first:last]
        loss += lose_squares(
            outputs, users, items, shard.base + first, shard.n_batch, targets, errors
        )
        for error in errors:
            by_bias += error
        tiles.output_gradient(
            *(errors, weights, y, y_stride, shard.slopes, shard.room, _place(norm, shard, first)),
            *(stride, shard.masks, layers.scales[number], means, sums),
        )
    losses[shard.batch, shard.number] = loss
    if bias_at >= 0:
        gradients[bias_at] = by_bias
    gradients[norm[WEIGHTS] : norm[WEIGHTS] + width] = sums[2 * stride : 2 * stride + width]
    _take_sums(norm, sums, inverse, gradients)


@njit
def _go_back(layers, number, shard):
    """Make of the gradients by the outputs of a norm those by the outputs of the one before."""
    before, norm, gradients = layers.norms[number - 1], layers.norms[number], layers.gradients
    of_shard, width, stride = gradients[shard.number], norm[WIDTH], before[STRIDE]
    y, y_stride, scratch = _y_of(layers, number - 1, shard)
    sums, derived = scratch[: 2 * stride], scratch[2 * stride :]
    sums[:] = 0
    by_slope, by_x = _terms_of(layers, norm, BY_SLOPE), _terms_of(layers, norm, BY_X)
    by_one, means = _terms_of(layers, norm, BY_ONE), _terms_of(layers, before, MEAN)
    factors, addends = _terms_of(layers, before, FACTOR), _terms_of(layers, before, ADDEND)
    for first in range(shard.first, shard.last, TILE):
        rows = min(TILE, shard.last - first)
        at, before_at = _place(norm, shard, first), _place(before, shard, first)
        tiles.derive_tile(
            *(shard.slopes, shard.room, at, norm[STRIDE], rows, by_slope, by_x, by_one, derived)
        )
        tiles.restore_tile(
            *(shard.room, before_at, stride, rows, factors, addends, shard.masks, y, y_stride)
        )
        tick(shard.ticks, ELEMENTS)
        block_product(
            *(Block(y, 0, y_stride, True), derived, np.int64(0)),
            *(before[WIDTH], width, rows, first > shard.first),
            Block(of_shard, before[WEIGHTS], width, False),
        )
        panel_product(
            *(derived, np.int64(0), layers.packed, before[PACKED_BACK]),
            *(rows, before[WIDTH], width, ANEW),
            Block(shard.slopes, before_at, stride, False),
        )
        tick(shard.ticks, PRODUCTS)
        tiles.activation_gradient(
            *(shard.slopes, shard.room, before_at, stride, rows, shard.masks),
            *(layers.scales[number - 1], means, sums),
        )
    inverse = _terms_of(layers, before, INVERSE)
    _take_sums(before, sums, inverse, of_shard)
