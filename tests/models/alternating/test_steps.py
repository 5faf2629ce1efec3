"""Half-steps: the objective never rises, the cut is fair, bits do not depend on threads."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.row_layout import lay_out_rows
from fastmf.models.alternating.als_rows import SolvedRows, explicit_system, padded_rows
from fastmf.models.alternating.principal_axes import to_principal_axes
from fastmf.models.alternating.row_solver import CHOLESKY, RowSolver
from fastmf.models.alternating.steps import Penalty, equal_cost_chunks, gram_of, half_step
from fastmf.parallel import Team
from tests.models.tables import planted

CHECKED = settings(deadline=None, max_examples=15)
SOLVERS = [CHOLESKY, RowSolver("cg", 1), RowSolver("cg", 3), RowSolver("block", block_size=15)]


def objective(layout, rows, penalty):
    """Return the whole objective in float64."""
    sides = []
    for flat, ratings in ((rows.users, layout.by_user), (rows.items, layout.by_item)):
        table = flat.reshape(-1, rows.system.stride).astype(np.float64)
        counts = np.diff(ratings.starts)
        scaled = np.maximum(counts, 1.0) ** penalty.exponent
        factors, bias = table[:, :-2], table[:, -1]
        own = penalty.regularization * (factors**2).sum(1) + penalty.bias_regularization * bias**2
        sides.append((factors, bias, (scaled * own)[counts > 0].sum(), counts))
    (p, b, user_penalty, counts), (q, c, item_penalty, _) = sides
    users = np.repeat(np.arange(len(counts)), counts)
    items = layout.by_user.other_index
    values = layout.by_user.levels[layout.by_user.codes].astype(np.float64)
    errors = values - b[users] - c[items] - np.einsum("ij,ij->i", p[users], q[items])
    return (errors**2).sum(), user_penalty, item_penalty


def start(ratings, factors, team, seed=0):
    layout = lay_out_rows(ratings, team)
    counts = np.diff(layout.by_user.starts), np.diff(layout.by_item.starts)
    generator = np.random.default_rng(seed)
    return layout, SolvedRows.random(explicit_system(factors), *counts, 0.1, generator)


@CHECKED
@given(
    st.integers(1, 40),
    st.floats(0.01, 30),
    st.floats(0.01, 30),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from(SOLVERS),
    st.booleans(),
    st.integers(0, 1000),
)
def test_the_objective_never_rises_and_is_what_is_told(
    factors, weight, bias_weight, power, solver, turns, seed
):
    penalty = Penalty(weight, bias_weight, power)
    with Team(1) as team:
        layout, rows = start(planted(700, 40, 30, seed=seed), factors, team, seed)
        before = np.inf
        for _ in range(4):
            for ratings, other, own in (
                (layout.by_user, rows.items, rows.users),
                (layout.by_item, rows.users, rows.items),
            ):
                squares = None
                if turns:
                    counts = np.bincount(ratings.other_index, minlength=len(other))
                    counts = counts[: other.size // rows.system.stride]
                    squares = to_principal_axes(other, counts, [own], rows.system, team).squares
                problem = ratings, other, own, rows.system, penalty, team
                sums = half_step(*problem, solver=solver, squares=squares)
                squares, *penalties = objective(layout, rows, penalty)
                after = squares + sum(penalties)
                # Each solution is rounded to float32, and so are the numbers it is made of.
                assert after <= before * (1 + 1e-5)
                before = after
                assert sums.squared_error == pytest.approx(squares, rel=1e-3, abs=1e-2)
                mine = penalties[0] if own is rows.users else penalties[1]
                assert sums.objective == pytest.approx(squares + mine, rel=1e-3, abs=1e-2)
                assert sums.mended == 0


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_same_bits_for_any_team(solver):
    results = []
    for threads in (1, 2, 4):
        with Team(threads) as team:
            layout, rows = start(planted(), 20, team)
            penalty = Penalty(1.0, 1.0, 0.5)
            problem = layout.by_user, rows.items, rows.users, rows.system, penalty, team
            sums = half_step(*problem, solver=solver)
            gram = gram_of(rows.items, rows.system, team)
        results.append((rows.users.tobytes(), sums, gram.tobytes()))
    assert results[0] == results[1] == results[2]


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=400), st.integers(1, 40))
def test_chunks_cover_every_row_once_and_cost_about_the_same(counts, chunks):
    starts = np.concatenate([[0], np.cumsum(counts)])
    found = equal_cost_chunks(starts, chunks)
    assert len(found) <= chunks
    covered = sorted(found)
    assert covered[0][0] == 0
    assert covered[-1][1] == len(counts)
    assert all(before[1] == after[0] for before, after in pairwise(covered))
    costs = [starts[last] - starts[first] + 64 * (last - first) for first, last in found]
    assert costs == sorted(costs, reverse=True)
    assert max(costs) <= sum(costs) / chunks + max(counts) + 64


@pytest.mark.parametrize("solver", [RowSolver("cg", 3), RowSolver("block", block_size=15)])
def test_the_gradient_vanishes_after_many_sweeps(solver):
    penalty = Penalty(2.0, 1.0, 0.5)
    with Team(1) as team:
        layout, rows = start(planted(700, 40, 30), 20, team)
        problem = layout.by_user, rows.items, rows.users, rows.system, penalty, team
        exact = rows.users.copy()
        half_step(layout.by_user, rows.items, exact, *problem[3:])
        errors = []
        for _ in range(60):
            half_step(*problem, solver=solver)
            errors.append(np.abs(rows.users - exact).max())
    assert errors[-1] < 2e-5
    assert errors[-1] < errors[0]


def test_progress_is_told_of_every_rating_once():
    told = []
    with Team(2) as team:
        layout, rows = start(planted(), 3, team)
        penalty = Penalty(1.0, 1.0, 0.0)
        half_step(
            layout.by_item,
            rows.users,
            rows.items,
            rows.system,
            penalty,
            team,
            advance=lambda first, last: told.append((first, last)),
        )
    assert sum(last - first for first, last in told) == layout.n_ratings


def test_padded_rows_hold_factors_and_bias():
    factors = np.arange(6, dtype=np.float32).reshape(2, 3)
    table = padded_rows(explicit_system(3), factors, np.array([7, 8], np.float32)).reshape(2, 16)
    assert table[1].tolist() == [0] * 11 + [3, 4, 5, 1, 8]


def test_the_penalty_by_count():
    ridges, bias_ridges = Penalty(2.0, 3.0, 0.5).ridges(np.array([0, 1, 16]))
    assert ridges.tolist() == [2, 2, 8]
    assert bias_ridges.tolist() == [3, 3, 12]
