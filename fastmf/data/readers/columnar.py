"""Parquet, Arrow IPC files and streams, Feather: batches of the needed columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fastmf.data.columns import find_columns
from fastmf.data.readers.part import (
    BATCH_ROWS,
    Extent,
    Layout,
    Part,
    RawBatch,
    ReadOptions,
    sliced,
)
from fastmf.errors import DataError

__all__ = ["ARROW_FILE", "ARROW_STREAM", "FEATHER_1", "PARQUET"]

# A continuation marker and a length of zero.
_END_OF_STREAM_BYTES = 8


class ColumnarPart(Part):
    """A source of Arrow record batches.

    Parameters
    ----------
    name : str
        What messages call it.
    schema : pyarrow.Schema
        Its columns.
    options : ReadOptions
        How to read it.
    """

    def __init__(self, name: str, schema: pa.Schema, options: ReadOptions) -> None:
        super().__init__(name)
        self.roles = find_columns(schema.names, options.names, name, options.unrated)
        if self.roles.note is not None:
            self.notes.append(self.roles.note)
        self.names = [None if p is None else schema.names[p] for p in self.roles[:4]]

    def raw(self, batch: pa.RecordBatch) -> RawBatch:
        """Pick the columns in the order of their roles."""
        return RawBatch.of(None if p is None else batch.column(p) for p in self.roles[:4])


class ParquetPart(ColumnarPart):
    """A Parquet file: some row groups are decoded as a batch is asked for, never the whole file."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        file = _parquet_file(path)
        super().__init__(str(path), file.schema_arrow, options)
        self._metadata = file.metadata
        self._spans = _row_group_spans(file.metadata)
        self.extent = Extent(file.metadata.num_rows, self.roles.time is not None)

    @property
    def independent(self) -> bool:
        """Whether every row group is small enough to be a batch."""
        return self._spans is not None

    def batches(self) -> Iterator[Callable[[], RawBatch | None]]:
        """Yield functions that decode one batch each."""
        if self._spans is None:
            yield from self._streamed()
            return
        # A reader serves one thread at a time; as many are opened as there are threads.
        readers: SimpleQueue[pq.ParquetFile] = SimpleQueue()
        for span in self._spans:
            yield partial(self._decode, readers, span)

    def _decode(self, readers: SimpleQueue[pq.ParquetFile], span: list[int]) -> RawBatch:
        try:
            reader = readers.get_nowait()
        except Empty:
            reader = _parquet_file(self.path, self._metadata)
        table = reader.read_row_groups(span, columns=self._needed(), use_threads=False)
        readers.put(reader)
        return _checked(
            RawBatch.of(None if n is None else _one_array(table.column(n)) for n in self.names)
        )

    def _streamed(self) -> Iterator[Callable[[], RawBatch | None]]:
        """Decode row groups too large for a batch in slices, one after the other."""
        with _parquet_file(self.path, self._metadata) as file:
            batches = file.iter_batches(BATCH_ROWS, columns=self._needed(), use_threads=False)
            finished = False

            def decode() -> RawBatch | None:
                nonlocal finished
                batch = next(batches, None)
                finished = batch is None
                if batch is None:
                    return None
                return _checked(
                    RawBatch.of(None if n is None else batch.column(n) for n in self.names)
                )

            while not finished:
                yield decode

    def _needed(self) -> list[str]:
        return [name for name in self.names if name is not None]


def _row_group_spans(metadata: Any) -> list[list[int]] | None:
    """Join neighbouring row groups to batches; None where one is too large."""
    spans: list[list[int]] = []
    n_rows = 0
    for place in range(metadata.num_row_groups):
        more = metadata.row_group(place).num_rows
        if more > BATCH_ROWS:
            return None
        if not spans or n_rows + more > BATCH_ROWS:
            spans.append([])
            n_rows = 0
        spans[-1].append(place)
        n_rows += more
    return spans


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


class ArrowFilePart(ColumnarPart):
    """An Arrow IPC file (Feather version 2), memory-mapped."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        with pa.memory_map(str(path)) as file:
            super().__init__(str(path), pa.ipc.open_file(file).schema, options)

    def batches(self) -> Iterator[Callable[[], RawBatch | None]]:
        """Yield functions that return one batch each."""
        with pa.memory_map(str(self.path)) as file:
            reader = pa.ipc.open_file(file)
            for place in range(reader.num_record_batches):
                yield from _decoders(self, reader.get_batch(place))


class ArrowStreamPart(ColumnarPart):
    """An Arrow IPC stream in a file."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        with pa.memory_map(str(path)) as file:
            super().__init__(str(path), pa.ipc.open_stream(file).schema, options)

    def batches(self) -> Iterator[Callable[[], RawBatch | None]]:
        """Yield functions that return one batch each."""
        with pa.memory_map(str(self.path)) as file:
            reader = pa.ipc.open_stream(file)
            while True:
                before = file.tell()
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    break
                yield from _decoders(self, batch)
            # Arrow takes the end of a file for the end of the stream.
            if file.tell() - before != _END_OF_STREAM_BYTES:
                raise DataError(
                    f"{self.path}: this Arrow stream is cut short (its end marker is missing); "
                    "copy or write it again"
                )


def _decoders(part: ColumnarPart, batch: pa.RecordBatch) -> Iterator[Callable[[], RawBatch]]:
    """Yield functions that return slices of a batch whose bytes nobody has checked yet."""
    for piece in sliced(_checked(part.raw(batch))):
        yield lambda piece=piece: piece  # type: ignore[misc]


def _checked(batch: RawBatch) -> RawBatch:
    """Refuse columns whose bytes are damaged: offsets that point anywhere, text that is not UTF-8.

    Raises
    ------
    pyarrow.ArrowInvalid
    """
    for column in batch:
        if column is not None:
            column.validate(full=True)
    return batch


def _parquet_file(path: Path, metadata: Any = None) -> Any:
    """Open a Parquet file; a missing footer is what a download cut short looks like."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 4))
        tail = file.read(4)
    if size < 12 or tail != b"PAR1":
        raise DataError(
            f"{path}: this Parquet file is truncated ({size:,} bytes, and its footer is missing); "
            "copy or write it again"
        )
    # Buffering ahead would keep all that was read until the file is closed.
    return pq.ParquetFile(
        path, metadata=metadata, pre_buffer=False, page_checksum_verification=True
    )


def _refuse_feather_1(path: Path, options: ReadOptions) -> Part:
    raise DataError(
        f"{path}: this is Feather version 1, which is no longer supported; "
        "write it again as Parquet or Feather version 2"
    )


PARQUET = Layout("Parquet", lambda path, head: head.startswith(b"PAR1"), ParquetPart)
ARROW_FILE = Layout("Arrow file", lambda path, head: head.startswith(b"ARROW1"), ArrowFilePart)
ARROW_STREAM = Layout(
    "Arrow stream", lambda path, head: head.startswith(b"\xff\xff\xff\xff"), ArrowStreamPart
)
FEATHER_1 = Layout("Feather 1", lambda path, head: head.startswith(b"FEA1"), _refuse_feather_1)
