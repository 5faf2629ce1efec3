"""Blocks of products in registers against NumPy."""

import numpy as np
import pytest
from numba import njit

from fastmf.kernels import product_blocks as kernels
from tests.reference import product_blocks as reference

K, STRIDE, TO, START = 33, 90, 11, 5


def compiled():
    """Return a block's product, compiled anew."""

    @njit
    def multiply(left, places, panel, k, out, lanes, adds, shape):
        kernels.multiply_block(left, places, panel, START, k, out, TO, STRIDE, lanes, adds, shape)

    return multiply


together = compiled()


def products(multiply, shape, lanes, *, turned, adds, k=K):
    """Return what becomes of the output, and what should."""
    height, vectors = kernels.SHAPES[shape]
    rng = np.random.default_rng(0)
    left = rng.standard_normal((height, k)).astype(np.float32)
    panel = rng.standard_normal((k, kernels.PANEL)).astype(np.float32)
    out = rng.standard_normal(TO + 6 * STRIDE).astype(np.float32)
    places = (0, 1, height) if turned else (0, k, 1)
    flat = np.ascontiguousarray(left.T if turned else left).ravel()
    expected = out.copy()
    width = 16 * (vectors - 1) + lanes
    rows = expected[TO : TO + height * STRIDE].reshape(height, STRIDE)[:, :width]
    rows[...] = reference.multiply_block(left, panel[:, :width], rows, adds)
    behind = np.concatenate([np.full(START, np.nan, np.float32), panel.ravel()])
    multiply(flat, places, behind, k, out, lanes, adds, shape)
    return out, expected


@pytest.mark.parametrize("shape", range(len(kernels.SHAPES)))
@pytest.mark.parametrize("lanes", [1, 7, 16])
@pytest.mark.parametrize("adds", [False, True])
def test_a_block_gets_its_products_and_nothing_else_changes(shape, lanes, adds):
    for turned in (False, True):
        found, expected = products(together, shape, lanes, turned=turned, adds=adds)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [0, 3, 6, 11])
def test_a_single_term(shape):
    found, expected = products(together, shape, 16, turned=False, adds=False, k=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_same_bits_where_registers_are_short(monkeypatch):
    found = []
    for are_long in (True, False):
        monkeypatch.setattr(kernels, "_has_long_registers", lambda context, are=are_long: are)
        multiply = compiled()
        found.append(
            [
                products(multiply, shape, 9, turned=False, adds=True)[0].tobytes()
                for shape in range(len(kernels.SHAPES))
            ]
        )
    assert found[0] == found[1]
