"""Where dense columns go as they are made: in place in a file, or into files that grow."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Protocol

import numpy as np

from fastmf.data.arrays import Columns
from fastmf.data.column_file import COLUMN_TYPES, create_column_file, release_pages

__all__ = ["FileSink", "GrowingSink", "Sink", "empty_columns"]


class Sink(Protocol):
    """Hands out room for rows, in order, and takes it back filled, in the same order."""

    def room(self, n_rows: int) -> Columns:
        """Return uninitialised columns for the next rows."""

    def put(self, columns: Columns) -> None:
        """Take columns that `room` returned; their time may have become None."""

    def finish(self) -> Columns:
        """Return all rows, writable; nothing may be added after."""


def empty_columns(n_rows: int) -> Columns:
    """Return uninitialised columns in memory.

    Parameters
    ----------
    n_rows : int
        Rows of each.

    Returns
    -------
    Columns
    """
    return Columns(*(np.empty(n_rows, t.to_pandas_dtype()) for t in COLUMN_TYPES.values()))


class FileSink:
    """Collects a number of rows known beforehand in a file that can become a store's.

    Parameters
    ----------
    folder : pathlib.Path
        Where the file goes; `discard` removes it.
    n_rows : int
        Rows to come, at least 1.
    has_time : bool
        Whether all of them have times.

    Raises
    ------
    OSError
        When the disk has no room for them.
    """

    def __init__(self, folder: Path, n_rows: int, *, has_time: bool) -> None:
        self.path = folder / "scratch.arrow"
        try:
            self.columns = create_column_file(self.path, n_rows, has_time=has_time)
        except OSError:
            self.discard()
            raise
        self._next_row = 0

    def room(self, n_rows: int) -> Columns:
        """Return the file's columns of the next rows."""
        first, self._next_row = self._next_row, self._next_row + n_rows
        users, items, values, time = self.columns
        rows = slice(first, self._next_row)
        return Columns(users[rows], items[rows], values[rows], None if time is None else time[rows])

    def put(self, columns: Columns) -> None:
        """Let the system write filled rows to disk when it likes."""
        for column in columns:
            if column is not None:
                release_pages(column)

    def finish(self) -> Columns:
        """Return all rows as writable memory maps."""
        return self.columns

    def file_of(self, columns: Columns) -> Path | None:
        """Return the file, if it holds exactly these columns."""
        return self.path if columns is self.columns else None

    def discard(self) -> None:
        """Remove the file, where it is still there."""
        self.path.unlink(missing_ok=True)


class GrowingSink:
    """Collects columns of any length in files, one a column.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files go; `discard` removes them.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = {name: folder / f"scratch-{name}" for name in COLUMN_TYPES}
        self._files: dict[str, IO[bytes]] = {n: p.open("wb") for n, p in self._paths.items()}
        self._n_rows = 0
        self._n_times = 0

    def room(self, n_rows: int) -> Columns:
        """Return columns in memory."""
        return empty_columns(n_rows)

    def put(self, columns: Columns) -> None:
        """Write rows behind those before."""
        for name, column in columns._asdict().items():
            if column is not None:
                self._files[name].write(column.data)
        self._n_rows += len(columns.value)
        self._n_times += 0 if columns.time is None else len(columns.time)

    def finish(self) -> Columns:
        """Return all rows as writable memory maps."""
        for file in self._files.values():
            file.close()
        if self._n_rows == 0:
            return empty_columns(0)
        maps = {
            name: np.memmap(self._paths[name], kind.to_pandas_dtype(), "r+", shape=self._n_rows)
            for name, kind in COLUMN_TYPES.items()
            if name != "time" or self._n_times == self._n_rows
        }
        return Columns(maps["user_index"], maps["item_index"], maps["value"], maps.get("time"))

    def file_of(self, columns: Columns) -> None:
        """Return None: no single file holds all columns."""

    def discard(self) -> None:
        """Close and remove the files."""
        for name, file in self._files.items():
            file.close()
            self._paths[name].unlink(missing_ok=True)
