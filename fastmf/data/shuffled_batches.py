"""Ratings in random order, a batch at a time, straight from the stored columns.

No array of the order is made: where a position of the epoch lies among the ratings is computed
(`fastmf.kernels.tables.permutation`), so a hundred million memory-mapped ratings are shuffled anew
in every epoch within the memory of a few batches. Any stretch of an epoch can be gathered on its
own, so all threads gather at once, and the result does not depend on their number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.data.ratings import Ratings
from fastmf.data.reindexed import ReindexedRatings
from fastmf.data.seeds import draw_keys
from fastmf.errors import ParameterError
from fastmf.kernels.tables import permutation as kernels
from fastmf.kernels.tables.row_choice import renumber
from fastmf.parallel import Team

__all__ = ["Batch", "ShuffledBatches"]

# Ratings gathered at once: a few batches, and enough for the threads to share.
_STRETCH_ROWS = 1 << 17

# Ratings that one task gathers; their rows stay in the first-level cache from column to column.
_PIECE_ROWS = 1 << 12


class Batch(NamedTuple):
    """Ratings of a batch, in the order of the epoch; read-only."""

    user_index: Array  # (m,) int32
    item_index: Array  # (m,) int32
    value: Array  # (m,) float32
    rows: Array | None = None  # (m,) int64: their rows in the underlying table


class _Selection:
    """Finds the rows of a selection by their number in it.

    Parameters
    ----------
    bitmap : ndarray of uint8
        (ceil(n_rows / 8),) as of `Ratings.selected_rows`.
    """

    def __init__(self, bitmap: Array) -> None:
        block_bytes = 8 * kernels.BLOCK_WORDS
        n_blocks = -(-len(bitmap) // block_bytes)
        padded = np.zeros(n_blocks * block_bytes, np.uint8)
        padded[: len(bitmap)] = bitmap
        self._words = frozen(padded.view("<u8").astype(np.uint64, copy=False))
        starts = np.zeros(n_blocks + 1, np.int64)
        kernels.count_blocks(self._words, starts)
        self._starts = frozen(starts)
        n_selected = int(starts[-1])
        # About one hint a block that holds rows.
        self._shift = max(0, (n_selected // n_blocks).bit_length() - 1)
        every = np.arange(0, n_selected, 1 << self._shift)
        blocks = np.searchsorted(starts, every, side="right") - 1
        self._hints = frozen(np.append(blocks, n_blocks - 1), np.int64)

    def find(self, ranks: Array) -> None:
        """Replace numbers within the selection by rows, in place."""
        kernels.select_rows(self._words, self._starts, self._hints, self._shift, ranks)


class ShuffledBatches:
    """All ratings once an epoch, in batches, in an order of the seed and the epoch.

    Parameters
    ----------
    ratings : Ratings
        In memory or memory-mapped; a selection has its own rows only.
    batch_size : int
        Ratings of each batch but the last; all ratings are one batch where there are fewer.
    random_state : int, optional
    with_rows : bool, optional
        Whether batches tell the rows of their ratings.

    Attributes
    ----------
    batch_size : int
    n_ratings : int
    n_batches : int
        Of an epoch.

    Raises
    ------
    ParameterError
        If the batch size is not a whole number from 1, or `random_state` is no seed.
    """

    def __init__(
        self,
        ratings: Ratings,
        batch_size: int,
        random_state: int | np.random.Generator = 0,
        *,
        with_rows: bool = False,
    ) -> None:
        if (
            isinstance(batch_size, bool)
            or not hasattr(batch_size, "__index__")
            or int(batch_size) < 1
        ):
            raise ParameterError(f"batch_size is {batch_size!r}, but must be a whole number from 1")
        self._ratings, self._with_rows = ratings, with_rows
        self._seed = int(draw_keys(random_state)[0])
        self.n_ratings = len(ratings)
        self.batch_size = min(int(batch_size), max(1, self.n_ratings))
        self.n_batches = -(-self.n_ratings // self.batch_size)
        is_whole = self.n_ratings == ratings.n_rows
        self._selection = None if is_whole else _Selection(ratings.selected_rows)
        self._columns = [frozen(column) for column in ratings.stored[:3]]
        self._levels = frozen(ratings.stored.levels)
        # Two halves of about the same size, whose product is hardly more than the ratings.
        self._n_left = math.isqrt(max(0, self.n_ratings - 1)) + 1
        self._n_right = -(-self.n_ratings // self._n_left)

    def __len__(self) -> int:
        return self.n_batches

    def epoch(self, number: int, team: Team) -> Iterator[Batch]:
        """Return the batches of an epoch.

        Several are gathered ahead at once, by all threads.

        Parameters
        ----------
        number : int
            From 0.
        team : Team

        Yields
        ------
        Batch
            Of its own memory, which may be kept.
        """
        keys = self._keys(number)
        step = self.batch_size * max(1, _STRETCH_ROWS // self.batch_size)
        for first in range(0, self.n_ratings, step):
            stretch = self._gather(first, min(first + step, self.n_ratings), keys, team)
            for start in range(0, len(stretch.value), self.batch_size):
                some = slice(start, start + self.batch_size)
                rows = None if stretch.rows is None else stretch.rows[some]
                columns = stretch.user_index[some], stretch.item_index[some], stretch.value[some]
                yield Batch(*columns, rows)

    def _keys(self, number: int) -> Array:
        generator = np.random.default_rng([self._seed, number])
        return frozen(generator.integers(0, 2**32, kernels.ROUNDS, dtype=np.uint32))

    def _gather(self, first: int, last: int, keys: Array, team: Team) -> Batch:
        """Gather the positions [first, last) of an epoch."""
        n = last - first
        rows = np.empty(n, np.int64)
        users, items, values = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.float32)

        def gather(start: int) -> None:
            some = slice(start, start + _PIECE_ROWS)
            out = [array[some] for array in (rows, users, items, values)]
            self._gather_piece(first + start, keys, *out)

        team.work(gather, range(0, n, _PIECE_ROWS))
        told = frozen(rows) if self._with_rows else None
        return Batch(frozen(users), frozen(items), frozen(values), told)

    def _gather_piece(
        self, first: int, keys: Array, rows: Array, users: Array, items: Array, values: Array
    ) -> None:
        halves = np.empty((2, len(rows)), np.uint32)
        kernels.permute(*(first, self.n_ratings, self._n_left, self._n_right, keys, halves, rows))
        if self._selection is not None:
            self._selection.find(rows)
        wanted = frozen(rows)
        user_column, item_column, value_column = self._columns
        kernels.gather_integers(user_column, wanted, users)
        short = item_column.dtype == np.uint16
        gather_items = kernels.gather_short_integers if short else kernels.gather_integers
        gather_items(item_column, wanted, items)
        if value_column.dtype == np.uint8:
            kernels.gather_codes(value_column, self._levels, wanted, values)
        else:
            kernels.gather_floats(value_column, wanted, values)
        if isinstance(self._ratings, ReindexedRatings):
            for index, numbers in zip((users, items), self._ratings.numbers, strict=True):
                renumber(frozen(index.copy()), numbers, index)
