"""Tables in memory: pandas, anything with the Arrow C stream, SciPy sparse matrices, arrays."""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from fastmf.data.arrow_views import ARROW_TYPES, as_arrow
from fastmf.data.columns import Roles, find_columns
from fastmf.data.readers.part import Part, RawBatch, ReadOptions, sliced
from fastmf.data.readers.sifted import sifted
from fastmf.errors import DataError

__all__ = ["array_part", "open_frame"]


class FramePart(Part):
    """Batches that are in memory already.

    Parameters
    ----------
    name : str
        What messages call it.
    batches : iterable of RawBatch
        In the order of the rows.
    """

    def __init__(self, name: str, batches: Iterable[RawBatch]) -> None:
        super().__init__(name)
        self._batches = batches

    def batches(self) -> Iterator[Callable[[], RawBatch | None]]:
        """Yield functions that return one batch each."""
        for batch in self._batches:
            for piece in sliced(batch):
                yield lambda piece=piece: piece  # type: ignore[misc]


def open_frame(source: Any, options: ReadOptions) -> Part:
    """Open a table in memory.

    Parameters
    ----------
    source : object
        A pandas DataFrame, an object with ``__arrow_c_stream__``, a SciPy sparse matrix (users in
        rows, items in columns, stored zeros are ratings), or a tuple of 3 or 4 arrays: user ids,
        item ids, values and times; of 2 where they are interactions.
    options : ReadOptions
        How to read it.

    Returns
    -------
    Part

    Raises
    ------
    DataError
        On anything else, and on columns that cannot be told apart.
    """
    return sifted(_open(source, options), options)


def _open(source: Any, options: ReadOptions) -> Part:
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(source, pandas.DataFrame):
        return _pandas_part(source, options)
    if hasattr(source, "__arrow_c_stream__"):
        return _stream_part(source, options)
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(source):
        return _sparse_part(source)
    if isinstance(source, tuple) and len(source) in (3, 4):
        return array_part(*source)
    if isinstance(source, tuple) and len(source) == 2 and options.unrated == "interactions":
        return array_part(*source, None)
    raise DataError(
        f"cannot read ratings from {type(source).__name__}; give a path, a pandas or polars "
        "DataFrame, a SciPy sparse matrix, or a tuple of arrays (users, items, values)"
    )


def array_part(user_ids: Any, item_ids: Any, values: Any, time: Any = None) -> Part:
    """Make a part of raw columns in memory.

    Parameters
    ----------
    user_ids, item_ids, values, time
        As in `Ratings.from_arrays`.

    Returns
    -------
    Part

    Raises
    ------
    DataError
        On columns of different lengths, or that Arrow cannot hold.
    """
    columns = [
        _arrow_column("user ids", user_ids),
        _arrow_column("item ids", item_ids),
        None if values is None else _arrow_column("values", values),
        None if time is None else _arrow_column("times", time),
    ]
    lengths = [len(column) for column in columns if column is not None]
    if len(set(lengths)) > 1:
        listed = ", ".join(f"{length:,}" for length in lengths)
        raise DataError(f"the arrays differ in length: {listed}")
    return FramePart("arrays", [RawBatch.of(columns)])


def _arrow_column(what: str, column: Any) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks()
    if isinstance(column, pa.Array):
        return column
    if isinstance(column, np.ndarray) and column.ndim != 1:
        raise DataError(f"the {what} have {column.ndim} dimensions, but must have one")
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        column = column.astype("datetime64[us]")
    # Arrow's own conversion imports pandas. It is the one for masked arrays, and other kinds.
    if type(column) is np.ndarray and column.dtype in ARROW_TYPES:
        return as_arrow(column)
    try:
        made = pa.array(column)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        mixed = _mixture(column)
        if mixed is not None:
            raise DataError(f"the {what} must be of one type: {mixed}") from error
        raise DataError(f"the {what} are not one column of numbers or text: {error}") from error
    # A pandas column can be in pieces.
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _mixture(column: Any) -> str | None:
    """Say which value of a column is the first of another type than those before."""
    first, first_kind = None, ""
    for row, value in enumerate(column):
        if value is None or (isinstance(value, float) and math.isnan(value)):
            continue
        kind = "number" if isinstance(value, numbers.Real) else type(value).__name__
        if not first_kind:
            first, first_kind = value, kind
        elif kind != first_kind:
            return f"{first!r} comes first, and in row {row + 1} {value!r}; convert the column"
    return None


def _pandas_part(frame: Any, options: ReadOptions) -> Part:
    names = [str(name) for name in frame.columns]
    roles = find_columns(names, options.names, "the DataFrame", options.unrated)
    columns = [
        None if place is None else _arrow_column(f"column {names[place]!r}", frame.iloc[:, place])
        for place in roles[:4]
    ]
    part = FramePart("DataFrame", [RawBatch.of(columns)])
    part.roles = roles
    part.notes = [] if roles.note is None else [roles.note]
    return part


def _stream_part(source: Any, options: ReadOptions) -> Part:
    reader = pa.RecordBatchReader.from_stream(source)
    name = type(source).__name__
    roles = find_columns(reader.schema.names, options.names, name, options.unrated)
    part = FramePart(name, (_picked(batch, roles) for batch in reader))
    part.roles = roles
    part.notes = [] if roles.note is None else [roles.note]
    return part


def _picked(batch: pa.RecordBatch, roles: Roles) -> RawBatch:
    """Pick the columns in the order of their roles; what others made is checked first."""
    columns = [None if place is None else batch.column(place) for place in roles[:4]]
    for column in columns:
        if column is not None:
            column.validate(full=True)
    return RawBatch.of(columns)


def _sparse_part(matrix: Any) -> Part:
    # CSR adds up entries stored twice, which is what a sparse matrix means by them.
    cells = matrix.tocsr(copy=True)
    cells.sum_duplicates()
    cells = cells.tocoo()
    return FramePart(
        "sparse matrix",
        [
            RawBatch(
                _arrow_column("rows", cells.row),
                _arrow_column("columns", cells.col),
                _arrow_column("entries", cells.data),
                None,
            )
        ],
    )
