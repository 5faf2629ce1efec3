"""The layouts that generated ratings are written in: those of the published data sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa

from fastmf.data.arrays import Array, frozen
from fastmf.data.choices import check_choice
from fastmf.data.folders import new_folder
from fastmf.data.synthetic.parquet import ratings_writer, written_beside
from fastmf.errors import DataError, ParameterError
from fastmf.kernels.text.rows import LONGEST_LINE, write_delimited_rows, write_movie_rows

__all__ = ["LAYOUTS", "Order", "RowWriter", "check_layout", "layout_by_name", "opened", "own_order"]

Order = Literal["shuffled", "user", "item"]
_SLICE_ROWS = 1 << 16


class TextLayout(NamedTuple):
    """A layout of one line a rating."""

    separator: str
    header: str
    time: int  # 0 none, 1 Unix seconds, 2 a date
    order: Order


_TEXT_LAYOUTS = {
    "csv": TextLayout(",", "user_id,item_id,rating,date", 2, "shuffled"),
    "movielens": TextLayout("::", "", 1, "user"),
    "movielens-csv": TextLayout(",", "userId,movieId,rating,timestamp", 1, "user"),
    "movielens-tab": TextLayout("\t", "", 1, "shuffled"),
    "libmf": TextLayout(" ", "", 0, "shuffled"),
    "inter": TextLayout(
        "\t", "user_id:token\titem_id:token\trating:float\ttimestamp:float", 1, "shuffled"
    ),
}

LAYOUTS: dict[str, Order] = {
    "parquet": "shuffled",
    "netflix": "item",
    "netflix-folder": "item",
    **{name: layout.order for name, layout in _TEXT_LAYOUTS.items()},
}
"""Names of the layouts, and the order in which the published files have their rows."""

_BY_ENDING = {".csv": "csv", ".dat": "movielens", ".data": "movielens-tab", ".inter": "inter"}


def layout_by_name(path: Path) -> str | None:
    """Return the layout that the name of a file asks for; None where it could be several.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    str or None
    """
    ending = path.suffix.lower()
    if ending == ".txt":
        return None
    return _BY_ENDING.get(ending, "parquet")


def own_order(layout: str) -> Order:
    """Return the order in which the published files of a layout have their rows.

    Raises
    ------
    ParameterError
        Where there is no such layout.
    """
    check_choice("layout", layout, LAYOUTS)
    return LAYOUTS[layout]


def check_layout(layout: str, order: Order, *, real_valued: bool) -> None:
    """Refuse what a layout cannot hold.

    Parameters
    ----------
    layout : str
    order : {"shuffled", "user", "item"}
    real_valued : bool

    Raises
    ------
    ParameterError
    """
    own_order(layout)
    check_choice("order", order, get_args(Order))
    if not layout.startswith("netflix"):
        return
    if real_valued:
        raise ParameterError("the layout of Netflix has whole ratings from 1 to 5 only")
    if order != "item":
        raise ParameterError(f"order is {order!r}, but the layout of Netflix goes item by item")


class RowWriter(ABC):
    """Takes the rows of a table, in order."""

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> None:
        """Write some rows."""

    def describe(self, key: bytes, text: bytes) -> None:  # noqa: B027 - most have no room for it
        """Put a text beside the rows, where the layout has room for such."""


class _ParquetRows(RowWriter):
    def __init__(self, writer: pa.parquet.ParquetWriter) -> None:
        self._writer = writer

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch, row_group_size=batch.num_rows)

    def describe(self, key: bytes, text: bytes) -> None:
        self._writer.add_key_value_metadata({key: text})


class _Columns(NamedTuple):
    """What the kernels take."""

    users: Array
    items: Array
    ratings: Array
    days: Array


def _slices(batch: pa.RecordBatch) -> Iterator[_Columns]:
    """Cut rows into pieces whose text stays in the cache."""
    users, items, ratings, dates = batch.columns
    arrays = (users, items, ratings, dates.view(pa.int32()))
    kinds = (np.int32, np.int32, np.float32, np.int32)
    for start in range(0, batch.num_rows, _SLICE_ROWS):
        rows = (array.slice(start, _SLICE_ROWS).to_numpy() for array in arrays)
        yield _Columns(*(frozen(row, kind) for row, kind in zip(rows, kinds, strict=True)))


def _text_room() -> Array:
    return np.empty(_SLICE_ROWS * LONGEST_LINE, np.uint8)


class _DelimitedRows(RowWriter):
    def __init__(self, file: IO[bytes], layout: TextLayout) -> None:
        self._file = file
        self._separator = frozen(np.frombuffer(layout.separator.encode(), np.uint8))
        self._time = np.int64(layout.time)
        self._text = _text_room()
        if layout.header:
            file.write(layout.header.encode() + b"\n")

    def write(self, batch: pa.RecordBatch) -> None:
        for columns in _slices(batch):
            n_bytes = write_delimited_rows(*columns, self._separator, self._time, self._text)
            self._file.write(self._text[:n_bytes].data)


class _MovieRows(RowWriter):
    """One file of movies after each other."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._text = _text_room()
        self._movie = np.int64(-1)

    def write(self, batch: pa.RecordBatch) -> None:
        for columns in _slices(batch):
            n_bytes, movie = write_movie_rows(*columns, self._movie, self._text)
            self._movie = np.int64(movie)
            self._file.write(self._text[:n_bytes].data)


class _MovieFolder(RowWriter):
    """A file for each movie."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._text = _text_room()
        self._movie = np.int64(-1)

    def write(self, batch: pa.RecordBatch) -> None:
        for columns in _slices(batch):
            ends = np.append(np.flatnonzero(np.diff(columns.items)) + 1, columns.items.size)
            for start, stop in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
                self._append(_Columns(*(column[start:stop] for column in columns)))

    def _append(self, columns: _Columns) -> None:
        """Write rows of one movie behind those that its file has."""
        n_bytes, movie = write_movie_rows(*columns, self._movie, self._text)
        self._movie = np.int64(movie)
        with (self._folder / f"mv_{movie:07d}.txt").open("ab") as file:
            file.write(self._text[:n_bytes].data)


@contextmanager
def opened(path: Path, layout: str, *, real_valued: bool) -> Iterator[RowWriter]:
    """Open a file, or a folder, for rows; it appears under its name once it is complete.

    Parameters
    ----------
    path : pathlib.Path
    layout : str
        One of `LAYOUTS`.
    real_valued : bool
        Whether ratings are float32 rather than int8.

    Yields
    ------
    RowWriter

    Raises
    ------
    DataError
        If the system refuses, or a folder that is not empty has the name.
    """
    if layout == "netflix-folder":
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise DataError(f"cannot write {path}: it exists; give the name of a new folder")
        try:
            with new_folder(path, synced=False) as folder:
                yield _MovieFolder(folder)
        except OSError as error:
            raise DataError(f"cannot write {path}: {error.strerror or error}") from error
        return
    with written_beside(path) as beside:
        if layout == "parquet":
            with ratings_writer(beside, real_valued) as writer:
                yield _ParquetRows(writer)
            return
        with beside.open("wb") as file:
            text = _TEXT_LAYOUTS.get(layout)
            yield _MovieRows(file) if text is None else _DelimitedRows(file, text)
