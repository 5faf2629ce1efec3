"""Biased matrix factorization in training: what the loop of `fastmf.training` drives."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from fastmf.data import RatingChunk, Ratings, Vocabulary
from fastmf.data.arrays import Columns, frozen
from fastmf.data.arrow_views import as_arrow
from fastmf.data.block_grid import BlockGrid, grid_bytes
from fastmf.data.cache import work_folder
from fastmf.data.layout import build_grid
from fastmf.data.work_arrays import WorkArrays
from fastmf.errors import DivergenceError
from fastmf.kernels.row_errors import block_errors, pair_errors
from fastmf.kernels.sgd import SQUARED, Variant, row_length, update_block
from fastmf.metrics import ErrorSums, RatingErrors, total_errors
from fastmf.models.factor_model import Fitted
from fastmf.models.limits import memory_beside_factors
from fastmf.models.losses import LOSSES, ScoreUnits
from fastmf.models.rows import FactorArrays, PaddedRows, Start, StepSizes, StepTables
from fastmf.parallel import Team
from fastmf.training import Progress, RunSettings, SilentProgress, train
from fastmf.training.blocks import block_order, run_blocks

__all__ = ["SGDLearner", "variant", "warm_up"]

_CHUNK = 1 << 16

# Factors that start above this make the first errors themselves large.
_LARGE_START = 1.0


class SGDLearner:
    """A biased factor model in training on a block grid.

    Parameters
    ----------
    parameters : BiasedMFParameters
    grid : BlockGrid
    rows : PaddedRows
        Where training starts; modified in place.
    valid : RatingChunk or None
        Validation ratings by row: unknown users and items are rows of their own.
    units : ScoreUnits
        How rows relate to ratings.
    team : Team
    """

    def __init__(
        self,
        parameters: Any,
        grid: BlockGrid,
        rows: PaddedRows,
        valid: RatingChunk | None,
        units: ScoreUnits,
        team: Team,
    ) -> None:
        self._parameters = parameters
        self._grid = grid
        self._rows = rows
        self._valid = valid
        self._units = units
        self._team = team
        self._variant = variant(parameters)
        self._kept: PaddedRows | None = None
        self.ratings_per_epoch = grid.n_ratings
        self.spread = grid.scale

    @property
    def remedy(self) -> str:
        """What to try when training diverges."""
        sizes, start = self._parameters.step_sizes, self._parameters.initial_scale
        if start > _LARGE_START:
            return f"start from smaller factors (initial_scale is {start:g}; try 0.01)"
        return (
            f"lower the learning rate (it is {sizes.learning_rate:g}; try "
            f"{sizes.learning_rate / 4:.1g}) or raise the regularization (it is "
            f"{sizes.regularization:g})"
            + ("" if self._parameters.biases else ", or keep the biases")
        )

    @classmethod
    def fit(
        cls, parameters: Any, ratings: Ratings, valid: Ratings | None, team: Team, run: RunSettings
    ) -> Fitted:
        """Lay out the ratings, train on them, and return the parameters.

        Parameters
        ----------
        parameters : BiasedMFParameters
        ratings : Ratings
            Training ratings.
        valid : Ratings or None
            Validation ratings, of the same table or another.
        team : Team
        run : RunSettings

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
        (run.progress or SilentProgress()).start("laying out blocks", 0, " ratings")
        left = memory_beside_factors(parameters.factors, ratings, valid, run)
        in_memory = left is None or grid_bytes(len(ratings)) <= left
        work_arrays = WorkArrays(None if in_memory else work_folder())
        grid = build_grid(ratings, team, work_arrays=work_arrays)
        units = _units(parameters, grid, ratings.rating_range)
        generator = np.random.default_rng(parameters.random_state)
        start = Start(
            parameters.initial_scale, units.product, units.item_constant, parameters.non_negative
        )
        rows = PaddedRows.random(grid, parameters.factors, start, generator)
        pairs = None if valid is None else _rows_of(valid, ratings, rows)
        learner = cls(parameters, grid, rows, pairs, units, team)
        prepared = time.perf_counter() - begin
        outcome = train(learner, parameters.epochs, run)
        train_rmse = learner.training_errors().rmse
        arrays = rows.compact(units.scale)
        learner.check_finite(arrays)
        schedule = {
            "blocks": f"{grid.side} x {grid.side}",
            "block_order": "diagonals by numpy.random.default_rng([random_state, epoch])",
            "learning_rate": "linear decay to 0",
        }
        link = units.link._replace(offset=np.float32(units.offset))
        scales = grid.scale, units.scale
        return Fitted(arrays, grid.mean, link, outcome, train_rmse, prepared, schedule, *scales)

    def check_finite(self, arrays: FactorArrays) -> None:
        """Refuse parameters that are not numbers; errors behind a sigmoid do not show them.

        Parameters
        ----------
        arrays : FactorArrays

        Raises
        ------
        DivergenceError
        """
        # A minimum and a maximum are NaN where any element is, and make no copy.
        if not all(np.isfinite([a.min(), a.max()]).all() for a in arrays if a.size):
            raise DivergenceError(f"training diverged (parameters overflowed); {self.remedy}")

    def _steps(self, epoch: int) -> StepTables:
        """Return the step sizes of an epoch: rates fall linearly, to 0 after the last one."""
        sizes = self._parameters.step_sizes
        part = 1 - epoch / self._parameters.epochs
        rates = sizes.learning_rate * part, sizes.bias_learning_rate * part
        return StepTables.of(self._parameters.factors, StepSizes(*rates, *sizes[2:]))

    def run_epoch(self, epoch: int, progress: Progress) -> float:
        """Train on every block once; return the RMSE on the way."""
        grid, rows = self._grid, self._rows
        steps = self._steps(epoch)
        in_steps = steps.learning_rate if self._variant.loss == SQUARED else np.float32(1)
        targets_of_levels = np.repeat(in_steps * grid.levels, 4)
        per_batch = grid.n_ratings / int(grid.block_starts[-1])

        def train_block(row: int, column: int) -> float:
            if (row, column) in following:
                grid.will_need(*following[row, column])
            block = row * grid.side + column
            first, last = grid.block_starts[block : block + 2]
            squared = update_block(
                grid.batches,
                grid.values,
                targets_of_levels,
                first,
                last,
                rows.users,
                rows.items,
                self._variant,
                *steps,
                self._units.sigmoid_terms,
            )
            grid.release(row, column)
            progress.advance(int((last - first) * per_batch))
            return float(squared)

        order = block_order(grid.side, self._parameters.random_state, epoch)
        # While a block is trained, the system reads the one that its thread will take next.
        following = dict(zip(order, order[self._team.num_threads :], strict=False))
        squared = sum(run_blocks(order, train_block, self._team))
        return float((squared / grid.n_ratings) ** 0.5 * grid.scale)

    def validate(self) -> RatingErrors | None:
        """Return the errors of clipped predictions on the validation ratings."""
        if self._valid is None:
            return None
        self._average_unlearned()
        valid, rows, units = self._valid, self._rows, self._units

        def sums_of(start: int) -> ErrorSums:
            part = (column[start : start + _CHUNK] for column in valid)
            stride, scale = np.int64(rows.stride), np.float32(units.scale)
            sums = pair_errors(*part, rows.users, rows.items, stride, scale, units.link)
            return ErrorSums(*sums)

        return total_errors(sums_of, range(0, len(valid.value), _CHUNK), self._team)

    def training_errors(self) -> RatingErrors:
        """Return the errors of clipped predictions on the training ratings."""
        self._average_unlearned()
        grid, rows, units = self._grid, self._rows, self._units

        def sums_of(block: int) -> ErrorSums:
            span = grid.block_starts[block : block + 2]
            sums = block_errors(
                grid.batches,
                grid.values,
                grid.levels,
                *span,
                rows.users,
                rows.items,
                np.int64(rows.stride),
                np.float32(units.scale),
                units.link,
                np.float32(grid.mean),
                np.float32(grid.scale),
            )
            grid.release(*divmod(block, grid.side))
            return ErrorSums(*sums)

        return total_errors(sums_of, range(grid.side**2), self._team)

    def _average_unlearned(self) -> None:
        """Give a row to what was not trained on, where zeros would not predict the mean."""
        if not self._parameters.biases or self._parameters.non_negative:
            self._rows.average_unlearned(self._grid.user_counts, self._grid.item_counts)

    def keep(self) -> None:
        """Remember the parameters as they are now."""
        if self._kept is None:
            self._kept = self._rows.empty_like()
        self._rows.copy_to(self._kept)

    def restore(self) -> None:
        """Return to the parameters last kept."""
        assert self._kept is not None, "restore() without keep()"
        self._kept.copy_to(self._rows)


