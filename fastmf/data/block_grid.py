"""The block grid: ratings as the batches that gradient descent reads, block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastmf.data.work_arrays import WorkArrays
from fastmf.kernels.sgd import BATCH, BATCH_WORDS

__all__ = ["MAX_SIDE", "BlockGrid", "grid_bytes", "grid_side"]

MAX_SIDE = 32
"""Most blocks along either axis."""


@dataclass(frozen=True)
class BlockGrid:
    """Ratings as batches of four, block by block.

    Attributes
    ----------
    batches : (n_batches * 5,) uint32, read-only
        See `fastmf.kernels.sgd.update_block`. Empty slots name the spare item row
        ``n_items + block column``.
    values : (n_batches * 4,) or (0,) float32, read-only
        Centred and scaled ratings, where there are too many distinct ones to code.
    levels : (256,) float32
        The centred and scaled rating of each code; 0 at the code of empty slots.
    block_starts : (side * side + 1,) int64
        First batch of every block, by block row then block column.
    user_counts, item_counts : (n_users,), (n_items,) int64
        Ratings of each user and of each item.
    side : int
        Blocks along either axis.
    n_ratings : int
        Ratings in the grid, empty slots not counted.
    mean, scale : float
        Mean and spread (standard deviation, 1 where all ratings are equal) of the ratings.
        ``rating = mean + scale * centred``.
    work_arrays : WorkArrays
        What holds `batches` and `values`.
    """

    batches: NDArray[np.uint32]
    values: NDArray[np.float32]
    levels: NDArray[np.float32]
    block_starts: NDArray[np.int64]
    user_counts: NDArray[np.int64]
    item_counts: NDArray[np.int64]
    side: int
    n_ratings: int
    mean: float
    scale: float
    work_arrays: WorkArrays

    def will_need(self, row: int, column: int) -> None:
        """Have the system read a block ahead, where the grid is in a file."""
        for array, words in ((self.batches, BATCH_WORDS), (self.values, BATCH)):
            first, last = self._span(row, column)
            self.work_arrays.will_need(array, first * words, last * words)

    def release(self, row: int, column: int) -> None:
        """Take a block out of this process's memory, where the grid is in a file."""
        for array, words in ((self.batches, BATCH_WORDS), (self.values, BATCH)):
            first, last = self._span(row, column)
            self.work_arrays.release(array, first * words, last * words)

    def _span(self, row: int, column: int) -> tuple[int, int]:
        block = row * self.side + column
        return int(self.block_starts[block]), int(self.block_starts[block + 1])


def grid_side(n_ratings: int) -> int:
    """Return how many blocks an axis is cut into.

    More blocks let more threads work and make the items of a block smaller, but leave fewer
    ratings of one user in a block. It depends on the data alone.

    Parameters
    ----------
    n_ratings : int

    Returns
    -------
    int
        4, 8, 16 or 32.
    """
    for side, limit in ((4, 300_000), (8, 4_000_000), (16, 400_000_000)):
        if n_ratings < limit:
            return side
    return MAX_SIDE


def grid_bytes(n_ratings: int) -> int:
    """Return about how much memory laying out ratings takes at its height.

    Parameters
    ----------
    n_ratings : int

    Returns
    -------
    int
        Eight bytes a rating while they are sorted, and about six as batches.
    """
    return 14 * n_ratings
