"""Normal equations of one user or item given the rows of the other side, and their solution.

A *row* is what one user or one item has, padded in front to a multiple of sixteen floats::

    explicit   zeros | factors (k) | 1 | bias
    implicit   zeros | factors (k) | 0

so a rating's prediction is the product of the two rows' factors plus both biases. For a user with
ratings ``r`` of items with rows ``q``, the unknowns are the factors and the bias, the regressors of
one rating ``a = [q, 1]``, and its target ``t = r - bias of the item``. One triangular sum of outer
products of ``[a, t]`` holds the whole least squares problem: the matrix ``sum(a a')``, the
right-hand side ``sum(t a)`` and ``sum(t t)``. Items are solved the same way.

With confidences (Hu, Koren, Volinsky 2008) a rating of value ``v > 0`` says that the user prefers
the item (1) with confidence ``1 + alpha v``, and no rating that they do not (0) with confidence 1.
The latter are in a base matrix, the sum over all rows of the other side; the former add ``alpha v
a a'`` and ``(1 + alpha v) a``, which is one outer product of ``[s a, (1 + alpha v) / s]`` with ``s
= sqrt(alpha v)``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fastmf.kernels.alternating.cholesky import (
    FIRST_JITTER,
    MOST_MENDS,
    add_to_diagonal,
    explained,
    factor_system,
    solve_system,
)
from fastmf.kernels.alternating.register_blocks import add_tile_to_triangle, add_to_triangle
from fastmf.kernels.alternating.row_sums import shared_part
from fastmf.kernels.alternating.triangle_blocks import triangle_blocks
from fastmf.kernels.compiled import kernel
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

__all__ = [
    "TILE_ROWS",
    "RatedRows",
    "System",
    "add_gram",
    "gather_ratings",
    "solve_rows",
    "stride_of",
    "system_of",
    "work_size",
]

TILE_ROWS = 64
"""Rows that are gathered before their products are added: 16 KB of 64 floats each."""


def stride_of(unknowns: int) -> int:
    """Return the floats of a padded row: the unknowns and a target, rounded up to sixteen."""
    return -(-(unknowns + 1) // WIDTH) * WIDTH


def work_size(stride: int) -> int:
    """Return the floats of work space that one call of `solve_rows` needs."""
    return TILE_ROWS * stride + stride * stride + 4 * stride + 2 * TILE_ROWS


class RatedRows(NamedTuple):
    """Ratings by row: those of all users, or of all items, one row after another."""

    starts: NDArray[np.int64]  # (n_rows + 1,) where each row's ratings begin
    other_index: NDArray[np.int32]  # (n,) the row of the other side that each rating is about
    codes: NDArray[np.uint8]  # (n,) code of each rating's value; (0,) where `values` has them
    values: NDArray[np.float32]  # (n,) values themselves; (0,) where there are codes
    levels: NDArray[np.float32]  # (256,) value of each code


class System(NamedTuple):
    """What kind of least squares problems these are."""

    stride: int  # floats of a padded row, `stride_of(unknowns)`
    unknowns: int  # factors, and the bias where there is one
    biased: bool  # whether the last unknown is a bias
    alpha: np.float32  # weight of a value in its confidence; 0 for an explicit model
    blocks: NDArray[np.int64]  # of the augmented matrix: `triangle_blocks(stride, unknowns + 1)`


def system_of(unknowns: int, *, biased: bool, alpha: float = 0.0) -> System:
    """Return the least squares problems of so many unknowns; see `System`."""
    stride = stride_of(unknowns)
    blocks = triangle_blocks(stride, unknowns + 1)
    return System(stride, unknowns, biased, np.float32(alpha), blocks)


@kernel
def gather_ratings(rows, ratings, system, first, count, tile):
    """Copy the rows that some ratings are about into a tile, each with its target at the end.

    Rows and targets are times ``s``, in the notation of the module, for an implicit model.

    Parameters
    ----------
    rows : (n_other * stride,) float32
        Padded rows of the other side.
    ratings : RatedRows
    system : System
    first, count : int
        Which ratings.
    tile : float32, modified in place
        At least ``count * stride``.
    """
    stride, alpha = system.stride, system.alpha
    for number in range(count):
        rating = first + number
        at = np.int64(ratings.other_index[rating]) * stride
        to = number * stride
        last = to + stride - 1
        if ratings.codes.size > 0:
            value = ratings.levels[ratings.codes[rating]]
        else:
            value = ratings.values[rating]
        if alpha > 0:
            root = np.float32(math.sqrt(alpha * value))
            scale = broadcast(root)
            for lane in range(0, stride, WIDTH):
                store(tile, to + lane, multiply(scale, load(rows, at + lane)))
            # A value of zero adds nothing: its confidence is that of no rating.
            tile[last] = (np.float32(1) + alpha * value) / root if root > 0 else np.float32(0)
        else:
            for lane in range(0, stride, WIDTH):
                store(tile, to + lane, load(rows, at + lane))
            tile[last] = value - rows[at + stride - 1]


@kernel
def add_gram(rows, first, last, system, matrix):
    """Add ``sum(row row')`` over some padded rows to the upper triangle of a matrix.

    Parameters
    ----------
    rows : (n * stride,) float32
    first, last : int
        The rows to add up.
    system : System
    matrix : (stride * stride,) float32, modified in place

    Notes
    -----
    Free of races as long as no other thread adds to the same matrix.
    """
    stride = system.stride
    for start in range(first, last, TILE_ROWS):
        count = min(TILE_ROWS, last - start)
        add_to_triangle(matrix, rows, start * stride, count, stride, system.blocks)


@njit
def _set_up(ratings, begin, end, other, base, system, matrix, tile, places):
    """Fill the augmented matrix of one row: the base, then its ratings."""
    stride = system.stride
    for row in range((stride - 1 - system.unknowns) // WIDTH * WIDTH, stride):
        for at in range(row * stride + row // WIDTH * WIDTH, (row + 1) * stride, WIDTH):
            store(matrix, at, load(base, at) if base.size > 0 else zeros())
    for start in range(begin, end, TILE_ROWS):
        count = min(TILE_ROWS, end - start)
        gather_ratings(other, ratings, system, start, count, tile)
        # The ratings behind these, of the next row where this one ends.
        behind = min(start + count, ratings.other_index.size - count)
        for number in range(count):
            places[number] = np.int64(ratings.other_index[behind + number]) * stride
        add_tile_to_triangle(matrix, tile, count, stride, system.blocks, other, places)


@njit
def _add_pulls(matrix, stride, pulls, at):
    """Add what a row is pulled to, whatever its ratings, to the right-hand side."""
    for lane in range(stride - 1):
        matrix[lane * stride + stride - 1] += pulls[at + lane]


@njit
def _solve_row(ratings, row, other, base, pulls, system, ridge, bias_ridge, work):
    """Leave the solution in `work`; return how often the matrix was mended.

    Also return the least value of the problem (see `solve_rows`); NaN where there is no solution.
    """
    stride = system.stride
    square = stride * stride
    tile, matrix = work[: TILE_ROWS * stride], work[TILE_ROWS * stride :][:square]
    rest = work[TILE_ROWS * stride + square :]
    least, inverses, spare = rest[:stride], rest[stride:][:stride], rest[2 * stride :][:stride]
    places = rest[4 * stride :][: 2 * TILE_ROWS].view(np.int64)
    jitter = np.float32(0)
    for mended in range(MOST_MENDS):
        begin, end = ratings.starts[row], ratings.starts[row + 1]
        _set_up(ratings, begin, end, other, base, system, matrix, tile, places)
        if pulls.size > 0:
            _add_pulls(matrix, stride, pulls, row * stride)
        add_to_diagonal(matrix, system, ridge, bias_ridge, jitter, least)
        constant = np.float64(matrix[square - 1]) if system.alpha == 0 else 0.0
        if factor_system(matrix, stride, system.unknowns, least, inverses):
            solution = rest[3 * stride :][:stride]
            solve_system(matrix, stride, system.unknowns, inverses, spare, solution)
            return mended, constant - explained(matrix, stride, system.unknowns)
        jitter = max(FIRST_JITTER, np.float32(10) * jitter)
    return MOST_MENDS, np.nan


@kernel
def solve_rows(
    first, last, ratings, other, own, base, pulls, system, ridges, bias_ridges, work, sums
):
    """Set each of some rows to the solution of its own regularized least squares problem.

    For every row ``u``, over its ratings, in the notation of the module::

        minimize  sum((t - a . x)^2) + ridges[u] |factors|^2 + bias_ridges[u] bias^2
                  + x' base x - 2 pulls[u] . x

    by the normal equations and their Cholesky factorization: the half-step of alternating least
    squares (Zhou et al. 2008), with the bias among the unknowns. A row without ratings becomes
    zero. Where the matrix is not positive definite within float32, its diagonal is raised by a
    part of itself, from 1e-5 on, until it is.

    Parameters
    ----------
    first, last : int
        The rows to solve.
    ratings : RatedRows
        Values are centred for an explicit model, and not negative for an implicit one.
    other : (n_other * stride,) float32
        Padded rows of the other side.
    own : (n_rows * stride,) float32, modified in place
        Padded rows to be set. Their old content is not read.
    base : (stride * stride,) or (0,) float32
        Upper triangle that every matrix starts from, with nothing in the last column.
    pulls : (n_rows * stride,) or (0,) float32
        What every right-hand side starts from: zeros but for the lanes of the unknowns.
    system : System
    ridges, bias_ridges : (n_rows,) float32
        Regularization of each row's factors, and of its bias.
    work : (work_size(stride),) float32, modified in place
        Begins at a cache line, for the sake of speed.
    sums : (3,) float64, modified in place
        Added to: the least values of the problems (less their confidences, for an implicit
        model); the parts of these that are regularization and, where there are `pulls`, the
        second line; and the number of rows whose matrix was mended. The first becomes NaN where
        numbers are not finite.

    Notes
    -----
    Free of races as long as no other thread sets the same rows. The order of all sums depends on
    the ratings alone.
    """
    stride = system.stride
    solution = work[TILE_ROWS * stride + stride * stride + 3 * stride :][:stride]
    for row in range(first, last):
        to = row * stride
        if ratings.starts[row] == ratings.starts[row + 1]:
            for lane in range(0, stride, WIDTH):
                store(own, to + lane, zeros())
        else:
            ridge, bias_ridge = ridges[row], bias_ridges[row]
            mended, least = _solve_row(
                ratings, row, other, base, pulls, system, ridge, bias_ridge, work
            )
            sums[0] += least
            sums[2] += mended > 0
            if mended == MOST_MENDS:
                return
            squares = zeros()
            for lane in range(0, stride, WIDTH):
                x = load(solution, lane)
                squares = multiply_add(x, x, squares)
                store(own, to + lane, x)
            sums[1] += np.float64(ridge) * np.float64(sum_lanes(squares))
            if pulls.size > 0:
                sums[1] += shared_part(own, to, base, pulls, stride)
            if system.biased:
                bias = np.float64(own[to + stride - 2])
                sums[1] += (np.float64(bias_ridge) - np.float64(ridge)) * bias * bias
        if system.biased:
            own[to + stride - 1] = own[to + stride - 2]
            own[to + stride - 2] = np.float32(1)