def _units(parameters: Any, grid: BlockGrid, rating_range: tuple[float, float]) -> ScoreUnits:
    return ScoreUnits.of(
        LOSSES[parameters.loss],
        grid,
        rating_range,
        biases=bool(parameters.biases),
        non_negative=bool(parameters.non_negative),
    )


def _rows_of(valid: Ratings, trained: Ratings, rows: PaddedRows) -> RatingChunk:
    """Return validation ratings by row; what was not trained on gets the rows of the unknown."""
    parts = []
    for bounds in valid.ranges():
        parts.append(valid.chunk(*bounds))
        # A few validation ratings may be spread over a large mapped file.
        valid.release()
    chunk = RatingChunk(*(frozen(np.concatenate(column)) for column in zip(*parts, strict=True)))
    if valid.users is trained.users and valid.items is trained.items:
        return chunk
    user_row = trained.users.lookup(valid.users.ids)
    item_row = trained.items.lookup(valid.items.ids)
    user_row[user_row < 0] = rows.unknown_user
    item_row[item_row < 0] = rows.unknown_item
    user_index = frozen(user_row[chunk.user_index])
    return RatingChunk(user_index, frozen(item_row[chunk.item_index]), chunk.value)


def variant(parameters: Any) -> Variant:
    """Return what the kernel is compiled for.

    Parameters
    ----------
    parameters : BiasedMFParameters

    Returns
    -------
    Variant
    """
    loss = LOSSES[parameters.loss].code
    return Variant(row_length(parameters.factors), loss, bool(parameters.non_negative))


def warm_up(parameters: Any) -> None:
    """Compile every kernel of training, or load it from the cache, on a few made-up ratings.

    Parameters
    ----------
    parameters : BiasedMFParameters
        Names what kernels are compiled for: length of the rows, loss, non-negative factors.
    """
    users, items = np.divmod(np.arange(12, dtype=np.int32), 4)
    columns = Columns(users, items, (items % 2).astype(np.float32), None)
    small = replace(parameters, epochs=1, learning_rate=0.1, random_state=0)
    with Team(1) as team:
        # Of dense columns: reading raw ones would load the kernels of reading as well.
        user_ids, item_ids = (Vocabulary(as_arrow(np.arange(n))) for n in (3, 4))
        ratings = Ratings(columns, user_ids, item_ids, (0.0, 1.0))
        grid = build_grid(ratings, team)
        units = _units(small, grid, (0.0, 1.0))
        rows = PaddedRows.random(grid, small.factors, Start(0.1), np.random.default_rng(0))
        pairs = ratings.chunk(0, ratings.n_rows)
        learner = SGDLearner(small, grid, rows, pairs, units, team)
        learner.run_epoch(0, SilentProgress())
        learner.validate()
        learner.training_errors()
