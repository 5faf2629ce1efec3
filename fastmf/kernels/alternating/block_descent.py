"""Block coordinate descent on each row's least squares problem: iALS++ (Rendle et al. 2021).

The unknowns of a row are cut into blocks. Each block in turn is set to its exact minimum, the
others held, by normal equations of its own (`fastmf.kernels.alternating.normal_equations` has the
notation); what each rating's prediction lacks is kept up to date meanwhile. With blocks of ``d``
unknowns a rating costs ``d / 2 + 2`` multiplications for each of its factors.

All blocks are as long, and the last ones may overlap: so the lanes of a block are whole vectors
but for one, which is for the right-hand side, wherever it begins in a row.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from fastmf.kernels.alternating.cholesky import (
    FIRST_JITTER,
    MOST_MENDS,
    add_to_diagonal,
    explained,
    factor_system,
    solve_system,
)
from fastmf.kernels.alternating.normal_equations import (
    TILE_ROWS,
    System,
    add_gram,
    stride_of,
    system_of,
)
from fastmf.kernels.alternating.rated_products import set_terms
from fastmf.kernels.alternating.row_sums import shared_part
from fastmf.kernels.alternating.shared_terms import (
    read_row,
    set_shared,
    set_weights,
    weighted_square,
    write_row,
)
from fastmf.kernels.compiled import kernel
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    first_of_quarter,
    load,
    multiply,
    multiply_add,
    store,
    sum_four,
    zeros,
)

__all__ = ["block_work_size", "descend_rows", "part_of"]


def part_of(system: System, block_size: int) -> System:
    """Return the problem of one block of unknowns.

    Parameters
    ----------
    system : System
        Of all unknowns.
    block_size : int
        Unknowns of a block at most, but for rounding up to what fills vectors.

    Returns
    -------
    System
    """
    n_blocks = -(-system.unknowns // block_size)
    most = stride_of(-(-system.unknowns // n_blocks)) - 1
    return system_of(min(most, system.unknowns), biased=system.biased)


def block_work_size(system: System, part: System, most_ratings: int) -> int:
    """Return the floats of work space that one call of `descend_rows` needs.

    Parameters
    ----------
    system, part : System
    most_ratings : int
        Of any of the rows.

    Returns
    -------
    int
    """
    of_ratings = 4 * (-(-most_ratings // WIDTH) * WIDTH)
    return 3 * system.stride + (TILE_ROWS + part.stride + 4) * part.stride + of_ratings


@njit
def _take_off(other, places, weights, count, begin, length, vector, missing):
    """Subtract ``w (a . vector)`` from what is missing, over some lanes of `other` from `begin` on.

    Return what this changes ``sum(missing^2 / w)`` by, and ``sum(missing^2)``.
    """
    change, left = np.float64(0), np.float64(0)
    for number in range(0, count, 4):
        one, two = places[number] + begin, places[number + 1] + begin
        three, four = places[number + 2] + begin, places[number + 3] + begin
        dot0, dot1, dot2, dot3 = zeros(), zeros(), zeros(), zeros()
        for lane in range(0, length, WIDTH):
            x = load(vector, lane)
            dot0 = multiply_add(load(other, one + lane), x, dot0)
            dot1 = multiply_add(load(other, two + lane), x, dot1)
            dot2 = multiply_add(load(other, three + lane), x, dot2)
            dot3 = multiply_add(load(other, four + lane), x, dot3)
        sums = sum_four(dot0, dot1, dot2, dot3)
        products = (
            first_of_quarter(sums, 0),
            first_of_quarter(sums, 1),
            first_of_quarter(sums, 2),
            first_of_quarter(sums, 3),
        )
        for i in range(4):
            weighted = weights[number + i] * products[i]
            was = missing[number + i]
            missing[number + i] = was - weighted
            change += np.float64(products[i]) * (np.float64(weighted) - 2 * np.float64(was))
            left += np.float64(missing[number + i]) ** 2
    return change, left


@njit
def _add_ratings(other, places, weights, missing, count, begin, part, tile, matrix):
    """Add the outer products of some lanes of the ratings' rows and of what is missing."""
    stride = part.stride
    for start in range(0, count, TILE_ROWS):
        size = min(TILE_ROWS, count - start)
        for number in range(size):
            rating, to = start + number, number * stride
            root = np.float32(math.sqrt(weights[rating]))
            scale = broadcast(root)
            for lane in range(0, stride, WIDTH):
                value = load(other, places[rating] + begin + lane)
                store(tile, to + lane, multiply(scale, value))
            tile[to + stride - 1] = missing[rating] / root if root > 0 else np.float32(0)
        add_gram(tile, np.int64(0), size, part, matrix)


@njit
def _add_shared(base, pulls, to, shared, system, part, begin, matrix):
    """Add what a block has beside ratings, but for the ridge in its matrix."""
    stride, size = system.stride, part.stride
    for i in range(size - 1 - part.unknowns, size - 1):
        lane = begin + i
        matrix[i * size + size - 1] -= shared[lane]
        if pulls.size > 0:
            matrix[i * size + size - 1] += pulls[to + lane]
        if base.size == stride:
            matrix[i * size + i] += base[lane]
        elif base.size > 0:
            for j in range(i, size - 1):
                matrix[i * size + j] += base[lane * stride + begin + j]


