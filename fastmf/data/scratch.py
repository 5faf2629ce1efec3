"""Columns that grow on disk, and copying them without holding them in memory."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from fastmf.data.arrays import Array, Columns

__all__ = ["COLUMN_TYPES", "ReleasingFile", "ScratchSink"]

_COPIED_BYTES = 16 << 20
COLUMN_TYPES = {
    "user_index": pa.int32(),
    "item_index": pa.int32(),
    "value": pa.float32(),
    "time": pa.int64(),
}


class ScratchSink:
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

    def append(self, columns: Columns) -> None:
        """Add rows behind those before."""
        for name, column in columns._asdict().items():
            if column is not None:
                self._files[name].write(np.ascontiguousarray(column).data)
        self._n_rows += len(columns.value)
        self._n_times += 0 if columns.time is None else len(columns.time)

    def finish(self) -> Columns:
        """Return all rows as writable memory maps."""
        for file in self._files.values():
            file.close()
        if self._n_rows == 0:
            return Columns(*(np.empty(0, t.to_pandas_dtype()) for t in COLUMN_TYPES.values()))
        maps = {
            name: np.memmap(self._paths[name], kind.to_pandas_dtype(), "r+", shape=self._n_rows)
            for name, kind in COLUMN_TYPES.items()
            if name != "time" or self._n_times == self._n_rows
        }
        return Columns(maps["user_index"], maps["item_index"], maps["value"], maps.get("time"))

    def discard(self) -> None:
        """Close and remove the files."""
        for name, file in self._files.items():
            file.close()
            self._paths[name].unlink(missing_ok=True)


class ReleasingFile:
    """A file that drops the pages of the memory maps it copies from, as it goes.

    Parameters
    ----------
    file : file object
        Where the bytes go.
    maps : sequence of ndarray
        Arrays the bytes may come from.
    """

    def __init__(self, file: IO[bytes], maps: tuple[Array, ...]) -> None:
        self._file = file
        self._maps = maps
        self.closed = False

    def write(self, data: Any) -> int:
        """Write bytes, a piece at a time."""
        view = memoryview(data)
        for start in range(0, len(view), _COPIED_BYTES):
            self._file.write(view[start : start + _COPIED_BYTES])
            if len(view) > _COPIED_BYTES:
                for column in self._maps:
                    _release_pages(column)
        return len(view)

    def tell(self) -> int:
        """Return the bytes written."""
        return self._file.tell()

    def flush(self) -> None:
        """Hand everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """Take no more; the file itself stays open."""
        self.closed = True


def _release_pages(column: Array) -> None:
    """Take a memory-mapped array's pages out of this process; the file keeps its content."""
    source: Any = column
    while isinstance(source, np.ndarray):
        source = source.base
    if isinstance(source, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        source.madvise(mmap.MADV_DONTNEED)
