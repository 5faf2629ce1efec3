"""The rows of an embedding table that a batch touches, sorted, and cut into tasks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.kernels.embedding_rows import sort_by_row

__all__ = ["CUT_ENTRIES", "SortedBatch"]

Array = NDArray[Any]

CUT_ENTRIES = 2048
"""Entries of the batch in a cut: some 0.2 ms of work."""

# Bits of a row that one pass of the sort looks at, at most: its counters stay in the first-level
# cache.
_DIGIT_BITS = 10


class SortedBatch:
    """The entries of a batch by row, in memory that is used again for the next one.

    Parameters
    ----------
    n_rows : int
        Rows of the table.

    Attributes
    ----------
    entries, touched, starts : ndarray of int32
        Read-only; see `fastmf.kernels.embedding_rows.sort_by_row`.
    n_touched : int
        Rows that occur.
    n_entries : int
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        bits = max(1, (n_rows - 1).bit_length())
        digits = -(-bits // _DIGIT_BITS)
        self._counts = np.empty(1 << -(-bits // digits), np.int64)
        self._make_room(0)
        self.n_touched = self.n_entries = 0

    def _make_room(self, n_entries: int) -> None:
        self._keys = np.empty((2, n_entries), np.uint64)
        self._sorted = [np.empty(n_entries + more, np.int32) for more in (0, 0, 1)]
        self._read_only = [frozen(array) for array in self._sorted]

    def sort(self, index: Array) -> None:
        """Sort a batch.

        Parameters
        ----------
        index : ndarray of int32
            (m,) the row of each entry.

        Raises
        ------
        IndexError
            If an entry is no row of the table.
        """
        m = len(index)
        if m > self._keys.shape[1]:
            self._make_room(m)
        found = sort_by_row(
            frozen(index, np.int32), self._n_rows, *self._keys, self._counts, *self._sorted
        )
        if found < 0:
            row = int(index[-1 - found])
            raise IndexError(f"there is no row {row} in an embedding table of {self._n_rows:,}")
        entries, self.touched, self.starts = self._read_only
        self.entries = entries[:m]
        self.n_touched, self.n_entries = int(found), m

    def cuts(self) -> list[tuple[int, int]]:
        """Cut the rows that occur into ranges of about as many entries each.

        Returns
        -------
        list of (int, int)
            Ranges of `touched`. They depend on the batch alone.
        """
        n_cuts = -(-self.n_entries // CUT_ENTRIES)
        if n_cuts == 1:
            return [(0, self.n_touched)]
        wanted = np.arange(1, n_cuts) * self.n_entries // max(n_cuts, 1)
        inner = np.searchsorted(self.starts[: self.n_touched], wanted).tolist()
        bounds = [0, *inner, self.n_touched]
        return [(a, b) for a, b in pairwise(bounds) if a < b]
