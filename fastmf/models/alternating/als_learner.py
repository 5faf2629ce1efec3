"""Alternating least squares in training: what the loop of `fastmf.training` drives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fastmf.data import RatingChunk, Ratings
from fastmf.data.arrays import frozen
from fastmf.data.row_layout import RowLayout, lay_out_rows
from fastmf.kernels.links import Link
from fastmf.kernels.predictions import squared_and_absolute_error
from fastmf.metrics import ErrorSums, RatingErrors, total_errors
from fastmf.models.alternating.als_rows import SolvedRows, explicit_system
from fastmf.models.alternating.principal_axes import to_principal_axes
from fastmf.models.alternating.rated_features import RatedFeatures
from fastmf.models.alternating.row_solver import CHOLESKY, RowSolver
from fastmf.models.alternating.start import sorted_within, starting_rows
from fastmf.models.alternating.steps import Penalty, half_step
from fastmf.models.factor_model import Fitted
from fastmf.models.fitted_factors import FittedFactors
from fastmf.models.limits import memory_beside_factors
from fastmf.models.rows import FactorArrays
from fastmf.parallel import Team
from fastmf.training import Progress, RunSettings, SilentProgress, train

__all__ = [
    "ALSLearner",
    "feature_rows",
    "half_progress",
    "tell_of_mended",
    "warm_up",
]


class ALSLearner:
    """A biased factor model in training by alternating least squares.

    Parameters
    ----------
    layout : RowLayout
    rows : SolvedRows
        Where training starts; modified in place.
    penalty : Penalty
    valid : Ratings or None
        Validation ratings of any table.
    trained : Ratings
        Those behind `layout`.
    team : Team
    solver : RowSolver, optional
    features : RatedFeatures, optional
        What the rows are to explain besides.
    """

    def __init__(
        self,
        layout: RowLayout,
        rows: SolvedRows,
        penalty: Penalty,
        valid: Ratings | None,
        trained: Ratings,
        team: Team,
        *,
        solver: RowSolver = CHOLESKY,
        features: RatedFeatures | None = None,
    ) -> None:
        self._layout = layout
        self._rows = rows
        self._penalty = penalty
        self._valid = None if valid is None else _matched(valid, trained)
        self._trained = trained
        self._team = team
        self._solver, self._features = solver, features
        self._arrays: FactorArrays | None = None
        self._kept: FactorArrays | None = None
        self.mended = 0
        self.link = Link.identity(layout.scale.mean, trained.rating_range)
        self.ratings_per_epoch = layout.n_ratings
        self.spread = layout.scale.scale

    @property
    def remedy(self) -> str:
        """What to try when training diverges."""
        return f"raise the regularization (it is {self._penalty.regularization:g})"

    @classmethod
    def fit(
        cls,
        parameters: Any,
        ratings: Ratings,
        valid: Ratings | None,
        team: Team,
        run: RunSettings,
        *,
        fitted: FittedFactors | None = None,
    ) -> Fitted:
        """Lay out the ratings, train on them, and return the parameters.

        Parameters
        ----------
        parameters : ALSParameters
        ratings : Ratings
            Training ratings.
        valid : Ratings or None
            Validation ratings, of the same table or another.
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
        more = feature_rows(parameters, ratings)
        left = memory_beside_factors(parameters.factors, ratings, valid, run, more_rows=more)
        layout = sorted_within(left, ratings, team, progress, centred=True)
        system = explicit_system(parameters.factors)
        rows = starting_rows(parameters, system, layout, ratings, fitted)
        features = (
            RatedFeatures(layout, rows.system, team) if parameters.implicit_features else None
        )
        if features and fitted is not None:
            features.learn(0, rows.users)
            features.learn(1, rows.items)
        problem = layout, rows, parameters.penalty, valid, ratings, team
        learner = cls(*problem, solver=parameters.row_solver, features=features)
        prepared = time.perf_counter() - begin
        outcome = train(learner, parameters.epochs, run, patience_after=0)
        tell_of_mended(learner.mended, progress)
        arrays = learner.arrays()
        train_rmse = learner.training_errors().rmse
        schedule = {"order": "users, then items", "mended": learner.mended}
        mean = layout.scale.mean
        scale = layout.scale.scale
        return Fitted(
            arrays, mean, learner.link, outcome, train_rmse, prepared, schedule, scale, scale
        )

    def run_epoch(self, epoch: int, progress: Progress) -> float:
        """Solve all users, then all items; return the RMSE on the training ratings."""
        layout, rows = self._layout, self._rows
        self._arrays = None
        half_steps = (
            (layout.by_user, rows.items, rows.users),
            (layout.by_item, rows.users, rows.items),
        )
        for number, arrays in enumerate(half_steps):
            advance = half_progress(progress, number)
            problem = rows.system, self._penalty, self._team
            squares = self._to_axes(number, arrays[1], arrays[2])
            base, pulls = self._features.terms(number) if self._features else (None, None)
            terms = {"base": base, "pulls": pulls, "squares": squares}
            sums = half_step(*arrays, *problem, **terms, solver=self._solver, advance=advance)
            self.mended += sums.mended
            if self._features:
                self._features.learn(number, arrays[2])
        mean_squared = max(sums.squared_error, 0.0) / layout.n_ratings
        return float(mean_squared**0.5 * layout.scale.scale)

    def _to_axes(self, number: int, other: Any, own: Any) -> Any:
        """Turn all rows to the axes that suit the solver; return mean squares of `other`."""
        if not self._solver.improves:
            return None
        rated = (self._layout.by_item, self._layout.by_user)[number]
        turned = [own, *(self._features.rows() if self._features else ())]
        system, team = self._rows.system, self._team
        return to_principal_axes(other, np.diff(rated.starts), turned, system, team).squares

    def arrays(self) -> FactorArrays:
        """Return the parameters, compact and in units of the ratings."""
        if self._arrays is None:
            self._arrays = self._rows.compact(self._layout.scale.scale)
        return self._arrays

    def validate(self) -> RatingErrors | None:
        """Return the errors of clipped predictions on the validation ratings."""
        if self._valid is None:
            return None
        chunks, arrays = self._valid, self.arrays()

        def sums_of(chunk: RatingChunk) -> ErrorSums:
            squared, absolute = squared_and_absolute_error(*chunk, *arrays, self.link)
            return ErrorSums(squared, absolute, len(chunk.value))

        return total_errors(sums_of, chunks, self._team)

    def training_errors(self) -> RatingErrors:
        """Return the errors of clipped predictions on the training ratings."""
        trained, arrays = self._trained, self.arrays()

        def sums_of(bounds: tuple[int, int]) -> ErrorSums:
            chunk = trained.chunk(*bounds)
            squared, absolute = squared_and_absolute_error(*chunk, *arrays, self.link)
            trained.release()
            return ErrorSums(squared, absolute, len(chunk.value))

        return total_errors(sums_of, trained.ranges(), self._team)

    def keep(self) -> None:
        """Remember the parameters as they are now."""
        self._kept = self.arrays()

    def restore(self) -> None:
        """Return to the parameters last kept."""
        assert self._kept is not None, "restore() without keep()"
        self._arrays = self._kept


