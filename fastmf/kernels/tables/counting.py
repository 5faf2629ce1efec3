"""Counting what ratings hold: distinct values, bars, periods, and the cells of a crosstab."""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel

__all__ = ["count_bars", "count_periods", "count_values", "gather_cells", "sum_powers"]

_STEP = np.uint32(0x9E3779B1)
_NEGATIVE_ZERO = np.int32(-(2**31))


@kernel
def count_values(values, most, keys, counts):
    """Count every distinct rating in a hash table with linear probing.

    Parameters
    ----------
    values : (m,) float32, read-only
        No NaN. Negative zero counts as zero.
    most : int64
        Distinct ratings that the table may hold, fewer than its 64 places.
    keys : (64,) int32, modified
        The bits of the rating in each place.
    counts : (64,) int64, modified
        How often it occurs; 0 marks a place that is free.

    Returns
    -------
    int64
        Ratings counted: all m, or those before the first that would be one value too many.
    """
    used = 0
    for held in counts:
        used += held > 0
    bits = values.view(np.int32)
    for row in range(values.size):
        key = np.int32(0) if bits[row] == _NEGATIVE_ZERO else bits[row]
        place = np.int64((np.uint32(key) * _STEP) >> np.uint32(26)) & 63
        while counts[place] > 0 and keys[place] != key:
            place = (place + 1) & 63
        if counts[place] == 0:
            if used == most:
                return row
            used += 1
            keys[place] = key
        counts[place] += 1
    return values.size


@kernel
def count_bars(values, edges, counts):
    """Count ratings between edges: ``edges[b] <= value < edges[b + 1]``, the last bar closed.

    Parameters
    ----------
    values : (m,) float32, read-only
        Each within the first and the last edge.
    edges : (n + 1,) float64
        Ascending, of about equal distances: a bar is guessed from them and then set right, so that
        the edges alone decide.
    counts : (n,) int64, modified
        Number of ratings is added here.
    """
    last = counts.size - 1
    scale = counts.size / (edges[-1] - edges[0])
    for row in range(values.size):
        value = np.float64(values[row])
        bar = min(max(np.int64((value - edges[0]) * scale), 0), last)
        while bar > 0 and value < edges[bar]:
            bar -= 1
        while bar < last and value >= edges[bar + 1]:
            bar += 1
        counts[bar] += 1


@kernel
def sum_powers(values, centre):
    """Add up ``value - centre`` and its square.

    Parameters
    ----------
    values : (m,) float32, read-only
    centre : float64
        Near the mean, so that squares of large ratings do not cancel.

    Returns
    -------
    total, squares : float64
    """
    total, squares = 0.0, 0.0
    for row in range(values.size):
        deviation = np.float64(values[row]) - centre
        total += deviation
        squares += deviation * deviation
    return total, squares


@kernel
def count_periods(time, first, width, counts):
    """Count times in periods of equal length: ``(time - first) // width``.

    Parameters
    ----------
    time : (m,) int64, read-only
        Seconds, none before `first`.
    first, width : int64
        Begin of the first period, and seconds of each.
    counts : (n,) int64, modified
        Number of times is added here; there are enough periods for every time.
    """
    for row in range(time.size):
        # The distance of two int64 may need all 64 bits.
        counts[np.int64(np.uint64(time[row] - first) // np.uint64(width))] += 1


@kernel
def gather_cells(user_index, item_index, values, user_rank, item_rank, cells, user_sums, item_sums):
    """Pick the ratings of ranked items by ranked users, and add up all ratings of either.

    Parameters
    ----------
    user_index, item_index : (m,) int32, read-only
    values : (m,) float32, read-only
    user_rank, item_rank : (n_users,), (n_items,) int8
        Row and column in `cells`; -1 for those that have none.
    cells : (p, q) float32, modified
        Receives the rating of each pair that occurs; others keep what they hold.
    user_sums, item_sums : (p,), (q,) float64, modified
        The ratings of each ranked user and item are added here.
    """
    for row in range(values.size):
        user, item = user_rank[user_index[row]], item_rank[item_index[row]]
        if user >= 0:
            user_sums[user] += np.float64(values[row])
        if item >= 0:
            item_sums[item] += np.float64(values[row])
            if user >= 0:
                cells[user, item] = values[row]
