"""What the problem of one row has beside its ratings: a base matrix, regularization, a start.

For kernels that improve rows from what they are; `fastmf.kernels.alternating.normal_equations` has
problems and rows. They are inlined where the floats of a row are known, so that loops over a row
unroll.
"""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.small_numbers import SMALL, large_or_zeros
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

__all__ = ["read_row", "set_shared", "set_weights", "weighted_square", "write_row"]


@kernel(inline="always")
def read_row(own, row, system, stride, x):
    """Copy a row into the lanes of the unknowns.

    Parameters
    ----------
    own : (n_rows * stride,) float32
    row : int
    system : System
    stride : int
    x : (stride,) float32, modified in place
        A bias is where normal equations have it, with a zero behind it.
    """
    for lane in range(0, stride, WIDTH):
        store(x, lane, load(own, row * stride + lane))
    if system.biased:
        x[stride - 2] = x[stride - 1]
    x[stride - 1] = np.float32(0)


@kernel(inline="always")
def write_row(own, row, system, stride, x):
    """Set a row to what is in the lanes of the unknowns.

    Parameters
    ----------
    own : (n_rows * stride,) float32, modified in place
    row : int
    system : System
    stride : int
    x : (stride,) float32 or None
        As `read_row` has them; zeros for None. What is below `fastmf.kernels.small_numbers.SMALL`
        counts as 0.
    """
    to = row * stride
    for lane in range(0, stride, WIDTH):
        # Strong regularization draws rows to 0, over denormal numbers that take ten times as long.
        store(own, to + lane, zeros() if x is None else large_or_zeros(load(x, lane), SMALL))
    if system.biased:
        own[to + stride - 1] = own[to + stride - 2]
        own[to + stride - 2] = np.float32(1)


@kernel
def set_weights(system, ridge, bias_ridge, weights):
    """Spread the regularization over the lanes of the unknowns.

    Parameters
    ----------
    system : System
    ridge, bias_ridge : float32
    weights : (stride,) float32, modified in place
    """
    stride = system.stride
    for lane in range(0, stride, WIDTH):
        store(weights, lane, zeros())
    for lane in range(stride - 1 - system.unknowns, stride - 1):
        weights[lane] = bias_ridge if system.biased and lane == stride - 2 else ridge


@kernel(inline="always")
def set_shared(base, stride, weights, vector, out):
    """Set the base matrix and the regularization, times a vector; return their quadratic form.

    Parameters
    ----------
    base : (stride * stride,), (stride,) or (0,) float32
        A symmetric matrix, all of it; or one's diagonal, where it has nothing else.
    stride : int
    weights : (stride,) float32
        As `set_weights` leaves them.
    vector : (stride,) float32
    out : (stride,) float32, modified in place

    Returns
    -------
    float
    """
    form = zeros()
    for lane in range(0, stride, WIDTH):
        weight = load(weights, lane)
        if base.size == stride:
            weight = add(weight, load(base, lane))
        value = multiply(weight, load(vector, lane))
        if base.size > stride:
            # Four sums, so that an addition does not wait for the one before.
            second, third, fourth = zeros(), zeros(), zeros()
            for row in range(0, stride, 4):
                at = row * stride + lane
                value = multiply_add(broadcast(vector[row]), load(base, at), value)
                at += stride
                second = multiply_add(broadcast(vector[row + 1]), load(base, at), second)
                at += stride
                third = multiply_add(broadcast(vector[row + 2]), load(base, at), third)
                at += stride
                fourth = multiply_add(broadcast(vector[row + 3]), load(base, at), fourth)
            value = add(add(value, second), add(third, fourth))
        store(out, lane, value)
        form = multiply_add(load(vector, lane), value, form)
    return np.float64(sum_lanes(form))


@kernel(inline="always")
def weighted_square(vector, weights, stride):
    """Return ``sum(weights * vector^2)``.

    Parameters
    ----------
    vector, weights : (stride,) float32
    stride : int

    Returns
    -------
    float
    """
    sums = zeros()
    for lane in range(0, stride, WIDTH):
        value = load(vector, lane)
        sums = multiply_add(multiply(value, load(weights, lane)), value, sums)
    return sum_lanes(sums)
