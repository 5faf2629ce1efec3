"""Ratings sorted by user and by item, in the order that alternating least squares wants.

Each side has an int32 index and one code a rating (or a float32, where there are more than 255
distinct values), so both take ten bytes a rating.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.data.ratings import RatingChunk, Ratings
from fastmf.data.work_arrays import WorkArrays
from fastmf.errors import DataError
from fastmf.kernels.alternating.normal_equations import RatedRows
from fastmf.kernels.grid import PADDING_CODE, add_levels
from fastmf.kernels.tables import row_sort as kernels
from fastmf.parallel import Team

__all__ = ["RowLayout", "Side", "ValueScale", "lay_out_rows", "row_layout_bytes", "sort_ratings"]

Side = Literal["user", "item"]


class ValueScale(NamedTuple):
    """How values relate to ratings: ``rating = mean + scale * value``."""

    mean: float
    scale: float


@dataclass(frozen=True)
class RowLayout:
    """Ratings by user and by item.

    Attributes
    ----------
    by_user, by_item : RatedRows
        The ratings of each row in the order of the table.
    scale : ValueScale
        Of their values: mean and spread of the ratings where they were centred.
    n_ratings : int
    work_arrays : WorkArrays
        What holds the ratings.
    """

    by_user: RatedRows
    by_item: RatedRows
    scale: ValueScale
    n_ratings: int
    work_arrays: WorkArrays


def row_layout_bytes(n_ratings: int) -> int:
    """Return about how much memory laying out ratings takes at its height.

    Parameters
    ----------
    n_ratings : int

    Returns
    -------
    int
        Five bytes a rating and side, and eight while they are sorted.
    """
    return 18 * n_ratings


def lay_out_rows(
    ratings: Ratings, team: Team, *, centred: bool = True, work_arrays: WorkArrays | None = None
) -> RowLayout:
    """Sort ratings by user and by item.

    Parameters
    ----------
    ratings : Ratings
    team : Team
    centred : bool, optional
        Whether values are the ratings less their mean, divided by their spread (standard
        deviation, 1 where all are equal), or the ratings themselves.
    work_arrays : WorkArrays, optional
        What makes the arrays; default in memory.

    Returns
    -------
    RowLayout
        The same for any team.

    Raises
    ------
    DataError
        If there are no ratings.
    """
    if len(ratings) == 0:
        raise DataError("there are no ratings to train on; hold out fewer of them")
    work_arrays = work_arrays or WorkArrays()
    values = _take_census(ratings, team, sparing=work_arrays.mapped)
    scale = values.scale() if centred else ValueScale(0.0, 1.0)
    by_user = _sort(ratings, "user", team, values, scale, work_arrays)
    by_item = _sort(ratings, "item", team, values, scale, work_arrays)
    return RowLayout(by_user, by_item, scale, len(ratings), work_arrays)


def sort_ratings(ratings: Ratings, side: Side, team: Team, scale: ValueScale) -> RatedRows:
    """Sort ratings by user or by item.

    Parameters
    ----------
    ratings : Ratings
    side : {"user", "item"}
    team : Team
    scale : ValueScale
        What values are to be: ``(rating - mean) / scale``.

    Returns
    -------
    RatedRows
        One row for each user or item of the vocabulary.
    """
    values = _take_census(ratings, team, sparing=False)
    return _sort(ratings, side, team, values, scale, WorkArrays())


class _Values:
    """What one pass tells of the values: sum and sum of squares, and which ones there are."""

    def __init__(self) -> None:
        self.n, self.total, self.squares, self.shift = 0, 0.0, 0.0, 0.0
        self.keys = np.zeros(1024, np.uint32)
        self.used = np.zeros(1024, np.uint8)
        self.distinct = 0

    def scale(self) -> ValueScale:
        offset = self.total / self.n
        variance = self.squares / self.n - offset * offset
        return ValueScale(self.shift + offset, variance**0.5 if variance > 0 else 1.0)

    @property
    def coded(self) -> bool:
        return self.distinct <= PADDING_CODE

    def coding(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return the code of each slot of the table, empty without codes, and their ratings."""
        levels = np.zeros(256, np.float32)
        if not self.coded:
            return np.empty(0, np.uint8), levels
        slots = np.flatnonzero(self.used)
        raw = self.keys[slots].view(np.float32)
        order = np.argsort(raw)
        code_of_slot = np.zeros(1024, np.uint8)
        code_of_slot[slots[order]] = np.arange(len(slots), dtype=np.uint8)
        levels[: len(slots)] = raw[order]
        return code_of_slot, levels


