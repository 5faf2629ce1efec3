"""Products of blocks within flat arrays against NumPy."""

import numpy as np
import pytest
from numba import njit

from fastmf.kernels import products as kernels
from fastmf.kernels.products import Block
from tests.reference import products as reference


@njit(nogil=True)
def multiply(a, at, stride, turned, b, b_at, b_stride, b_turned, sizes, c, c_at, c_stride, adds):
    left, right = Block(a, at, stride, turned), Block(b, b_at, b_stride, b_turned)
    out = Block(c, c_at, c_stride, False)
    if adds:
        kernels.add_product(left, right, sizes[0], sizes[1], sizes[2], out)
    else:
        kernels.set_product(left, right, sizes[0], sizes[1], sizes[2], out)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (5, 3, 4), (130, 50, 100)])
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("adds", [False, True])
def test_products(sizes, turned, adds):
    m, n, k = sizes
    rng = np.random.default_rng(0)
    shapes = (m, k), (k, n), (m, n)
    blocks, flat = [], []
    for shape, is_turned in zip(shapes, (*turned, False), strict=True):
        rows, columns = shape[::-1] if is_turned else shape
        stride, at = columns + 3, 7
        flat.append(rng.standard_normal(at + rows * stride).astype(np.float32))
        blocks.append((at, stride, is_turned))
    left, right, out = (
        reference.rows_of(array, *block, shape)
        for array, block, shape in zip(flat, blocks, shapes, strict=True)
    )
    before = flat[2].copy()
    multiply(flat[0], *blocks[0], flat[1], *blocks[1], sizes, flat[2], *blocks[2][:2], adds)
    found = reference.rows_of(flat[2], *blocks[2], (m, n))
    product = (left, right, out) if adds else (left, right)
    expected = (reference.add_product if adds else reference.set_product)(*product)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    at, stride, _ = blocks[2]
    for row in range(m):  # nothing else is written to
        before[at + row * stride : at + row * stride + n] = found[row]
    np.testing.assert_array_equal(flat[2], before)
