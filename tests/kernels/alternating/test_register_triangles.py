"""Sixteen rows in registers against NumPy."""

import numpy as np
import pytest
from numba import njit

from fastmf.kernels.alternating import register_triangles as kernels
from tests.reference.alternating import register_triangles as reference

STRIDE = 48
AT = 2 * STRIDE + 5  # anywhere
ROW = 3


@njit
def factor_all(matrix, least, inverses):
    return kernels.factor_triangle(matrix, AT, STRIDE, least, inverses, ROW, 16)


@njit
def factor_but_one(matrix, least, inverses):
    return kernels.factor_triangle(matrix, AT, STRIDE, least, inverses, ROW, 15)


@njit
def solve_columns(matrix, inverses):
    kernels.solve_columns(matrix, AT, AT + 20, STRIDE, inverses, ROW)


@njit
def solve_upwards(matrix, rights, inverses):
    kernels.solve_upwards(matrix, AT, STRIDE, rights, inverses, ROW)


def make(seed):
    """Return a matrix whose block is positive definite above its diagonal, rubbish elsewhere."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((20, STRIDE)).astype(np.float32)
    rows = rng.standard_normal((24, 16))
    block_of(matrix)[np.triu_indices(16)] = (rows.T @ rows)[np.triu_indices(16)]
    return matrix, rng


def block_of(matrix, beside=0):
    row, column = divmod(AT + beside, STRIDE)
    return matrix[row : row + 16, column : column + 16]


def changed(before, after):
    return np.argwhere(before != after)


@pytest.mark.parametrize(("factor", "pivots"), [(factor_all, 16), (factor_but_one, 15)])
@pytest.mark.parametrize("seed", range(5))
def test_a_block_becomes_its_factor_and_nothing_else_changes(factor, pivots, seed):
    before, _ = make(seed)
    matrix = before.copy()
    inverses = np.full(24, 9, np.float32)
    assert factor(matrix.ravel(), np.zeros(24, np.float32), inverses)
    expected = reference.factor_triangle(block_of(before), pivots)
    upper = np.triu_indices(16)
    np.testing.assert_allclose(block_of(matrix)[upper], expected[upper], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        inverses[ROW : ROW + pivots], 1 / expected.diagonal()[:pivots], rtol=1e-4
    )
    assert (np.delete(inverses, np.arange(ROW, ROW + pivots)) == 9).all()
    block_of(matrix)[:] = block_of(before)
    assert not len(changed(before, matrix))


@pytest.mark.parametrize("place", [0, 7, 15])
@pytest.mark.parametrize("value", [-1, 0, np.nan])
def test_a_pivot_that_is_too_small_is_told(place, value):
    matrix, _ = make(0)
    block_of(matrix)[place, place] = value
    nothing = np.zeros(24, np.float32)
    assert not factor_all(matrix.ravel().copy(), nothing, nothing.copy())
    # The last row of this one is no pivot.
    assert factor_but_one(matrix.ravel(), nothing, nothing.copy()) == (place == 15)


def test_each_pivot_has_a_bound_of_its_own():
    for place in range(16):
        matrix, _ = make(place)
        least = np.zeros(24, np.float32)
        least[ROW + place] = 1e6
        assert not factor_all(matrix.ravel(), least, np.zeros(24, np.float32))


@pytest.mark.parametrize("seed", range(5))
def test_columns_beside_a_factor_are_solved(seed):
    matrix, rng = make(seed)
    inverses = np.zeros(24, np.float32)
    block_of(matrix, 20)[:] = rng.standard_normal((16, 16))
    assert factor_all(matrix.ravel(), inverses.copy(), inverses)
    before = matrix.copy()
    solve_columns(matrix.ravel(), inverses)
    expected = reference.solve_columns(block_of(matrix), block_of(before, 20))
    np.testing.assert_allclose(block_of(matrix, 20), expected, rtol=1e-3, atol=1e-4)
    block_of(matrix, 20)[:] = block_of(before, 20)
    assert not len(changed(before, matrix))


@pytest.mark.parametrize("seed", range(5))
def test_right_hand_sides_are_solved_from_the_bottom_up(seed):
    matrix, rng = make(seed)
    inverses = np.zeros(24, np.float32)
    assert factor_all(matrix.ravel(), inverses.copy(), inverses)
    before = rng.standard_normal(24).astype(np.float32)
    rights = before.copy()
    solve_upwards(matrix.ravel(), rights, inverses)
    meant = slice(ROW, ROW + 16)
    expected = reference.solve_upwards(block_of(matrix), before[meant])
    np.testing.assert_allclose(rights[meant], expected, rtol=1e-3, atol=1e-4)
    rights[meant] = before[meant]
    assert not len(changed(before, rights))


def test_what_has_no_inverse_stays_zero():
    """So rows that pad a block in front, or the right-hand side below, take no part."""
    matrix, rng = make(1)
    inverses = np.zeros(24, np.float32)
    assert factor_all(matrix.ravel(), inverses.copy(), inverses)
    factor = block_of(matrix).copy()
    inverses[[ROW, ROW + 1, ROW + 15]] = 0
    rights = rng.standard_normal(24).astype(np.float32)
    expected = reference.solve_upwards(factor[2:15, 2:15], rights[ROW + 2 : ROW + 15])
    solve_upwards(matrix.ravel(), rights, inverses)
    assert not rights[[ROW, ROW + 1, ROW + 15]].any()
    np.testing.assert_allclose(rights[ROW + 2 : ROW + 15], expected, rtol=1e-3, atol=1e-4)