@njit
def _solve_block(ratings, shared, system, part, begin, ridges, parts):
    """Leave the step of one block in `solution`; return how often its matrix was mended.

    Also return how much less the value is behind it.
    """
    other, places, weights, missing, count = ratings
    base, pulls, to, image = shared
    tile, matrix, least, inverses, spare, solution = parts
    ridge, bias_ridge = ridges
    # The bias is the last unknown of the last block.
    last_ridge = bias_ridge if begin + part.stride == system.stride else ridge
    jitter = np.float32(0)
    for mended in range(MOST_MENDS):
        for at in range(0, matrix.size, WIDTH):
            store(matrix, at, zeros())
        _add_ratings(other, places, weights, missing, count, begin, part, tile, matrix)
        _add_shared(base, pulls, to, image, system, part, begin, matrix)
        add_to_diagonal(matrix, part, ridge, last_ridge, jitter, least)
        if factor_system(matrix, part.stride, part.unknowns, least, inverses):
            solve_system(matrix, part.stride, part.unknowns, inverses, spare, solution)
            return mended, explained(matrix, part.stride, part.unknowns)
        jitter = max(FIRST_JITTER, np.float32(10) * jitter)
    return MOST_MENDS, 0.0


@kernel
def descend_rows(
    first,
    last,
    ratings,
    other,
    own,
    base,
    pulls,
    system,
    ridges,
    bias_ridges,
    part,
    work,
    sums,
):
    """Bring each of some rows nearer to the solution of its own least squares problem.

    As `fastmf.kernels.alternating.normal_equations.solve_rows`, but by one sweep over blocks of
    unknowns from what the row is. No block makes the value of the problem larger.

    Parameters
    ----------
    first, last : int
        The rows to improve.
    ratings : RatedRows
    other : (n_other * stride,) float32
    own : (n_rows * stride,) float32, modified in place
    base : (stride * stride,), (stride,) or (0,) float32
        All of the matrix, not its upper triangle alone; or its diagonal, if it has nothing else.
    pulls : (n_rows * stride,) or (0,) float32
        With a base that is a whole matrix.
    system : System
    ridges, bias_ridges : (n_rows,) float32
    part : System
        Of a block; see `part_of`.
    work : (block_work_size(system, part, most_ratings),) float32, modified in place
        Begins at a cache line, for the sake of speed.
    sums : (3,) float64, modified in place
        As for `solve_rows`, of the rows as they are now.

    Notes
    -----
    Free of races as long as no other thread sets the same rows. The order of all sums depends on
    the ratings alone. A block whose matrix cannot be mended stays as it was.
    """
    stride, size = system.stride, part.stride
    x, weights, image = work[:stride], work[stride:][:stride], work[2 * stride :][:stride]
    rest = work[3 * stride :]
    tile, matrix = rest[: TILE_ROWS * size], rest[TILE_ROWS * size :][: size * size]
    rest = rest[(TILE_ROWS + size) * size :]
    least, inverses, spare = rest[:size], rest[size:][:size], rest[2 * size :][:size]
    solution, rest = rest[3 * size :][:size], rest[4 * size :]
    room = rest.size // 4
    trust, missing, places = rest[:room], rest[room:], rest[2 * room :].view(np.int64)
    parts = tile, matrix, least, inverses, spare, solution
    lowest = stride - 1 - system.unknowns
    n_blocks = -(-system.unknowns // part.unknowns)
    for row in range(first, last):
        begin, end = ratings.starts[row], ratings.starts[row + 1]
        if begin == end:
            write_row(own, row, system, stride, None)
            continue
        read_row(own, row, system, stride, x)
        set_weights(system, ridges[row], bias_ridges[row], weights)
        set_terms(ratings, begin, end, stride, system.alpha, places, trust, missing)
        value = set_shared(base, stride, weights, x, image)
        # In the last lane is the other side's bias, which counts with the targets.
        x[stride - 1] = np.float32(1) if system.biased else np.float32(0)
        count = end - begin
        change, left = _take_off(other, places, trust, count, np.int64(0), stride, x, missing)
        x[stride - 1] = np.float32(0)
        sums[0] += value + (left if system.biased else change)
        if pulls.size > 0:
            for lane in range(stride - 1):
                pull = np.float64(pulls[row * stride + lane])
                sums[0] -= 2 * pull * np.float64(x[lane])
        rated = other, places, trust, missing, count
        shared = base, pulls, row * stride, image
        mended = 0
        for number in range(n_blocks):
            spare_lanes = system.unknowns - part.unknowns
            at = lowest + number * spare_lanes // max(1, n_blocks - 1)
            at += part.unknowns + 1 - size
            if number > 0:
                set_shared(base, stride, weights, x, image)
            mends, less = _solve_block(
                rated, shared, system, part, at, (ridges[row], bias_ridges[row]), parts
            )
            mended = max(mended, mends)
            if mends == MOST_MENDS:
                continue
            sums[0] -= less
            for i in range(size - 1 - part.unknowns, size - 1):
                x[at + i] += solution[i]
            if number + 1 < n_blocks:
                _take_off(other, places, trust, count, at, size, solution, missing)
        sums[1] += np.float64(weighted_square(x, weights, stride))
        sums[2] += mended > 0
        if pulls.size > 0:
            sums[1] += shared_part(x, np.int64(0), base, pulls[row * stride :], stride)
        write_row(own, row, system, stride, x)
