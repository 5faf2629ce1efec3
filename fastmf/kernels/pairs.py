"""Duplicate (user, item) pairs: found exactly, without sorting.

The rows of a range of users are grouped by user with one counting sort; within a user, an item is a
duplicate when the item's mark already bears this user's number. Ranges of users are independent:
they bound the memory and are the tasks of the threads.

Sorting 64-bit keys user * n_items + item instead cost 1.5 to 2 times as much.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "count_repeats",
    "count_rows",
    "group_items",
    "group_rows",
    "mark_repeats",
    "mean_repeats",
]


@njit(cache=True, nogil=True)
def count_rows(index, counts):
    """Add up the rows of every dense index.

    Parameters
    ----------
    index : (n_rows,) int32, read-only
        User or item of each row.
    counts : (n,) int64, modified
        Number of rows of each is added here.
    """
    for row in range(index.size):
        counts[index[row]] += 1


@njit(cache=True, nogil=True)
def group_items(user_index, item_index, first_user, cursors, items):
    """Group the items of a range of users by user, in the order of their rows.

    Parameters
    ----------
    user_index, item_index : (n_rows,) int32, read-only
        The rows; those of other users are passed over.
    first_user : int64
        First user of the range.
    cursors : (u,) int64, modified
        Where the next item of each of the u users goes; ends where the next user begins.
    items : (m,) int32, modified
        Receives the items.
    """
    n_users = np.uint64(cursors.size)
    for row in range(user_index.size):
        # As an unsigned number, a user below the range is huge: one comparison does for both ends.
        user = np.uint64(np.int64(user_index[row]) - first_user)
        if user < n_users:
            items[cursors[user]] = item_index[row]
            cursors[user] += 1


@njit(cache=True, nogil=True)
def group_rows(user_index, first_user, cursors, rows):
    """Group the row numbers of a range of users by user, in order.

    Parameters
    ----------
    user_index : (n_rows,) int32, read-only
        User of each row.
    first_user : int64
        First user of the range.
    cursors : (u,) int64, modified
        As in `group_items`.
    rows : (m,) int64, modified
        Receives the row numbers.
    """
    n_users = np.uint64(cursors.size)
    for row in range(user_index.size):
        user = np.uint64(np.int64(user_index[row]) - first_user)
        if user < n_users:
            rows[cursors[user]] = row
            cursors[user] += 1


@njit(cache=True, nogil=True)
def count_repeats(offsets, items, marks):
    """Count the rows whose (user, item) pair occurred in an earlier row.

    Parameters
    ----------
    offsets : (u + 1,) int64, read-only
        Where each user's items begin.
    items : (m,) int32, read-only
        Items grouped by user.
    marks : (n_items,) int32, modified
        All -1 before; the last user of the range who had the item after.

    Returns
    -------
    int64
        Number of such rows.
    """
    repeats = np.int64(0)
    for user in range(offsets.size - 1):
        mark = np.int32(user)
        for place in range(offsets[user], offsets[user + 1]):
            repeats += np.int64(marks[items[place]] == mark)
            marks[items[place]] = mark
    return repeats


@njit(cache=True, nogil=True)
def mark_repeats(offsets, rows, item_index, previous, keep):
    """Clear the bits of all rows but the last of each (user, item) pair.

    Parameters
    ----------
    offsets : (u + 1,) int64, read-only
        Where each user's rows begin.
    rows : (m,) int64, read-only
        Row numbers grouped by user, ascending within a user.
    item_index : (n_rows,) int32, read-only
        Item of each row.
    previous : (n_items,) int64, modified
        All -1 before and after; place in `rows` of the item's last row of this user meanwhile.
    keep : (ceil(n_rows / 8),) uint8, modified
        Bitmap whose bits of earlier duplicates are cleared.

    Returns
    -------
    pairs, dropped : int64
        Pairs that occur more than once, and rows whose bit was cleared.
    first, second : int64
        Of all repeating rows the one with the smallest number (`second`) and the row it repeats
        (`first`); -1 without any.

    Notes
    -----
    Bits of one byte belong to several users, so calls on one `keep` must not overlap in time.
    """
    pairs = np.int64(0)
    dropped = np.int64(0)
    first = np.int64(-1)
    second = np.int64(-1)
    for user in range(offsets.size - 1):
        begin = offsets[user]
        for place in range(begin, offsets[user + 1]):
            item = item_index[rows[place]]
            # The low bit tells whether this pair was already counted as repeating.
            seen = previous[item]
            if seen >= 0:
                earlier = rows[seen >> 1]
                keep[earlier >> 3] &= ~(np.uint8(1) << np.uint8(earlier & 7))
                dropped += 1
                pairs += 1 - (seen & 1)
                if second < 0 or rows[place] < second:
                    first = earlier
                    second = rows[place]
                previous[item] = 2 * np.int64(place) + 1
            else:
                previous[item] = 2 * np.int64(place)
        for place in range(begin, offsets[user + 1]):
            previous[item_index[rows[place]]] = -1
    return pairs, dropped, first, second


@njit(cache=True, nogil=True)
def mean_repeats(offsets, rows, item_index, totals, counts, value):
    """Give every row the mean value of the rows of its (user, item) pair.

    Parameters
    ----------
    offsets, rows, item_index
        As in `mark_repeats`.
    totals : (n_items,) float64, modified
        All 0 before and after.
    counts : (n_items,) int64, modified
        All 0 before and after.
    value : (n_rows,) float32, modified
        The ratings; those of pairs that occur once stay as they are.
    """
    for user in range(offsets.size - 1):
        for place in range(offsets[user], offsets[user + 1]):
            item = item_index[rows[place]]
            totals[item] += np.float64(value[rows[place]])
            counts[item] += 1
        for place in range(offsets[user], offsets[user + 1]):
            item = item_index[rows[place]]
            if counts[item] > 1:
                value[rows[place]] = np.float32(totals[item] / np.float64(counts[item]))
        for place in range(offsets[user], offsets[user + 1]):
            totals[item_index[rows[place]]] = 0.0
            counts[item_index[rows[place]]] = 0
