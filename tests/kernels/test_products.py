"""Products of blocks within flat arrays against NumPy."""

import numpy as np
import pytest
from numba import njit

from fastmf.kernels import products as kernels
from fastmf.kernels.products import Block
from tests.reference import products as reference

START = 5


@njit(nogil=True)
def multiply(a, at, stride, turned, packed, sizes, c, c_at, c_stride, adds):
    left, out = Block(a, at, stride, turned), Block(c, c_at, c_stride, False)
    kernels.block_product(left, packed, START, sizes[0], sizes[1], sizes[2], adds, out)


@njit(nogil=True)
def multiply_panels(a, packed, sizes, c, c_at, c_stride, adds):
    out = Block(c, c_at, c_stride, False)
    kernels.panel_product(a, START, packed, START, sizes[0], sizes[1], sizes[2], adds, out)


@njit(nogil=True)
def pack(b, at, stride, turned, k, n, packed):
    kernels.pack(Block(b, at, stride, turned), k, n, packed, START)


def behind(values):
    """Return values with some in front that must not be looked at."""
    return np.concatenate([np.full(START, np.nan, np.float32), values])


def matrix(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def laid_out(values, at, stride, turned):
    """Return a flat array with a matrix in it."""
    rows = values.T if turned else values
    flat = matrix(at + len(rows) * stride, 9)
    flat[at:].reshape(len(rows), stride)[:, : rows.shape[1]] = rows
    return flat


SIZES = [(1, 1, 1), (5, 3, 4), (9, 64, 96), (130, 50, 100), (14, 135, 200)]


@pytest.mark.parametrize(("k", "n"), [(1, 1), (3, 64), (40, 50), (33, 150)])
@pytest.mark.parametrize("turned", [False, True])
def test_packing(k, n, turned):
    right = matrix((k, n), 0)
    assert kernels.panels_size(k, n) == len(reference.panels(right))
    packed = np.full(START + kernels.panels_size(k, n), 7, np.float32)
    stride = (k if turned else n) + 3
    pack(laid_out(right, 4, stride, turned), 4, stride, turned, k, n, packed)
    np.testing.assert_array_equal(packed[START:], reference.panels(right))
    assert (packed[:START] == 7).all()
    for row, column in ((0, 0), (k - 1, n - 1), (k // 2, n // 2)):
        assert packed[START + kernels.in_panels(column, row, k)] == right[row, column]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("adds", [False, True])
def test_products(sizes, turned, adds):
    m, n, k = sizes
    left, right, out = matrix((m, k), 0), matrix((k, n), 1), matrix((m, n), 2)
    at, stride = 7, (m if turned else k) + 3
    packed = behind(reference.panels(right))
    of_blocks = laid_out(out, 6, n + 2, turned=False)
    of_panels = of_blocks.copy()
    expected = of_blocks.copy()
    rows = expected[6:].reshape(m, n + 2)[:, :n]
    rows[...] = reference.product(left, right) + (out if adds else 0)
    flat = laid_out(left, at, stride, turned)
    multiply(flat, at, stride, turned, packed, sizes, of_blocks, 6, n + 2, adds)
    np.testing.assert_allclose(of_blocks, expected, rtol=1e-4, atol=1e-4)
    in_panels = behind(reference.panels(left))
    multiply_panels(in_panels, packed, sizes, of_panels, 6, n + 2, adds)
    np.testing.assert_allclose(of_panels, expected, rtol=1e-4, atol=1e-4)


def test_a_row_has_the_same_bits_whatever_rows_are_with_it():
    m, n, k = 21, 70, 130
    left, packed = matrix((m, k), 0), behind(reference.panels(matrix((k, n), 1)))
    whole = np.zeros(m * n, np.float32)
    multiply(left.ravel(), 0, k, False, packed, (m, n, k), whole, 0, n, False)
    for first, last in ((0, 1), (3, 11), (11, 21)):
        part = np.zeros((last - first) * n, np.float32)
        sizes = last - first, n, k
        multiply(left.ravel(), first * k, k, False, packed, sizes, part, 0, n, False)
        np.testing.assert_array_equal(part, whole[first * n : last * n])
