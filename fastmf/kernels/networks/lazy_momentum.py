"""Gradient descent with momentum for a few rows of a table, as if it had moved all rows each step.

Between its gradients a row still moves by its velocity and shrinks by the weight decay.
"""

from __future__ import annotations

import numpy as np
from numba import types

from fastmf.kernels.compiled import kernel
from fastmf.kernels.networks.embedding_rows import row_gradient
from fastmf.kernels.small_numbers import SMALL, large_or_zeros
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    multiply,
    multiply_add,
    negative_multiply_add,
    store,
    subtract,
)

__all__ = ["bring_up_to_date", "step"]

_FLOATS = types.Array(types.float32, 1, "C", readonly=True)
_ROWS = types.Array(types.float32, 1, "C")
_INDEX = types.Array(types.int32, 1, "C", readonly=True)
_STAMPS = types.Array(types.int32, 1, "C")
_INT, _FLOAT = types.int64, types.float32


@kernel(
    signature=types.void(
        *(_INT, _INT, _INDEX, _INT, _STAMPS, _ROWS, _ROWS, _INT),
        *(_FLOATS, _INT, _FLOATS, _FLOATS, _FLOATS, _FLOATS),
    )
)
def bring_up_to_date(
    first,
    last,
    touched,
    now,
    stamps,
    rows,
    velocities,
    stride,
    fades,
    window,
    moves,
    plain_moves,
    losses,
    powers,
):
    """Give rows what the steps since their last one would have done to them.

    Parameters
    ----------
    first, last, touched, now, stamps
        As for `fastmf.kernels.networks.lazy_adam.bring_up_to_date`.
    rows, velocities : (n * stride,) float32, modified in place
    stride : int64
        A multiple of sixteen.
    fades : (stride,) float32
        1 where weight decay applies, else 0.
    window : int64
        Steps after which `moves` does not change any more but by decay.
    moves : (at least now,) float32
        What a velocity of one has moved a value by since each step; see
        `fastmf.kernels.networks.step_history.add_momentum_step`.
    plain_moves : (at least now,) float32
        The same without decay, for the elements it does not apply to.
    losses : (at least now + 1,) float32
        What decay has added to a value since each step, as a share of it: not above 0.
    powers : (at least now + 1,) float32
        Powers of the momentum.

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
        move = moves[before] * (np.float32(1) + losses[min(before + window, now)])
        plain = broadcast(plain_moves[before])
        excess = subtract(broadcast(move), plain)
        lost = broadcast(losses[before])
        left = broadcast(powers[now - before])
        at = row * stride
        for lane in range(at, at + stride, WIDTH):
            velocity = load(velocities, lane)
            fade = load(fades, lane - at)
            kept = multiply_add(fade, lost, broadcast(np.float32(1)))
            value = multiply(kept, load(rows, lane))
            distance = multiply(multiply_add(fade, excess, plain), velocity)
            store(rows, lane, subtract(value, distance))
            store(velocities, lane, multiply(left, velocity))


@kernel(
    signature=types.void(
        *(_INT, _INT, _INDEX, _INDEX, _INDEX, _FLOATS, _INT, _FLOATS, _INT, _FLOATS, _FLOATS),
        *(_INT, _STAMPS, _ROWS, _ROWS, _INT, _FLOATS, _FLOAT, _FLOAT, _FLOAT, _FLOAT),
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
    velocities,
    stride,
    fades,
    gradient_rate,
    velocity_rate,
    lost,
    momentum,
):
    """Sum the gradients of each row and take one step with the sums.

    ``velocity = momentum * velocity + gradient``;
    ``row = (1 + fade * lost) * row - gradient_rate * gradient - velocity_rate * velocity``;
    what is too small to matter is 0, as in `fastmf.kernels.networks.dense_steps.momentum_step`.

    Parameters
    ----------
    first, last, entries, touched, starts, gradients, columns, edge, column, weights, pulls
        As for `fastmf.kernels.networks.embedding_rows.squared_norm`.
    now : int64
        The number of this step, from the first one remembered. The rows are up to date with the one
        before.
    stamps : (n,) int32, modified in place
    rows, velocities : (n * stride,) float32, modified in place
    stride : int64
    fades : (stride,) float32
        1 where weight decay applies, else 0.
    gradient_rate, velocity_rate : float32
        0 and the learning rate; by Nesterov, the rate and the rate times the momentum.
    lost : float32
        What weight decay adds to a value, as a share of it, where it applies: not above 0.
    momentum : float32

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
            velocity = multiply_add(broadcast(momentum), load(velocities, at + lane), gradient)
            velocity = large_or_zeros(velocity, SMALL)
            value = multiply(multiply_add(load(fades, lane), fall, one), value)
            value = negative_multiply_add(broadcast(gradient_rate), gradient, value)
            value = negative_multiply_add(broadcast(velocity_rate), velocity, value)
            store(rows, at + lane, large_or_zeros(value, SMALL))
            store(velocities, at + lane, velocity)
