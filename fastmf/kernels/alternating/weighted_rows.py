"""Weighted least squares for some users or items, from what they were before.

Rows are padded as in `fastmf.kernels.alternating.normal_equations`, whose problems these are, with
three things more: every rating has a weight; a row moves away from an earlier one, which counts as
much as the ratings behind it; and factors may be bounded by zero. One row's problem is, for its
change ``d`` from its start ``x``, over its ratings with regressors ``a`` and targets ``t``::

    minimize  sum(w (t - a . (x + d))^2)            the ratings at hand
              + d' (base + memory * prior) d        what is known of it already
              + ridge |d|^2 + 2 pull (d . x)        regularization

A row that starts from zero has no memory and no pull, and this is ridge regression.
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
    factor_system,
    solve_system,
)
from fastmf.kernels.alternating.normal_equations import TILE_ROWS, add_gram
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
    "RowTerms",
    "WeightedRatings",
    "add_variances",
    "row_products",
    "solve_weighted_rows",
    "weighted_work_size",
]

# Sweeps over a bounded row, and the part of the largest step so far that ends them.
_MOST_SWEEPS = 1000
_LEAST_STEP = np.float32(1e-5)


class WeightedRatings(NamedTuple):
    """Ratings by row, one row after another."""

    starts: NDArray[np.int64]  # (n_rows + 1,) where each row's ratings begin
    others: NDArray[np.int32]  # (n,) the row of the other side that each rating is about
    targets: NDArray[np.float32]  # (n,) what the product of the rows should be
    weights: NDArray[np.float32]  # (n,) at least 0


class RowTerms(NamedTuple):
    """What a row's problem has beside its ratings."""

    base: NDArray[np.float32]  # (stride * stride,) upper triangle that all rows share, or (0,)
    prior: NDArray[np.float32]  # (stride * stride,) what one remembered rating adds, or (0,)
    memory: NDArray[np.float32]  # (n_rows,) ratings that each row remembers
    ridges: NDArray[np.float32]  # (n_rows, 2) regularization of the factors, of the bias
    pulls: NDArray[np.float32]  # (n_rows, 2) the part of it that draws a row's start to zero


def weighted_work_size(stride: int) -> int:
    """Return the floats of work space that a call needs."""
    return TILE_ROWS * stride + stride * stride + 5 * stride


@njit
def _set_start(own, row, system, start):
    """Copy a row into the lanes of the unknowns: factors, bias, and a zero."""
    stride = system.stride
    for lane in range(stride):
        start[lane] = own[row * stride + lane]
    if system.biased:
        start[stride - 2] = start[stride - 1]
    start[stride - 1] = np.float32(0)


@njit
def _product(other, at, start, stride):
    """Return what a padded row of the other side and a start predict together, less its bias."""
    sums = zeros()
    for lane in range(0, stride, WIDTH):
        sums = multiply_add(load(other, at + lane), load(start, lane), sums)
    return sum_lanes(sums)


@njit
def _gather(other, ratings, system, first, count, start, tile):
    """Copy the rows of some ratings into a tile, times the root of their weights."""
    stride = system.stride
    for number in range(count):
        rating = first + number
        at = np.int64(ratings.others[rating]) * stride
        to = number * stride
        root = np.float32(math.sqrt(ratings.weights[rating]))
        scale = broadcast(root)
        for lane in range(0, stride, WIDTH):
            store(tile, to + lane, multiply(scale, load(other, at + lane)))
        residual = ratings.targets[rating] - other[at + stride - 1]
        tile[to + stride - 1] = root * (residual - _product(other, at, start, stride))


@njit
def _set_up(ratings, row, other, system, terms, start, matrix, tile):
    """Fill the augmented matrix of one row but for the ridge."""
    stride = system.stride
    memory = broadcast(terms.memory[row])
    for at in range(0, stride * stride, WIDTH):
        value = load(terms.base, at) if terms.base.size > 0 else zeros()
        if terms.prior.size > 0:
            value = multiply_add(memory, load(terms.prior, at), value)
        store(matrix, at, value)
    for lane in range(stride - 1 - system.unknowns, stride - 1):
        pull = terms.pulls[row, 1 if system.biased and lane == stride - 2 else 0]
        matrix[lane * stride + stride - 1] = -pull * start[lane]
    for begin in range(ratings.starts[row], ratings.starts[row + 1], TILE_ROWS):
        count = min(TILE_ROWS, ratings.starts[row + 1] - begin)
        _gather(other, ratings, system, begin, count, start, tile)
        add_gram(tile, np.int64(0), count, system, matrix)


@njit
def _solve_bounded(matrix, system, start, solution):
    """Minimize by one unknown after another, with no factor below zero."""
    stride = system.stride
    first, last = stride - 1 - system.unknowns, stride - 1
    for i in range(first, last):
        for j in range(first, i):
            matrix[i * stride + j] = matrix[j * stride + i]
    for lane in range(stride):
        solution[lane] = np.float32(0)
    largest = np.float32(0)
    for _ in range(_MOST_SWEEPS):
        step = np.float32(0)
        for i in range(first, last):
            slope = matrix[i * stride + last]
            for j in range(first, last):
                slope -= matrix[i * stride + j] * solution[j]
            moved = solution[i] + slope / matrix[i * stride + i]
            if not (system.biased and i == stride - 2):
                moved = max(moved, -start[i])
            step = max(step, abs(moved - solution[i]))
            solution[i] = moved
        largest = max(largest, step)
        if not step > _LEAST_STEP * largest:
            break


