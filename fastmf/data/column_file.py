"""The columns of a store as an Arrow file that is laid out first and filled in place afterwards."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa

from fastmf.data.arrays import Array
from fastmf.data.arrow_views import ARROW_TYPES

__all__ = ["MappedBatch", "create_column_file", "map_record_batch", "write_record_batch"]


def create_column_file(
    path: Path, n_rows: int, kinds: Mapping[str, np.dtype[np.generic]]
) -> dict[str, int]:
    """Make an Arrow IPC file of one record batch whose columns are to be filled by the caller.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced where there is one.
    n_rows : int
        Rows, at least 1.
    kinds : mapping of str to dtype
        The columns, in order.

    Returns
    -------
    dict of str to int
        Where each column begins in the file. What is not filled takes no room on most disks.

    Raises
    ------
    OSError
        When the file cannot be made.
    """
    blank = _blank(n_rows)
    columns = [_column_of(blank, ARROW_TYPES[kind]) for kind in kinds.values()]
    batch = pa.RecordBatch.from_arrays(columns, names=list(kinds))
    with path.open("wb") as file:
        write_record_batch(_PassingOver(file, blank), batch)
    mapped = map_record_batch(path)
    first = np.frombuffer(mapped.file, np.uint8).ctypes.data
    return {name: mapped.batch.column(name).buffers()[1].address - first for name in kinds}


def _blank(n_rows: int) -> Array:
    """Return zeros that take no memory as long as nobody reads them."""
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return np.zeros(n_rows, np.int64)
    # Memory that cannot be written does not count against a limit of the process.
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    return np.frombuffer(mmap.mmap(-1, 8 * n_rows, flags=flags, prot=mmap.PROT_READ), np.int64)


def _column_of(blank: Array, kind: pa.DataType) -> pa.Array:
    """View the beginning of a buffer of zeros as an Arrow column."""
    n_bytes = len(blank) * kind.bit_width // 8
    return pa.Array.from_buffers(kind, len(blank), [None, pa.py_buffer(blank).slice(0, n_bytes)])


def write_record_batch(file: Any, batch: pa.RecordBatch) -> None:
    """Write a record batch as an Arrow IPC file.

    Parameters
    ----------
    file : file object
        Open for writing; left open.
    batch : pyarrow.RecordBatch
        What to write.
    """
    options = pa.ipc.IpcWriteOptions(allow_64bit=True)
    with pa.ipc.new_file(pa.PythonFile(file, "w"), batch.schema, options=options) as writer:
        writer.write_batch(batch)


class MappedBatch(NamedTuple):
    """A record batch, and the map of the file that it looks into."""

    batch: pa.RecordBatch
    file: mmap.mmap


def map_record_batch(path: Path) -> MappedBatch:
    """Map the one record batch of an Arrow IPC file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    MappedBatch
        Nothing is read of its columns.

    Raises
    ------
    OSError, pyarrow.ArrowInvalid
        When it is no such file.
    ValueError
        When it has another number of record batches, or columns with nulls.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapped)))
    if reader.num_record_batches != 1:
        raise ValueError(f"{reader.num_record_batches} record batches")
    batch = reader.get_batch(0)
    for column in batch.columns:
        if column.null_count:
            raise ValueError(f"{column.null_count} nulls")
    return MappedBatch(batch, mapped)


class _PassingOver:
    """A file for Arrow to write to that moves on instead of writing parts of one buffer.

    Parameters
    ----------
    file : file object
        Where everything else goes.
    blank : ndarray
        The buffer.
    """

    def __init__(self, file: IO[bytes], blank: Array) -> None:
        self._file = file
        self._blank = (blank.ctypes.data, blank.ctypes.data + blank.nbytes)
        self.closed = False

    def write(self, data: Any) -> int:
        view = np.frombuffer(data, np.uint8)
        if self._blank[0] <= view.ctypes.data < self._blank[1]:
            self._file.seek(len(view), os.SEEK_CUR)
        else:
            self._file.write(view.data)
        return len(view)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Take no more; the file itself stays open."""
        self.closed = True
