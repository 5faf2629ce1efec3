"""A few steps of conjugate gradients towards the solution of each row's least squares problem.

The problems and the layout of rows are those of `fastmf.kernels.alternating.normal_equations`.
Their matrices are never formed: a product with one is ``A x = sum(w a (a . x)) + base x + ridge
x``, which takes two multiplications for each rating and factor. With few steps from where the last
epoch ended, a row costs its number of factors, not their square; the solution is approached over
the epochs (Takacs, Pilaszy, Tikk 2011).

The preconditioner is a diagonal: that of the matrix of a row whose ratings are of average rows of
the other side. How good it is depends on the axes that rows are told in. Along the principal axes
of the other side (`fastmf.models.alternating.principal_axes`) most matrices are nearly diagonal:
two steps then go as far as an exact solution, where four did not with other axes and each row's
own diagonal.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from fastmf.kernels.alternating.rated_products import add_products, set_terms
from fastmf.kernels.alternating.row_sums import shared_part
from fastmf.kernels.alternating.shared_terms import (
    read_row,
    set_shared,
    set_weights,
    weighted_square,
    write_row,
)
from fastmf.kernels.compiled import kernel
from fastmf.kernels.vector_roots import add, divide
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    maximum,
    multiply,
    multiply_add,
    negative_multiply_add,
    store,
    subtract,
    zeros,
)

__all__ = ["cg_work_size", "improve_rows"]

_VECTORS = 6  # of the work space, beside what each rating of a row needs

# Below this a diagonal is that of an unknown that is in no equation.
_LEAST = np.float32(1e-30)


def cg_work_size(stride: int, most_ratings: int) -> int:
    """Return the floats of work space that one call of `improve_rows` needs.

    Parameters
    ----------
    stride : int
    most_ratings : int
        Of any of the rows.

    Returns
    -------
    int
    """
    return _VECTORS * stride + 4 * (-(-most_ratings // WIDTH) * WIDTH)


@njit
def _set_inverse(base, squares, confidence, system, weights, inverse):
    """Set one over the diagonal that preconditions, and zero in lanes of no unknown."""
    stride = system.stride
    first = stride - 1 - system.unknowns
    for lane in range(stride):
        inverse[lane] = np.float32(1) if first <= lane < stride - 1 else np.float32(0)
    trust, least = broadcast(np.float32(confidence)), broadcast(_LEAST)
    for lane in range(0, stride, WIDTH):
        diagonal = multiply_add(trust, load(squares, lane), load(weights, lane))
        if base.size == stride:
            diagonal = add(diagonal, load(base, lane))
        store(inverse, lane, divide(load(inverse, lane), maximum(diagonal, least)))
    if base.size > stride:
        for lane in range(first, stride - 1):
            diagonal_there = np.float32(1) / inverse[lane] + base[lane * stride + lane]
            inverse[lane] = np.float32(1) / diagonal_there


@njit(inline="always")
def _set_direction(residual, inverse, stride, turn, direction):
    """Set the next direction from the last one; a `turn` of zero forgets it."""
    factor = broadcast(turn)
    for lane in range(0, stride, WIDTH):
        new = multiply(load(residual, lane), load(inverse, lane))
        if turn > 0:
            new = multiply_add(factor, load(direction, lane), new)
        store(direction, lane, new)


@njit(inline="always")
def _advance(length, stride, direction, image, x, residual):
    """Go along a direction."""
    ahead = broadcast(length)
    for lane in range(0, stride, WIDTH):
        store(x, lane, multiply_add(ahead, load(direction, lane), load(x, lane)))
        left = negative_multiply_add(ahead, load(image, lane), load(residual, lane))
        store(residual, lane, left)


@njit(inline="always")
def _set_residual(pulls, to, stride, x, residual):
    """Make the gradient of half the value the residual; return what pulls add to the value."""
    pulled = np.float64(0)
    if pulls.size > 0:
        for lane in range(stride - 1):
            pull = pulls[to + lane]
            pulled -= 2 * np.float64(pull) * np.float64(x[lane])
            residual[lane] -= pull
    for lane in range(0, stride, WIDTH):
        store(residual, lane, subtract(zeros(), load(residual, lane)))
    return pulled


@njit(inline="always")
def _descend(terms, shared, stride, x, parts, steps):
    """Take steps from `x`; return what they take from the value of the problem."""
    residual, inverse, direction, image = parts
    base, weights = shared
    other, places, trust, targets, count = terms
    gained, before = np.float64(0), np.float32(0)
    for _ in range(steps):
        size = weighted_square(residual, inverse, stride)
        if not size > 0:  # the solution is reached, or numbers are not finite
            break
        turn = size / before if before > 0 else np.float32(0)
        _set_direction(residual, inverse, stride, turn, direction)
        curvature = set_shared(base, stride, weights, direction, image)
        products, _ = add_products(
            other, places, trust, targets, count, stride, direction, np.float32(0), image
        )
        curvature += products
        if not curvature > 0:
            break
        length = np.float64(size) / curvature
        gained += length * np.float64(size)
        _advance(np.float32(length), stride, direction, image, x, residual)
        before = size
    return gained


@cache
def _improve_rows_of(stride: int) -> Any:
    """Return `improve_rows` compiled for one length of rows, so that loops over a row unroll."""

    @kernel
    def improve(
        first,
        last,
        ratings,
        other,
        own,
        base,
        squares,
        pulls,
        system,
        ridges,
        bias_ridges,
        steps,
        work,
        sums,
    ):
        x, weights, residual = work[:stride], work[stride:][:stride], work[2 * stride :][:stride]
        inverse, direction = work[3 * stride :][:stride], work[4 * stride :][:stride]
        image, rest = work[5 * stride :][:stride], work[_VECTORS * stride :]
        room = rest.size // 4
        trust, targets, places = rest[:room], rest[room:], rest[2 * room :].view(np.int64)
        parts, shared = (residual, inverse, direction, image), (base, weights)
        for row in range(first, last):
            begin, end = ratings.starts[row], ratings.starts[row + 1]
            if begin == end:
                write_row(own, row, system, stride, None)
                continue
            to = row * stride
            read_row(own, row, system, stride, x)
            set_weights(system, ridges[row], bias_ridges[row], weights)
            known = set_terms(
                ratings, begin, end, system.stride, system.alpha, places, trust, targets
            )
            _set_inverse(base, squares, known, system, weights, inverse)
            count = end - begin
            value = set_shared(base, stride, weights, x, residual)
            # In the last lane is the other side's bias, which counts with the targets.
            x[stride - 1] = np.float32(1) if system.biased else np.float32(0)
            products, squared = add_products(
                other, places, trust, targets, count, stride, x, np.float32(1), residual
            )
            x[stride - 1] = np.float32(0)
            value += squared if system.biased else products
            value += _set_residual(pulls, to, stride, x, residual)
            terms = other, places, trust, targets, count
            sums[0] += value - _descend(terms, shared, stride, x, parts, steps)
            sums[1] += np.float64(weighted_square(x, weights, stride))
            if pulls.size > 0:
                sums[1] += shared_part(x, np.int64(0), base, pulls[to:], system.stride)
            write_row(own, row, system, stride, x)

    return improve


def improve_rows(
    first,
    last,
    ratings,
    other,
    own,
    base,
    squares,
    pulls,
    system,
    ridges,
    bias_ridges,
    steps,
    work,
    sums,
):
    """Bring each of some rows nearer to the solution of its own least squares problem.

    As `fastmf.kernels.alternating.normal_equations.solve_rows`, but by steps of preconditioned
    conjugate gradients from what the row is. No step makes the value of the problem larger.

    Parameters
    ----------
    first, last : int
        The rows to improve.
    ratings : RatedRows
    other : (n_other * stride,) float32
    own : (n_rows * stride,) float32, modified in place
    base : (stride * stride,), (stride,) or (0,) float32
        All of the matrix, not its upper triangle alone; or its diagonal, if it has nothing else.
    squares : (stride,) float32
        Means of the squares of the other side's rows, over ratings as they come; for a rough
        guess of each matrix.
    pulls : (n_rows * stride,) or (0,) float32
        With a base that is a whole matrix.
    system : System
    ridges, bias_ridges : (n_rows,) float32
    steps : int
        As many as there are unknowns reach the solution, but for rounding.
    work : (cg_work_size(stride, most_ratings),) float32, modified in place
        Begins at a cache line, for the sake of speed.
    sums : (3,) float64, modified in place
        As for `solve_rows`, of the rows as they are now; nothing is ever mended.

    Notes
    -----
    Free of races as long as no other thread sets the same rows. The order of all sums depends on
    the ratings alone.
    """
    _improve_rows_of(system.stride)(
        first,
        last,
        ratings,
        other,
        own,
        base,
        squares,
        pulls,
        system,
        ridges,
        bias_ridges,
        steps,
        work,
        sums,
    )
