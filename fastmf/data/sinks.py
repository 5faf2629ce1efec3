"""Where dense columns go as they are made: in place in a file, or into files that grow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Protocol

import numpy as np

from fastmf.data.arrays import Array, Columns, frozen
from fastmf.data.arrow_views import as_numpy
from fastmf.data.column_file import create_column_file, map_record_batch
from fastmf.data.column_writers import (
    ColumnWriter,
    ItemWriter,
    TimeWriter,
    UserWriter,
    ValueWriter,
)
from fastmf.data.stored_columns import PIECE_ROWS, StoredColumns
from fastmf.parallel import Team

__all__ = ["Appendable", "FileSink", "GrowingSink", "Sink"]

_COPIED_BYTES = 1 << 20
_BYTES_OF_TASK = 1 << 25
_numbers = count()


class Appendable(Protocol):
    """Takes the rows of one column, in order."""

    def append(self, rows: Array) -> None:
        """Take rows behind those before; they may change afterwards."""


class Sink(Protocol):
    """Takes four columns, each at its own pace and on any one thread at a time."""

    @property
    def users(self) -> Appendable:
        """Takes dense indices, int32."""

    @property
    def items(self) -> Appendable:
        """Takes dense indices, int32."""

    @property
    def values(self) -> Appendable:
        """Takes ratings, float32 or integers."""

    @property
    def times(self) -> Appendable:
        """Takes int64 seconds or uint16 days since 1970; fewer than rows where some lack one."""

    def settle(self) -> None:
        """Decide where what came so far belongs; nothing may be appended meanwhile."""


class GrowingSink:
    """Collects columns of any length in files, one a column, and in the end joins them to one.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files go; `discard` removes them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Several sinks may work in one folder.
        self._name = f"scratch-{next(_numbers)}"
        self._whole = self._path("arrow")
        self.users = UserWriter(self._path("users"))
        self.items = ItemWriter(self._path("items"))
        self.values = ValueWriter(self._path("values"))
        self.times = TimeWriter(self._path("times"))
        self._settled = False
        self._columns: StoredColumns | None = None

    def _path(self, ending: str) -> Path:
        return self._folder / f"{self._name}.{ending}"

    @property
    def _writers(self) -> tuple[ColumnWriter, ...]:
        return self.users, self.items, self.values, self.times

    def settle(self) -> None:
        """Give every column its file, once there are rows that tell its type."""
        if not self._settled and self.users.n_rows:
            self._settled = True
            self._begin()

    def _begin(self) -> None:
        for writer in self._writers:
            writer.begin()

    def finish(self, *, has_time: bool, num_threads: int | None = None) -> StoredColumns:
        """Return all rows as memory maps of one file; nothing may be added after.

        Parameters
        ----------
        has_time : bool
            Whether to take the times as well; there must be one a row.
        num_threads : int, optional
            Threads to copy with, where columns must be copied.

        Returns
        -------
        StoredColumns
        """
        self.settle()
        n_rows = self.users.n_rows
        if n_rows == 0:
            empty = np.empty(0, np.int32)
            return StoredColumns.of(Columns(empty, empty, np.empty(0, np.float32), None))
        for writer in self._writers:
            writer.close()
        wanted = self._writers if has_time else self._writers[:3]
        if not self._in_place(wanted):
            self._join(wanted, num_threads)
        self._columns = self._mapped(has_time=has_time)
        return self._columns

    def _in_place(self, wanted: tuple[ColumnWriter, ...]) -> bool:
        """Whether the joined file is complete already."""
        return False

    def _join(self, wanted: tuple[ColumnWriter, ...], num_threads: int | None) -> None:
        """Copy all columns into a new file."""
        joined = self._path("joined")
        kinds = {writer.name: writer.kind for writer in wanted}
        offsets = create_column_file(joined, self.users.n_rows, kinds)
        tasks = [
            task
            for writer in wanted
            if writer.path is not None
            for task in _cut(writer.path, writer.offset, joined, offsets[writer.name], writer)
        ]
        with Team(num_threads) as team:
            for _ in team.map(_copy, tasks):
                pass
        joined.replace(self._whole)
        for writer in self._writers:
            writer.discard()

    def _mapped(self, *, has_time: bool) -> StoredColumns:
        batch = map_record_batch(self._whole).batch
        return StoredColumns(
            as_numpy(batch.column("user_index")),
            as_numpy(batch.column("item_index")),
            as_numpy(batch.column("value")),
            frozen(self.values.levels),
            self.values.n_levels,
            as_numpy(batch.column("time")) if has_time else None,
        )

    def wide(self, columns: StoredColumns) -> Columns:
        """Return columns in their widest types, as writable maps of files.

        Parameters
        ----------
        columns : StoredColumns
            What `finish` returned.

        Returns
        -------
        Columns
        """
        users = self._spread(columns, "user_index", np.dtype(np.int32))
        items = self._spread(columns, "item_index", np.dtype(np.int32))
        values = self._spread(columns, "value", np.dtype(np.float32))
        if columns.time is None:
            return Columns(users, items, values, None)
        return Columns(users, items, values, self._spread(columns, "time", np.dtype(np.int64)))

    def _spread(self, columns: StoredColumns, name: str, kind: np.dtype[np.generic]) -> Array:
        n_rows = len(columns.user_index)
        path = self._path(f"wide-{name}")
        rows = {
            "user_index": lambda first, last: columns.user_index[first:last],
            "item_index": columns.items,
            "value": columns.values,
            "time": columns.seconds,
        }[name]
        with path.open("wb") as file:
            for start in range(0, n_rows, PIECE_ROWS):
                piece = rows(start, min(start + PIECE_ROWS, n_rows))
                assert piece is not None
                file.write(piece.data)
        return np.memmap(path, kind, "r+", shape=n_rows)

    def rewrite(self, columns: Columns) -> StoredColumns:
        """Put other columns in the place of all rows.

        Parameters
        ----------
        columns : Columns
            At least one row; may be views of what `wide` returned.

        Returns
        -------
        StoredColumns
            Memory maps of one file, as of `finish`.
        """
        has_time = columns.time is not None
        fresh = FileSink(self._folder, len(columns.value), has_time=has_time)
        for start in range(0, len(columns.value), PIECE_ROWS):
            rows = slice(start, start + PIECE_ROWS)
            times = None if columns.time is None else columns.time[rows]
            fresh.take(
                columns.user_index[rows], columns.item_index[rows], columns.value[rows], times
            )
        self._columns = fresh.finish(has_time=has_time)
        self.discard()
        fresh._whole.replace(self._whole)
        fresh.discard()
        return self._columns

    def take(self, users: Array, items: Array, values: Array, times: Array | None) -> None:
        """Append rows of all columns.

        Parameters
        ----------
        users, items, values, times : ndarray
            (m,) int32, int32, float32 and, where there are times, int64.
        """
        self.users.append(users)
        self.items.append(items)
        self.values.append(values)
        if times is not None:
            self.times.append(times)
        self.settle()

    def file_of(self, columns: StoredColumns) -> Path | None:
        """Return the file, if it holds exactly these columns."""
        return self._whole if columns is self._columns else None

    def discard(self) -> None:
        """Close and remove the files."""
        for writer in self._writers:
            writer.discard()
        for path in self._folder.glob(f"{self._name}.*"):
            path.unlink(missing_ok=True)


