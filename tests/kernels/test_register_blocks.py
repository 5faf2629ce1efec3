"""Sums of outer products in registers against a matrix product."""

import numpy as np
import pytest
from numba import njit

from fastmf.kernels.register_blocks import add_products, update_panel, update_triangle
from tests.reference import register_blocks as reference

STRIDE = 64


def make(n, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, STRIDE)).astype(np.float32)
    return rows, rng.standard_normal((STRIDE, STRIDE)).astype(np.float32)


def block_adder(height, vectors):
    @njit
    def add(matrix, rows, top, column, n, sign):
        to = top * STRIDE + column
        add_products(matrix, to, rows, top, column, n, STRIDE, sign, None, height, vectors)

    return add


@pytest.mark.parametrize("shape", [(1, 1), (4, 2), (8, 3), (16, 1), (3, 4)])
@pytest.mark.parametrize("n", [0, 1, 2, 33])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_block_gets_its_products_and_nothing_else_changes(shape, n, sign):
    height, vectors = shape
    rows, before = make(n)
    matrix = before.copy()
    top, column = 5, min(7, STRIDE - 16 * vectors)
    block_adder(height, vectors)(matrix.ravel(), rows.ravel(), top, column, n, np.float32(sign))
    place = slice(top, top + height), slice(column, column + 16 * vectors)
    expected = before.astype(np.float64)
    expected[place] += reference.products(rows, sign)[place]
    np.testing.assert_allclose(matrix, expected, rtol=1e-5, atol=1e-5)
    untouched = np.ones_like(matrix, bool)
    untouched[place] = False
    assert (matrix[untouched] == before[untouched]).all()


@pytest.mark.parametrize("panel", range(0, STRIDE, 16))
@pytest.mark.parametrize("skipped", [0, 4, 8, 12])
@pytest.mark.parametrize("n", [1, 70])
def test_a_panel_gets_all_columns_from_its_own_on(panel, skipped, n):
    rows, before = make(n + 1)
    matrix = before.copy()
    first = panel + skipped
    start = STRIDE  # the first row is left out
    args = (matrix.ravel(), rows.ravel(), start, n, STRIDE, first, panel + 16, np.float32(1))
    update_panel(*args)
    expected = before.astype(np.float64)
    place = slice(first, panel + 16), slice(panel, None)
    expected[place] += reference.products(rows[1:], 1)[place]
    np.testing.assert_allclose(matrix, expected, rtol=1e-5, atol=1e-5)
    untouched = np.ones_like(matrix, bool)
    untouched[place] = False
    assert (matrix[untouched] == before[untouched]).all()


@pytest.mark.parametrize("first", [0, 4, 8, 12, 20, 44])
@pytest.mark.parametrize("n", [1, 64])
def test_a_tile_is_added_to_the_triangle_whatever_is_asked_for_ahead(first, n):
    rows, before = make(n)
    other, _ = make(70, seed=1)
    for number in (0, 69):
        matrix = before.copy()
        places = np.full(n, number * STRIDE)
        update_triangle(matrix.ravel(), rows.ravel(), n, STRIDE, first, other.ravel(), places)
        expected = before.astype(np.float64) + reference.products(rows, 1)
        upper = np.triu(np.ones_like(matrix, bool))
        upper[:first] = upper[:, :first] = False
        np.testing.assert_allclose(matrix[upper], expected[upper], rtol=1e-5, atol=1e-5)
        untouched = np.arange(STRIDE)[:, None] < first
        assert (matrix[untouched[:, 0]] == before[untouched[:, 0]]).all()


def test_the_order_of_a_sum_does_not_depend_on_the_block():
    """So the result has the same bits on machines that use other blocks."""
    rows, before = make(100)
    results = []
    for shape in ((16, 1), (8, 1), (4, 1)):
        matrix = before.copy()
        for top in range(0, 16, shape[0]):
            block_adder(*shape)(matrix.ravel(), rows.ravel(), top, 16, 100, np.float32(1))
        results.append(matrix.tobytes())
    assert len(set(results)) == 1
