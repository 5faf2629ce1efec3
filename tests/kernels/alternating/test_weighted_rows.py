"""Moved rows against numpy.linalg.solve in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.alternating import weighted_rows as kernels
from fastmf.kernels.alternating.normal_equations import system_of
from tests.reference.alternating import weighted_rows as reference

CHECKED = settings(deadline=None, max_examples=40)


class Case:
    """Random rows of both sides, and weighted ratings."""

    def __init__(self, factors, counts, *, biased=True, known=True, seed=0, n_other=40):
        rng = np.random.default_rng(seed)
        unknowns = factors + biased
        self.system = system_of(unknowns, biased=biased)
        stride = self.system.stride
        self.first = stride - 1 - unknowns
        self.other = self._rows(rng, n_other)
        self.own = self._rows(rng, len(counts))
        if not known:
            self.own[:, self.first : stride - 1 - biased] = 0
            self.own[:, -1] = 0
        n = int(np.sum(counts))
        self.starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.ratings = kernels.WeightedRatings(
            self.starts,
            rng.integers(0, n_other, n).astype(np.int32),
            rng.standard_normal(n).astype(np.float32),
            rng.uniform(0, 3, n).astype(np.float32),
        )
        shape = len(counts), 2
        self.terms = kernels.RowTerms(
            self._square(rng) if known else np.empty(0, np.float32),
            self._square(rng) if known else np.empty(0, np.float32),
            rng.uniform(0, 9, len(counts)).astype(np.float32) * np.float32(known),
            rng.uniform(0.5, 2, shape).astype(np.float32),
            rng.uniform(0, 0.5, shape).astype(np.float32) * np.float32(known),
        )

    def _rows(self, rng, n):
        rows = np.zeros((n, self.system.stride), np.float32)
        rows[:, self.first : -1] = rng.standard_normal((n, self.system.unknowns))
        if self.system.biased:
            rows[:, -2] = 1
            rows[:, -1] = rng.standard_normal(n)
        return rows

    def _square(self, rng):
        stride = self.system.stride
        root = rng.standard_normal((self.system.unknowns + 3, self.system.unknowns)) / 4
        square = np.zeros((stride, stride), np.float32)
        square[self.first : -1, self.first : -1] = np.triu(root.T @ root)
        return square.ravel()

    def solve(self, first=0, last=None, *, non_negative=False):
        own = self.own.ravel().copy()
        work = np.full(kernels.weighted_work_size(self.system.stride), np.nan, np.float32)
        mended = kernels.solve_weighted_rows(
            first,
            len(self.own) if last is None else last,
            self.ratings,
            self.other.ravel(),
            own,
            self.system,
            self.terms,
            non_negative,
            work,
        )
        return own.reshape(self.own.shape), mended

    def unknowns(self, own):
        """Return the unknowns of a padded row, after checking the rest of it."""
        assert not own[: self.first].any()
        if not self.system.biased:
            assert own[-1] == 0
            return own[self.first : -1].astype(np.float64)
        assert own[-2] == 1
        return np.append(own[self.first : -2], own[-1]).astype(np.float64)

    def twin(self, row):
        """Return the arrays and the terms of one row's problem as the reference takes them."""
        mine = slice(self.starts[row], self.starts[row + 1])
        others = self.other[self.ratings.others[mine]].astype(np.float64)
        residuals = self.ratings.targets[mine] - others[:, -1]
        weights = self.ratings.weights[mine].astype(np.float64)
        arrays = others[:, self.first : -1], residuals, weights, self.unknowns(self.own[row])

        def whole(triangle):
            if not triangle.size:
                return 0.0
            side = slice(self.first, self.system.stride - 1)
            upper = triangle.reshape(self.system.stride, -1)[side, side].astype(np.float64)
            return upper + np.triu(upper, 1).T

        def each(pair):
            found = np.full(self.system.unknowns, float(pair[0]))
            if self.system.biased:
                found[-1] = pair[1]
            return found

        terms = {
            "base": whole(self.terms.base),
            "prior": whole(self.terms.prior),
            "memory": float(self.terms.memory[row]),
            "ridges": each(self.terms.ridges[row]),
            "pulls": each(self.terms.pulls[row]),
        }
        return arrays, terms


CASES = (
    st.integers(1, 70),
    st.lists(st.integers(0, 200), min_size=1, max_size=6),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)


