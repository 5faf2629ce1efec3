"""A few steps of conjugate gradients towards the solution of each row's least squares problem.

The problems and the layout of rows are those of `fastmf.kernels.normal_equations`. Their matrices
are never formed: a product with one is ``A x = sum(a (a . x)) + base x + ridge x``, which takes two
multiplications for each rating and factor. With few steps from where the last epoch ended, a row
costs its number of factors, not their square; the solution is approached over the epochs (Takacs,
Pilaszy, Tikk 2011). The preconditioner is the diagonal of the matrix (Jacobi), which sets apart
the bias, that every rating bears on, from the factors.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from fastmf.kernels.compiled import kernel
from fastmf.kernels.normal_equations import gather_ratings
from fastmf.kernels.row_sums import shared_part
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    multiply,
    multiply_add,
    negative_multiply_add,
    quarters,
    spread_quarter,
    store,
    subtract,
    sum_four,
    sum_lanes,
    zeros,
)

__all__ = ["cg_tile_rows", "cg_work_size", "improve_rows"]

# Floats of a tile, of which a row's ratings are gathered once where they fit into it.
_TILE = 1 << 18


def cg_tile_rows(stride: int) -> int:
    """Return how many rows of the other side are gathered at a time: a multiple of four."""
    return max(64, _TILE // stride // 4 * 4)


def cg_work_size(stride: int) -> int:
    """Return the floats of work space that one call of `improve_rows` needs."""
    return (cg_tile_rows(stride) + 6) * stride


@njit
def _gather(other, ratings, system, first, count, tile):
    """Gather ratings, and rows of zeros up to a multiple of four."""
    gather_ratings(other, ratings, system, first, count, tile)
    for lane in range(count * system.stride, (count + 3) // 4 * 4 * system.stride, WIDTH):
        store(tile, lane, zeros())


@njit
def _add_squares(tile, count, stride, diagonal):
    for row in range(count):
        for lane in range(0, stride, WIDTH):
            value = load(tile, row * stride + lane)
            store(diagonal, lane, multiply_add(value, value, load(diagonal, lane)))


@njit
def _add_products(tile, count, stride, vector, weight, out):
    """Add ``sum(a (a . vector - weight t))`` over the rows of a tile.

    Return ``sum(a . vector (a . vector - 2 weight t))``.
    """
    last = stride - 1
    factor = broadcast(weight)
    total = 0.0
    for row in range(0, count, 4):
        at = row * stride
        two, three, four = at + stride, at + 2 * stride, at + 3 * stride
        dots = zeros(), zeros(), zeros(), zeros()
        for lane in range(0, stride, WIDTH):
            x = load(vector, lane)
            dots = (
                multiply_add(load(tile, at + lane), x, dots[0]),
                multiply_add(load(tile, two + lane), x, dots[1]),
                multiply_add(load(tile, three + lane), x, dots[2]),
                multiply_add(load(tile, four + lane), x, dots[3]),
            )
        products = sum_four(dots[0], dots[1], dots[2], dots[3])
        targets = multiply(
            factor,
            quarters(tile[at + last], tile[two + last], tile[three + last], tile[four + last]),
        )
        errors = subtract(products, targets)
        # Each product is in the four lanes of a quarter.
        total += np.float64(sum_lanes(multiply(products, subtract(errors, targets)))) / 4
        first, second = spread_quarter(errors, 0), spread_quarter(errors, 1)
        third, fourth = spread_quarter(errors, 2), spread_quarter(errors, 3)
        for lane in range(0, stride, WIDTH):
            value = multiply_add(load(tile, at + lane), first, load(out, lane))
            value = multiply_add(load(tile, two + lane), second, value)
            value = multiply_add(load(tile, three + lane), third, value)
            store(out, lane, multiply_add(load(tile, four + lane), fourth, value))
    return total


@njit
def _add_base(base, stride, weights, vector, out):
    """Add the base matrix and the regularization, times a vector; return their quadratic form."""
    for lane in range(0, stride, WIDTH):
        value = multiply(load(weights, lane), load(vector, lane))
        if base.size > 0:
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
            one = broadcast(np.float32(1))
            value = multiply_add(one, second, multiply_add(one, third, value))
            value = multiply_add(one, fourth, value)
        store(out, lane, value)
    return np.float64(_dot(vector, out, stride))


@njit
def _dot(left, right, stride):
    sums = zeros()
    for lane in range(0, stride, WIDTH):
        sums = multiply_add(load(left, lane), load(right, lane), sums)
    return sum_lanes(sums)


@njit
def _set_weights(system, ridge, bias_ridge, weights):
    """Spread the regularization over the lanes of the unknowns."""
    stride = system.stride
    for lane in range(0, stride, WIDTH):
        store(weights, lane, zeros())
    for lane in range(stride - 1 - system.unknowns, stride - 1):
        weights[lane] = bias_ridge if system.biased and lane == stride - 2 else ridge


@njit
def _residual(ratings, row, other, base, pulls, system, weights, tile, x, residual, inverse):
    """Set ``b - A x``, and the inverse of the diagonal of `A`; return the value of the problem.

    The value is that at `x`, as `fastmf.kernels.normal_equations.solve_rows` has it.
    """
    stride = system.stride
    last = stride - 1
    begin, end = ratings.starts[row], ratings.starts[row + 1]
    rows = tile.size // stride
    value = _add_base(base, stride, weights, x, residual)
    for lane in range(0, stride, WIDTH):
        store(inverse, lane, zeros())
    for start in range(begin, end, rows):
        count = min(rows, end - start)
        _gather(other, ratings, system, start, count, tile)
        value += _add_products(tile, count, stride, x, np.float32(1), residual)
        _add_squares(tile, count, stride, inverse)
        if system.alpha == 0:
            for number in range(count):
                target = np.float64(tile[number * stride + last])
                value += target * target
    if pulls.size > 0:
        for lane in range(last):
            pull = pulls[row * stride + lane]
            value -= 2 * np.float64(pull) * np.float64(x[lane])
            residual[lane] -= pull
    for lane in range(stride):
        unknown = stride - 1 - system.unknowns <= lane < last
        diagonal = inverse[lane] + weights[lane]
        if base.size > 0:
            diagonal += base[lane * stride + lane]
        inverse[lane] = np.float32(1) / diagonal if unknown and diagonal > 0 else np.float32(0)
        residual[lane] = -residual[lane]
    return value


@njit
def _improve_row(ratings, row, other, base, pulls, system, steps, work):
    """Take steps from the solution in the first lanes of `work`; return the value they reach."""
    stride = system.stride
    x, residual, weights = work[:stride], work[stride:][:stride], work[2 * stride :][:stride]
    inverse, direction = work[3 * stride :][:stride], work[4 * stride :][:stride]
    image, tile = work[5 * stride :][:stride], work[6 * stride :]
    begin, end, rows = ratings.starts[row], ratings.starts[row + 1], tile.size // stride
    value = _residual(ratings, row, other, base, pulls, system, weights, tile, x, residual, inverse)
    size = np.float32(0)
    for step in range(steps):
        before, sums = size, zeros()
        for lane in range(0, stride, WIDTH):
            r = load(residual, lane)
            sums = multiply_add(multiply(r, load(inverse, lane)), r, sums)
        size = sum_lanes(sums)
        if not size > 0:  # the solution is reached, or numbers are not finite
            break
        turn = broadcast(size / before if step > 0 else np.float32(0))
        for lane in range(0, stride, WIDTH):
            new = multiply(load(residual, lane), load(inverse, lane))
            if step > 0:
                new = multiply_add(turn, load(direction, lane), new)
            store(direction, lane, new)
        curvature = _add_base(base, stride, weights, direction, image)
        for start in range(begin, end, rows):
            count = min(rows, end - start)
            if end - begin > rows:
                _gather(other, ratings, system, start, count, tile)
            curvature += _add_products(tile, count, stride, direction, np.float32(0), image)
        if not curvature > 0:
            break
        length = np.float64(size) / curvature
        value -= length * np.float64(size)
        ahead = broadcast(np.float32(length))
        for lane in range(0, stride, WIDTH):
            store(x, lane, multiply_add(ahead, load(direction, lane), load(x, lane)))
            r = negative_multiply_add(ahead, load(image, lane), load(residual, lane))
            store(residual, lane, r)
    return value


@kernel
def improve_rows(
    first, last, ratings, other, own, base, pulls, system, ridges, bias_ridges, steps, work, sums
):
    """Bring each of some rows nearer to the solution of its own least squares problem.

    As `fastmf.kernels.normal_equations.solve_rows`, but by steps of preconditioned conjugate
    gradients from what the row is. No step makes the value of the problem larger.

    Parameters
    ----------
    first, last : int
        The rows to improve.
    ratings : RatedRows
    other : (n_other * stride,) float32
    own : (n_rows * stride,) float32, modified in place
    base : (stride * stride,) or (0,) float32
        Here all of the matrix, not its upper triangle alone.
    pulls : (n_rows * stride,) or (0,) float32
    system : System
    ridges, bias_ridges : (n_rows,) float32
    steps : int
        As many as there are unknowns reach the solution, but for rounding.
    work : (cg_work_size(stride),) float32, modified in place
        Begins at a cache line, for the sake of speed.
    sums : (3,) float64, modified in place
        As for `solve_rows`, of the rows as they are now; nothing is ever mended.

    Notes
    -----
    Free of races as long as no other thread sets the same rows. The order of all sums depends on
    the ratings alone.
    """
    stride = system.stride
    x = work[:stride]
    for row in range(first, last):
        to = row * stride
        if ratings.starts[row] == ratings.starts[row + 1]:
            for lane in range(0, stride, WIDTH):
                store(x, lane, zeros())
        else:
            for lane in range(0, stride, WIDTH):
                store(x, lane, load(own, to + lane))
            if system.biased:
                x[stride - 2] = x[stride - 1]
            x[stride - 1] = np.float32(0)
            ridge, bias_ridge = ridges[row], bias_ridges[row]
            _set_weights(system, ridge, bias_ridge, work[2 * stride :][:stride])
            sums[0] += _improve_row(ratings, row, other, base, pulls, system, steps, work)
            penalty = np.float64(ridge) * np.float64(_dot(x, x, stride))
            if system.biased:
                bias = np.float64(x[stride - 2])
                penalty += (np.float64(bias_ridge) - np.float64(ridge)) * bias * bias
            sums[1] += penalty
            if pulls.size > 0:
                sums[1] += shared_part(x, np.int64(0), base, pulls[to:], stride)
        for lane in range(0, stride, WIDTH):
            store(own, to + lane, load(x, lane))
        if system.biased:
            own[to + stride - 1] = own[to + stride - 2]
            own[to + stride - 2] = np.float32(1)
