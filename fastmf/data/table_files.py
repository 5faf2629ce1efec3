"""Tables written to files, whole or not at all."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from fastmf.errors import DataError

__all__ = [
    "TableWriter",
    "check_table_target",
    "check_writable",
    "is_table_name",
    "table_writer",
]

_PARQUET = (".parquet", ".pq")
_TEXT = {".csv": ",", ".tsv": "\t"}


class TableWriter(Protocol):
    """Takes a table piece by piece."""

    def write(self, columns: Mapping[str, Any]) -> None:
        """Append rows.

        Parameters
        ----------
        columns : mapping of str to ndarray or pyarrow.Array
            Columns of one length; the same names and types in every call.
        """


def is_table_name(path: Path) -> bool:
    """Say whether a name ends like a table that can be written."""
    return path.suffix.lower() in (*_PARQUET, *_TEXT)


def check_table_target(path: Path) -> None:
    """Refuse a file that cannot be written, before any work is done for it.

    Raises
    ------
    DataError
        On an ending that tells no format, a folder in its place, a missing or unwritable folder.
    """
    if not is_table_name(path):
        known = ", ".join((".parquet", *_TEXT))
        raise DataError(f"{path}: the ending tells the format to write; use one of {known}")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file")
    if not path.absolute().parent.is_dir():
        raise DataError(f"{path}: no folder {path.absolute().parent}; make it first")
    check_writable(path.absolute().parent, path)


def check_writable(folder: Path, wanted: Path) -> None:
    """Make a file in the folder and remove it: permissions alone do not tell.

    Parameters
    ----------
    folder : pathlib.Path
        Where to try.
    wanted : pathlib.Path
        What is to be written there, for the message.

    Raises
    ------
    DataError
        When no file can be made, naming `wanted`.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(
            f"{wanted}: cannot be written: {folder}: {error.strerror}; choose another place"
        ) from error


@contextmanager
def table_writer(path: Path) -> Iterator[TableWriter]:
    """Write a CSV, TSV or Parquet file, by its ending, that appears only when it is whole.

    Parameters
    ----------
    path : pathlib.Path
        The file; an existing one is replaced at the end.

    Yields
    ------
    TableWriter

    Raises
    ------
    DataError
        When it cannot be written: disk full, no permission.
    """
    check_table_target(path)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    writer = _ArrowWriter(beside, path)
    try:
        yield writer
        writer.finish()
    finally:
        writer.abandon()
        beside.unlink(missing_ok=True)


class _ArrowWriter:
    """Writes a table to a file beside its target; opened by the first rows, which tell the types.

    Parameters
    ----------
    beside, target : pathlib.Path
        Where it is written, and the name it gets at the end.
    """

    def __init__(self, beside: Path, target: Path) -> None:
        self._beside = beside
        self._target = target
        self._writer: Any = None

    def write(self, columns: Mapping[str, Any]) -> None:
        """Append rows."""
        rows = pa.table({name: _column(values) for name, values in columns.items()})
        with _writing_errors(self._target):
            if self._writer is None:
                self._writer = self._open(rows.schema)
            self._writer.write_table(rows)

    def _open(self, schema: pa.Schema) -> Any:
        suffix = self._target.suffix.lower()
        if suffix in _PARQUET:
            return pq.ParquetWriter(self._beside, schema, compression="zstd")
        options = pacsv.WriteOptions(delimiter=_TEXT[suffix], quoting_style="needed")
        return pacsv.CSVWriter(str(self._beside), schema, write_options=options)

    def finish(self) -> None:
        """Complete the file, have the system write it to the disk, and give it its name."""
        with _writing_errors(self._target):
            self._writer.close()
            self._writer = None
            with self._beside.open("rb+") as file:
                os.fsync(file.fileno())
            self._beside.replace(self._target)

    def abandon(self) -> None:
        """Close the file if it is still open; what is in it does not matter any more."""
        if self._writer is not None:
            with suppress(OSError):
                self._writer.close()


def _column(values: Any) -> Any:
    """Return text as Arrow's large strings, so that a piece without rows has the same type."""
    kind = getattr(values, "dtype", None)
    if isinstance(values, list) or (kind is not None and kind.kind in "OU"):
        return pa.array(values, pa.large_string())
    return values


@contextmanager
def _writing_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise DataError(
            f"{path}: cannot be written: {reason}; nothing was left behind, make room or choose "
            "another place"
        ) from error
