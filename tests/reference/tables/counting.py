"""Slow, obvious twins of fastmf.kernels.tables.counting."""

import math
from collections import Counter
from fractions import Fraction


def count_values(values, most):
    """Return how often each rating occurs up to the first that is one too many, and that row."""
    counts = Counter()
    for row, value in enumerate(values.tolist()):
        if value not in counts and len(counts) == most:
            return counts, row
        counts[value] += 1
    return counts, len(values)


def count_bars(values, edges):
    counts = [0] * (len(edges) - 1)
    for value in values.tolist():
        for bar in range(len(counts)):
            last = bar == len(counts) - 1
            if edges[bar] <= value and (value < edges[bar + 1] or last):
                counts[bar] += 1
    return counts


def sum_powers(values, centre):
    deviations = [Fraction(value) - Fraction(centre) for value in values.tolist()]
    return float(sum(deviations)), float(sum(d * d for d in deviations))


def count_periods(time, first, width, n):
    counts = [0] * n
    for second in time.tolist():
        counts[math.floor(Fraction(second - first, width))] += 1
    return counts


def gather_cells(users, items, values, user_rank, item_rank):
    """Return ratings by ranks, and the sums of ratings by rank of user and by rank of item."""
    cells, user_sums, item_sums = {}, Counter(), Counter()
    for user, item, value in zip(users.tolist(), items.tolist(), values.tolist(), strict=True):
        row, column = user_rank[user], item_rank[item]
        if row >= 0 and column >= 0:
            cells[int(row), int(column)] = value
        if row >= 0:
            user_sums[int(row)] += value
        if column >= 0:
            item_sums[int(column)] += value
    return cells, user_sums, item_sums
