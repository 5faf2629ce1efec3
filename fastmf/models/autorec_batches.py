"""Batches of rows for AutoRec: their ratings by row and by column, made ready by all threads."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.normal_equations import RatedRows
from fastmf.kernels.rated_batches import copy_ratings, place_by_column, start_columns
from fastmf.models.autorec_ratings import InputForm
from fastmf.parallel import Team

__all__ = ["RatedBatch", "RowBatches", "cut_evenly"]

# Parts of a batch that threads take. Hidden units of so many rows stay in the second-level cache.
_PARTS = 8
_ROWS_OF_A_PART = 256

# Ratings whose work is that of stepping one column.
_RATINGS_OF_A_STEP = 8


class RatedBatch(NamedTuple):
    """The ratings of some rows, by row and by column."""

    rows: NDArray[np.int32]  # (n_batch,) rows of the table
    starts: NDArray[np.int64]  # (n_batch + 1,) where the ratings of each begin
    columns: NDArray[np.int32]  # (n,) column of each rating
    values: NDArray[np.float32]  # (n,)
    inputs: NDArray[np.float32]  # (n,) what the network sees of them, 0 where dropped
    parts: list[slice]  # rows of the batch, cut into parts with as many ratings each
    column_starts: NDArray[np.int64]  # (n_columns + 1,)
    column_rows: NDArray[np.int32]  # (n,) row of the batch of each rating, by column
    column_inputs: NDArray[np.float32]  # (n,)
    places: NDArray[np.int32]  # (n,) place of each rating in the order by column
    column_parts: list[slice]  # columns, cut into parts of about equal work


def cut_evenly(costs: NDArray[np.int64], n_parts: int) -> list[slice]:
    """Cut a line of things into parts of about equal cost.

    Parameters
    ----------
    costs : (n + 1,) int64
        Cost of all things before each.
    n_parts : int

    Returns
    -------
    list of slice
        None empty; depends on the costs alone.
    """
    targets = costs[0] + (costs[-1] - costs[0]) * np.arange(1, n_parts) // n_parts
    inner = np.searchsorted(costs, targets)
    bounds = np.unique(np.concatenate([[0], inner, [len(costs) - 1]]))
    return [slice(int(a), int(b)) for a, b in pairwise(bounds)]


class RowBatches:
    """Cuts rows into batches, in another order each epoch.

    Parameters
    ----------
    ratings : RatedRows
        All ratings by row.
    n_columns : int
    batch_size : int
        Rows of a batch.
    form : InputForm
        What the network sees of a rating.
    keep : float, optional
        Probability that a rating is not dropped from the input.
    random_state : int, optional
    """

    def __init__(
        self,
        ratings: RatedRows,
        n_columns: int,
        batch_size: int,
        form: InputForm,
        *,
        keep: float = 1.0,
        random_state: int = 0,
    ) -> None:
        self._ratings = ratings
        self._n_columns = n_columns
        self._keep = np.float32(keep)
        self._random_state = random_state
        self._counts = np.diff(ratings.starts)
        self._input = np.float32(form.presence), form.factors(self._counts)
        self._rated = np.flatnonzero(self._counts).astype(np.int32)
        self.batch_size = min(batch_size, len(self._rated))
        self._buffers: dict[str, NDArray[Any]] = {}

    @property
    def n_batches(self) -> int:
        """Batches of an epoch."""
        return -(-len(self._rated) // self.batch_size)

    def epoch(self, number: int, team: Team) -> Iterator[RatedBatch]:
        """Yield all rows with ratings once.

        Parameters
        ----------
        number : int
            Of the epoch, which the order depends on.
        team : Team

        Yields
        ------
        RatedBatch
            Whose arrays are overwritten by the next.
        """
        generator = np.random.default_rng([self._random_state, number])
        order = generator.permutation(self._rated)
        salt = np.uint64(generator.integers(1 << 63))
        bounds = len(order) * np.arange(self.n_batches + 1) // self.n_batches
        for first, last in pairwise(bounds):
            yield self.batch(order[first:last], team, salt=salt)

    def batch(self, rows: NDArray[np.int32], team: Team, *, salt: np.uint64) -> RatedBatch:
        """Make the batch of given rows.

        Parameters
        ----------
        rows : (n_batch,) int32
        team : Team
        salt : uint64
            What is dropped depends on.

        Returns
        -------
        RatedBatch
            Whose arrays are overwritten by the next.
        """
        starts = np.concatenate([[0], np.cumsum(self._counts[rows])])
        n = int(starts[-1])
        parts = cut_evenly(starts, max(_PARTS, len(rows) // _ROWS_OF_A_PART))
        columns, column_rows, places = (
            self._buffer(name, n, np.int32) for name in ("columns", "column_rows", "places")
        )
        values, inputs, column_inputs = (
            self._buffer(name, n, np.float32) for name in ("values", "inputs", "column_inputs")
        )
        counts = self._buffer("counts", len(parts) * self._n_columns, np.int32)
        counts = counts.reshape(len(parts), self._n_columns)

        def copy(number: int) -> None:
            part = parts[number].start, parts[number].stop
            chosen = self._ratings, rows, *self._input, salt, self._keep
            copy_ratings(*part, *chosen, starts, counts[number], columns, values, inputs)

        def place(number: int) -> None:
            part = parts[number].start, parts[number].stop
            placed = column_rows, column_inputs, places
            place_by_column(*part, starts, columns, inputs, counts[number], *placed)

        for _ in team.map(copy, range(len(parts))):
            pass
        column_starts = self._buffer("column_starts", self._n_columns + 1, np.int64)
        start_columns(counts, column_starts)
        for _ in team.map(place, range(len(parts))):
            pass
        costs = column_starts + _RATINGS_OF_A_STEP * np.arange(self._n_columns + 1)
        by_row = rows, starts, columns, values, inputs, parts
        by_column = column_starts, column_rows, column_inputs, places
        return RatedBatch(*by_row, *by_column, cut_evenly(costs, _PARTS))

    def _buffer(self, name: str, n: int, dtype: Any) -> NDArray[Any]:
        """Return the front of an array that is kept from batch to batch."""
        kept = self._buffers.get(name)
        if kept is None or len(kept) < n:
            kept = self._buffers[name] = np.empty(n, dtype)
        return kept[:n]