@njit
def _parts(work, stride):
    """Return tile, matrix, and five rows of work space."""
    rest = work[TILE_ROWS * stride + stride * stride :]
    return (
        work[: TILE_ROWS * stride],
        work[TILE_ROWS * stride :][: stride * stride],
        rest[:stride],
        rest[stride:][:stride],
        rest[2 * stride :][:stride],
        rest[3 * stride :][:stride],
        rest[4 * stride :][:stride],
    )


@njit
def _factored(ratings, row, other, system, terms, parts):
    """Leave the Cholesky factor of a row's matrix; return how often it was mended."""
    tile, matrix, least, inverses, _, start, _ = parts
    jitter = np.float32(0)
    for mended in range(MOST_MENDS):
        _set_up(ratings, row, other, system, terms, start, matrix, tile)
        add_to_diagonal(matrix, system, terms.ridges[row, 0], terms.ridges[row, 1], jitter, least)
        if factor_system(matrix, system.stride, system.unknowns, least, inverses):
            return mended
        jitter = max(FIRST_JITTER, np.float32(10) * jitter)
    return MOST_MENDS


@kernel
def solve_weighted_rows(first, last, ratings, other, own, system, terms, non_negative, work):
    """Move each of some rows to the minimum of its own problem; see the module.

    Parameters
    ----------
    first, last : int
        The rows to solve.
    ratings : WeightedRatings
    other : (n_other * stride,) float32
        Padded rows of the other side.
    own : (n_rows * stride,) float32, modified in place
        Padded rows: where they start, and then the solution.
    system : fastmf.kernels.alternating.normal_equations.System
        Its `alpha` is without effect: weights and targets hold the confidences.
    terms : RowTerms
    non_negative : bool
        Whether factors are kept at zero or above, by coordinate descent; starts are.
    work : (weighted_work_size(stride),) float32, modified in place

    Returns
    -------
    mended : int
        Rows whose matrix was not positive definite within float32; its diagonal was raised.

    Notes
    -----
    Free of races as long as no other thread sets the same rows. The order of all sums depends on
    the ratings alone. A row that cannot be solved stays as it was.
    """
    stride = system.stride
    parts = _parts(work, stride)
    tile, matrix, least, inverses, spare, start, solution = parts
    count = 0
    for row in range(first, last):
        _set_start(own, row, system, start)
        if non_negative:
            _set_up(ratings, row, other, system, terms, start, matrix, tile)
            ridge, bias_ridge = terms.ridges[row, 0], terms.ridges[row, 1]
            add_to_diagonal(matrix, system, ridge, bias_ridge, np.float32(0), least)
            _solve_bounded(matrix, system, start, solution)
        else:
            mended = _factored(ratings, row, other, system, terms, parts)
            count += mended > 0
            if mended == MOST_MENDS:
                continue
            solve_system(matrix, stride, system.unknowns, inverses, spare, solution)
        to = row * stride
        for lane in range(stride - 1 - system.unknowns, stride - 1):
            own[to + lane] = start[lane] + solution[lane]
        if system.biased:
            own[to + stride - 1] = own[to + stride - 2]
            own[to + stride - 2] = np.float32(1)
    return count


@kernel
def row_products(first, last, starts, others, other, own, system, products):
    """Set the product of both rows, biases included, for each rating of some rows.

    Parameters
    ----------
    first, last : int
        Rows whose ratings these are.
    starts, others, other, own, system
        As for `solve_weighted_rows`, whose ratings begin with the first two.
    products : (n,) float32, modified in place

    Notes
    -----
    Free of races as long as no other thread has the same rows.
    """
    stride = system.stride
    start = np.empty(stride, np.float32)
    for row in range(first, last):
        _set_start(own, row, system, start)
        for rating in range(starts[row], starts[row + 1]):
            at = np.int64(others[rating]) * stride
            products[rating] = other[at + stride - 1] + _product(other, at, start, stride)


@kernel
def add_variances(first, last, ratings, other, system, terms, pair_starts, pairs, work, variances):
    """Add ``a' inverse(A) a`` for some pairs: what a row's uncertainty adds to a prediction's.

    ``A`` is the matrix of the row's problem, and ``a`` the regressors of the other row of a pair.

    Parameters
    ----------
    first, last : int
        The rows whose pairs are looked at.
    ratings, other, system, terms
        As for `solve_weighted_rows`; targets have no effect.
    pair_starts : (n_rows + 1,) int64
        Where each row's pairs begin.
    pairs : (m,) int32
        Rows of the other side.
    work : (weighted_work_size(stride),) float32, modified in place
    variances : (m,) float32, modified in place
        Added to. Infinity where the matrix could not be factored.

    Notes
    -----
    Free of races as long as no other thread has the same rows.
    """
    stride = system.stride
    parts = _parts(work, stride)
    _, matrix, _, inverses, solved, start, _ = parts
    low = stride - 1 - system.unknowns
    for lane in range(stride):
        start[lane] = np.float32(0)
    for row in range(first, last):
        if pair_starts[row] == pair_starts[row + 1]:
            continue
        mended = _factored(ratings, row, other, system, terms, parts)
        for pair in range(pair_starts[row], pair_starts[row + 1]):
            if mended == MOST_MENDS:
                variances[pair] = np.inf
                continue
            at = np.int64(pairs[pair]) * stride
            for lane in range(low, stride - 1):
                solved[lane] = other[at + lane]
            total = np.float32(0)
            for lane in range(low, stride - 1):
                value = solved[lane] * inverses[lane]
                total += value * value
                for right in range(lane + 1, stride - 1):
                    solved[right] -= value * matrix[lane * stride + right]
            variances[pair] += total
