"""Products of ratings with a vector against NumPy."""

import numpy as np
import pytest
from numba import njit

from fastmf.kernels.alternating import rated_products as kernels
from tests.kernels.alternating.test_normal_equations import Case
from tests.reference.alternating import rated_products as reference

set_terms, add_products = kernels.set_terms, kernels.add_products


@njit
def both(ratings, begin, end, other, stride, alpha, work, vector, part, out):
    """Set terms, and add products."""
    places, weights, targets = work
    total = set_terms(ratings, begin, end, stride, alpha, places, weights, targets)
    given = other, places, weights, targets
    found = add_products(
        given[0], given[1], given[2], given[3], end - begin, stride, vector, part, out
    )
    return total, found


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("coded", [True, False])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("count", [1, 4, 15, 16, 77, 3001])
def test_terms_and_products(count, biased, coded, part):
    case = Case(30, [3, count, 2], biased=biased, coded=coded)
    stride, rng = case.system.stride, np.random.default_rng(count)
    room = -(-count // 16) * 16
    work = (
        np.full(room, -1),
        np.full(room, np.nan, np.float32),
        np.full(room, np.nan, np.float32),
    )
    vector, before = rng.standard_normal((2, stride)).astype(np.float32)
    out = before.copy()
    given = case.other.ravel(), stride, np.float32(case.alpha), work, vector, np.float32(part), out
    total, (products, squares) = both(case.ratings, 3, 3 + count, *given)
    mine = slice(3, 3 + count)
    weights, targets = reference.terms(case.values[mine], case.alpha)
    np.testing.assert_array_equal(work[0][:count], case.index[mine].astype(np.int64) * stride)
    np.testing.assert_allclose(work[1], np.append(weights, np.zeros(room - count)), rtol=1e-6)
    np.testing.assert_allclose(work[2], np.append(targets, np.zeros(room - count)), rtol=1e-6)
    assert total == pytest.approx(weights.sum(), rel=1e-5)
    rows = case.other[case.index[mine]]
    change, *sums = reference.products(rows, weights, targets, vector, part)
    size = np.abs(change).max() + 1
    np.testing.assert_allclose(out - before, change, rtol=1e-4, atol=1e-5 * size)
    np.testing.assert_allclose((products, squares), sums, rtol=1e-4, atol=1e-4 * sums[1])
