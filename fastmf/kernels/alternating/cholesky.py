"""Cholesky factorization of one small system of normal equations, in place and in float32.

A system of `m` unknowns is the upper triangle of an augmented matrix, its last row and column the
right-hand side::

    | A  b |      A symmetric, m by m
    | .  c |

It stands at the lower right of a square whose side is a multiple of sixteen, so that what pads the
square comes first: the last group of sixteen columns, which every row passes through, is full.
Factoring the augmented matrix solves the lower triangular system on the way, and leaves in the
corner ``c - b' inverse(A) b``, the least value of the quadratic function that the system came from.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from fastmf.kernels.alternating.register_blocks import update_panel
from fastmf.kernels.alternating.register_triangles import (
    factor_triangle,
    solve_columns,
    solve_upwards,
)
from fastmf.kernels.compiled import kernel
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    first_of_quarter,
    load,
    multiply,
    multiply_add,
    negative_multiply_add,
    store,
    sum_four,
    zeros,
)

__all__ = [
    "FIRST_JITTER",
    "LEAST_PIVOT",
    "MOST_MENDS",
    "add_to_diagonal",
    "explained",
    "factor_system",
    "solve_system",
]

LEAST_PIVOT = np.float32(4e-6)
"""Part of its diagonal element that a pivot must keep: less is rounding."""

MOST_MENDS = 8
"""How often a matrix that cannot be factored is tried again, its diagonal raised."""

FIRST_JITTER = np.float32(1e-5)
"""Part of itself that the diagonal is raised by at first; then ten times as much each time."""


@kernel
def add_to_diagonal(matrix, system, ridge, bias_ridge, jitter, least):
    """Add the regularization, and `jitter` times each diagonal element; set the least pivots.

    Parameters
    ----------
    matrix : (stride * stride,) float32, modified in place
    system : System
    ridge, bias_ridge, jitter : float32
    least : (stride,) float32, modified in place
        See `fastmf.kernels.alternating.cholesky.factor_system`.
    """
    stride = system.stride
    for row in range(stride - 1 - system.unknowns, stride - 1):
        at = row * stride + row
        value = matrix[at] + (bias_ridge if system.biased and row == stride - 2 else ridge)
        value += jitter * value
        if value == 0:  # an unknown that is in no equation
            value = np.float32(1)
        matrix[at] = value
        least[row] = LEAST_PIVOT * value


@njit(error_model="numpy")
def _factor_rows(matrix, stride, first, last, pivots, least, inverses):
    """Factor the rows of the first panel, where it is not full; see `factor_system`.

    A row is scaled by the root of its pivot only once it has been taken from the rows below: the
    next pivot then waits for one division, not for a root as well. What binds here is the time
    from one pivot to the next.
    """
    panel = first // WIDTH * WIDTH
    for row in range(first, min(last, pivots)):
        pivot = matrix[row * stride + row]
        if not pivot > least[row]:  # NaN as well
            return False
        inverse = np.float32(1) / pivot
        for below in range(row + 1, last):
            factor = broadcast(matrix[row * stride + below] * inverse)
            for column in range(panel, stride, WIDTH):
                at = below * stride + column
                product = load(matrix, row * stride + column)
                store(matrix, at, negative_multiply_add(factor, product, load(matrix, at)))
        root = np.float32(1) / np.float32(math.sqrt(pivot))
        inverses[row] = root
        scale = broadcast(root)
        for column in range(panel, stride, WIDTH):
            at = row * stride + column
            store(matrix, at, multiply(scale, load(matrix, at)))
    return True


@kernel
def factor_system(matrix, stride, m, least, inverses):
    """Replace the upper triangle of an augmented matrix by its Cholesky factor.

    ``U' U`` is the augmented matrix, but for the last diagonal element, which is what is left of
    `c`. A panel of sixteen rows at a time (left-looking): first the products of all rows above
    are taken from it, then it is factored, its square first; all in registers.

    Parameters
    ----------
    matrix : (stride * stride,) float32, modified in place
        The augmented matrix at the lower right, upper triangle; other elements are overwritten.
    stride : int
        A multiple of sixteen, at least ``m + 1``.
    m : int
        Unknowns.
    least : (stride,) float32
        What each pivot must be above; see `LEAST_PIVOT`.
    inverses : (stride,) float32, modified in place
        Set to one over the diagonal of the factor.

    Returns
    -------
    bool
        False where a pivot was too small: `A` is not positive definite within float32.

    Notes
    -----
    Free of races: writes to its arguments only.
    """
    first = stride - 1 - m
    for panel in range(first // WIDTH * WIDTH, stride, WIDTH):
        row = max(panel, first)
        last = panel + WIDTH
        if panel > first:
            start = first * stride
            update_panel(matrix, matrix, start, panel - first, stride, panel, np.float32(-1))
        at = panel * stride + panel
        if row > panel:
            if not _factor_rows(matrix, stride, row, last, stride - 1, least, inverses):
                return False
        elif last == stride:
            return factor_triangle(matrix, at, stride, least, inverses, panel, 15)
        elif factor_triangle(matrix, at, stride, least, inverses, panel, 16):
            for column in range(last, stride, WIDTH):
                beside = panel * stride + column
                solve_columns(matrix, at, beside, stride, inverses, panel)
        else:
            return False
    return True


@kernel
def solve_system(matrix, stride, m, inverses, work, solution):
    """Solve ``U x = y`` from the bottom up, `U` and `y` as `factor_system` leaves them.

    Parameters
    ----------
    matrix : (stride * stride,) float32
    stride, m : int
        As for `factor_system`.
    inverses : (stride,) float32
        As `factor_system` set them.
    work : (stride,) float32, modified in place
    solution : (stride,) float32, modified in place
        Set to zeros, then `x`, then one more zero.

    Notes
    -----
    Free of races: writes to its arguments only.
    """
    first = stride - 1 - m
    for lane in range(0, stride, WIDTH):
        store(solution, lane, zeros())
        store(work, lane, zeros())
    for row in range(first, stride - 1):
        solution[row] = matrix[row * stride + stride - 1]
        work[row] = inverses[row]
    panel = stride - WIDTH
    while panel + WIDTH > first:
        if panel + WIDTH < stride:
            for row in range(max(panel, first) // 4 * 4, panel + WIDTH, 4):
                _subtract_known(matrix, row, panel + WIDTH, stride, solution)
        solve_upwards(matrix, panel * stride + panel, stride, solution, work, panel)
        panel -= WIDTH


@njit
def _subtract_known(matrix, row, begin, stride, solution):
    """Subtract the products of four rows and the solution, from column `begin` on."""
    at = row * stride
    two, three, four = at + stride, at + 2 * stride, at + 3 * stride
    known = zeros(), zeros(), zeros(), zeros()
    for column in range(begin, stride, WIDTH):
        x = load(solution, column)
        known = (
            multiply_add(load(matrix, at + column), x, known[0]),
            multiply_add(load(matrix, two + column), x, known[1]),
            multiply_add(load(matrix, three + column), x, known[2]),
            multiply_add(load(matrix, four + column), x, known[3]),
        )
    sums = sum_four(known[0], known[1], known[2], known[3])
    solution[row] -= first_of_quarter(sums, 0)
    solution[row + 1] -= first_of_quarter(sums, 1)
    solution[row + 2] -= first_of_quarter(sums, 2)
    solution[row + 3] -= first_of_quarter(sums, 3)


@kernel
def explained(matrix, stride, unknowns):
    """Return ``b' inverse(A) b`` of a factored system.

    Parameters
    ----------
    matrix : (stride * stride,) float32
    stride, unknowns : int

    Returns
    -------
    float
    """
    total = 0.0
    for row in range(stride - 1 - unknowns, stride - 1):
        part = np.float64(matrix[row * stride + stride - 1])
        total += part * part
    return total
