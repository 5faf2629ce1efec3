"""The block grid: ratings in the order that parallel stochastic gradient descent wants.

Users and items are cut into `side` ranges each, with about equal numbers of ratings, which cuts
the ratings into ``side * side`` blocks. Blocks that share no range can be worked on at the same
time (Gemulla et al. 2011). The cut depends on the ratings alone, never on the machine, so the
result of training does not depend on the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.data.ratings import RatingChunk, Ratings
from fastmf.data.work_arrays import WorkArrays
from fastmf.errors import DataError
from fastmf.kernels import grid as kernels
from fastmf.kernels.sgd import BATCH, BATCH_WORDS
from fastmf.parallel import Team

__all__ = ["BlockGrid", "build_grid", "grid_bytes", "grid_side"]

_MAX_CODED_ITEMS = 1 << 24
_MAX_USERS = 1 << 30
_MAX_SIDE = 32


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


class _Census:
    """What one pass over the ratings tells: of whom they are, and which values there are."""

    def __init__(self, ratings: Ratings) -> None:
        self.user_counts = np.zeros(ratings.n_users, np.int64)
        self.item_counts = np.zeros(ratings.n_items, np.int64)
        self.keys = np.zeros(1024, np.uint32)
        self.used = np.zeros(1024, np.uint8)
        self.distinct = 0

    def add(self, chunk: RatingChunk, shift: float) -> NDArray[np.float64]:
        """Count a chunk; return the sum of its ratings and of their squares, less `shift`."""
        moments = np.zeros(2)
        kernels.take_census(*chunk, shift, self.user_counts, self.item_counts, moments)
        bits = chunk.value.view(np.uint32)
        self.distinct = kernels.add_levels(bits, self.keys, self.used, self.distinct)
        return moments

    def merge(self, other: _Census) -> None:
        self.user_counts += other.user_counts
        self.item_counts += other.item_counts
        keys = frozen(other.keys[other.used == 1])
        self.distinct = kernels.add_levels(keys, self.keys, self.used, self.distinct)
        self.distinct = max(self.distinct, other.distinct)


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
    return _MAX_SIDE


def _take_census(ratings: Ratings, team: Team) -> tuple[_Census, float, float]:
    """Return counts, mean and spread. Sums are taken range by range: the same for any team."""
    if len(ratings) == 0:
        raise DataError("there are no ratings to train on; hold out fewer of them")
    ranges = ratings.ranges()
    parts = [ranges[worker :: team.num_threads] for worker in range(team.num_threads)]
    # One of the ratings themselves: their variance is then at least square / n, however far off the
    # other rows of the table are, and exactly 0 where all are equal.
    shift = next(float(chunk.value[0]) for chunk in ratings.chunks() if len(chunk.value))

    def count(part: list[tuple[int, int]]) -> tuple[_Census, list[NDArray[np.float64]]]:
        census = _Census(ratings)
        return census, [census.add(ratings.chunk(*bounds), shift) for bounds in part]

    total = _Census(ratings)
    moments = np.zeros((len(ranges), 2))
    for worker, (census, part) in enumerate(team.map(count, parts)):
        total.merge(census)
        moments[worker :: team.num_threads] = np.reshape(part, (-1, 2))
    offset, square = moments.sum(axis=0) / len(ratings)
    variance = square - offset * offset
    return total, float(shift + offset), float(variance**0.5) if variance > 0 else 1.0


def _cut(counts: NDArray[np.int64], side: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Cut an axis into `side` ranges of about equal counts: (bounds, range of every index)."""
    ends = np.cumsum(counts)
    targets = ends[-1] * np.arange(1, side) / side
    bounds = np.concatenate([[0], np.searchsorted(ends, targets), [len(counts)]]).astype(np.int64)
    blocks = np.repeat(np.arange(side, dtype=np.uint8), np.diff(bounds))
    return bounds, blocks


class _Levels(NamedTuple):
    """How ratings are coded; `code_of_slot` is empty when there are too many distinct ones."""

    keys: NDArray[np.uint32]
    used: NDArray[np.uint8]
    code_of_slot: NDArray[np.uint8]
    levels: NDArray[np.float32]

    @classmethod
    def from_census(cls, census: _Census, mean: float, scale: float, n_items: int) -> _Levels:
        levels = np.zeros(256, np.float32)
        if census.distinct > kernels.PADDING_CODE or n_items + _MAX_SIDE >= _MAX_CODED_ITEMS:
            return cls(census.keys, census.used, np.empty(0, np.uint8), levels)
        slots = np.flatnonzero(census.used)
        raw = census.keys[slots].view(np.float32)
        order = np.argsort(raw)
        code_of_slot = np.zeros(1024, np.uint8)
        code_of_slot[slots[order]] = np.arange(len(slots), dtype=np.uint8)
        levels[: len(slots)] = (raw[order].astype(np.float64) - mean) / scale
        return cls(census.keys, census.used, code_of_slot, levels)


@dataclass(frozen=True)
class _Scattered:
    """Ratings moved to their blocks, in the order of the table within a block."""

    entries: NDArray[np.uint64]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]


