"""The rows of an embedding table that batches touch, sorted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.kernels.networks.embedding_rows import sort_by_row
from fastmf.kernels.networks.sorted_batches import sort_batches
from fastmf.parallel import Team

__all__ = ["CUT_ENTRIES", "SortedBatch", "SortedBatches"]

Array = NDArray[Any]

CUT_ENTRIES = 2048
"""Entries of the batch in a cut: some 0.2 ms of work."""

# Bits of a row that one pass of the sort looks at, at most: its counters stay in the first-level
# cache.
_DIGIT_BITS = 10


# Entries of batches that a task sorts: some 0.3 ms of work.
_SORTED_ENTRIES = 1 << 14


def _n_counts(n_rows: int) -> int:
    """Return how many values a digit of the sort has."""
    bits = max(1, (n_rows - 1).bit_length())
    digits = -(-bits // _DIGIT_BITS)
    return 1 << -(-bits // digits)


class SortedBatch:
    """The entries of a batch by row, in memory that is used again for the next one.

    Parameters
    ----------
    n_rows : int
        Rows of the table.

    Attributes
    ----------
    entries, touched, starts : ndarray of int32
        Read-only; see `fastmf.kernels.networks.embedding_rows.sort_by_row`.
    n_touched : int
        Rows that occur.
    n_entries : int
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self._counts = np.empty(_n_counts(n_rows), np.int64)
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


class SortedBatches:
    """Many batches by row of a table.

    Parameters
    ----------
    n_rows : int
        Rows of the table.

    Attributes
    ----------
    arrays : tuple of ndarray
        entries, touched, starts, places (int32) and n_touched (int64), read-only; see
        `fastmf.kernels.networks.sorted_batches.sort_batches`.
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self.arrays: tuple[Array, ...] = ()

    def sort(self, index: Array, bounds: Array, team: Team) -> None:
        """Sort batches.

        Parameters
        ----------
        index : ndarray of int32
            (n,) the row of each entry, batch after batch.
        bounds : ndarray of int64
            (n_batches + 1,) where batches begin, read-only.
        team : Team

        Raises
        ------
        IndexError
            If an entry is no row of the table.
        """
        n_batches = len(bounds) - 1
        longest = int(np.diff(bounds).max())
        lengths = len(index), len(index), len(index) + n_batches, len(index)
        out: list[Array] = [np.empty(length, np.int32) for length in lengths]
        out.append(np.empty(n_batches, np.int64))
        rows = frozen(index, np.int32)

        def sort(first: int) -> None:
            keys, counts = (
                np.empty((2, longest), np.uint64),
                np.empty(_n_counts(self._n_rows), np.int64),
            )
            last = min(first + together, n_batches)
            some = rows, bounds, first, last, self._n_rows
            found = sort_batches(*some, *keys, counts, *out)
            if found < 0:
                row, n = int(index[-1 - found]), self._n_rows
                raise IndexError(f"there is no row {row} in an embedding table of {n:,}")

        together = max(1, _SORTED_ENTRIES // longest)
        team.work(sort, range(0, n_batches, together))
        self.arrays = tuple(frozen(one) for one in out)
