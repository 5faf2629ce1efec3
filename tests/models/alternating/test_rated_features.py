"""Factors of which items were rated: their own minimum, and an objective that never rises."""

import numpy as np
import pytest

from fastmf.data.row_layout import lay_out_rows
from fastmf.models.alternating.als_rows import SolvedRows, explicit_system, factor_lanes
from fastmf.models.alternating.rated_features import (
    FEATURE_REGULARIZATION,
    FEATURE_WEIGHT,
    RatedFeatures,
)
from fastmf.models.alternating.row_solver import CHOLESKY, RowSolver
from fastmf.models.alternating.steps import Penalty, half_step
from fastmf.parallel import Team
from tests.models.alternating.test_steps import objective
from tests.models.tables import planted


class Training:
    """A few half-steps with features, and all of the objective in float64."""

    def __init__(self, team, factors=7):
        self.team = team
        self.layout = lay_out_rows(planted(900, 40, 30), team)
        counts = np.diff(self.layout.by_user.starts), np.diff(self.layout.by_item.starts)
        generator = np.random.default_rng(0)
        self.rows = SolvedRows.random(explicit_system(factors), *counts, 0.1, generator)
        self.features = RatedFeatures(self.layout, self.rows.system, team)
        self.penalty = Penalty(1.0, 0.5, 0.5)
        self.rated = np.zeros((len(counts[0]), len(counts[1])))
        by_user = self.layout.by_user
        self.rated[np.repeat(np.arange(len(counts[0])), counts[0]), by_user.other_index] = 1

    def table(self, flat):
        return flat.reshape(-1, self.rows.system.stride)[:, factor_lanes(self.rows.system)]

    def of_features(self, side):
        found = self.features._features[side]
        rated = self.rated if side == 0 else self.rated.T
        if found is None:
            return FEATURE_WEIGHT * rated.sum()
        rows = self.table((self.rows.users, self.rows.items)[side]).astype(np.float64)
        features = self.table(found).astype(np.float64)
        errors = rated - rows @ features.T
        squares = FEATURE_REGULARIZATION * (features**2).sum()
        return FEATURE_WEIGHT * (errors**2).sum() + squares

    def whole(self):
        parts = objective(self.layout, self.rows, self.penalty)
        return sum(parts) + self.of_features(0) + self.of_features(1)

    def solve(self, side, solver=CHOLESKY):
        layout, rows = self.layout, self.rows
        sides = (layout.by_user, rows.items, rows.users), (layout.by_item, rows.users, rows.items)
        base, pulls = self.features.terms(side)
        problem = rows.system, self.penalty, self.team
        return half_step(*sides[side], *problem, base=base, pulls=pulls, solver=solver)


@pytest.mark.parametrize("solver", [CHOLESKY, RowSolver("cg", 2), RowSolver("block")])
def test_the_objective_never_rises_and_the_training_error_is_what_is_told(solver):
    with Team(1) as team:
        training = Training(team)
        before = training.whole()
        for _ in range(5):
            for side in (0, 1):
                sums = training.solve(side, solver)
                after = training.whole()
                assert after <= before * (1 + 1e-5)
                squares, *_ = objective(training.layout, training.rows, training.penalty)
                assert sums.squared_error == pytest.approx(squares, rel=1e-3)
                training.features.learn(side, (training.rows.users, training.rows.items)[side])
                before = training.whole()
                assert before <= after * (1 + 1e-5)


def test_features_are_at_their_minimum_and_all_else_is_zero():
    with Team(2) as team:
        training = Training(team)
        training.solve(0)
        training.features.learn(0, training.rows.users)
    flat = training.features._features[0]
    users, features = (
        training.table(rows).astype(np.float64) for rows in (training.rows.users, flat)
    )
    errors = users @ features.T - training.rated
    gradient = FEATURE_WEIGHT * errors.T @ users + FEATURE_REGULARIZATION * features
    assert np.abs(gradient).max() < 1e-3
    table = flat.reshape(-1, training.rows.system.stride).copy()
    assert table.any()
    table[:, factor_lanes(training.rows.system)] = 0
    assert not table.any()


def test_nothing_is_known_at_first():
    with Team(1) as team:
        assert Training(team).features.terms(0) == (None, None)