class FileSink(GrowingSink):
    """Collects a number of rows known beforehand in place in a file that can become a store's.

    Parameters
    ----------
    folder : pathlib.Path
        Where files go; `discard` removes them.
    n_rows : int
        Rows to come, at least 1.
    has_time : bool
        Whether all of them have times.
    """

    def __init__(self, folder: Path, n_rows: int, *, has_time: bool) -> None:
        super().__init__(folder)
        self._n_rows = n_rows
        self._laid_out = self._writers if has_time else self._writers[:3]
        self._kinds: dict[str, np.dtype[np.generic]] | None = None

    def _begin(self) -> None:
        kinds = {writer.name: writer.kind for writer in self._laid_out}
        offsets: dict[str, int] = {}
        # What a damaged file promises may be more than any disk holds.
        with contextlib.suppress(OSError):
            offsets = create_column_file(self._whole, self._n_rows, kinds)
            self._kinds = kinds
        for writer in self._writers:
            if writer.name in offsets:
                writer.begin(self._whole, offsets[writer.name])
            else:
                writer.begin()

    def _in_place(self, wanted: tuple[ColumnWriter, ...]) -> bool:
        now = {writer.name: writer.kind for writer in wanted}
        return now == self._kinds and self.users.n_rows == self._n_rows


def _cut(
    source: Path, source_offset: int, target: Path, target_offset: int, writer: ColumnWriter
) -> Iterator[tuple[Path, int, Path, int, int]]:
    """Yield the pieces in which a column is copied."""
    n_bytes = writer.n_rows * writer.kind.itemsize
    for first in range(0, n_bytes, _BYTES_OF_TASK):
        size = min(_BYTES_OF_TASK, n_bytes - first)
        yield source, source_offset + first, target, target_offset + first, size


def _copy(task: tuple[Path, int, Path, int, int]) -> None:
    """Copy a piece of one file into another."""
    source, source_offset, target, target_offset, n_bytes = task
    with source.open("rb") as reader, target.open("r+b") as writer:
        reader.seek(source_offset)
        writer.seek(target_offset)
        while n_bytes:
            read = reader.read(min(n_bytes, _COPIED_BYTES))
            if not read:
                raise OSError(f"{source} is shorter than what was written to it")
            writer.write(read)
            n_bytes -= len(read)
