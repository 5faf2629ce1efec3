"""Sums and images of rows against NumPy."""

import numpy as np
import pytest

from fastmf.kernels.alternating import row_sums as kernels
from tests.kernels.alternating.test_normal_equations import Case
from tests.reference.alternating import row_sums as reference


@pytest.mark.parametrize("factors", [3, 30])
def test_sums_over_the_ratings_of_each_row(factors):
    case = Case(factors, [3, 0, 1, 200])
    out = np.full(case.other.shape[1] * 4, 7, np.float32)
    stride = case.system.stride
    kernels.sum_rated_rows(0, 3, case.ratings, case.other.ravel(), stride, out)
    expected = reference.sum_rated_rows(case.starts, case.index, case.other)
    np.testing.assert_allclose(out.reshape(4, -1)[:3], expected[:3], rtol=1e-5, atol=1e-5)
    assert (out.reshape(4, -1)[3] == 7).all(), "a row outside the range"
    kernels.sum_rated_rows(3, 4, case.ratings, case.other.ravel(), stride, out)
    np.testing.assert_allclose(out.reshape(4, -1), expected, rtol=1e-4, atol=1e-4)


def test_rows_times_a_matrix():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((6, 32)).astype(np.float32)
    matrix = rng.standard_normal((32, 32)).astype(np.float32)
    out = np.zeros((6, 32), np.float32)
    kernels.multiply_rows(1, 5, rows.ravel(), matrix.ravel(), 32, out.ravel())
    expected = reference.multiply_rows(rows, matrix)
    np.testing.assert_allclose(out[1:5], expected[1:5], rtol=1e-4, atol=1e-4)
    assert not out[[0, 5]].any()


@pytest.mark.parametrize("n", [1, 7, 8, 9, 30])
def test_rows_times_a_matrix_in_place_whatever_is_beside_them(n):
    rng = np.random.default_rng(n)
    rows = rng.standard_normal((n, 48)).astype(np.float32)
    matrix = rng.standard_normal((48, 48)).astype(np.float32).ravel()
    apart, place = np.zeros_like(rows), rows.copy()
    for row in range(n):
        kernels.multiply_rows(row, row + 1, rows.ravel(), matrix, 48, apart.ravel())
    kernels.multiply_rows(0, n, place.ravel(), matrix, 48, place.ravel())
    np.testing.assert_array_equal(place, apart)
    expected = reference.multiply_rows(rows, matrix.reshape(48, 48))
    np.testing.assert_allclose(place, expected, rtol=1e-4, atol=1e-4)


def test_the_part_of_a_row_s_problem_that_all_rows_share():
    rng = np.random.default_rng(0)
    rows, pulls = rng.standard_normal((2, 3, 16)).astype(np.float32)
    rows[:, -1] = 0
    half = rng.standard_normal((16, 16)).astype(np.float32)
    base = half @ half.T
    lower_is_of_no_matter = np.triu(base) + np.tril(rng.standard_normal((16, 16)), -1)
    upper = lower_is_of_no_matter.astype(np.float32).ravel()
    found = kernels.shared_part(rows.ravel(), 16, upper, pulls.ravel(), 16)
    assert found == pytest.approx(reference.shared_part(rows[1], base, pulls[1]), rel=1e-4)
