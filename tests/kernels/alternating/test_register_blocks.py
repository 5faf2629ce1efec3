"""Sums of outer products in registers against a matrix product."""

import numpy as np
import pytest
from numba import njit

from fastmf.kernels.alternating.register_blocks import (
    add_tile_to_triangle,
    add_to_triangle,
    block_adder,
    update_panel,
)
from fastmf.kernels.alternating.triangle_blocks import SHAPES, triangle_blocks
from tests.reference.alternating import register_blocks as reference

STRIDE = 96
# Besides what is in use: one row, a height that is no power of two, the most registers.
OTHERS = (((1, 1),), ((3, 4),), ((5, 2), (3, 4)))


def make(n, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, STRIDE)).astype(np.float32)
    return rows, rng.standard_normal((STRIDE, STRIDE)).astype(np.float32)


_add_block = block_adder(SHAPES + OTHERS)


@njit
def add_block(matrix, rows, n, sign, shape, cells):
    _add_block(matrix, rows, 0, n, STRIDE, sign, shape, cells, None)


def places_of(parts, top, column):
    """Return where each part begins, beside or below one another, and which elements they are."""
    cells, places = [], []
    for height, vectors in parts:
        left = min(column, STRIDE - 16 * vectors)
        cells += [top, left]
        places.append((slice(top, top + height), slice(left, left + 16 * vectors)))
        top += height
    return (*cells, *cells)[:4], places


@pytest.mark.parametrize("shape", range(len(SHAPES + OTHERS)))
@pytest.mark.parametrize("n", [1, 2, 33])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_block_gets_its_products_and_nothing_else_changes(shape, n, sign):
    rows, before = make(n)
    matrix = before.copy()
    cells, places = places_of((SHAPES + OTHERS)[shape], 5, 7)
    add_block(matrix.ravel(), rows.ravel(), n, np.float32(sign), shape, cells)
    expected = before.astype(np.float64)
    untouched = np.ones_like(matrix, bool)
    for place in places:
        expected[place] += reference.products(rows, sign)[place]
        untouched[place] = False
    np.testing.assert_allclose(matrix, expected, rtol=1e-5, atol=1e-5)
    assert (matrix[untouched] == before[untouched]).all()


@pytest.mark.parametrize("panel", range(0, STRIDE, 16))
@pytest.mark.parametrize("n", [1, 70])
def test_a_panel_gets_all_columns_from_its_own_on(panel, n):
    rows, before = make(n + 1)
    matrix = before.copy()
    start = STRIDE  # the first row is left out
    update_panel(matrix.ravel(), rows.ravel(), start, n, STRIDE, panel, np.float32(-1))
    expected = before.astype(np.float64)
    place = slice(panel, panel + 16), slice(panel, None)
    expected[place] += reference.products(rows[1:], -1)[place]
    np.testing.assert_allclose(matrix, expected, rtol=1e-5, atol=1e-5)
    untouched = np.ones_like(matrix, bool)
    untouched[place] = False
    assert (matrix[untouched] == before[untouched]).all()


def check_triangle(matrix, before, rows, size):
    first = STRIDE - size
    expected = before.astype(np.float64) + reference.products(rows, 1)
    upper = np.triu(np.ones_like(matrix, bool))
    upper[:first] = upper[:, :first] = False
    np.testing.assert_allclose(matrix[upper], expected[upper], rtol=1e-5, atol=1e-5)
    panel = first // 16 * 16
    assert (matrix[:panel] == before[:panel]).all()


@pytest.mark.parametrize("size", [2, 15, 17, 18, 20, 33, 34, 50, 52, 64, 66, 96])
@pytest.mark.parametrize("n", [1, 64])
def test_rows_are_added_to_the_triangle(size, n):
    rows, before = make(n + 1)
    matrix = before.copy()
    blocks = triangle_blocks(STRIDE, size)
    add_to_triangle(matrix.ravel(), rows.ravel(), STRIDE, n, STRIDE, blocks)
    check_triangle(matrix, before, rows[1:], size)


@pytest.mark.parametrize("size", [18, 52])
@pytest.mark.parametrize("n", [1, 64])
def test_a_tile_is_added_to_the_triangle_whatever_is_asked_for_ahead(size, n):
    rows, before = make(n)
    other, _ = make(70, seed=1)
    blocks = triangle_blocks(STRIDE, size)
    for number in (0, 69):
        matrix = before.copy()
        places = np.full(n, number * STRIDE)
        add_tile_to_triangle(matrix.ravel(), rows.ravel(), n, STRIDE, blocks, other.ravel(), places)
        check_triangle(matrix, before, rows, size)


def test_the_order_of_a_sum_does_not_depend_on_the_block():
    """So the result has the same bits, however a triangle is cut."""
    rows, before = make(100)
    results = []
    for shape in (((8, 1), (8, 1)), ((8, 1),), ((4, 1),)):
        matrix = before.copy()
        height = shape[0][0]
        for top in range(0, 16, height * len(shape)):
            cells = top, 16, (top + height) % 16, 16
            number = SHAPES.index(shape)
            add_block(matrix.ravel(), rows.ravel(), 100, np.float32(1), number, cells)
        results.append(matrix.tobytes())
    assert len(set(results)) == 1
