"""Biased matrix factorization in training: what the loop of `fastmf.training` drives."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from fastmf.data import RatingChunk, Ratings
from fastmf.data.arrays import frozen
from fastmf.data.cache import work_folder
from fastmf.data.layout import BlockGrid, build_grid, grid_bytes
from fastmf.data.work_arrays import WorkArrays
from fastmf.kernels.sgd import block_errors, pair_errors, update_block
from fastmf.metrics import ErrorSums, RatingErrors, total_errors
from fastmf.models.base import Fitted
from fastmf.models.limits import memory_left
from fastmf.models.rows import PaddedRows, StepSizes, StepTables
from fastmf.parallel import Team
from fastmf.training import Progress, RunSettings, SilentProgress, train
from fastmf.training.blocks import block_order, run_blocks

__all__ = ["SGDLearner", "memory_beside_factors", "warm_up"]

_CHUNK = 1 << 16


class SGDLearner:
    """A biased factor model in training on a block grid.

    Parameters
    ----------
    parameters : BiasedMFParameters
    grid : BlockGrid
    valid : RatingChunk or None
        Validation ratings by row: unknown users and items are rows of their own.
    rating_range : tuple of float
        What predictions are clipped to.
    rows : PaddedRows
        Where training starts; modified in place.
    team : Team
    """

    def __init__(
        self,
        parameters: Any,
        grid: BlockGrid,
        rows: PaddedRows,
        valid: RatingChunk | None,
        rating_range: tuple[float, float],
        team: Team,
    ) -> None:
        self._parameters = parameters
        self._grid = grid
        self._rows = rows
        self._valid = valid
        self._range = rating_range
        self._team = team
        self._kept: PaddedRows | None = None
        self.ratings_per_epoch = grid.n_ratings
        self.spread = grid.scale

    @property
    def remedy(self) -> str:
        """What to try when training diverges."""
        rate = self._parameters.step_sizes.learning_rate
        return (
            f"lower the learning rate (it is {rate:g}; try {rate / 4:.1g}) or raise the "
            f"regularization (it is {self._parameters.regularization:g})"
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
        generator = np.random.default_rng(parameters.random_state)
        rows = PaddedRows.random(grid, parameters.factors, parameters.initial_scale, generator)
        pairs = None if valid is None else _rows_of(valid, ratings, rows)
        learner = cls(parameters, grid, rows, pairs, ratings.rating_range, team)
        prepared = time.perf_counter() - begin
        outcome = train(learner, parameters.epochs, run)
        train_rmse = learner.training_errors().rmse
        arrays = rows.compact(grid.scale)
        schedule = {
            "blocks": f"{grid.side} x {grid.side}",
            "block_order": "diagonals by numpy.random.default_rng([random_state, epoch])",
            "learning_rate": "linear decay to 0",
        }
        return Fitted(arrays, grid.mean, outcome, train_rmse, prepared, schedule)

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
        steps_of_levels = np.repeat(steps.learning_rate * grid.levels, 4)
        per_batch = grid.n_ratings / int(grid.block_starts[-1])

        def train_block(row: int, column: int) -> float:
            if (row, column) in following:
                grid.will_need(*following[row, column])
            block = row * grid.side + column
            first, last = grid.block_starts[block : block + 2]
            squared = update_block(
                grid.batches,
                grid.values,
                steps_of_levels,
                first,
                last,
                rows.users,
                rows.items,
                np.int64(rows.stride),
                *steps,
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
        valid, rows, constants = self._valid, self._rows, self._constants()

        def sums_of(start: int) -> ErrorSums:
            part = (column[start : start + _CHUNK] for column in valid)
            stride = np.int64(rows.stride)
            return ErrorSums(*pair_errors(*part, rows.users, rows.items, stride, *constants))

        return total_errors(sums_of, range(0, len(valid.value), _CHUNK), self._team)

    def training_errors(self) -> RatingErrors:
        """Return the errors of clipped predictions on the training ratings."""
        grid, rows, constants = self._grid, self._rows, self._constants()

        def sums_of(block: int) -> ErrorSums:
            span = grid.block_starts[block : block + 2]
            stride = np.int64(rows.stride)
            sums = block_errors(
                grid.batches,
                grid.values,
                grid.levels,
                *span,
                rows.users,
                rows.items,
                stride,
                *constants,
            )
            grid.release(*divmod(block, grid.side))
            return ErrorSums(*sums)

        return total_errors(sums_of, range(grid.side**2), self._team)

    def _constants(self) -> list[np.float32]:
        """Return mean, scale and limits, by which a dot product becomes a rating."""
        return [np.float32(x) for x in (self._grid.mean, self._grid.scale, *self._range)]

    def keep(self) -> None:
        """Remember the parameters as they are now."""
        if self._kept is None:
            self._kept = self._rows.empty_like()
        self._rows.copy_to(self._kept)

    def restore(self) -> None:
        """Return to the parameters last kept."""
        assert self._kept is not None, "restore() without keep()"
        self._kept.copy_to(self._rows)


def memory_beside_factors(
    factors: int, ratings: Ratings, valid: Ratings | None, run: RunSettings
) -> int | None:
    """Return the bytes left beside the factors; see `fastmf.models.limits.memory_left`.

    Parameters
    ----------
    factors : int
    ratings : Ratings
        Training ratings.
    valid : Ratings or None
        Validation ratings; with them the best epoch is kept as well.
    run : RunSettings

    Returns
    -------
    int or None

    Raises
    ------
    ParameterError
        If the factors do not fit.
    """
    n_rows = ratings.n_users + ratings.n_items
    keep_best = valid is not None
    return memory_left("factors", factors, n_rows, keep_best=keep_best, max_memory=run.max_memory)


def _rows_of(valid: Ratings, trained: Ratings, rows: PaddedRows) -> RatingChunk:
    """Return validation ratings by row; what was not trained on gets the rows of the unknown."""
    chunk = valid.chunk(0, valid.n_rows)
    if valid.users is trained.users and valid.items is trained.items:
        return chunk
    user_row = trained.users.lookup(valid.users.ids)
    item_row = trained.items.lookup(valid.items.ids)
    user_row[user_row < 0] = rows.unknown_user
    item_row[item_row < 0] = rows.unknown_item
    user_index = frozen(user_row[chunk.user_index])
    return RatingChunk(user_index, frozen(item_row[chunk.item_index]), chunk.value)


def warm_up(factors: int) -> None:
    """Compile every kernel of training, or load it from the cache, on a few made-up ratings.

    Parameters
    ----------
    factors : int
        Kernels are compiled for a length of rows.
    """
    users, items = np.divmod(np.arange(12), 4)
    parameters = SimpleNamespace(
        factors=factors, epochs=1, random_state=0, step_sizes=StepSizes(0.1, 0.1, 0.1, 0.1)
    )
    with Team(1) as team:
        ratings = Ratings.from_arrays(users, items, items % 2)
        grid = build_grid(ratings, team)
        rows = PaddedRows.random(grid, factors, 0.1, np.random.default_rng(0))
        pairs = ratings.chunk(0, ratings.n_rows)
        learner = SGDLearner(parameters, grid, rows, pairs, (0.0, 1.0), team)
        learner.run_epoch(0, SilentProgress())
        learner.validate()
        learner.training_errors()
