"""Text files cut into blocks of whole records, which threads parse at the same time.

Cutting the file here, in one thread, keeps the order of the blocks and so the line number of every
record. A block is read, not mapped: a mapped file that another process cuts short ends this one
with a signal, while reading only finds less; and copying a block takes a tenth of the time that
parsing it takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.data.readers.compression import open_blocks
from fastmf.data.readers.dialect import Dialect
from fastmf.errors import DataError
from fastmf.kernels.text.records import last_record_end, record_ends

__all__ = ["LONGEST_FIELD", "Block", "BlockCut", "find_record_ends", "find_records"]

LONGEST_FIELD = 1 << 17
"""Bytes of a field in quotes beyond which the quote counts as left open."""

_COUNTED_BYTES = 1 << 20
_QUOTE = np.uint8(ord('"'))
_ANY_LENGTH = np.int64(2**62)


class Block(NamedTuple):
    """Some whole records of a file."""

    number: int
    at: int  # where they begin in the file, decompressed
    text: bytes
    stop: int  # where they end in the text; what is behind belongs to the next block

    @property
    def records(self) -> bytes:
        """Return the text of the records alone."""
        return self.text[: self.stop]


class BlockCut(NamedTuple):
    """How a file is cut into blocks.

    Attributes
    ----------
    path : pathlib.Path
        The file, plain or compressed.
    dialect : Dialect
        How it is written.
    begin : int
        Where the first record begins.
    first_line : int
        The number of its line.
    forgiving : bool
        Whether a quote that is not closed as it should be is no error: the record that it is in
        then ends with its first line.
    """

    path: Path
    dialect: Dialect
    begin: int
    first_line: int
    forgiving: bool = False

    def blocks(self, block_bytes: int, longest_record: int) -> Iterator[Block]:
        """Yield the blocks in order.

        Parameters
        ----------
        block_bytes : int
            Size of a block; one with a longer record is larger.
        longest_record : int
            Bytes within which a record must end.

        Raises
        ------
        DataError
            On a record without an end, and on a quote that is not closed as it should be.
        """
        at, number, size = self.begin, 0, block_bytes
        with open_blocks(self.path) as source:
            while True:
                text = source.read_at(at, size)
                finished = len(text) < size
                stop = self._end(text, at) if finished else self._last_record_end(text, at)
                if stop:
                    yield Block(number, at, text, stop)
                    number += 1
                    at += stop
                    size = block_bytes
                elif size > longest_record:
                    raise DataError(
                        f"{self.path}, line {self.line_at(at)}: this record does not end within "
                        f"{longest_record >> 20} MB; is a quote left open?"
                    )
                else:
                    size += block_bytes
                if finished:
                    return

    def line_at(self, offset: int) -> int:
        """Return the number of the line that begins at an offset of the file."""
        return self.lines_at([offset])[0]

    def lines_at(self, offsets: Sequence[int]) -> list[int]:
        """Return the numbers of the lines that begin at ascending offsets.

        The file is read again, once: that is for messages.
        """
        lines = []
        line, at = self.first_line, self.begin
        with open_blocks(self.path) as source:
            for offset in offsets:
                while at < offset:
                    text = source.read_at(at, min(_COUNTED_BYTES, offset - at))
                    if not text:
                        break
                    line += text.count(self.dialect.line_end)
                    at += len(text)
                lines.append(line)
        return lines

    def _last_record_end(self, text: bytes, at: int) -> int:
        if not self.dialect.quoted or b'"' not in text:
            return text.rfind(self.dialect.line_end) + 1
        longest = np.int64(LONGEST_FIELD) if self.forgiving else _ANY_LENGTH
        arguments = _record_arguments(text, self.dialect)
        end, stopped = last_record_end(*arguments, longest, not self.forgiving)
        if stopped:
            raise self._open_quote(text, at, int(end), "not closed as it should be")
        return int(end)

    def _end(self, text: bytes, at: int) -> int:
        """Return where the last block ends; Arrow would take an open quote for closed there."""
        end = self._last_record_end(text + self.dialect.line_end, at)
        if end <= len(text) and text and not self.forgiving:
            raise self._open_quote(text, at, end, "never closed")
        return len(text)

    def _open_quote(self, text: bytes, at: int, end: int, what: str) -> DataError:
        line = self.line_at(at) + text.count(self.dialect.line_end, 0, end)
        return DataError(f"{self.path}, line {line}: a quote is opened here and {what}")


def _record_arguments(text: bytes, dialect: Dialect) -> tuple[Array, np.uint8, np.uint8, np.uint8]:
    return (
        frozen(np.frombuffer(text, np.uint8)),
        np.uint8(ord(dialect.separator)),
        _QUOTE,
        np.uint8(ord(dialect.line_end)),
    )


def find_record_ends(text: bytes, dialect: Dialect) -> Array:
    """Find where every record of a text ends.

    Parameters
    ----------
    text : bytes
        Whole records as they stand in the file.
    dialect : Dialect
        How they are written.

    Returns
    -------
    ndarray
        (m,) int64, ascending; the last one is the length of the text. Blank lines count as records.
    """
    return find_records(text, dialect)[0]


def find_records(text: bytes, dialect: Dialect) -> tuple[Array, Array]:
    """Find where every record of a text ends, and which of them have a quote that is left open.

    Parameters
    ----------
    text : bytes
        Whole records as they stand in the file.
    dialect : Dialect
        How they are written.

    Returns
    -------
    ends : ndarray
        As `find_record_ends` returns them.
    opened : ndarray
        (n,) int64, ascending: where records begin that end with their first line, since a quote in
        them is not closed as it should be.
    """
    opened = np.empty(0, np.int64)
    if dialect.quoted and b'"' in text:
        n_lines = text.count(dialect.line_end) + 1
        ends, starts = np.empty(n_lines, np.int64), np.empty(n_lines, np.int64)
        arguments = _record_arguments(text, dialect)
        count, n_open = record_ends(*arguments, np.int64(LONGEST_FIELD), ends, starts)
        ends, opened = ends[:count], starts[:n_open]
    else:
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(dialect.line_end)) + 1
    # The last line of a file may lack its end.
    if not len(ends) or ends[-1] != len(text):
        ends = np.append(ends, len(text))
    return ends, opened
