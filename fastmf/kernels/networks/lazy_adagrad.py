"""AdaGrad for a few rows of a table, as if it had moved all rows in every step.

Without a gradient a row does not move, but weight decay still shrinks it.
"""

from __future__ import annotations

import numpy as np
from numba import types

from fastmf.kernels.compiled import kernel
from fastmf.kernels.networks.embedding_rows import row_gradient
from fastmf.kernels.small_numbers import SMALL, large_or_zeros
from fastmf.kernels.vector_roots import add, divide, square_root
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    multiply,
    multiply_add,
    store,
    subtract,
)

__all__ = ["bring_up_to_date", "step"]

_FLOATS = types.Array(types.float32, 1, "C", readonly=True)
_ROWS = types.Array(types.float32, 1, "C")
_INDEX = types.Array(types.int32, 1, "C", readonly=True)
_STAMPS = types.Array(types.int32, 1, "C")
_INT, _FLOAT = types.int64, types.float32


@kernel(signature=types.void(_INT, _INT, _INDEX, _INT, _STAMPS, _ROWS, _INT, _FLOATS, _FLOATS))
def bring_up_to_date(first, last, touched, now, stamps, rows, stride, fades, losses):
    """Give rows the weight decay of the steps since their last one.

    Parameters
    ----------
    first, last, touched, now, stamps
        As for `fastmf.kernels.networks.lazy_adam.bring_up_to_date`.
    rows : (n * stride,) float32, modified in place
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
        loss = losses[stamps[row]]
        stamps[row] = np.int32(now)
        if loss != 0:
            at = row * stride
            lost = broadcast(loss)
            for lane in range(at, at + stride, WIDTH):
                left = multiply_add(load(fades, lane - at), lost, broadcast(np.float32(1)))
                store(rows, lane, multiply(left, load(rows, lane)))


@kernel(
    signature=types.void(
        *(_INT, _INT, _INDEX, _INDEX, _INDEX, _FLOATS, _INT, _FLOATS, _INT, _FLOATS, _FLOATS),
        *(_INT, _STAMPS, _ROWS, _ROWS, _INT, _FLOATS, _FLOAT, _FLOAT, _FLOAT),
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
    squares,
    stride,
    fades,
    rate,
    epsilon,
    lost,
):
    """Sum the gradients of each row and take one step with the sums.

    ``square += gradient^2``;
    ``row = (1 + fade * lost) * row - rate * gradient / (sqrt(square) + epsilon)``;
    what is too small to matter is 0, as in `fastmf.kernels.networks.dense_steps.adagrad_step`.

    Parameters
    ----------
    first, last, entries, touched, starts, gradients, columns, edge, column, weights, pulls
        As for `fastmf.kernels.networks.embedding_rows.squared_norm`.
    now : int64
        The number of this step, from the first one remembered. The rows are up to date with the one
        before.
    stamps : (n,) int32, modified in place
    rows, squares : (n * stride,) float32, modified in place
    stride : int64
    fades : (stride,) float32
        1 where weight decay applies, else 0.
    rate, epsilon : float32
    lost : float32
        What weight decay adds to a value, as a share of it, where it applies: not above 0.

    Notes
    -----
    Free of races as long as no other thread has the same rows.
    """
    fall, one = broadcast(lost), broadcast(np.float32(1))
    for k in range(first, last):
        row = np.int64(touched[k])
        stamps[row] = np.int32(now)
        at = row * stride
        for lane in range(0, stride, WIDTH):
            value = load(rows, at + lane)
            gradient = row_gradient(
                *(entries, starts[k], starts[k + 1], gradients, columns, edge, column, lane),
                *(weights, pulls, value),
            )
            gradient = large_or_zeros(gradient, SMALL)
            square = multiply_add(gradient, gradient, load(squares, at + lane))
            divisor = add(square_root(square), broadcast(epsilon))
            distance = divide(multiply(broadcast(rate), gradient), divisor)
            value = multiply(multiply_add(load(fades, lane), fall, one), value)
            store(rows, at + lane, large_or_zeros(subtract(value, distance), SMALL))
            store(squares, at + lane, square)
