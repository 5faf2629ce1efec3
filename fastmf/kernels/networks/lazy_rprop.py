"""RProp for a few rows of a table, as if it had moved all rows in every step.

Riedmiller and Braun (1993), without going back. A step without a gradient leaves a row where it is,
but for weight decay, and leaves the size of its steps; the next gradient has no sign to agree with.
"""

from __future__ import annotations

import numpy as np
from numba import types

from fastmf.kernels.compiled import kernel
from fastmf.kernels.networks.embedding_rows import row_gradient
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    multiply,
    multiply_add,
    store,
    zeros,
)

__all__ = ["bring_up_to_date", "step"]

_FLOATS = types.Array(types.float32, 1, "C", readonly=True)
_ROWS = types.Array(types.float32, 1, "C")
_INDEX = types.Array(types.int32, 1, "C", readonly=True)
_STAMPS = types.Array(types.int32, 1, "C")
_INT, _FLOAT = types.int64, types.float32


@kernel(
    signature=types.void(_INT, _INT, _INDEX, _INT, _STAMPS, _ROWS, _ROWS, _INT, _FLOATS, _FLOATS)
)
def bring_up_to_date(first, last, touched, now, stamps, rows, previous, stride, fades, losses):
    """Give rows what the steps since their last one would have done to them.

    Parameters
    ----------
    first, last, touched, now, stamps
        As for `fastmf.kernels.networks.lazy_adam.bring_up_to_date`.
    rows, previous : (n * stride,) float32, modified in place
        Values, and the gradients of the step before.
    stride : int64
        A multiple of sixteen.
    fades : (stride,) float32
        1 where weight decay applies, else 0.
    losses : (at least now + 1,) float32
        What decay has added to a value since each step, as a share of it: not above 0.

    Notes
    -----
    Free of races as long as no other thread has the same rows.
    """
    for k in range(first, last):
        row = np.int64(touched[k])
        before = np.int64(stamps[row])
        if before == now:
            continue
        stamps[row] = np.int32(now)
        at = row * stride
        lost = broadcast(losses[before])
        for lane in range(at, at + stride, WIDTH):
            kept = multiply_add(load(fades, lane - at), lost, broadcast(np.float32(1)))
            store(rows, lane, multiply(kept, load(rows, lane)))
            store(previous, lane, zeros())


@kernel(
    signature=types.void(
        *(_INT, _INT, _INDEX, _INDEX, _INDEX, _FLOATS, _INT, _FLOATS, _INT, _FLOATS, _FLOATS),
        *(_INT, _STAMPS, _ROWS, _ROWS, _ROWS, _INT, _FLOATS),
        *(_FLOAT, _FLOAT, _FLOAT, _FLOAT, _FLOAT, _FLOAT),
    )
)
def step(
    first,
    last,
    entries,
    touched,
    starts,
    gradients,
    columns,
    edge,
    column,
    weights,
    pulls,
    now,
    stamps,
    rows,
    previous,
    sizes,
    stride,
    fades,
    start,
    growth,
    shrinkage,
    smallest,
    largest,
    lost,
):
    """Sum the gradients of each row and take one step with the sums.

    Parameters
    ----------
    first, last, entries, touched, starts, gradients, columns, edge, column, weights, pulls
        As for `fastmf.kernels.networks.embedding_rows.squared_norm`.
    now : int64
        The number of this step, from the first one remembered. The rows are up to date with the one
        before.
    stamps : (n,) int32, modified in place
    rows, previous, sizes : (n * stride,) float32, modified in place
        Values, gradients of the step before, and sizes of the steps; 0 before the first.
    stride : int64
    fades : (stride,) float32
        1 where weight decay applies, else 0.
    start : float32
        Size of the first step.
    growth, shrinkage, smallest, largest : float32
        As for `fastmf.kernels.networks.dense_steps.rprop_step`.
    lost : float32
        What weight decay adds to a value, as a share of it, where it applies: not above 0.

    Notes
    -----
    Free of races as long as no other thread has the same rows.
    """
    summed = np.empty(WIDTH, np.float32)
    zero = np.float32(0)
    for k in range(first, last):
        row = np.int64(touched[k])
        stamps[row] = np.int32(now)
        for lane in range(0, stride, WIDTH):
            at = row * stride + lane
            gradient = row_gradient(
                *(entries, starts[k], starts[k + 1], gradients, columns, edge, column, lane),
                *(weights, pulls, load(rows, at)),
            )
            store(summed, 0, gradient)
            for element in range(WIDTH):
                slope, size = summed[element], sizes[at + element]
                if size == zero:
                    size = start
                agreement = slope * previous[at + element]
                if agreement > zero:
                    size = min(size * growth, largest)
                elif agreement < zero:
                    size = max(size * shrinkage, smallest)
                    slope = zero
                sizes[at + element] = size
                previous[at + element] = slope
                distance = size if slope > zero else (-size if slope < zero else zero)
                left = np.float32(1) + fades[lane + element] * lost
                rows[at + element] = left * rows[at + element] - distance
