"""Slow, obvious twins of fastmf.kernels.autoencoder.rated_batches."""

from itertools import pairwise

import numpy as np


def row_centres(starts, values, prior_count):
    """Return the mean of each row's ratings and of so many zeros."""
    rows = [values[first:last] for first, last in pairwise(starts)]
    return [row.sum(dtype=float) / (len(row) + prior_count) if len(row) else 0 for row in rows]


def by_column(starts, index, values, rows, centres, n_columns):
    """Return where each column begins, and row of the batch and value of each rating, by column."""
    parts = [slice(starts[row], starts[row + 1]) for row in rows]
    columns, values = (np.concatenate([array[p] for p in parts]) for array in (index, values))
    of_row = np.repeat(np.arange(len(rows)), [part.stop - part.start for part in parts])
    values = values - centres[of_row]
    order = np.argsort(columns, kind="stable")
    column_starts = np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=n_columns))])
    return column_starts, of_row[order], values[order]


def inputs(column_rows, values, factors, presence):
    """Return what the network sees of ratings of which none is dropped."""
    return factors[column_rows].astype(np.float64) * (values.astype(np.float64) + presence)
