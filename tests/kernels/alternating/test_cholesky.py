"""The factorization of an augmented matrix against NumPy in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.alternating import cholesky as kernels
from tests.reference.alternating import cholesky as reference

CHECKED = settings(deadline=None, max_examples=60)


def system(m, seed, ridge=1.0):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((2 * m, m))
    a = (rows.T @ rows + ridge * np.eye(m)).astype(np.float32).astype(np.float64)
    b = rng.standard_normal(m).astype(np.float32).astype(np.float64)
    return a, b


def solve(a, b, c=0.0, least=None):
    """Return whether it could be factored, the solution, the factor, and the corner."""
    m = len(b)
    stride = -(-(m + 1) // 16) * 16
    matrix = reference.augmented(a, b, c, stride).ravel()
    inverses, work = np.zeros(stride, np.float32), np.zeros(stride, np.float32)
    solution = np.full(stride, 9, np.float32)
    if least is None:
        least = kernels.LEAST_PIVOT * matrix.reshape(stride, stride).diagonal().copy()
    solved = kernels.factor_system(matrix, stride, m, least.astype(np.float32), inverses)
    square = matrix.reshape(stride, stride).astype(np.float64)
    if solved:
        kernels.solve_system(matrix, stride, m, inverses, work, solution)
        assert not solution[: stride - 1 - m].any()
        assert solution[-1] == 0
    first = stride - 1 - m
    return solved, solution[first:-1], square[first:-1, first:-1], square[-1, -1]


@CHECKED
@given(st.integers(1, 100), st.integers(0, 10**6))
def test_it_solves_systems_of_any_size(m, seed):
    a, b = system(m, seed)
    expected = reference.solve(a, b)
    solved, found, factor, corner = solve(a, b, c=5.0)
    assert solved
    scale = np.linalg.cond(a) * 1e-6 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=scale)
    np.testing.assert_allclose(np.triu(factor), reference.factor(a), rtol=1e-3, atol=1e-4)
    assert corner == pytest.approx(5 - b @ expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("m", [1, 15, 16, 40, 257])
def test_what_is_not_positive_definite_is_refused(m):
    a, b = system(m, 0)
    for place in {0, m // 2, m - 1}:
        worse = a.copy()
        worse[place, place] = -1
        assert not solve(worse, b)[0]
    assert not solve(np.full_like(a, np.nan), b)[0]


@pytest.mark.parametrize("m", [2, 17, 50])
def test_a_matrix_that_is_singular_within_float32_is_refused(m):
    rng = np.random.default_rng(m)
    rows = rng.standard_normal((m - 1, m))
    assert not solve(rows.T @ rows, rng.standard_normal(m))[0]


def test_a_badly_scaled_matrix_that_is_not_singular_is_solved():
    scales = 10.0 ** np.linspace(-6, 6, 30)
    a, b = system(30, 4)
    a, b = scales[:, None] * a * scales, scales * b
    solved, found, _, _ = solve(a, b)
    assert solved
    np.testing.assert_allclose(scales * found, scales * reference.solve(a, b), rtol=2e-3, atol=1e-4)
