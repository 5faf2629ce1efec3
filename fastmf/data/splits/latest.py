"""The latest ratings of every user, a range of users at a time."""

from __future__ import annotations

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.data.ratings import Ratings
from fastmf.kernels.tables import user_splits as kernels
from fastmf.parallel import Team

__all__ = ["latest_of_users"]

# Rows whose times are held at once, 16 bytes each; of more, another pass takes the next users.
_ROWS_AT_ONCE = 1 << 25


def latest_of_users(
    ratings: Ratings, counts: Array, wanted: Array, num_threads: int | None = None
) -> Array:
    """Choose the latest ratings of every user; of equal times the last in the table.

    Parameters
    ----------
    ratings : Ratings
        With times; may be a selection.
    counts, wanted : ndarray
        (n_users,) int64: ratings of each user, and how many of them to choose.
    num_threads : int, optional
        Default all processors; the result does not depend on it.

    Returns
    -------
    ndarray
        (ceil(n_rows / 8),) uint8, the bitmap of the rows chosen. Memory: 512 MiB, or 16 bytes for
        each rating of one user where that is more.
    """
    offsets = np.concatenate([[0], np.cumsum(counts)])
    selected = ratings.selected_rows
    bitmap = np.zeros_like(selected)

    def choose(users: tuple[int, int]) -> Array:
        return _latest(ratings, selected, users, offsets, wanted)

    with Team(num_threads) as team:
        at_once = min(_ROWS_AT_ONCE, max(int(offsets[-1]), 1))
        for rows in team.map(choose, _user_ranges(offsets, -(-at_once // team.num_threads))):
            kernels.set_bits(rows, bitmap)
    return bitmap


def _user_ranges(offsets: Array, rows: int) -> list[tuple[int, int]]:
    """Cut users into ranges of at most this many rows, or of one user."""
    ranges = []
    first, n_users = 0, len(offsets) - 1
    while first < n_users:
        last = int(np.searchsorted(offsets, offsets[first] + rows, side="right")) - 1
        last = min(max(last, first + 1), n_users)
        ranges.append((first, last))
        first = last
    return ranges


def _latest(
    ratings: Ratings, selected: Array, users: tuple[int, int], offsets: Array, wanted: Array
) -> Array:
    """Return the rows chosen of a range of users."""
    first, last = users
    local = frozen(offsets[first : last + 1] - offsets[first])
    times, rows = (np.empty(int(local[-1]), np.int64) for _ in range(2))
    cursors = local[:-1].copy()
    for start, stop in ratings.ranges():
        index = ratings.chunk(start, stop).user_index
        time = np.asarray(ratings.times(start, stop), np.int64)
        kernels.collect_times(
            *(selected, np.int64(start), np.int64(stop), index, frozen(time)),
            *(np.int64(first), cursors, times, rows),
        )
    n_kept = kernels.keep_latest(local, wanted[first:last], times, rows)
    return frozen(rows[:n_kept].copy())  # a view would hold on to the whole
