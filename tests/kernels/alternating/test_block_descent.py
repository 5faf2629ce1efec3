"""A sweep over blocks against the same in float64, and against exact solutions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.alternating import block_descent as kernels
from tests.kernels.alternating.test_conjugate_gradient import starting_points
from tests.kernels.alternating.test_normal_equations import Case, unknowns_of
from tests.reference.alternating import block_descent as reference

CHECKED = settings(deadline=None, max_examples=30)
NOTHING = np.empty(0, np.float32)


def descended(case, block_size, start=None, *, sweeps=1, pulls=NOTHING, first=0, last=None):
    """Return the rows after some sweeps, and the sums of the last."""
    stride, n_rows = case.system.stride, len(case.starts) - 1
    own = np.zeros((n_rows, stride), np.float32)
    if start is not None:
        own[:, case.first : case.first + start.shape[1]] = start
        if case.system.biased:
            own[:, -1] = own[:, -2]
    base = case.base
    if base.size:
        upper = np.triu(base.reshape(stride, stride))
        base = (upper + np.triu(upper, 1).T).ravel()
    part = kernels.part_of(case.system, block_size)
    size = kernels.block_work_size(case.system, part, int(np.diff(case.starts).max()))
    for _ in range(sweeps):
        work, sums = np.full(size, np.nan, np.float32), np.zeros(3)
        kernels.descend_rows(
            first,
            n_rows if last is None else last,
            case.ratings,
            case.other.ravel(),
            own.ravel(),
            base,
            pulls,
            case.system,
            case.ridges,
            case.bias_ridges,
            part,
            work,
            sums,
        )
    return own, sums


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("block_size", [1, 16, 63, 64, 1000])
@pytest.mark.parametrize("unknowns", [1, 15, 16, 50, 64, 128, 129, 257])
def test_blocks_cover_all_unknowns_and_fill_vectors(unknowns, block_size, biased):
    system = kernels.system_of(unknowns, biased=biased)
    part = kernels.part_of(system, block_size)
    covered = set()
    for first in reference.blocks(unknowns, part.unknowns):
        covered |= set(range(first, first + part.unknowns))
    assert covered == set(range(unknowns))
    assert part.unknowns == unknowns or part.unknowns + 1 == part.stride
    assert part.unknowns <= max(15, block_size + 15)
    assert part.biased == biased


@CHECKED
@given(
    st.integers(1, 70),
    st.lists(st.integers(0, 100), min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from([1, 20, 40]),
    st.integers(0, 10**6),
)
def test_a_sweep_is_that_in_float64(factors, counts, biased, block_size, seed):
    case = Case(factors, counts, biased=biased, seed=seed)
    start = starting_points(case, len(counts), seed).astype(np.float32)
    own, sums = descended(case, block_size, start)
    length = kernels.part_of(case.system, block_size).unknowns
    value = penalty = size = 0.0
    for row, count in enumerate(counts):
        found = unknowns_of(own[row], case)
        if count == 0:
            assert not found.any()
            continue
        matrix, right, constant, ridges = case.problem(row)
        matrix = matrix + np.diag(ridges)
        expected = reference.sweep(matrix, right, start[row].astype(np.float64), length)
        scale = np.abs(expected).max() + 1
        np.testing.assert_allclose(found, expected, rtol=5e-3, atol=5e-3 * scale)
        reached = found @ matrix @ found - 2 * right @ found
        began = start[row] @ matrix @ start[row] - 2 * right @ start[row]
        value += reached + (constant if biased else 0)
        penalty += ridges @ found.astype(np.float64) ** 2
        size += abs(began) + abs(reached) + constant
    assert sums[0] == pytest.approx(value, abs=1e-4 * (1 + size))
    assert sums[1] == pytest.approx(penalty, rel=1e-4)
    assert sums[2] == 0


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("coded", [True, False])
def test_many_sweeps_reach_the_exact_solution(biased, coded):
    case = Case(30, [300, 0, 500, 1, 2001], biased=biased, coded=coded, n_other=200)
    exact, _ = case.solve()
    own, _ = descended(case, 15, sweeps=60)
    np.testing.assert_allclose(own, exact, atol=5e-4)
    own, _ = descended(case, 31)
    np.testing.assert_allclose(own, exact, atol=1e-4)


def test_pulls_are_part_of_the_right_hand_side():
    case = Case(20, [40, 5], biased=False)
    pulls = np.zeros((2, case.system.stride), np.float32)
    pulls[:, case.first : -1] = np.random.default_rng(1).standard_normal((2, 20)) * 20
    own, sums = descended(case, 15, sweeps=40, pulls=pulls.ravel())
    exact, exact_sums = case.solve(pulls=pulls.ravel())
    np.testing.assert_allclose(own, exact, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(sums, exact_sums, rtol=1e-3)


def test_rows_outside_the_range_are_left_alone():
    case = Case(5, [3, 4, 5, 6])
    own, _ = descended(case, 15, first=1, last=3)
    whole, _ = descended(case, 15)
    assert not own[[0, 3]].any()
    np.testing.assert_array_equal(own[1:3], whole[1:3])


def test_a_matrix_without_an_inverse_is_mended_and_told():
    case = Case(20, [3, 50])
    case.ridges[:] = case.bias_ridges[:] = 0
    own, sums = descended(case, 15)
    assert sums[2] == 1
    assert np.isfinite(own).all()


def test_numbers_that_are_not_finite_are_told():
    case = Case(6, [40])
    case.other[:] = np.nan
    _, sums = descended(case, 15)
    assert np.isnan(sums[0])
