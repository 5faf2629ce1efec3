"""The columns of a store as a file that is laid out first and filled in place afterwards."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from fastmf.data.arrays import Array, Columns

__all__ = ["COLUMN_TYPES", "create_column_file", "release_pages", "write_record_batch"]

COLUMN_TYPES = {
    "user_index": pa.int32(),
    "item_index": pa.int32(),
    "value": pa.float32(),
    "time": pa.int64(),
}


def create_column_file(path: Path, n_rows: int, *, has_time: bool) -> Columns:
    """Make an Arrow IPC file of one record batch whose columns are to be filled by the caller.

    Its room on the disk is taken at once: a disk that is full shows here, not when a page of the
    map is written, which would end the process.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced where there is one.
    n_rows : int
        Rows, at least 1.
    has_time : bool
        Whether there is a column of times.

    Returns
    -------
    Columns
        Writable memory maps of the file's columns, of undefined content.

    Raises
    ------
    OSError
        When the file cannot be made, or the disk has no room for it.
    """
    names = [name for name in COLUMN_TYPES if has_time or name != "time"]
    blank = _blank(n_rows)
    batch = pa.record_batch([_column_of(blank, COLUMN_TYPES[name]) for name in names], names=names)
    with path.open("wb") as file:
        write_record_batch(_PassingOver(file, blank) if _CAN_RESERVE else file, batch)
        if _CAN_RESERVE:
            os.posix_fallocate(file.fileno(), 0, file.tell())
    whole = pa.memory_map(str(path)).read_buffer()
    written = pa.ipc.open_file(whole).get_batch(0)
    maps = {
        name: np.memmap(
            path,
            COLUMN_TYPES[name].to_pandas_dtype(),
            "r+",
            offset=written.column(name).buffers()[1].address - whole.address,
            shape=n_rows,
        ).view(np.ndarray)
        for name in names
    }
    return Columns(maps["user_index"], maps["item_index"], maps["value"], maps.get("time"))


# Elsewhere zeros are written, which takes the room as well, and longer.
_CAN_RESERVE = hasattr(os, "posix_fallocate")


def _blank(n_rows: int) -> Array:
    """Return zeros that take no memory as long as nobody reads them."""
    if not _CAN_RESERVE:
        return np.zeros(n_rows, np.int64)
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


def release_pages(column: Array) -> None:
    """Take a memory-mapped array's pages out of this process; the file keeps their content.

    Parameters
    ----------
    column : ndarray
        A view of a `numpy.memmap` or of a part of one; anything else is left alone.
    """
    source: Any = column
    while isinstance(source, np.ndarray):
        source = source.base
    if not isinstance(source, mmap.mmap) or not hasattr(mmap, "MADV_DONTNEED"):
        return
    begin = column.ctypes.data - np.frombuffer(source, np.uint8).ctypes.data
    first = begin // mmap.PAGESIZE * mmap.PAGESIZE
    if begin + column.nbytes > first:
        source.madvise(mmap.MADV_DONTNEED, first, begin + column.nbytes - first)
