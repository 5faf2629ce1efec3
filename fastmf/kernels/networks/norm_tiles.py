"""Batch norm, rectifier and dropout of some rows, each way in one pass.

Rows are those of a batch, in flat arrays of float32 with `stride` floats from one to the next, a
multiple of sixteen, with zeros behind the last column. A pass from memory further away than the
second-level cache takes longer than all that is computed here: outputs are not kept, but made
again on the way back, of the inputs and of a bit for each element, set where it was neither
rectified nor dropped.

Free of races as long as no other thread has the same arrays or rows that are modified.
"""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.hashing import GOLDEN, mix
from fastmf.kernels.products import in_panels
from fastmf.kernels.vector_masks import drawn, keep, positive
from fastmf.kernels.vector_roots import add
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    multiply,
    multiply_add,
    store,
    subtract,
)

__all__ = [
    "activate_tile",
    "activation_gradient",
    "add_moments",
    "derive_tile",
    "output_gradient",
    "restore_tile",
    "tile_moments",
]

# Rows whose lanes are summed in registers: as many as strides of 2 KiB leave in the first-level
# cache.
_ROWS = 16


@kernel
def add_moments(x, at, stride, rows, pivot, sums):
    """Add ``x - pivot`` and its square to the sums of the columns.

    A pivot near the mean, such as any of the rows, keeps the digits that a variance needs.

    Parameters
    ----------
    x : float32
    at, stride, rows : int64
        The first row begins at `at`.
    pivot : (stride,) float32
    sums : (2 * stride,) float32, modified in place
    """
    for begin in range(0, rows, _ROWS):
        end = min(begin + _ROWS, rows)
        for lane in range(0, stride, WIDTH):
            middle, total, squares = load(pivot, lane), load(sums, lane), load(sums, stride + lane)
            for row in range(begin, end):
                left = subtract(load(x, at + row * stride + lane), middle)
                total, squares = add(total, left), multiply_add(left, left, squares)
            store(sums, lane, total)
            store(sums, stride + lane, squares)


@kernel
def tile_moments(sums, pivot, rows, totals, squares):
    """Add what `add_moments` has summed to sums of the columns and of their squares.

    Parameters
    ----------
    sums : (2 * stride,) float32, modified in place
        Set to zeros.
    pivot : (stride,) float32
    rows : int64
    totals, squares : (n,) float64, modified in place
    """
    stride = len(sums) // 2
    for column in range(len(totals)):
        middle, left = np.float64(pivot[column]), np.float64(sums[column])
        totals[column] += left + rows * middle
        squares[column] += sums[stride + column] + middle * (2 * left + rows * middle)
    sums[:] = 0


