"""The table of ratings: immutable columns and two vocabularies; whole, or a selection of rows."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

import numpy as np

from fastmf.data.arrays import Array, Columns, frozen
from fastmf.data.bitmaps import count_bits, full_bitmap
from fastmf.data.choices import check_choice
from fastmf.data.filters import Duplicates
from fastmf.data.in_memory import read_in_memory
from fastmf.data.readers.frames import array_part
from fastmf.data.stored_columns import StoredColumns
from fastmf.data.vocabulary import Vocabulary

__all__ = ["RatingChunk", "Ratings"]

# Columns gathered from as many rows stay in the second-level cache, and are too small for malloc to
# take from the system and give back every time: laying out 20 million ratings takes 0.2 s less of
# the system's time than with ranges of 2^20 rows.
RANGE_ROWS = 1 << 17


class RatingChunk(NamedTuple):
    """Some rows of a table of ratings; read-only."""

    user_index: Array  # (m,) int32
    item_index: Array  # (m,) int32
    value: Array  # (m,) float32


class Ratings:
    """Ratings of items by users: three or four columns and the vocabularies of their ids.

    Immutable. Made by `read_ratings` or `Ratings.from_arrays`. A selection of rows (`select`,
    `random_split`) is a view: it shares the columns and adds one bit a row.

    Parameters
    ----------
    columns : Columns or StoredColumns
        The dense columns, in memory or memory-mapped; not copied.
    users, items : Vocabulary
        The raw ids behind the dense indices.
    rating_range : tuple of float
        Least and greatest rating of the whole table.
    notes : tuple of str, optional
        What reading had to say.
    source : str, optional
        Path the ratings were read from.
    mapped : mmap.mmap, optional
        The file that the columns look into.

    Attributes
    ----------
    users, items, rating_range, notes, source
        As given; a selection keeps its parent's.
    n_rows : int
        Rows of the underlying table.
    n_ratings : int
        Rows selected of them: all, unless this is a selection. Also ``len(ratings)``.
    """

    def __init__(
        self,
        columns: Columns | StoredColumns,
        users: Vocabulary,
        items: Vocabulary,
        rating_range: tuple[float, float],
        *,
        notes: tuple[str, ...] = (),
        source: str | None = None,
        mapped: mmap.mmap | None = None,
    ) -> None:
        self._mapped = mapped
        self._columns = columns if isinstance(columns, StoredColumns) else StoredColumns.of(columns)
        self.users = users
        self.items = items
        self.rating_range = rating_range
        self.notes = notes
        self.source = source
        self.n_rows = len(self._columns.value)
        self.n_ratings = self.n_rows
        self._selected: Array | None = None

    def __len__(self) -> int:
        return self.n_ratings

    def __repr__(self) -> str:
        return f"Ratings({self.n_ratings:,} by {self.n_users:,} users of {self.n_items:,} items)"

    @property
    def n_users(self) -> int:
        """Number of users in the vocabulary."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of items in the vocabulary."""
        return len(self.items)

    @property
    def has_time(self) -> bool:
        """Whether there is a column of times."""
        return self._columns.time is not None

    @property
    def user_index(self) -> Array:
        """(n_ratings,) int32 dense users; read-only and uncopied unless this is a selection."""
        return self.chunk(0, self.n_rows).user_index

    @property
    def item_index(self) -> Array:
        """(n_ratings,) int32 dense items; read-only, made anew each time from a store.

        Of many ratings, `chunks` takes less memory.
        """
        return self.chunk(0, self.n_rows).item_index

    @property
    def value(self) -> Array:
        """(n_ratings,) float32 ratings; read-only, made anew each time from a store."""
        return self.chunk(0, self.n_rows).value

    @property
    def time(self) -> Array | None:
        """(n_ratings,) int64 seconds since 1970, or None without times; made anew from a store."""
        return self.times(0, self.n_rows)

    @property
    def selected_rows(self) -> Array:
        """Bitmap of the selected rows: (ceil(n_rows / 8),) uint8, least significant bit first."""
        if self._selected is not None:
            return self._selected
        return frozen(full_bitmap(self.n_rows))

    def chunk(self, start: int, stop: int) -> RatingChunk:
        """Return the selected rows among the underlying rows [start, stop), in order.

        Parameters
        ----------
        start, stop : int
            Range of underlying rows, ``0 <= start <= stop <= n_rows``.

        Returns
        -------
        RatingChunk
            Read-only: views of columns in memory, else copies.

        Raises
        ------
        IndexError
            If the range leaves [0, n_rows).
        """
        count = self.count(start, stop)
        columns = self._columns
        if self._selected is None:
            users = columns.user_index[start:stop]
            return RatingChunk(users, columns.items(start, stop), columns.values(start, stop))
        return RatingChunk(*columns.gather(self._selected, start, stop, count))

    def times(self, start: int, stop: int) -> Array | None:
        """Return the times of the rows that `chunk` returns.

        Parameters
        ----------
        start, stop : int
            As in `chunk`.

        Returns
        -------
        ndarray or None
            (m,) int64, read-only; None without a time column.

        Raises
        ------
        IndexError
            If the range leaves [0, n_rows).
        """
        count = self.count(start, stop)
        if self._selected is None or self._columns.time is None:
            return self._columns.seconds(start, stop)
        return self._columns.gather_seconds(self._selected, start, stop, count)

    def count(self, start: int, stop: int) -> int:
        """Count the selected rows among the underlying rows [start, stop).

        Parameters
        ----------
        start, stop : int
            As in `chunk`.

        Returns
        -------
        int

        Raises
        ------
        IndexError
            If the range leaves [0, n_rows).
        """
        if not 0 <= start <= stop <= self.n_rows:
            raise IndexError(f"rows [{start}, {stop}) are not within [0, {self.n_rows})")
        return stop - start if self._selected is None else count_bits(self._selected, start, stop)

    @property
    def stored(self) -> StoredColumns:
        """The underlying columns as they are kept, all rows."""
        return self._columns

    @property
    def mapped(self) -> mmap.mmap | None:
        """The file that the columns look into."""
        return self._mapped

    def release(self) -> None:
        """Take the pages of memory-mapped columns out of this process's memory.

        They are read again where they are needed. Nothing happens to columns in memory.
        """
        if self._mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)

    def ranges(self, rows: int = RANGE_ROWS) -> list[tuple[int, int]]:
        """Cut the underlying rows [0, n_rows) into ranges.

        Parameters
        ----------
        rows : int, optional
            Rows of each range but the last.

        Returns
        -------
        list of (int, int)
            Depends on `n_rows` and `rows` only.
        """
        return [(start, min(start + rows, self.n_rows)) for start in range(0, self.n_rows, rows)]

    def chunks(self, rows: int = 1 << 20) -> Iterator[RatingChunk]:
        """Yield all selected rows in order, a range of underlying rows at a time.

        Parameters
        ----------
        rows : int, optional
            Underlying rows of each chunk but the last.

        Yields
        ------
        RatingChunk
        """
        for start, stop in self.ranges(rows):
            yield self.chunk(start, stop)

    def select(self, rows_bitmap: Array) -> Ratings:
        """Return the view of the rows whose bit is set; composes with an existing selection.

        Parameters
        ----------
        rows_bitmap : ndarray
            (ceil(n_rows / 8),) uint8, least significant bit first: bits of *underlying* rows.

        Returns
        -------
        Ratings
            Shares columns and vocabularies with this one.

        Raises
        ------
        ValueError
            If the bitmap has another type or length.
        """
        bitmap = np.asarray(rows_bitmap)
        expected = (self.n_rows + 7) // 8
        if bitmap.dtype != np.uint8 or bitmap.shape != (expected,):
            raise ValueError(
                f"a selection of {self.n_rows} rows takes {expected} bytes of bits, "
                f"not {bitmap.dtype} {bitmap.shape}"
            )
        view = object.__new__(Ratings)
        view.__dict__.update(self.__dict__)
        view._selected = frozen(bitmap & self.selected_rows)
        view.n_ratings = count_bits(view._selected, 0, self.n_rows)
        return view

    @classmethod
    def from_arrays(
        cls,
        user_ids: Any,
        item_ids: Any,
        values: Any,
        time: Any = None,
        *,
        duplicates: Duplicates = "last",
    ) -> Ratings:
        """Make ratings of raw ids in memory.

        Parameters
        ----------
        user_ids, item_ids : array_like
            (n,) integers or strings.
        values : array_like
            (n,) finite numbers.
        time : array_like, optional
            (n,) Unix seconds (milli-, micro- and nanoseconds are recognised), or datetime64.
        duplicates : {"last", "mean", "sum", "error"}, optional
            What to do with (user, item) pairs that occur more than once.

        Returns
        -------
        Ratings

        Raises
        ------
        DataError
            On columns of different lengths, nulls, values that are not finite numbers, no rows.
        ParameterError
            On another value of `duplicates`.
        """
        check_choice("duplicates", duplicates, get_args(Duplicates))
        part = array_part(user_ids, item_ids, values, time)
        table = read_in_memory([part], duplicates=duplicates)
        return cls(*table[:4], notes=table.notes)