@CHECKED
@given(*CASES)
def test_rows_are_those_of_the_reference(factors, counts, biased, known, seed):
    case = Case(factors, counts, biased=biased, known=known, seed=seed)
    own, mended = case.solve()
    assert mended == 0
    for row, found in enumerate(own):
        arrays, terms = case.twin(row)
        np.testing.assert_allclose(case.unknowns(found), reference.solve(*arrays, **terms), 0, 2e-3)


def test_the_solution_is_a_minimum():
    case = Case(20, [30, 5], seed=1)
    own, _ = case.solve()
    rng = np.random.default_rng(0)
    for row, found in enumerate(own):
        arrays, terms = case.twin(row)
        change = case.unknowns(found) - arrays[3]
        least = reference.objective(change, *arrays, **terms)
        for _ in range(20):
            aside = change + rng.normal(0, 0.02, len(change))
            assert reference.objective(aside, *arrays, **terms) > least


@CHECKED
@given(st.integers(1, 30), *CASES[1:3], st.integers(0, 2**32 - 1))
def test_bounded_rows_are_those_of_the_reference(factors, counts, biased, seed):
    case = Case(factors, counts, biased=biased, seed=seed)
    factor_lanes = slice(case.first, case.system.stride - 1 - biased)
    case.own[:, factor_lanes] = np.abs(case.own[:, factor_lanes])
    own, _ = case.solve(non_negative=True)
    assert own[:, factor_lanes].min() >= 0
    bounded = np.ones(case.system.unknowns, bool)
    bounded[case.system.unknowns - biased :] = False
    for row, found in enumerate(own):
        arrays, terms = case.twin(row)
        expected = reference.solve_bounded(*arrays, bounded=bounded, **terms)
        np.testing.assert_allclose(case.unknowns(found), expected, 0, 5e-3)


def test_a_row_without_ratings_stays_where_nothing_pulls_it():
    case = Case(10, [0, 7], seed=2)
    case.terms.pulls[0] = 0
    own, _ = case.solve()
    np.testing.assert_array_equal(own[0], case.own[0])


def test_rows_do_not_depend_on_the_cut():
    case = Case(33, [0, 70, 200, 3, 64], seed=3)
    whole, _ = case.solve()
    pieces = [case.solve(row, row + 1)[0][row] for row in range(5)]
    np.testing.assert_array_equal(whole, pieces)
    first, _ = case.solve(1, 3)
    np.testing.assert_array_equal(first[[0, 3, 4]], case.own[[0, 3, 4]])


def test_a_matrix_that_is_singular_is_mended():
    case = Case(30, [4], known=False, seed=4)
    case.terms.ridges[:] = 0
    own, mended = case.solve()
    assert mended == 1
    assert np.isfinite(own).all()


@pytest.mark.parametrize("biased", [True, False])
def test_products_are_those_of_the_rows(biased):
    case = Case(21, [5, 0, 80], biased=biased, seed=5)
    found = np.full(85, np.nan, np.float32)
    arrays = case.starts, case.ratings.others, case.other.ravel(), case.own.ravel()
    kernels.row_products(0, 3, *arrays, case.system, found)
    expected = []
    for row in range(3):
        (regressors, residuals, _, start), _ = case.twin(row)
        mine = slice(case.starts[row], case.starts[row + 1])
        expected += list(regressors @ start + case.ratings.targets[mine] - residuals)
    np.testing.assert_allclose(found, expected, 0, 1e-4)


@CHECKED
@given(*CASES)
def test_variances_are_those_of_the_reference(factors, counts, biased, known, seed):
    case = Case(factors, counts, biased=biased, known=known, seed=seed)
    rng = np.random.default_rng(seed)
    per_row = rng.integers(0, 5, len(counts))
    pair_starts = np.concatenate([[0], np.cumsum(per_row)]).astype(np.int64)
    pairs = rng.integers(0, 40, per_row.sum()).astype(np.int32)
    found = np.ones(len(pairs), np.float32)
    work = np.full(kernels.weighted_work_size(case.system.stride), np.nan, np.float32)
    kernels.add_variances(
        0,
        len(counts),
        case.ratings,
        case.other.ravel(),
        case.system,
        case.terms,
        pair_starts,
        pairs,
        work,
        found,
    )
    for row in range(len(counts)):
        mine = slice(pair_starts[row], pair_starts[row + 1])
        arrays, terms = case.twin(row)
        others = case.other[pairs[mine], case.first : -1].astype(np.float64)
        expected = reference.variances(others, *arrays, **terms)
        np.testing.assert_allclose(found[mine] - 1, expected, 2e-3, 1e-3)
