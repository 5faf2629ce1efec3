"""Laying out ratings as a block grid, in the order that parallel stochastic gradient descent wants.

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
from fastmf.data.batch_room import BatchRoom
from fastmf.data.block_grid import MAX_SIDE, BlockGrid, grid_side
from fastmf.data.ratings import RatingChunk, Ratings
from fastmf.data.work_arrays import WorkArrays
from fastmf.errors import DataError
from fastmf.kernels import grid as kernels
from fastmf.kernels.sgd import BATCH
from fastmf.parallel import Team

__all__ = ["build_grid"]

_MAX_CODED_ITEMS = 1 << 24
_MAX_USERS = 1 << 30
_SAMPLED_RANGES = 8


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


class _Cut(NamedTuple):
    """Ranges of users and of items with about equal numbers of ratings."""

    side: int
    user_bounds: NDArray[np.int64]  # (side + 1,)
    user_block: NDArray[np.uint8]  # (n_users,) the range of every user
    item_block: NDArray[np.uint8]  # (n_items,)


def _cut(ratings: Ratings, side: int, team: Team) -> _Cut:
    """Cut both axes by the counts of a sample: every so many of the ratings' ranges.

    A sample balances the blocks as well as all ratings do, within a percent, and spares a pass.
    """
    ranges = ratings.ranges()
    parts = [ranges[number::_SAMPLED_RANGES] for number in range(_SAMPLED_RANGES)]

    def count(part: list[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        counts = np.zeros(ratings.n_users, np.int64), np.zeros(ratings.n_items, np.int64)
        chunk = ratings.chunk(*part[len(part) // 2])
        kernels.add_counts(chunk.user_index, counts[0])
        kernels.add_counts(chunk.item_index, counts[1])
        return counts

    users, items = np.zeros(ratings.n_users, np.int64), np.zeros(ratings.n_items, np.int64)
    for user_counts, item_counts in team.map(count, [part for part in parts if part]):
        users += user_counts
        items += item_counts
    user_bounds, user_block = _cut_axis(users, side)
    return _Cut(side, user_bounds, user_block, _cut_axis(items, side)[1])


def _cut_axis(counts: NDArray[np.int64], side: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the bounds of `side` ranges of about equal counts, and the range of every index."""
    ends = np.cumsum(counts)
    targets = ends[-1] * np.arange(1, side) / side
    bounds = np.concatenate([[0], np.searchsorted(ends, targets), [len(counts)]]).astype(np.int64)
    return bounds, np.repeat(np.arange(side, dtype=np.uint8), np.diff(bounds))


def _take_census(
    ratings: Ratings, cut: _Cut, team: Team, *, sparing: bool
) -> tuple[_Census, NDArray[np.int64], float, float]:
    """Return counts, the ratings of every range in every block, mean and spread.

    Sums are taken range by range: the same for any team. When `sparing`, mapped pages of the
    ratings are let go of as soon as they are counted.
    """
    ranges = ratings.ranges()
    parts = [ranges[worker :: team.num_threads] for worker in range(team.num_threads)]
    # One of the ratings themselves: their variance is then at least square / n, however far off the
    # other rows of the table are, and exactly 0 where all are equal.
    shift = next(float(chunk.value[0]) for chunk in ratings.chunks() if len(chunk.value))
    blocks = np.zeros((len(ranges), cut.side**2), np.int64)
    moments = np.zeros((len(ranges), 2))

    def count(worker: int) -> _Census:
        census = _Census(ratings)
        for place, bounds in enumerate(parts[worker]):
            chunk = ratings.chunk(*bounds)
            number = worker + place * team.num_threads
            moments[number] = census.add(chunk, shift)
            where = cut.user_block, cut.item_block, cut.side
            kernels.count_blocks(chunk.user_index, chunk.item_index, *where, blocks[number])
            if sparing:
                ratings.release()
        return census

    total = _Census(ratings)
    for census in team.map(count, range(team.num_threads)):
        total.merge(census)
    offset, square = moments.sum(axis=0) / len(ratings)
    variance = square - offset * offset
    return total, blocks, float(shift + offset), float(variance**0.5) if variance > 0 else 1.0


