"""Means of the embeddings of a row's levels, column of texts by column, and their gradients.

Row ``i`` of a table has, in its text column ``b`` of `n_texts`, the levels
``levels[starts[i * n_texts + b] : starts[i * n_texts + b + 1]]``; row -1 is the last one.
"""

from __future__ import annotations

import numpy as np
from numba import types

from fastmf.kernels.compiled import kernel

__all__ = ["add_level_gradients", "level_means"]

_INDEX = types.Array(types.int32, 1, "C", readonly=True)
_STARTS = types.Array(types.int64, 1, "C", readonly=True)
_READ = types.Array(types.float32, 2, "A", readonly=True)
_WRITTEN = types.Array(types.float32, 2, "A")


@kernel(signature=types.void(_INDEX, _STARTS, _INDEX, types.int64, _READ, _WRITTEN))
def level_means(index, starts, levels, n_texts, embeddings, out):
    """Write the mean embedding of each row's levels.

    ``out[r, b * width : (b + 1) * width] = mean(embeddings[l] for the levels l of column b)``;
    zeros where there are none.

    Parameters
    ----------
    index : int32 (m,)
        Rows; -1 for the last.
    starts : int64 (n_rows * n_texts + 1,)
    levels : int32
    n_texts : int64
    embeddings : float32 (n_levels, width)
    out : float32 (m, n_texts * width)
        Assigned.

    Notes
    -----
    Threads are free of races when each has its own rows of `out`.
    """
    width = embeddings.shape[1]
    n_rows = (starts.shape[0] - 1) // n_texts
    for r in range(index.shape[0]):
        row = index[r] if index[r] >= 0 else n_rows - 1
        for text in range(n_texts):
            first, last = starts[row * n_texts + text], starts[row * n_texts + text + 1]
            at = text * width
            for f in range(width):
                out[r, at + f] = 0
            for place in range(first, last):
                for f in range(width):
                    out[r, at + f] += embeddings[levels[place], f]
            if last - first > 1:
                for f in range(width):
                    out[r, at + f] /= np.float32(last - first)


@kernel(signature=types.void(_INDEX, _STARTS, _INDEX, types.int64, _READ, _WRITTEN))
def add_level_gradients(index, starts, levels, n_texts, slope, gradient):
    """Add each row's gradient to those of its levels.

    ``gradient[l] += slope[r, b * width : (b + 1) * width] / number of levels`` for every level
    ``l`` of column ``b`` of row ``r``, in the order of the rows.

    Parameters
    ----------
    index, starts, levels, n_texts
        As for `level_means`.
    slope : float32 (m, n_texts * width)
    gradient : float32 (n_levels, width)
        Added to.

    Notes
    -----
    Threads are free of races when each has its own `gradient`.
    """
    width = gradient.shape[1]
    n_rows = (starts.shape[0] - 1) // n_texts
    for r in range(index.shape[0]):
        row = index[r] if index[r] >= 0 else n_rows - 1
        for text in range(n_texts):
            first, last = starts[row * n_texts + text], starts[row * n_texts + text + 1]
            at = text * width
            part = np.float32(1) / np.float32(max(last - first, 1))
            for place in range(first, last):
                for f in range(width):
                    gradient[levels[place], f] += part * slope[r, at + f]
