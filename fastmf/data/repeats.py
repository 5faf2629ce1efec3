"""Whether any (user, item) pair occurs twice in the columns of a store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.data.stored_columns import PIECE_ROWS, StoredColumns
from fastmf.kernels.tables import pairs as kernels
from fastmf.parallel import Team

__all__ = ["count_repeats"]

# Memory for the keys of pairs; of more rows, a range of buckets is checked after the other.
_KEY_BYTES = 1 << 29
# Buckets whose table fits the second-level cache, but not more than can be written to at a time:
# with 2**11, a hundred million rows took twice as long.
_ROWS_OF_BUCKET = 1 << 16
_MOST_BUCKET_BITS = 10
# Keys that get a bit each: as many as fit that cache, if clearing them is not the most of the work.
_MOST_BITS = 1 << 23
_BITS_OF_ROW = 256
# Rows that are worth handing to a thread, and into how many pieces they are cut at most.
_ROWS_OF_TASK = 1 << 20
_MOST_TASKS = 64


class _Keys(NamedTuple):
    """How the pairs of a table are numbered within their buckets."""

    bits: np.int64
    n_items: np.int64
    n_keys: int
    kind: np.dtype[np.generic]

    @classmethod
    def of(cls, n_rows: int, n_users: int, n_items: int) -> _Keys:
        bits = min((n_rows // _ROWS_OF_BUCKET).bit_length(), _MOST_BUCKET_BITS)
        n_keys = (((n_users - 1) >> bits) + 1) * n_items
        kind = np.dtype(np.uint32 if n_keys < 2**32 else np.uint64)
        return cls(np.int64(bits), np.int64(n_items), n_keys, kind)


def count_repeats(
    columns: StoredColumns, n_users: int, n_items: int, num_threads: int | None = None
) -> int:
    """Count the rows whose pair occurred before.

    Costs a pass over the users and one over the pairs (see `fastmf.kernels.tables.pairs`); a fifth
    of it where the rows stand item by item or user by user, as most text files have them.

    Parameters
    ----------
    columns : StoredColumns
    n_users, n_items : int
        Sizes of the vocabularies.
    num_threads : int, optional
        Threads to count with; the result does not depend on it.

    Returns
    -------
    int
    """

    def users(first: int, stop: int) -> Array:
        return columns.user_index[first:stop]

    with Team(num_threads) as team:
        repeats = _count_in_runs(columns.item_index, users, n_users, team)
        if repeats is None:
            repeats = _count_in_runs(columns.user_index, columns.items, n_items, team)
        if repeats is None:
            repeats = _count_by_keys(columns, n_users, n_items, team)
    return repeats


def _count_in_runs(
    grouped: Array, rows_of_other: Callable[[int, int], Array], n_others: int, team: Team
) -> int | None:
    """Count the repeats where an index stands in runs, by the other index of the rows.

    Indices number ids as they appear, so they stand in runs exactly if they never decrease.
    Returns None where they do.
    """

    def begins(rows: tuple[int, int]) -> Array | None:
        first, stop = rows
        before, after = grouped[first : stop - 1], grouped[first + 1 : stop]
        if np.any(after < before):
            return None
        return np.flatnonzero(after != before) + (first + 1)

    n_rows = len(grouped)
    if begins((0, min(n_rows, PIECE_ROWS))) is None:
        return None
    # Ranges overlap by a row: what begins with the next one is told by the last of this one.
    pieces = [(max(f - 1, 0), s) for f, s in _ranges(n_rows, PIECE_ROWS)]
    found = list(team.map(begins, pieces))
    sorted_pieces = [piece for piece in found if piece is not None]
    if len(sorted_pieces) < len(found):
        return None
    offsets = np.concatenate([[0], *sorted_pieces, [n_rows]])

    def count(runs: tuple[int, int]) -> int:
        mine = offsets[runs[0] : runs[1] + 1]
        seen = np.zeros(-(-n_others // 64), np.uint64)
        others = rows_of_other(int(mine[0]), int(mine[-1]))
        return int(kernels.count_repeats_in_runs(others, frozen(mine - mine[0]), seen))

    return sum(team.map(count, _cut(offsets, _ROWS_OF_TASK)))


def _count_by_keys(columns: StoredColumns, n_users: int, n_items: int, team: Team) -> int:
    """Count the repeats among rows in any order."""
    n_rows = len(columns.user_index)
    keys_of = _Keys.of(n_rows, n_users, n_items)
    ranges = _ranges(n_rows, max(_ROWS_OF_TASK, -(-n_rows // _MOST_TASKS)))

    def count(rows: tuple[int, int]) -> Array:
        counts = np.zeros(1 << keys_of.bits, np.int64)
        kernels.count_buckets(columns.user_index[slice(*rows)], keys_of.bits, counts)
        return counts

    counts = np.array(list(team.map(count, ranges)))
    offsets = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
    # Where the keys of a range of rows begin in each bucket.
    begins = offsets[:-1] + np.cumsum(counts, axis=0) - counts
    repeats = 0
    for first, last in _cut(offsets, _KEY_BYTES // keys_of.kind.itemsize):
        keys = np.empty(int(offsets[last] - offsets[first]), keys_of.kind)
        cursors = begins[:, first:last] - offsets[first]
        scatter = partial(_scatter, columns, keys_of, np.int64(first), keys)
        for _ in team.map(scatter, list(zip(ranges, cursors, strict=True))):
            pass
        starts = offsets[first : last + 1] - offsets[first]
        repeats += _count_in_buckets(frozen(keys), starts, keys_of.n_keys, team)
    return repeats


def _ranges(n_rows: int, rows: int) -> list[tuple[int, int]]:
    """Cut rows into ranges of at most this many."""
    return [(first, min(first + rows, n_rows)) for first in range(0, n_rows, rows)]


def _scatter(
    columns: StoredColumns,
    keys_of: _Keys,
    first_bucket: np.int64,
    keys: Array,
    task: tuple[tuple[int, int], Array],
) -> None:
    """Write the keys of a range of rows where its cursors stand."""
    (first, stop), cursors = task
    for start in range(first, stop, PIECE_ROWS):
        end = min(start + PIECE_ROWS, stop)
        users, items = columns.user_index[start:end], columns.items(start, end)
        kernels.scatter_pairs(
            users, items, keys_of.bits, keys_of.n_items, first_bucket, cursors, keys
        )


def _count_in_buckets(keys: Array, starts: Array, n_keys: int, team: Team) -> int:
    """Count the repeats within buckets of keys below `n_keys`."""

    def count(buckets: tuple[int, int]) -> int:
        repeats, table = 0, np.empty(0, keys.dtype)
        seen = np.empty(-(-n_keys // 64) if n_keys <= _MOST_BITS else 0, np.uint64)
        for bucket in range(*buckets):
            mine = keys[starts[bucket] : starts[bucket + 1]]
            if n_keys <= _BITS_OF_ROW * len(mine) and len(seen):
                repeats += int(kernels.count_repeats_by_bits(mine, seen))
                continue
            # At most half full.
            bits = max(2 * min(len(mine), n_keys), 2).bit_length()
            if len(table) < 1 << bits:
                table = np.empty(1 << bits, keys.dtype)
            repeats += int(kernels.count_repeats(mine, np.int64(bits), table[: 1 << bits]))
        return repeats

    return sum(team.map(count, _cut(starts, max(_ROWS_OF_TASK, len(keys) // _MOST_TASKS))))


def _cut(offsets: Array, rows: int) -> list[tuple[int, int]]:
    """Cut buckets into ranges of at most this many rows, or of one bucket."""
    ranges = []
    first, end = 0, len(offsets) - 1
    while first < end:
        last = int(np.searchsorted(offsets, offsets[first] + rows, side="right")) - 1
        last = min(max(last, first + 1), end)
        ranges.append((first, last))
        first = last
    return ranges
