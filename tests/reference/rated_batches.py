"""Slow, obvious twins of fastmf.kernels.rated_batches."""

import numpy as np


def batch(starts, columns, values, rows):
    """Return starts, columns and values of the chosen rows, one after another."""
    parts = [slice(starts[row], starts[row + 1]) for row in rows]
    counts = [part.stop - part.start for part in parts]
    chosen = [np.concatenate([array[part] for part in parts]) for array in (columns, values)]
    return np.concatenate([[0], np.cumsum(counts)]), *chosen


def by_column(starts, columns, values, n_columns):
    """Return where each column begins, and row, value and old place, in the order by column."""
    order = np.argsort(columns, kind="stable")
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    column_starts = np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=n_columns))])
    places = np.empty(len(columns), np.int64)
    places[order] = np.arange(len(columns))
    return column_starts, rows[order], values[order], places
