"""The columns of ratings as a store holds them, each as narrow as its content allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np

from fastmf.data.arrays import Array, Columns, frozen
from fastmf.kernels.tables.column_codes import look_up_levels
from fastmf.kernels.tables.sampling import gather_rows, gather_times

__all__ = [
    "KINDS",
    "LAST_DAY",
    "MOST_LEVELS",
    "PIECE_ROWS",
    "SECONDS_OF_DAY",
    "StoredColumns",
    "as_seconds",
]

KINDS: dict[str, tuple[np.dtype[np.generic], ...]] = {
    "user_index": (np.dtype(np.int32),),
    "item_index": (np.dtype(np.uint16), np.dtype(np.int32)),
    "value": (np.dtype(np.uint8), np.dtype(np.float32)),
    "time": (np.dtype(np.uint16), np.dtype(np.uint32), np.dtype(np.int64)),
}
"""What each column can be, narrowest first: codes of ratings, days since 1970, seconds."""

MOST_LEVELS = 256
"""Distinct ratings that a code of eight bits tells apart."""

PIECE_ROWS = 1 << 17
"""Rows that are made wide or narrow at a time.

Few enough to stay in the second-level cache, and enough that threads seldom wait for Python's lock:
with 2**15 rows, reading a hundred million ratings took a fifth longer.
"""

SECONDS_OF_DAY = 86_400

LAST_DAY = np.iinfo(np.uint32).max // SECONDS_OF_DAY
"""Days end where seconds of 32 bits do, so that either can become the other: in 2106."""


def as_seconds(times: Array) -> Array:
    """Return times as they are stored as seconds.

    Parameters
    ----------
    times : ndarray
        (m,) uint16 days since 1970, or seconds of any other type.

    Returns
    -------
    ndarray
        (m,) int64 seconds since 1970, read-only; a view where they are that.
    """
    if times.dtype == np.uint16:
        times = np.multiply(times, SECONDS_OF_DAY, dtype=np.int64)
    return frozen(times, np.int64)


class _Piece(NamedTuple):
    """Some rows, and which of them are selected."""

    first: int
    last: int
    selection: Array  # bitmap that begins with row `first`
    bounds: tuple[np.int64, np.int64]  # the wanted rows, counted from `first`


def _pieces(selection: Array, start: int, stop: int) -> Iterator[_Piece]:
    """Cut rows into pieces whose wide columns stay in the cache, at whole bytes of bits."""
    for first in range(start - start % 8, stop, PIECE_ROWS):
        last = min(first + PIECE_ROWS, stop)
        bounds = np.int64(max(start - first, 0)), np.int64(last - first)
        yield _Piece(first, last, selection[first // 8 : (last + 7) // 8], bounds)


class StoredColumns(NamedTuple):
    """The columns of n ratings, in memory or memory-mapped, read-only."""

    user_index: Array  # (n,) int32
    item_index: Array  # (n,) uint16 or int32
    value: Array  # (n,) uint8 codes or float32
    levels: Array  # (256,) float32: the rating of each code, 0 beyond the last
    n_levels: int  # codes there are; 0 where ratings are not coded
    time: Array | None  # (n,) uint16 days or uint32 or int64 seconds since 1970, or None

    @classmethod
    def of(cls, columns: Columns) -> Self:
        """Take wide columns as they are; they are not copied."""
        return cls(
            frozen(columns.user_index, np.int32),
            frozen(columns.item_index, np.int32),
            frozen(columns.value, np.float32),
            frozen(np.zeros(MOST_LEVELS, np.float32)),
            0,
            None if columns.time is None else frozen(columns.time, np.int64),
        )

    def items(self, start: int, stop: int) -> Array:
        """Return the items of rows [start, stop) as read-only int32, a view where they are that."""
        return frozen(self.item_index[start:stop], np.int32)

    def values(self, start: int, stop: int) -> Array:
        """Return the ratings of rows [start, stop) as read-only float32, a view where possible."""
        values = self.value[start:stop]
        if values.dtype == np.float32:
            return values
        decoded = np.empty(len(values), np.float32)
        look_up_levels(values, self.levels, decoded)
        return frozen(decoded)

    def seconds(self, start: int, stop: int) -> Array | None:
        """Return the times of rows [start, stop) as read-only int64 seconds, None without any."""
        return None if self.time is None else as_seconds(self.time[start:stop])

    def gather(self, selection: Array, start: int, stop: int, count: int) -> list[Array]:
        """Return users, items and ratings of the selected rows among [start, stop).

        Parameters
        ----------
        selection : ndarray
            (ceil(n / 8),) uint8, read-only: bits of the rows, least significant first.
        start, stop : int
            Range of rows.
        count : int
            How many of them are selected.

        Returns
        -------
        list of ndarray
            (count,) int32, int32 and float32, read-only.
        """
        # One more place than rows: the kernel writes every row and moves on behind the wanted.
        kinds = np.int32, np.int32, np.float32
        out = [np.empty(count + 1, kind) for kind in kinds]
        filled = 0
        for first, last, bits, bounds in _pieces(selection, start, stop):
            rows = self.user_index[first:last], self.items(first, last), self.values(first, last)
            rest = [column[filled:] for column in out]
            filled += int(gather_rows(bits, *bounds, *rows, *rest))
        return [frozen(column[:count]) for column in out]

    def gather_seconds(self, selection: Array, start: int, stop: int, count: int) -> Array:
        """Return the times of the rows that `gather` returns.

        Parameters
        ----------
        selection, start, stop, count
            As there.

        Returns
        -------
        ndarray
            (count,) int64, read-only.
        """
        out = np.empty(count + 1, np.int64)
        filled = 0
        for first, last, bits, bounds in _pieces(selection, start, stop):
            filled += int(gather_times(bits, *bounds, self.seconds(first, last), out[filled:]))
        return frozen(out[:count])
