"""Holding out some rows of every user: at random, the last in the table, the latest by time."""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.hashing import GOLDEN, mix

__all__ = ["choose_last", "collect_times", "keep_latest", "sample_of_users", "set_bits"]

_UNIT = np.float64(2.0**-53)


@kernel
def sample_of_users(user_index, counts, key, seen, wanted, chosen):
    """Choose a given number of every user's rows at random, every subset equally likely.

    Selection sampling (Knuth, The Art of Computer Programming, volume 2, 3.4.2, algorithm S)
    within each user: the t-th row of a user is taken when ``u * (rows left) < (rows wanted)``. The
    uniform number u depends on the key, the user and t alone.

    Parameters
    ----------
    user_index : (m,) int32, read-only
        User of each row; all rows pass by in one order, in calls of any length.
    counts : (n_users,) int64, read-only
        Rows of each user in all calls.
    key : uint64
        Seed of the counter-based generator.
    seen, wanted : (n_users,) int64, modified
        Rows of each user in earlier calls, and rows still to choose: 0 and the number of rows to
        choose before the first call, the number of rows and 0 after the last.
    chosen : (m,) uint8, modified
        Receives the choice.
    """
    for row in range(user_index.size):
        user = np.int64(user_index[row])
        place = seen[user]
        seen[user] = place + 1
        chosen[row] = 0
        if wanted[user] > 0:
            stream = mix(key + np.uint64(user + 1) * GOLDEN)
            word = mix(stream + np.uint64(place + 1) * GOLDEN)
            uniform = np.float64(word >> np.uint64(11)) * _UNIT
            if uniform * np.float64(counts[user] - place) < np.float64(wanted[user]):
                chosen[row] = 1
                wanted[user] -= 1


@kernel
def choose_last(user_index, n_before, seen, chosen):
    """Choose the rows of every user behind the first few.

    Parameters
    ----------
    user_index : (m,) int32, read-only
        User of each row; all rows pass by in one order, in calls of any length.
    n_before : (n_users,) int64, read-only
        Rows of each user that are not chosen: the first ones.
    seen : (n_users,) int64, modified
        Rows of each user in earlier calls.
    chosen : (m,) uint8, modified
        Receives the choice.
    """
    for row in range(user_index.size):
        user = user_index[row]
        chosen[row] = np.uint8(seen[user] >= n_before[user])
        seen[user] += 1


@kernel
def collect_times(selected, start, stop, user_index, time, first_user, cursors, times, rows):
    """Group times and row numbers of a range of users by user.

    Parameters
    ----------
    selected : (ceil(n_rows / 8),) uint8, read-only
        Bitmap of the rows that `user_index` and `time` are of.
    start, stop : int64
        Range of rows, ``0 <= start <= stop <= n_rows``.
    user_index, time : (m,) int32, int64, read-only
        The m selected rows of [start, stop).
    first_user : int64
        First user of the range of users.
    cursors : (u,) int64, modified
        Where the next row of each of the u users goes.
    times, rows : (k,) int64, modified
        Receive the times and the numbers of the rows.
    """
    n_users = np.uint64(cursors.size)
    place = np.int64(0)
    for row in range(start, stop):
        if (selected[row >> 3] >> np.uint8(row & 7)) & np.uint8(1):
            # As an unsigned number, a user below the range is huge: one comparison for both ends.
            user = np.uint64(np.int64(user_index[place]) - first_user)
            if user < n_users:
                times[cursors[user]] = time[place]
                rows[cursors[user]] = row
                cursors[user] += 1
            place += 1


@kernel
def keep_latest(offsets, wanted, times, rows):
    """Move the rows with the greatest (time, row) of every user to the front.

    A heap of the wanted size in the user's own places, its least element first, takes in one row
    after the other (Knuth, The Art of Computer Programming, volume 3, 5.2.3).

    Parameters
    ----------
    offsets : (u + 1,) int64, read-only
        Where each user's rows begin.
    wanted : (u,) int64, read-only
        Rows to keep of each user, at most those there are.
    times, rows : (k,) int64, modified
        Times and row numbers grouped by user. In the end `rows` begins with those kept.

    Returns
    -------
    int64
        Number of rows kept.
    """
    kept = np.int64(0)
    for user in range(wanted.size):
        begin = offsets[user]
        size = wanted[user]
        if size == 0:
            continue
        for root in range(size // 2 - 1, -1, -1):
            _sift(begin, size, np.int64(root), times[begin + root], rows[begin + root], times, rows)
        for place in range(begin + size, offsets[user + 1]):
            later = times[place] > times[begin]
            if later or (times[place] == times[begin] and rows[place] > rows[begin]):
                _sift(begin, size, np.int64(0), times[place], rows[place], times, rows)
        for place in range(begin, begin + size):
            rows[kept] = rows[place]
            kept += 1
    return kept


@kernel
def _sift(begin, size, root, time, number, times, rows):
    """Put an element into the hole at the root of a heap, below all smaller ones.

    Parameters
    ----------
    begin, size : int64
        Where the heap begins, and its elements.
    root : int64
        Place of the hole in the heap.
    time, number : int64
        The element.
    times, rows : (k,) int64, modified
        Hold the heap, ordered by time and then by row.
    """
    hole = root
    while True:
        child = 2 * hole + 1
        if child >= size:
            break
        left = begin + child
        if child + 1 < size and (
            times[left + 1] < times[left]
            or (times[left + 1] == times[left] and rows[left + 1] < rows[left])
        ):
            child += 1
            left += 1
        if times[left] > time or (times[left] == time and rows[left] > number):
            break
        times[begin + hole] = times[left]
        rows[begin + hole] = rows[left]
        hole = child
    times[begin + hole] = time
    rows[begin + hole] = number


@kernel
def set_bits(rows, bitmap):
    """Set the bits of rows.

    Parameters
    ----------
    rows : (k,) int64, read-only
        Row numbers.
    bitmap : (ceil(n_rows / 8),) uint8, modified
        One bit a row. Rows that share a byte must not be set at the same time.
    """
    for place in range(rows.size):
        bitmap[rows[place] >> 3] |= np.uint8(1) << np.uint8(rows[place] & 7)