def _scatter(
    ratings: Ratings,
    team: Team,
    levels: _Levels,
    blocks: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    side: int,
    work_arrays: WorkArrays,
) -> _Scattered:
    ranges = ratings.ranges()

    def count(bounds: tuple[int, int]) -> NDArray[np.int64]:
        chunk = ratings.chunk(*bounds)
        counts = np.zeros(side * side, np.int64)
        kernels.count_blocks(chunk.user_index, chunk.item_index, *blocks, side, counts)
        return counts

    per_range = np.array(list(team.map(count, ranges)))
    starts = np.concatenate([[0], np.cumsum(per_range.sum(axis=0))])
    # A range writes after all earlier ranges of the same block, whichever thread is first.
    offsets = starts[:-1] + np.cumsum(per_range, axis=0) - per_range
    n_ratings = int(starts[-1])
    entries = work_arrays.empty(n_ratings, np.uint64)
    values = work_arrays.empty(0 if levels.code_of_slot.size else n_ratings, np.float32)

    def scatter(task: tuple[tuple[int, int], NDArray[np.int64]]) -> None:
        chunk = ratings.chunk(*task[0])
        kernels.scatter_ratings(*chunk, *blocks, side, *levels[:3], task[1], entries, values)

    for _ in team.map(scatter, list(zip(ranges, offsets.copy(), strict=True))):
        pass
    return _Scattered(entries, values, starts)


def _write(
    scattered: _Scattered,
    user_bounds: NDArray[np.int64],
    n_items: int,
    side: int,
    team: Team,
    work_arrays: WorkArrays,
) -> tuple[NDArray[np.uint32], NDArray[np.float32], NDArray[np.int64]]:
    """Sort every block by user and write it as batches."""
    coded = scattered.values.size == 0
    rows = np.diff(user_bounds)

    def part(block: int) -> slice:
        return slice(scattered.starts[block], scattered.starts[block + 1])

    def count(block: int) -> int:
        work = np.empty(rows[block // side], np.int32)
        first_user = user_bounds[block // side]
        return int(kernels.count_batches(scattered.entries[part(block)], first_user, work))

    sizes = np.array(list(team.map(count, range(side * side))), np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    batches = work_arrays.empty(int(starts[-1]) * BATCH_WORDS, np.uint32)
    values = work_arrays.empty(0 if coded else int(starts[-1]) * BATCH, np.float32)

    def write(block: int) -> None:
        row, column = divmod(block, side)
        entries = scattered.entries[part(block)]
        block_values = scattered.values if coded else scattered.values[part(block)]
        counts = np.empty(rows[row], np.int32)
        kernels.count_batches(entries, user_bounds[row], counts)
        padding = (n_items + column) | (kernels.PADDING_CODE << 24 if coded else 0)
        kernels.write_batches(
            entries,
            block_values,
            user_bounds[row],
            np.uint32(padding),
            counts,
            np.empty(len(counts) + 1, np.int64),
            np.empty(len(entries), np.uint32),
            np.empty_like(block_values),
            batches,
            values,
            starts[block],
        )

    for _ in team.map(write, range(side * side)):
        pass
    return batches, values, starts


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


def build_grid(
    ratings: Ratings,
    team: Team,
    side: int | None = None,
    work_arrays: WorkArrays | None = None,
) -> BlockGrid:
    """Lay ratings out as a grid of blocks.

    Parameters
    ----------
    ratings : Ratings
    team : Team
        Threads to work with; the result does not depend on their number.
    side : int, optional
        Blocks along either axis; default `grid_side`.
    work_arrays : WorkArrays, optional
        Where the grid is held; default in memory. The grid is the same bytes anywhere.

    Returns
    -------
    BlockGrid

    Raises
    ------
    DataError
        If there are no ratings, or more than 2**30 users.
    """
    if ratings.n_users > _MAX_USERS:
        raise DataError(f"{ratings.n_users} users are more than the {_MAX_USERS} of a grid")
    work_arrays = work_arrays or WorkArrays()
    census, mean, scale = _take_census(ratings, team)
    n_ratings = int(census.user_counts.sum())
    side = side or grid_side(n_ratings)
    user_bounds, user_block = _cut(census.user_counts, side)
    _, item_block = _cut(census.item_counts, side)
    levels = _Levels.from_census(census, mean, scale, ratings.n_items)
    scattered = _scatter(ratings, team, levels, (user_block, item_block), side, work_arrays)
    if scattered.values.size:
        np.subtract(scattered.values, np.float32(mean), out=scattered.values)
        np.divide(scattered.values, np.float32(scale), out=scattered.values)
    batches, values, starts = _write(
        scattered, user_bounds, ratings.n_items, side, team, work_arrays
    )
    work_arrays.release(batches)
    return BlockGrid(
        batches=frozen(batches),
        values=frozen(values),
        levels=levels.levels,
        block_starts=starts,
        user_counts=census.user_counts,
        item_counts=census.item_counts,
        side=side,
        n_ratings=n_ratings,
        mean=mean,
        scale=scale,
        work_arrays=work_arrays,
    )
