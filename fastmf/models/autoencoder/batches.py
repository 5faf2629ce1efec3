"""Batches of rows for AutoRec: their ratings by column, made ready by all threads."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.alternating.normal_equations import RatedRows
from fastmf.kernels.autoencoder.rated_batches import (
    count_columns,
    make_inputs,
    place_ratings,
    start_columns,
)
from fastmf.models.autoencoder.ratings import InputForm
from fastmf.parallel import Team

__all__ = ["RatedBatch", "RowBatches", "cut_evenly", "row_parts"]

# Parts of a batch that threads take. Hidden units of so many rows stay in the second-level cache.
_PARTS = 8
_ROWS_OF_A_PART = 256

# Ratings whose work is that of stepping one column.
_RATINGS_OF_A_STEP = 8


class RatedBatch(NamedTuple):
    """The ratings of some rows, by column."""

    rows: NDArray[np.int32]  # (n_batch,) rows of the table
    centres: NDArray[np.float32]  # (n_batch,) what the ratings of each are taken less of
    parts: list[slice]  # of the rows of the batch
    column_starts: NDArray[np.int64]  # (n_columns + 1,) where the ratings of each begin
    column_parts: list[slice]  # columns, cut into parts of about equal work
    column_rows: NDArray[np.int32]  # (n,) row of the batch of each rating
    values: NDArray[np.float32]  # (n,) less the centre of their row
    inputs: NDArray[np.float32]  # (n,) what the network sees of them, 0 where dropped
    weight: float = 1.0  # of its ratings in the loss


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


def row_parts(n_batch: int) -> list[slice]:
    """Return the rows of a batch, cut into parts that threads take.

    Parameters
    ----------
    n_batch : int

    Returns
    -------
    list of slice
    """
    return cut_evenly(np.arange(n_batch + 1), max(_PARTS, n_batch // _ROWS_OF_A_PART))


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
    centres : (n_rows,) float32
        What the ratings of each row are taken less of.
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
        centres: NDArray[np.float32],
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
        self._centres = centres
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
            # In the order they lie in memory.
            yield self.batch(np.sort(order[first:last]), team, salt=salt)

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
        counts = self._buffer("counts", _PARTS * self._n_columns, np.int32)
        counts = counts.reshape(_PARTS, self._n_columns)
        parts = cut_evenly(starts, _PARTS)
        counts = counts[: len(parts)]
        column_rows = self._buffer("column_rows", int(starts[-1]), np.int32)
        column_starts = self._buffer("column_starts", self._n_columns + 1, np.int64)
        values, inputs = (
            self._buffer(name, len(column_rows), np.float32) for name in ("values", "inputs")
        )
        presence, factors = self._input
        centres = self._centres[rows]
        seen = column_starts, column_rows, values, rows, factors[rows], presence, salt, self._keep

        def count(number: int) -> None:
            part = parts[number].start, parts[number].stop
            count_columns(*part, self._ratings, rows, counts[number])

        def place(number: int) -> None:
            part = parts[number].start, parts[number].stop
            placed = counts[number], column_rows, values
            place_ratings(*part, self._ratings, rows, centres, *placed)

        def see(part: slice) -> None:
            make_inputs(part.start, part.stop, *seen, inputs)

        team.work(count, range(len(parts)))
        start_columns(counts, column_starts)
        team.work(place, range(len(parts)))
        column_parts = self._columns_cut(column_starts)
        team.work(see, column_parts)
        by_row = rows, centres, row_parts(len(rows))
        return RatedBatch(*by_row, column_starts, column_parts, column_rows, values, inputs)

    def _columns_cut(self, column_starts: NDArray[np.int64]) -> list[slice]:
        costs = column_starts + _RATINGS_OF_A_STEP * np.arange(self._n_columns + 1)
        return cut_evenly(costs, _PARTS)

    def _buffer(self, name: str, n: int, dtype: Any) -> NDArray[Any]:
        """Return the front of an array that is kept from batch to batch."""
        kept = self._buffers.get(name)
        if kept is None or len(kept) < n:
            kept = self._buffers[name] = np.empty(n, dtype)
        return kept[:n]
