"""Alternating least squares with confidences in training: what the training loop drives."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from fastmf.data import Ratings
from fastmf.data.row_layout import RowLayout
from fastmf.kernels.links import Link
from fastmf.metrics import RatingErrors
from fastmf.models.alternating.als_learner import half_progress, tell_of_mended
from fastmf.models.alternating.als_rows import SolvedRows, implicit_system
from fastmf.models.alternating.principal_axes import to_principal_axes
from fastmf.models.alternating.row_solver import CHOLESKY, RowSolver
from fastmf.models.alternating.start import sorted_within, starting_rows
from fastmf.models.alternating.steps import Penalty, gram_of, half_step
from fastmf.models.factor_model import Fitted
from fastmf.models.fitted_factors import FittedFactors
from fastmf.models.limits import memory_beside_factors
from fastmf.parallel import Team
from fastmf.training import Progress, RunSettings, SilentProgress, train

__all__ = ["ImplicitLearner"]


class ImplicitLearner:
    """A model of preferences and confidences in training.

    Parameters
    ----------
    layout : RowLayout
        Of values that are not centred.
    rows : SolvedRows
        Where training starts; modified in place.
    regularization : float
    team : Team
    solver : RowSolver, optional
    """

    spread = 1.0  # of preferences, whatever the data: the loss starts at about that

    def __init__(
        self,
        layout: RowLayout,
        rows: SolvedRows,
        regularization: float,
        team: Team,
        *,
        solver: RowSolver = CHOLESKY,
    ) -> None:
        self._layout = layout
        self._rows = rows
        self._penalty = Penalty(regularization, 0.0, 0.0)
        self._team = team
        self._solver = solver
        self._positive, self._confidence = _positive(layout, float(rows.system.alpha))
        self.mended = 0
        self.loss = float("nan")
        self.ratings_per_epoch = layout.n_ratings

    @property
    def remedy(self) -> str:
        """What to try when training diverges."""
        return (
            f"lower alpha (it is {self._rows.system.alpha:g}) or raise the regularization (it is "
            f"{self._penalty.regularization:g})"
        )

    @classmethod
    def fit(
        cls,
        parameters: Any,
        ratings: Ratings,
        team: Team,
        run: RunSettings,
        *,
        fitted: FittedFactors | None = None,
    ) -> Fitted:
        """Lay out the values, train on them, and return the parameters.

        Parameters
        ----------
        parameters : ImplicitALSParameters
        ratings : Ratings
        team : Team
        run : RunSettings
        fitted : FittedFactors, optional
            What to continue from.

        Returns
        -------
        Fitted

        Raises
        ------
        DivergenceError
            See `fastmf.training.train`.
        ParameterError
            If the factors do not fit into memory.
        """
        begin = time.perf_counter()
        progress = run.progress or SilentProgress()
        left = memory_beside_factors(parameters.factors, ratings, None, run)
        layout = sorted_within(left, ratings, team, progress, centred=False)
        system = implicit_system(parameters.factors, parameters.alpha)
        rows = starting_rows(parameters, system, layout, ratings, fitted)
        problem = layout, rows, float(parameters.regularization), team
        learner = cls(*problem, solver=parameters.row_solver)
        prepared = time.perf_counter() - begin
        outcome = train(learner, parameters.epochs, run)
        tell_of_mended(learner.mended, progress)
        schedule = {"order": "users, then items", "mended": learner.mended, "loss": learner.loss}
        link = Link.identity(0.0, (0.0, 1.0))
        train_rmse = outcome.history[-1].train_rmse
        arrays = rows.compact(1.0)
        return Fitted(arrays, 0.0, link, outcome, train_rmse, prepared, schedule, 1.0, 1.0)

    def run_epoch(self, epoch: int, progress: Progress) -> float:
        """Solve all users, then all items; return the root of the loss."""
        layout, rows, team = self._layout, self._rows, self._team
        half_steps = (
            (layout.by_user, rows.items, rows.users),
            (layout.by_item, rows.users, rows.items),
        )
        of_other = 0.0
        for number, arrays in enumerate(half_steps):
            advance = half_progress(progress, number)
            terms = self._terms(number, arrays[1], arrays[2])
            problem = rows.system, self._penalty, team
            sums = half_step(*arrays, *problem, **terms, solver=self._solver, advance=advance)
            self.mended += sums.mended
            objective = self._confidence + sums.objective + of_other
            of_other = sums.objective - sums.squared_error
        n_users, n_items = (len(rated.starts) - 1 for rated, _, _ in half_steps)
        self.loss = objective / (self._confidence + n_users * n_items - self._positive)
        return float(max(self.loss, 0.0) ** 0.5) if np.isfinite(self.loss) else float("nan")

    def _terms(self, number: int, other: Any, own: Any) -> dict[str, Any]:
        """Return what all problems of a side share, rows turned to the axes that suit it."""
        system, team = self._rows.system, self._team
        if not self._solver.improves:
            return {"base": gram_of(other, system, team)}
        rated = (self._layout.by_item, self._layout.by_user)[number]
        spread = to_principal_axes(other, np.diff(rated.starts), [own], system, team)
        return {"base": spread.gram, "squares": spread.squares}

    def validate(self) -> RatingErrors | None:
        """Return None: a preference is not the value of a rating."""
        return None

    def keep(self) -> None:
        """Do nothing: without validation no epoch is better than the last."""

    def restore(self) -> None:
        """Do nothing; see `keep`."""


def _positive(layout: RowLayout, alpha: float) -> tuple[int, float]:
    """Return how many values are above zero, and the sum of their confidences."""
    side = layout.by_user
    if side.codes.size:
        counts = np.bincount(side.codes, minlength=256).astype(np.int64)
        n, total = int(counts[side.levels > 0].sum()), float(counts @ side.levels.astype(float))
    else:
        n, total = int(np.count_nonzero(side.values)), float(side.values.sum(dtype=np.float64))
    return n, n + alpha * total