class _Levels(NamedTuple):
    """How ratings are coded; `code_of_slot` is empty when there are too many distinct ones."""

    keys: NDArray[np.uint32]
    used: NDArray[np.uint8]
    code_of_slot: NDArray[np.uint8]
    levels: NDArray[np.float32]

    @classmethod
    def from_census(cls, census: _Census, mean: float, scale: float, n_items: int) -> _Levels:
        levels = np.zeros(256, np.float32)
        if census.distinct > kernels.PADDING_CODE or n_items + MAX_SIDE >= _MAX_CODED_ITEMS:
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
    cut: _Cut,
    per_range: NDArray[np.int64],
    levels: _Levels,
    team: Team,
    work_arrays: WorkArrays,
) -> _Scattered:
    """Move all ratings to their blocks; `per_range` has how many of each range go to each."""
    starts = np.concatenate([[0], np.cumsum(per_range.sum(axis=0))])
    # A range writes after all earlier ranges of the same block, whichever thread is first.
    offsets = starts[:-1] + np.cumsum(per_range, axis=0) - per_range
    n_ratings = int(starts[-1])
    entries = work_arrays.empty(n_ratings, np.uint64)
    values = work_arrays.empty(0 if levels.code_of_slot.size else n_ratings, np.float32)
    where = cut.user_block, cut.item_block, cut.side

    def scatter(task: tuple[tuple[int, int], NDArray[np.int64]]) -> None:
        chunk = ratings.chunk(*task[0])
        kernels.scatter_ratings(*chunk, *where, *levels[:3], task[1], entries, values)
        if work_arrays.mapped:
            ratings.release()
            work_arrays.release(entries)

    for _ in team.map(scatter, list(zip(ratings.ranges(), offsets, strict=True))):
        pass
    return _Scattered(entries, values, starts)


def _write(
    scattered: _Scattered, cut: _Cut, n_items: int, team: Team, work_arrays: WorkArrays
) -> tuple[NDArray[np.uint32], NDArray[np.float32], NDArray[np.int64]]:
    """Sort every block by user and write it as batches."""
    coded = scattered.values.size == 0
    blocks = range(cut.side**2)
    counts = [np.empty(n, np.int32) for n in np.diff(cut.user_bounds).repeat(cut.side)]

    def part(block: int) -> slice:
        return slice(scattered.starts[block], scattered.starts[block + 1])

    def count(block: int) -> int:
        first_user = cut.user_bounds[block // cut.side]
        entries = scattered.entries[part(block)]
        return int(kernels.count_batches(entries, first_user, counts[block]))

    starts = np.cumsum([0, *team.map(count, blocks)], dtype=np.int64)
    room = BatchRoom(scattered.entries, scattered.starts, starts, work_arrays)
    values = work_arrays.empty(0 if coded else int(starts[-1]) * BATCH, np.float32)

    def sort(block: int) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.float32]]:
        entries = scattered.entries[part(block)]
        block_values = scattered.values if coded else scattered.values[part(block)]
        ends = np.empty(len(counts[block]), np.int64)
        words, sorted_values = np.empty(len(entries), np.uint32), np.empty_like(block_values)
        first_user = cut.user_bounds[block // cut.side]
        kernels.sort_by_user(
            entries, block_values, first_user, counts[block], ends, words, sorted_values
        )
        return ends, words, sorted_values

    def write(block: int) -> None:
        try:
            ends, words, sorted_values = sort(block)
        finally:
            room.give_up_entries(block)
        room.wait(block)
        row, column = divmod(block, cut.side)
        padding = np.uint32((n_items + column) | (kernels.PADDING_CODE << 24 if coded else 0))
        sorted_ratings = words, sorted_values, cut.user_bounds[row], padding, counts[block], ends
        kernels.write_batches(*sorted_ratings, room.batches, values, starts[block])
        for array in (scattered.entries, scattered.values):
            work_arrays.release(array, *scattered.starts[block : block + 2].tolist())
        work_arrays.release(room.batches)

    for _ in team.map(write, blocks):
        pass
    return room.batches, values, starts


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
    if len(ratings) == 0:
        raise DataError("there are no ratings to train on; hold out fewer of them")
    work_arrays = work_arrays or WorkArrays()
    cut = _cut(ratings, side or grid_side(len(ratings)), team)
    census, per_range, mean, scale = _take_census(ratings, cut, team, sparing=work_arrays.mapped)
    levels = _Levels.from_census(census, mean, scale, ratings.n_items)
    scattered = _scatter(ratings, cut, per_range, levels, team, work_arrays)
    if scattered.values.size:
        np.subtract(scattered.values, np.float32(mean), out=scattered.values)
        np.divide(scattered.values, np.float32(scale), out=scattered.values)
    batches, values, starts = _write(scattered, cut, ratings.n_items, team, work_arrays)
    return BlockGrid(
        batches=frozen(batches),
        values=frozen(values),
        levels=levels.levels,
        block_starts=starts,
        user_counts=census.user_counts,
        item_counts=census.item_counts,
        side=cut.side,
        n_ratings=len(ratings),
        mean=mean,
        scale=scale,
        work_arrays=work_arrays,
    )
