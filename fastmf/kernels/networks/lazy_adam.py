"""Adam for a few rows of a table, with the same result as if it had moved all rows in every step.

Kingma and Ba (2015), with decoupled weight decay (Loshchilov and Hutter, 2019). Between its
gradients a row still moves by its momentum and shrinks by the decay; `bring_up_to_date` makes good
for all steps that rows have missed, by `fastmf.kernels.networks.step_history`.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from fastmf.kernels.compiled import kernel
from fastmf.kernels.networks.embedding_rows import row_gradient
from fastmf.kernels.networks.step_history import CENTER, DEGREE, TOO_ROUGH
from fastmf.kernels.small_numbers import SMALL, SMALL_SQUARE, large_or_zeros
from fastmf.kernels.vector_roots import add, divide, square_root
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    maximum,
    multiply,
    multiply_add,
    negative_multiply_add,
    prefetch,
    store,
    subtract,
)

__all__ = ["bring_up_to_date", "step"]

_FLOATS = types.Array(types.float32, 1, "C", readonly=True)
_ROWS = types.Array(types.float32, 1, "C")
_LINES = types.Array(types.float32, 2, "C", readonly=True)
_INDEX = types.Array(types.int32, 1, "C", readonly=True)
_STAMPS = types.Array(types.int32, 1, "C")
# Rows that are fetched ahead of their use: memory answers later than one row takes.
_AHEAD = 3

_INT, _FLOAT = types.int64, types.float32


@njit
def _fetch_ahead(k, last, touched, rows, means, squares, stride):
    """Have the memory of a row that comes soon brought near."""
    if k < last:
        at = np.int64(touched[k]) * stride
        for lane in range(at, at + stride, WIDTH):
            prefetch(rows, lane)
            prefetch(means, lane)
            prefetch(squares, lane)


@njit
def _polynomial(lines, step, z):
    """Return the value of a step's polynomial."""
    total = broadcast(lines[step, DEGREE])
    for power in range(DEGREE - 1, -1, -1):
        total = multiply_add(total, z, broadcast(lines[step, power]))
    return total


@njit
def _add_up_steps(at, before, count, gap, rows, means, squares, stride, tables, epsilon):
    """Do to one row what `bring_up_to_date` does, one step after the other."""
    fades, losses, powers1, powers2, steps = tables
    one = broadcast(np.float32(1))
    for lane in range(at, at + stride, WIDTH):
        fade = load(fades, lane - at)
        value, mean, square = load(rows, lane), load(means, lane), load(squares, lane)
        root = square_root(square)
        for past in range(1, count + 1):
            rate, inverse = steps[before + past, 0], steps[before + past, 1]
            kept = multiply_add(fade, broadcast(steps[before + past, 2]), one)
            spread = np.float32(np.sqrt(powers2[past])) * inverse
            divisor = multiply_add(root, broadcast(spread), broadcast(epsilon))
            distance = divide(multiply(mean, broadcast(rate * powers1[past])), divisor)
            value = subtract(multiply(value, kept), distance)
        kept = multiply_add(fade, broadcast(losses[before + count]), one)
        store(rows, lane, multiply(value, kept))
        store(means, lane, multiply(mean, broadcast(powers1[gap])))
        store(squares, lane, multiply(square, broadcast(powers2[gap])))


