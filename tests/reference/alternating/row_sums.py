"""Slow, obvious twins of fastmf.kernels.alternating.row_sums, in float64."""

from itertools import pairwise

import numpy as np


def sum_rated_rows(starts, other_index, other):
    """Return the sums of the rows of `other`, a table, over each row's ratings."""
    ends = pairwise(starts)
    other = other.astype(np.float64)
    return np.array([other[other_index[first:last]].sum(axis=0) for first, last in ends])


def multiply_rows(rows, matrix):
    return rows.astype(np.float64) @ matrix.astype(np.float64)


def shared_part(row, base, pulls):
    row = row.astype(np.float64)
    return row @ base @ row - 2 * pulls @ row
