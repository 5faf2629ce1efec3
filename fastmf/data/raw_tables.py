"""Tables of items or users as files hold them: records of text, and columns of Arrow."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fastmf.data.readers.part import unreadable
from fastmf.errors import DataError

__all__ = ["column_values", "decoded", "first_record", "read_arrow_table", "text_records"]


def decoded(data: bytes) -> str:
    """Return the text of a file: UTF-8, or ISO-8859-1 where it is not that.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    str
        With line feeds between lines.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("iso-8859-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def first_record(line: str, separator: str) -> list[str]:
    """Return the fields of a table's first line; none where it is too long to be a header.

    Parameters
    ----------
    line, separator : str

    Returns
    -------
    list of str
    """
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def text_records(text: str, separator: str, path: Path) -> Iterator[list[str]]:
    """Yield the records of delimited text that are not empty, the header included.

    Parameters
    ----------
    text : str
        With line feeds between lines.
    separator : str
    path : pathlib.Path
        For messages.

    Yields
    ------
    list of str

    Raises
    ------
    DataError
        At a quote that is left open, or a cell that is too long.
    """
    # Quotes are as often part of a text as around it where commas need none: they enclose
    # fields only if every line closes what it opens.
    quoted = separator in ",;" or all(line.count('"') % 2 == 0 for line in text.split("\n"))
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
    )
    begin, fields = 1, []
    try:
        while True:
            start = reader.line_num + 1
            record = next(reader, None)
            if record is None:
                break
            begin, fields = start, record
            if fields:
                yield fields
    except csv.Error as error:  # a field past the parser's limit
        if quoted and text.count('"') % 2:
            raise _open_quote(path, start) from error
        raise DataError(
            f"{path}, line {start}: a cell has more than {csv.field_size_limit():,} characters; "
            "shorten it, or leave its column out"
        ) from error
    if any("\n" in field for field in fields):
        _check_closed(text, separator, begin, path)


def _check_closed(text: str, separator: str, line: int, path: Path) -> None:
    """Refuse a last record whose quote swallowed the lines behind it."""
    rest = islice(io.StringIO(text, newline=""), line - 1, None)
    try:
        for _ in csv.reader(rest, delimiter=separator, strict=True):
            pass
    except csv.Error as error:
        raise _open_quote(path, line) from error


def _open_quote(path: Path, line: int) -> DataError:
    return DataError(f"{path}, line {line}: a quote is opened here and not closed as it should be")


def read_arrow_table(path: Path) -> pa.Table:
    """Read a Parquet or Arrow file whole.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    DataError
        If it is damaged.
    """
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
            file.seek(0)
            table = pq.ParquetFile(file).read() if is_parquet else pa.ipc.open_file(file).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(str(path), error) from error
    return table


def column_values(table: pa.Table, place: int, name: str) -> list[Any]:
    """Return a column of a table as Python's values.

    Parameters
    ----------
    table : pyarrow.Table
    place : int
        Of the column.
    name : str
        The table, for the message.

    Returns
    -------
    list

    Raises
    ------
    DataError
        If Python has no such values: dates past the year 9999, times of an unknown zone.
    """
    column = table.column(place)
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, LookupError, ValueError) as error:
        raise DataError(
            f"{name}: column {table.column_names[place]} of type {column.type} holds dates, times "
            "or a time zone that Python does not know; write it as text, or leave it out"
        ) from error
    return values