def _take_census(ratings: Ratings, team: Team, *, sparing: bool) -> _Values:
    """Add up values range by range, so that the sums are the same for any team."""
    ranges = ratings.ranges()
    # One of the ratings themselves keeps the variance exact, and 0 where all are equal.
    shift = next((float(c.value[0]) for c in ratings.chunks() if len(c.value)), 0.0)

    def measure(bounds: tuple[int, int]) -> tuple[float, float, NDArray[np.uint32], int]:
        value = ratings.chunk(*bounds).value
        keys, used = np.zeros(1024, np.uint32), np.zeros(1024, np.uint8)
        distinct = add_levels(value.view(np.uint32), keys, used, 0)
        centred = value.astype(np.float64) - shift
        if sparing:
            ratings.release()
        return float(centred.sum()), float((centred * centred).sum()), keys[used == 1], distinct

    values = _Values()
    values.n, values.shift = len(ratings), shift
    for total, squares, keys, distinct in team.map(measure, ranges):
        values.total += total
        values.squares += squares
        merged = add_levels(frozen(keys), values.keys, values.used, values.distinct)
        values.distinct = max(merged, distinct)
    return values


def _columns(chunk: RatingChunk, side: Side) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the column that is sorted by, and the other one."""
    user_first = chunk.user_index, chunk.item_index
    return user_first if side == "user" else user_first[::-1]


def _sort(
    ratings: Ratings,
    side: Side,
    team: Team,
    values: _Values,
    scale: ValueScale,
    work_arrays: WorkArrays,
) -> RatedRows:
    n_rows = ratings.n_users if side == "user" else ratings.n_items
    shift = max(0, (n_rows - 1).bit_length() - (kernels.MOST_BUCKETS.bit_length() - 1))
    starts, offsets = _places(ratings, side, n_rows, shift, team, sparing=work_arrays.mapped)
    code_of_slot, levels = values.coding()
    n = len(ratings)
    n_codes, n_values = (n, 0) if values.coded else (0, n)
    entries = work_arrays.empty(n, np.uint64)
    entry_values = work_arrays.empty(n_values, np.float32)

    def scatter(task: tuple[tuple[int, int], NDArray[np.int64]]) -> None:
        chunk = ratings.chunk(*task[0])
        table = values.keys, values.used, code_of_slot
        kernels.scatter_to_buckets(
            *_columns(chunk, side), chunk.value, shift, *table, task[1], entries, entry_values
        )
        if work_arrays.mapped:
            ratings.release()
            work_arrays.release(entries)

    for _ in team.map(scatter, list(zip(ratings.ranges(), offsets, strict=True))):
        pass
    ratings.release()
    index = work_arrays.empty(n, np.int32)
    codes = work_arrays.empty(n_codes, np.uint8)
    sorted_values = work_arrays.empty(n_values, np.float32)

    def place(bucket: int) -> None:
        rows = slice(bucket << shift, min((bucket + 1) << shift, n_rows))
        first, last = starts[rows.start], starts[rows.stop]
        of_bucket = entries[first:last], entry_values[first:last]
        kernels.place_ratings(*of_bucket, starts[rows].copy(), index, codes, sorted_values)
        if work_arrays.mapped:
            work_arrays.release(entries, int(first), int(last))

    for _ in team.map(place, range(offsets.shape[1])):
        pass
    if values.coded:
        raw = levels[: values.distinct].astype(np.float64)
        levels[: values.distinct] = (raw - scale.mean) / scale.scale
    else:
        np.subtract(sorted_values, np.float32(scale.mean), out=sorted_values)
        np.divide(sorted_values, np.float32(scale.scale), out=sorted_values)
    columns = starts, index, codes, sorted_values, levels
    return RatedRows(*(frozen(column) for column in columns))


def _places(
    ratings: Ratings, side: Side, n_rows: int, shift: int, team: Team, *, sparing: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each row begins, and where each range of the table begins in each bucket."""
    ranges = ratings.ranges()
    n_buckets = ((n_rows - 1) >> shift) + 1
    per_range = np.zeros((len(ranges), n_buckets), np.int64)

    def count(worker: int) -> NDArray[np.int64]:
        counts = np.zeros(n_rows, np.int64)
        for number in range(worker, len(ranges), team.num_threads):
            rows, _ = _columns(ratings.chunk(*ranges[number]), side)
            kernels.count_rows(rows, shift, counts, per_range[number])
            if sparing:
                ratings.release()
        return counts

    counts = sum(team.map(count, range(team.num_threads)), np.zeros(n_rows, np.int64))
    starts = np.concatenate([[0], np.cumsum(counts)])
    # A range writes after all earlier ranges of the same bucket, whichever thread is first.
    offsets = np.cumsum(per_range, axis=0) - per_range + starts[: -1 : 1 << shift]
    return starts, offsets
