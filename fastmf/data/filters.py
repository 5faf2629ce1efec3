"""Duplicate (user, item) pairs: counted exactly, and resolved as asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from fastmf.data.arrays import Array, Columns, frozen
from fastmf.data.bitmaps import full_bitmap
from fastmf.data.repeats import count_repeats
from fastmf.data.stored_columns import StoredColumns
from fastmf.errors import DataError
from fastmf.kernels.tables import pairs as kernels
from fastmf.kernels.tables.sampling import gather_rows, gather_times

__all__ = ["Duplicates", "drop_duplicates", "resolve_duplicates"]

Duplicates = Literal["last", "mean", "sum", "error"]

# The slow path, taken only where there are duplicates, holds 8 bytes a row.
_ROWS_OF_SLOW_RANGE = 1 << 24
_GATHERED_ROWS = 1 << 20


def resolve_duplicates(
    columns: Columns,
    n_users: int,
    n_items: int,
    duplicates: Duplicates,
    place: Callable[[int], str],
    num_threads: int | None = None,
) -> tuple[Columns, str | None]:
    """Leave one rating of each (user, item) pair.

    Without duplicates this costs a pass over the users and one over the pairs (see
    `fastmf.kernels.tables.pairs`). Rows keep their order; of a pair that occurs more than once the
    last row stays.

    Parameters
    ----------
    columns : Columns
        Modified in place where there are duplicates; must be writable.
    n_users, n_items : int
        Sizes of the vocabularies.
    duplicates : {"last", "mean", "sum", "error"}
        Keep the last rating, or their mean, or their sum (of plays or clicks), or refuse.
    place : callable
        Says where a row is, for the message.
    num_threads : int, optional
        Threads of the check; the result does not depend on it.

    Returns
    -------
    columns : Columns
        The columns without the rows that went; views of those given.
    note : str or None
        What was done, None without duplicates.

    Raises
    ------
    DataError
        On duplicates when `duplicates` is "error".
    """
    if len(columns.value) == 0:
        return columns, None
    if count_repeats(StoredColumns.of(columns), n_users, n_items, num_threads) == 0:
        return columns, None
    return drop_duplicates(columns, n_users, n_items, duplicates, place)


def drop_duplicates(
    columns: Columns,
    n_users: int,
    n_items: int,
    duplicates: Duplicates,
    place: Callable[[int], str],
) -> tuple[Columns, str]:
    """Leave one rating of each pair of a table that is known to have duplicates.

    Parameters
    ----------
    columns, n_users, n_items, duplicates, place
        As in `resolve_duplicates`.

    Returns
    -------
    columns : Columns
    note : str
        As there.

    Raises
    ------
    DataError
        When `duplicates` is "error".
    """
    counts = np.zeros(n_users, np.int64)
    kernels.count_rows(frozen(columns.user_index), counts)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    keep = full_bitmap(len(columns.value))
    pairs, dropped, first, second = _mark_repeats(columns, offsets, n_items, keep)
    plural = "pair" if pairs == 1 else "pairs"
    counted = f"{pairs:,} duplicate (user, item) {plural}"
    if duplicates == "error":
        raise DataError(
            f"{counted}; the first: {place(second)}, repeats {place(first)}; "
            "remove them, or choose --duplicates last, mean or sum"
        )
    if duplicates != "last":
        _merge(columns, offsets, n_items, averaged=duplicates == "mean")
    rows = "" if dropped == pairs else f", {dropped:,} rows dropped"
    kept = "last of each in the file" if duplicates == "last" else f"{duplicates} of each"
    others = ", ".join(way for way in ("last", "mean", "sum") if way != duplicates)
    note = f"{counted}: kept the {kept}{rows} (--duplicates {others} or error to do otherwise)"
    return _compact(columns, keep), note


def _ranges(offsets: Array, rows: int) -> list[tuple[int, int]]:
    """Cut users or buckets into ranges of at most this many rows, or of one."""
    ranges = []
    first, end = 0, len(offsets) - 1
    while first < end:
        last = int(np.searchsorted(offsets, offsets[first] + rows, side="right")) - 1
        last = min(max(last, first + 1), end)
        ranges.append((first, last))
        first = last
    return ranges


def _rows_by_user(
    columns: Columns, offsets: Array, users_range: tuple[int, int]
) -> tuple[Array, Array]:
    """Return the offsets and row numbers of a range of users."""
    first, last = users_range
    local = frozen(offsets[first : last + 1] - offsets[first])
    cursors = local[:-1].copy()
    rows = np.empty(int(local[-1]), np.int64)
    kernels.group_rows(frozen(columns.user_index), np.int64(first), cursors, rows)
    return local, frozen(rows)


def _mark_repeats(
    columns: Columns, offsets: Array, n_items: int, keep: Array
) -> tuple[int, int, int, int]:
    """Clear the bits of earlier duplicates; return pairs, rows dropped, and the first of them."""
    previous = np.full(n_items, -1, np.int64)
    pairs = dropped = 0
    first = second = -1
    for users_range in _ranges(offsets, _ROWS_OF_SLOW_RANGE):
        local, rows = _rows_by_user(columns, offsets, users_range)
        found = kernels.mark_repeats(local, rows, frozen(columns.item_index), previous, keep)
        pairs += int(found[0])
        dropped += int(found[1])
        if found[3] >= 0 and (second < 0 or found[3] < second):
            first, second = int(found[2]), int(found[3])
    return pairs, dropped, first, second


def _merge(columns: Columns, offsets: Array, n_items: int, *, averaged: bool) -> None:
    """Replace the values of duplicate pairs by their mean or their sum."""
    totals = np.zeros(n_items, np.float64)
    counts = np.zeros(n_items, np.int64)
    value = columns.value.view(np.ndarray)
    for users_range in _ranges(offsets, _ROWS_OF_SLOW_RANGE):
        local, rows = _rows_by_user(columns, offsets, users_range)
        item_index = frozen(columns.item_index)
        kernels.merge_repeats(local, rows, item_index, averaged, totals, counts, value)
    if not np.isfinite(value).all():
        raise DataError(
            "the sum of the ratings of a (user, item) pair is too large for single precision; "
            "scale the ratings, say to 0 to 5"
        )


def _compact(columns: Columns, keep: Array) -> Columns:
    """Move the kept rows to the front, in place, a range of rows at a time."""
    bits, n_rows, end = frozen(keep), len(columns.value), 0
    users, items, values = (frozen(column) for column in columns[:3])
    gathered = (
        np.empty(_GATHERED_ROWS + 1, np.int32),
        np.empty(_GATHERED_ROWS + 1, np.int32),
        np.empty(_GATHERED_ROWS + 1, np.float32),
    )
    times = np.empty(_GATHERED_ROWS + 1, np.int64)
    for start in range(0, n_rows, _GATHERED_ROWS):
        stop = min(start + _GATHERED_ROWS, n_rows)
        count = int(
            gather_rows(bits, np.int64(start), np.int64(stop), users, items, values, *gathered)
        )
        for column, kept in zip(columns[:3], gathered, strict=True):
            column[end : end + count] = kept[:count]
        if columns.time is not None:
            gather_times(bits, np.int64(start), np.int64(stop), frozen(columns.time), times)
            columns.time[end : end + count] = times[:count]
        end += count
    return Columns(
        columns.user_index[:end],
        columns.item_index[:end],
        columns.value[:end],
        None if columns.time is None else columns.time[:end],
    )