@kernel(
    signature=types.void(
        *(_INT, _INT, _INDEX, _INT, _STAMPS, _ROWS, _ROWS, _ROWS, _INT),
        *(_FLOATS, _INT, _LINES, _LINES, _INT, _FLOATS, _FLOATS, _FLOATS, _LINES, _FLOAT),
    )
)
def bring_up_to_date(
    first,
    last,
    touched,
    now,
    stamps,
    rows,
    means,
    squares,
    stride,
    fades,
    window,
    lines,
    plain_lines,
    mixed,
    losses,
    powers1,
    powers2,
    steps,
    epsilon,
):
    """Give rows what the steps since their last one would have done to them.

    Parameters
    ----------
    first, last : int64
        The rows are ``touched[first:last]``.
    touched : (m,) int32
        Rows, each once.
    now : int64
        Steps taken, from the first one remembered.
    stamps : (n,) int32, modified in place
        The step that each row is up to date with.
    rows, means, squares : (n * stride,) float32, modified in place
        Values and moments m and v.
    stride : int64
        A multiple of sixteen.
    fades : (stride,) float32
        1 where weight decay applies, else 0.
    window : int64
        Steps after which a polynomial does not change any more but by decay.
    lines : (at least now, 16) float32
        As `fastmf.kernels.networks.step_history.add_adam_step` leaves them.
    plain_lines : (at least now, 16) float32
        The same without decay, for the elements it does not apply to.
    mixed : int64
        Whether there are such elements beside others; else `plain_lines` is not looked at.
    losses : (at least now + 1,) float32
        What decay has added to a value since each step, as a share of it: not above 0.
    powers1, powers2 : (at least now + 1,) float32
        Powers of beta1 and of beta2.
    steps : (at least now + 1, 4) float32
        Of each step: learning rate over ``1 - beta1^s``; one over ``sqrt(1 - beta2^s)``; what decay
        adds, as a share; unused.
    epsilon : float32

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
        _fetch_ahead(k + _AHEAD, last, touched, rows, means, squares, stride)
        gap, at = now - before, row * stride
        if lines[before, TOO_ROUGH] != 0 or (mixed != 0 and plain_lines[before, TOO_ROUGH] != 0):
            count = min(gap, window)
            tables = fades, losses, powers1, powers2, steps
            _add_up_steps(at, before, count, gap, rows, means, squares, stride, tables, epsilon)
            continue
        center = broadcast(lines[before, CENTER])
        moved = broadcast(np.float32(1) + losses[min(before + window, now)])
        lost = broadcast(losses[before])
        mean_left, square_left = broadcast(powers1[gap]), broadcast(powers2[gap])
        for lane in range(0, stride, WIDTH):
            mean, square = load(means, at + lane), load(squares, at + lane)
            root = square_root(square)
            inverse = divide(broadcast(np.float32(1)), add(center, root))
            z = multiply(subtract(center, root), inverse)
            total = multiply(moved, _polynomial(lines, before, z))
            if mixed != 0:
                plain = _polynomial(plain_lines, before, z)
                total = multiply_add(load(fades, lane), subtract(total, plain), plain)
            kept = multiply_add(load(fades, lane), lost, broadcast(np.float32(1)))
            value = multiply(kept, load(rows, at + lane))
            value = negative_multiply_add(mean, multiply(total, inverse), value)
            store(rows, at + lane, value)
            store(means, at + lane, multiply(mean, mean_left))
            store(squares, at + lane, multiply(square, square_left))


@kernel(
    signature=types.void(
        *(_INT, _INT, _INDEX, _INDEX, _INDEX, _FLOATS, _INT, _FLOATS, _INT, _FLOATS, _FLOATS),
        *(_INT, _STAMPS, _ROWS, _ROWS, _ROWS, _INT, _FLOATS),
        *(_FLOAT, _FLOAT, _FLOAT, _FLOAT, _FLOAT, _FLOAT, _FLOAT, _FLOAT),
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
    means,
    squares,
    stride,
    fades,
    rate,
    inverse_root,
    lost,
    epsilon,
    beta1,
    rest1,
    beta2,
    rest2,
):
    """Sum the gradients of each row and take one step with the sums.

    What is too small to matter is 0, as in `fastmf.kernels.networks.dense_steps.adam_step`; but
    ``v``, which is `SMALL_SQUARE` at least.

    Parameters
    ----------
    first, last, entries, touched, starts, gradients, columns, edge, column, weights, pulls
        As for `fastmf.kernels.networks.embedding_rows.squared_norm`.
    now : int64
        The number of this step, from the first one remembered. The rows are up to date with the one
        before.
    stamps : (n,) int32, modified in place
    rows, means, squares : (n * stride,) float32, modified in place
    stride : int64
    fades : (stride,) float32
        1 where weight decay applies, else 0.
    rate : float32
        ``learning rate / (1 - beta1^s)``.
    inverse_root : float32
        ``1 / sqrt(1 - beta2^s)``.
    lost : float32
        What weight decay adds to a value, as a share of it, where it applies: not above 0.
    epsilon : float32
    beta1, rest1, beta2, rest2 : float32
        The betas, and one minus each.

    Notes
    -----
    Free of races as long as no other thread has the same rows.
    """
    fall, one = broadcast(lost), broadcast(np.float32(1))
    for k in range(first, last):
        row = np.int64(touched[k])
        stamps[row] = np.int32(now)
        at = row * stride
        _fetch_ahead(k + _AHEAD, last, touched, rows, means, squares, stride)
        for lane in range(0, stride, WIDTH):
            value = load(rows, at + lane)
            gradient = row_gradient(
                *(entries, starts[k], starts[k + 1], gradients, columns, edge, column, lane),
                *(weights, pulls, value),
            )
            mean = multiply_add(
                broadcast(rest1), gradient, multiply(broadcast(beta1), load(means, at + lane))
            )
            mean = large_or_zeros(mean, SMALL)
            square = multiply_add(
                multiply(broadcast(rest2), gradient),
                gradient,
                multiply(broadcast(beta2), load(squares, at + lane)),
            )
            # A floor is one operation where 0 takes three: with those for gradient and square, the
            # step of a row took 15% longer. The gradient may be small, as its square is not rounded
            # before it is added.
            square = maximum(square, broadcast(SMALL_SQUARE))
            divisor = multiply_add(square_root(square), broadcast(inverse_root), broadcast(epsilon))
            distance = divide(multiply(broadcast(rate), mean), divisor)
            value = multiply(multiply_add(load(fades, lane), fall, one), value)
            store(rows, at + lane, large_or_zeros(subtract(value, distance), SMALL))
            store(means, at + lane, mean)
            store(squares, at + lane, square)