@kernel
def activate_tile(
    x, at, stride, rows, factors, shifts, key, first_row, threshold, y, y_stride, masks
):
    """Set ``y = x * factor + shift``, or 0 where that is not positive or is dropped.

    Parameters
    ----------
    x : float32
    at, stride, rows : int64
    factors, shifts : (stride,) float32
    key : uint64
    first_row : int64
        Row of the batch that the first is.
    threshold : uint32
        Of dropout, see `fastmf.kernels.networks.dropout.drop`; 0 for none.
    y : (rows * y_stride,) float32, modified in place
    y_stride : int64
    masks : uint16, modified in place
        ``masks[(at + row * stride + column) // 16]`` is assigned the bits of sixteen columns.
    """
    for row in range(rows):
        row_key = np.uint32(mix(key + np.uint64(first_row + row) * GOLDEN))
        begin, to = at + row * stride, row * y_stride
        for lane in range(0, stride, WIDTH):
            value = multiply_add(load(x, begin + lane), load(factors, lane), load(shifts, lane))
            bits = positive(value)
            if threshold > 0:
                bits = np.uint16(bits & drawn(row_key, lane, threshold))
            masks[(begin + lane) // WIDTH] = bits
            store(y, to + lane, keep(bits, value))


@kernel
def restore_tile(x, at, stride, rows, factors, shifts, masks, y, y_stride):
    """Set `y` to what `activate_tile` has set it to.

    Parameters
    ----------
    x, at, stride, rows, factors, shifts
        As for `activate_tile`.
    masks : uint16
        As it assigned them.
    y : float32, modified in place
        The activations, `y_stride` apart.
    y_stride : int64
    """
    for row in range(rows):
        begin, to = at + row * stride, row * y_stride
        for lane in range(0, stride, WIDTH):
            value = multiply_add(load(x, begin + lane), load(factors, lane), load(shifts, lane))
            store(y, to + lane, keep(masks[(begin + lane) // WIDTH], value))


@kernel
def activation_gradient(slopes, x, at, stride, rows, masks, scale, means, sums):
    """Turn gradients by activations into those by the norm's outputs, and sum these.

    Parameters
    ----------
    slopes : float32, modified in place
        Multiplied by `scale`, or set to 0 where the activation is.
    x : float32
        Inputs of the norm.
    at, stride, rows : int64
        Of both.
    masks : uint16
        As `activate_tile` assigned them.
    scale : float32
        Of dropout.
    means : (stride,) float32
    sums : (2 * stride,) float32, modified in place
        The columns' sums of gradients are added, and those of gradients times ``x - mean``.
    """
    factor = broadcast(scale)
    for begin in range(0, rows, _ROWS):
        end = min(begin + _ROWS, rows)
        for lane in range(0, stride, WIDTH):
            middle, total, product = load(means, lane), load(sums, lane), load(sums, stride + lane)
            for row in range(begin, end):
                place = at + row * stride + lane
                slope = keep(masks[place // WIDTH], multiply(factor, load(slopes, place)))
                store(slopes, place, slope)
                total = add(total, slope)
                product = multiply_add(slope, subtract(load(x, place), middle), product)
            store(sums, lane, total)
            store(sums, stride + lane, product)


@kernel
def output_gradient(errors, weights, y, y_stride, slopes, x, at, stride, masks, scale, means, sums):
    """Go back through a dense layer of one output, and through the activations in front of it.

    Parameters
    ----------
    errors : (rows,) float32
        Gradient by the output.
    weights : (stride,) float32
    y : (rows * y_stride,) float32
        Activations.
    y_stride : int64
    slopes : float32, modified in place
        Set as `activation_gradient` would.
    x, at, stride, masks, scale, means
        As for `activation_gradient`.
    sums : (3 * stride,) float32, modified in place
        As for `activation_gradient`; behind them, the gradient of the weights is added.
    """
    for lane in range(0, stride, WIDTH):
        weight = multiply(broadcast(scale), load(weights, lane))
        middle, total, product = load(means, lane), load(sums, lane), load(sums, stride + lane)
        by_weight = load(sums, 2 * stride + lane)
        for row in range(len(errors)):
            place, error = at + row * stride + lane, broadcast(errors[row])
            slope = keep(masks[place // WIDTH], multiply(error, weight))
            store(slopes, place, slope)
            total = add(total, slope)
            product = multiply_add(slope, subtract(load(x, place), middle), product)
            by_weight = multiply_add(error, load(y, row * y_stride + lane), by_weight)
        store(sums, lane, total)
        store(sums, stride + lane, product)
        store(sums, 2 * stride + lane, by_weight)


@kernel
def derive_tile(slopes, x, at, stride, rows, by_slope, by_x, by_one, out):
    """Set the gradient by the norm's inputs, ``by_slope * slope + by_x * x + by_one``.

    Parameters
    ----------
    slopes, x : float32
        Gradients by the norm's outputs, and its inputs.
    at, stride, rows : int64
        Of both.
    by_slope, by_x, by_one : (stride,) float32
        What the means of the batch come to.
    out : float32, modified in place
        In panels; see `fastmf.kernels.products.pack`.
    """
    for row in range(rows):
        begin = at + row * stride
        for lane in range(0, stride, WIDTH):
            part = multiply_add(load(by_x, lane), load(x, begin + lane), load(by_one, lane))
            value = multiply_add(load(by_slope, lane), load(slopes, begin + lane), part)
            store(out, in_panels(lane, row, rows), value)
