"""Steps of conjugate gradients against the textbook in float64, and against exact solutions."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.alternating import conjugate_gradient as kernels
from tests.kernels.alternating.test_normal_equations import Case, unknowns_of
from tests.reference.alternating import conjugate_gradient as reference

CHECKED = settings(deadline=None, max_examples=30)
NOTHING = np.empty(0, np.float32)


def average_squares(case):
    """Return mean squares of the other side's rows."""
    return np.square(case.other).mean(axis=0)


def improved(case, steps, start=None, *, pulls=NOTHING, first=0, last=None, diagonal=False):
    """Return the rows after some steps, and the sums."""
    stride, n_rows = case.system.stride, len(case.starts) - 1
    own = np.zeros((n_rows, stride), np.float32)
    if start is not None:
        own[:, case.first : case.first + start.shape[1]] = start
    if case.system.biased and start is not None:
        own[:, -1] = own[:, -2]
    base = case.base
    if base.size:
        upper = np.triu(base.reshape(stride, stride))
        base = np.diag(upper).copy() if diagonal else (upper + np.triu(upper, 1).T).ravel()
    most = int(np.diff(case.starts).max())
    work = np.full(kernels.cg_work_size(stride, most), np.nan, np.float32)
    sums = np.zeros(3)
    flat = own.ravel()
    kernels.improve_rows(
        first,
        n_rows if last is None else last,
        case.ratings,
        case.other.ravel(),
        flat,
        base,
        average_squares(case),
        pulls,
        case.system,
        case.ridges,
        case.bias_ridges,
        steps,
        work,
        sums,
    )
    return own, sums


def guessed_diagonal(case, row, ridges):
    """Return the diagonal of the matrix of a row of average ratings."""
    values = case.values[case.starts[row] : case.starts[row + 1]]
    confidence = len(values) if case.system.biased else case.alpha * values.sum()
    guess = confidence * average_squares(case)[case.first : -1] + ridges
    if case.base.size:
        guess = guess + np.diag(case.base.reshape(case.system.stride, -1))[case.first : -1]
    return guess


def starting_points(case, n_rows, seed):
    return np.random.default_rng(seed).standard_normal((n_rows, case.system.unknowns))


@CHECKED
@given(
    st.integers(1, 40),
    st.lists(st.integers(0, 100), min_size=1, max_size=5),
    st.booleans(),
    st.integers(0, 4),
    st.integers(0, 10**6),
)
def test_steps_are_those_of_the_textbook(factors, counts, biased, steps, seed):
    case = Case(factors, counts, biased=biased, seed=seed)
    start = starting_points(case, len(counts), seed).astype(np.float32)
    own, sums = improved(case, steps, start)
    value = penalty = size = 0.0
    for row, count in enumerate(counts):
        found = unknowns_of(own[row], case)
        if count == 0:
            assert not found.any()
            continue
        matrix, right, constant, ridges = case.problem(row)
        matrix = matrix + np.diag(ridges)
        guess = guessed_diagonal(case, row, ridges)
        begin = start[row].astype(np.float64)
        expected = reference.improve(matrix, right, begin, steps, guess)
        reached = reference.value(matrix, right, 0, found.astype(np.float64))
        wanted = reference.value(matrix, right, 0, expected)
        began = reference.value(matrix, right, 0, start[row].astype(np.float64))
        assert reached == pytest.approx(wanted, rel=1e-3, abs=1e-3 * (1 + abs(began)))
        value += reached + (constant if biased else 0)
        penalty += ridges @ found.astype(np.float64) ** 2
        size += abs(began) + abs(reached) + constant
    assert sums[0] == pytest.approx(value, abs=1e-4 * (1 + size))
    assert sums[1] == pytest.approx(penalty, rel=1e-4)
    assert sums[2] == 0


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("coded", [True, False])
def test_many_steps_reach_the_exact_solution(biased, coded):
    counts = [70, 0, 64, 1, 300, 9001]
    case = Case(30, counts, biased=biased, coded=coded)
    exact, _ = case.solve()
    own, _ = improved(case, 100)
    np.testing.assert_allclose(own, exact, atol=5e-4)


def test_a_base_may_be_a_diagonal():
    case = Case(10, [40, 5], biased=False)
    case.other[:, case.first : -1] = np.eye(40, 10) * np.arange(1, 11)
    case.base[:] = 0
    case.base[:: case.system.stride + 1] = np.square(case.other).sum(axis=0)
    for steps in (0, 2, 60):
        whole, sums = improved(case, steps)
        diagonal, sums_of_diagonal = improved(case, steps, diagonal=True)
        np.testing.assert_allclose(diagonal, whole, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(sums_of_diagonal, sums, rtol=1e-4)


def test_pulls_are_part_of_the_right_hand_side():
    case = Case(10, [40, 5], biased=False)
    pulls = np.zeros((2, case.system.stride), np.float32)
    pulls[:, case.first : -1] = np.random.default_rng(1).standard_normal((2, 10)) * 20
    own, sums = improved(case, 60, pulls=pulls.ravel())
    exact, exact_sums = case.solve(pulls=pulls.ravel())
    for row in range(2):
        matrix, right, _, ridges = case.problem(row)
        expected = np.linalg.solve(matrix + np.diag(ridges), right + pulls[row, case.first : -1])
        np.testing.assert_allclose(unknowns_of(own[row], case), expected, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(unknowns_of(exact[row], case), expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(sums, exact_sums, rtol=1e-3)


@CHECKED
@given(st.integers(1, 60), st.integers(1, 300), st.booleans(), st.integers(0, 10**6))
def test_no_step_raises_the_value(factors, count, biased, seed):
    case = Case(factors, [count], biased=biased, seed=seed)
    start = starting_points(case, 1, seed)
    values = [improved(case, steps, start)[1][0] for steps in range(8)]
    for before, after in pairwise(values):
        assert after <= before + 1e-5 * (1 + abs(before))


def test_rows_outside_the_range_are_left_alone():
    case = Case(5, [3, 4, 5, 6])
    own, _ = improved(case, 3, first=1, last=3)
    whole, _ = improved(case, 3)
    assert not own[[0, 3]].any()
    np.testing.assert_array_equal(own[1:3], whole[1:3])


def test_numbers_that_are_not_finite_are_told():
    case = Case(6, [40])
    case.other[:] = np.nan
    _, sums = improved(case, 3)
    assert np.isnan(sums[0])


def test_an_unknown_that_is_in_no_equation_stays():
    case = Case(6, [40])
    case.other[:, case.first + 2] = 0
    case.ridges[:] = 0
    own, _ = improved(case, 20)
    assert own[0, case.first + 2] == 0
    assert np.isfinite(own).all()