def feature_rows(parameters: Any, ratings: Ratings) -> int:
    """Return how many rows explaining which items were rated takes, beside those of the factors.

    Parameters
    ----------
    parameters : ALSParameters
    ratings : Ratings

    Returns
    -------
    int
        The further factors of both sides; and, of one of them, sums over ratings and what they
        are made into.
    """
    if not parameters.implicit_features:
        return 0
    return ratings.n_users + ratings.n_items + 2 * max(ratings.n_users, ratings.n_items)


def half_progress(progress: Progress, number: int) -> Callable[[int, int], None]:
    """Return what tells of a range of ratings, for half-step 0 or 1 of an epoch.

    Parameters
    ----------
    progress : Progress
    number : int

    Returns
    -------
    callable
        Takes the first rating worked through and the one behind the last.
    """
    return lambda start, stop: progress.advance((stop + number) // 2 - (start + number) // 2)


def tell_of_mended(mended: int, progress: Progress) -> None:
    """Say how many least squares problems had to be changed to be solved.

    Parameters
    ----------
    mended : int
    progress : Progress
    """
    if mended:
        progress.note(
            f"{mended:,} least squares problems had no unique solution in float32; their diagonal "
            "was raised (a higher regularization avoids that)"
        )


def _matched(valid: Ratings, trained: Ratings) -> list[RatingChunk]:
    """Return validation ratings by chunk, with the indices of the trained table or -1."""
    same = valid.users is trained.users and valid.items is trained.items
    user_row = None if same else trained.users.lookup(valid.users.ids)
    item_row = None if same else trained.items.lookup(valid.items.ids)
    chunks = []
    for bounds in valid.ranges():
        chunk = valid.chunk(*bounds)
        if user_row is not None and item_row is not None:
            users, items = user_row[chunk.user_index], item_row[chunk.item_index]
            chunk = RatingChunk(frozen(users), frozen(items), chunk.value)
        # Copies, so that a few validation ratings do not keep a large mapped file in memory.
        chunks.append(RatingChunk(*(frozen(column.copy()) for column in chunk)))
        valid.release()
    return chunks


def warm_up(solver: RowSolver, unknowns: int, *, features: bool = False) -> None:
    """Compile the kernels of training, or load them from the cache, on a few made-up ratings.

    In one thread: several that call a kernel for the first time would each load it.

    Parameters
    ----------
    solver : RowSolver
    unknowns : int
        Of a row's problem: some kernels are compiled for one length of rows.
    features : bool, optional
        Whether rows are to explain which items were rated.
    """
    system = explicit_system(max(1, unknowns - 1))
    users, items = np.divmod(np.arange(12), 4)
    ratings = Ratings.from_arrays(users, items, items % 2)
    with Team(1) as team:
        layout = lay_out_rows(ratings, team)
        counts = np.diff(layout.by_user.starts), np.diff(layout.by_item.starts)
        rows = SolvedRows.random(system, *counts, 0.1, np.random.default_rng(0))
        more = RatedFeatures(layout, rows.system, team) if features else None
        problem = layout, rows, Penalty(1.0, 1.0, 0.0), ratings, ratings, team
        learner = ALSLearner(*problem, solver=solver, features=more)
        learner.run_epoch(0, SilentProgress())
        learner.validate()
