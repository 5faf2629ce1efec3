"""Solved rows against numpy.linalg.solve in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.kernels.alternating import normal_equations as kernels
from tests.reference.alternating import normal_equations as reference

CHECKED = settings(deadline=None, max_examples=40)
LEVELS = np.zeros(256, np.float32)
LEVELS[:5] = [0, 0.5, 1, 2, 3.5]


class Case:
    """Random rows of the other side, and ratings of them."""

    def __init__(self, factors, counts, *, biased=True, coded=True, seed=0, n_other=40):
        rng = np.random.default_rng(seed)
        self.alpha = 0.0 if biased else 2.5
        unknowns = factors + biased
        self.system = kernels.system_of(unknowns, biased=biased, alpha=self.alpha)
        stride = self.system.stride
        self.first = stride - 1 - unknowns
        other = np.zeros((n_other, stride), np.float32)
        other[:, self.first : -1] = rng.standard_normal((n_other, unknowns))
        if biased:
            other[:, -2] = 1
            other[:, -1] = rng.standard_normal(n_other)
        self.other = other
        counts = np.asarray(counts)
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        self.index = rng.integers(0, n_other, counts.sum()).astype(np.int32)
        codes = rng.integers(0, 5, counts.sum()).astype(np.uint8)
        self.values = LEVELS[codes]
        columns = (
            (codes, np.empty(0, np.float32)) if coded else (np.empty(0, np.uint8), self.values)
        )
        self.ratings = kernels.RatedRows(
            *(frozen(column) for column in (self.starts, self.index, *columns, LEVELS))
        )
        self.base = np.empty(0, np.float32)
        if not biased:
            self.base = np.zeros(stride * stride, np.float32)
            kernels.add_gram(other.ravel(), 0, n_other, self.system, self.base)
        self.ridges = np.float32(0.5) + np.arange(len(counts), dtype=np.float32)
        self.bias_ridges = np.float32(0.2) * self.ridges

    def solve(self, first=0, last=None, *, pulls=None):
        """Return the rows, and the sums."""
        n_rows = len(self.starts) - 1
        own = np.full(n_rows * self.system.stride, 5, np.float32)
        work = np.full(kernels.work_size(self.system.stride), np.nan, np.float32)
        sums = np.zeros(3)
        last = n_rows if last is None else last
        kernels.solve_rows(
            first,
            last,
            self.ratings,
            self.other.ravel(),
            own,
            self.base,
            np.empty(0, np.float32) if pulls is None else pulls,
            self.system,
            self.ridges,
            self.bias_ridges,
            work,
            sums,
        )
        return own.reshape(n_rows, -1), sums

    def problem(self, row):
        mine = slice(self.starts[row], self.starts[row + 1])
        whole = None
        if not self.system.biased:
            everyone = self.other[:, self.first : -1].astype(np.float64)
            whole = everyone.T @ everyone
        ridges = np.full(self.system.unknowns, float(self.ridges[row]))
        if self.system.biased:
            ridges[-1] = self.bias_ridges[row]
        rows = self.other[self.index[mine], self.first :]
        found = reference.problem(
            rows, self.values[mine], biased=self.system.biased, alpha=self.alpha, base=whole
        )
        return *found, ridges


def unknowns_of(own, case):
    """Return the solution that a padded row holds, after checking the rest of the row."""
    assert not own[: case.first].any()
    if not case.system.biased:
        assert own[-1] == 0
        return own[case.first : -1]
    assert own[-2] == 1
    return np.append(own[case.first : -2], own[-1])


def test_sizes():
    for unknowns in range(1, 300):
        assert kernels.stride_of(unknowns) == reference.stride_of(unknowns)


@CHECKED
@given(
    st.integers(1, 70),
    st.lists(st.integers(0, 200), min_size=1, max_size=8),
    st.booleans(),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_every_row_is_the_solution_of_its_normal_equations(factors, counts, biased, coded, seed):
    case = Case(factors, counts, biased=biased, coded=coded, seed=seed)
    own, sums = case.solve()
    total = penalty = 0.0
    for row, count in enumerate(counts):
        found = unknowns_of(own[row], case)
        if count == 0:
            assert not found.any()
            continue
        matrix, right, constant, ridges = case.problem(row)
        expected = reference.solve(matrix, right, ridges)
        # Within the rounding of float32, as far as the conditioning of the matrix lets it.
        error = np.linalg.cond(matrix + np.diag(ridges)) * 2e-7 * np.linalg.norm(expected)
        assert np.linalg.norm(found - expected) <= error + 1e-6
        total += reference.least(matrix, right, constant if biased else 0, ridges)
        penalty += ridges @ expected**2
    assert sums[0] == pytest.approx(total, rel=1e-4, abs=1e-2)
    assert sums[1] == pytest.approx(penalty, rel=1e-2, abs=1e-3)
    assert sums[2] == 0


@CHECKED
@given(st.integers(1, 60), st.integers(1, 300), st.integers(0, 10**6))
def test_the_gradient_vanishes_at_a_solution(factors, count, seed):
    case = Case(factors, [count], seed=seed)
    own, _ = case.solve()
    matrix, right, _, ridges = case.problem(0)
    found = unknowns_of(own[0], case).astype(np.float64)
    gradient = matrix @ found + ridges * found - right
    # Each product of the gradient is rounded to float32 on the way.
    size = np.abs(matrix) @ np.abs(found) + np.abs(right)
    assert (np.abs(gradient) <= 2e-5 * size.max() + 1e-5).all()


def test_rows_outside_the_range_are_left_alone():
    case = Case(5, [3, 4, 5, 6])
    own, _ = case.solve(1, 3)
    whole, _ = case.solve()
    assert (own[[0, 3]] == 5).all()
    np.testing.assert_array_equal(own[1:3], whole[1:3])


def test_the_bits_of_a_row_do_not_depend_on_the_rows_solved_with_it():
    case = Case(30, [70, 0, 64, 1, 300])
    whole, _ = case.solve()
    for row in range(5):
        alone, _ = case.solve(row, row + 1)
        np.testing.assert_array_equal(alone[row], whole[row])


@pytest.mark.parametrize("count", [1, 3, 29])
def test_fewer_ratings_than_unknowns_and_no_regularization_are_mended_and_counted(count):
    case = Case(30, [count], n_other=200)
    case.index[:] = np.arange(count)  # no item twice: two values of one could not both be met
    case.ridges[:] = case.bias_ridges[:] = 0
    own, sums = case.solve()
    assert sums[2] == 1
    assert np.isfinite(own).all()
    rows = case.other[case.index, case.first :].astype(np.float64)
    found = unknowns_of(own[0], case)
    # As many unknowns as ratings or more: the ratings are met, by a solution of moderate size.
    errors = rows[:, :-1] @ found + rows[:, -1] - case.values
    assert np.abs(errors).max() < 0.05
    assert np.abs(found).max() < 100


def test_an_unknown_that_is_in_no_equation_is_zero():
    case = Case(6, [40])
    case.other[:, case.first + 2] = 0
    case.ridges[:] = 0
    own, _ = case.solve()
    assert own[0, case.first + 2] == 0
    assert np.isfinite(own).all()


def test_numbers_that_are_not_finite_are_told():
    case = Case(6, [40])
    case.other[:] = np.nan
    _, sums = case.solve()
    assert np.isnan(sums[0])


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 200])
def test_the_gram_matrix_of_many_rows(n):
    rng = np.random.default_rng(n)
    rows = np.zeros((n + 2, 32), np.float32)
    rows[:, 10:] = rng.standard_normal((n + 2, 22))
    matrix = np.zeros(32 * 32, np.float32)
    kernels.add_gram(rows.ravel(), 1, n + 1, kernels.system_of(21, biased=True), matrix)
    part = rows[1 : n + 1].astype(np.float64)
    upper = np.triu_indices(32)
    found = matrix.reshape(32, 32)[upper]
    np.testing.assert_allclose(found, (part.T @ part)[upper], rtol=1e-4, atol=1e-4)
