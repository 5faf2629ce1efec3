"""Compressed text: told by its first bytes, whatever the name of the file."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from fastmf.errors import DataError

__all__ = ["BlockSource", "open_blocks", "open_text"]

_COMPRESSIONS = (
    (re.compile(rb"\x1f\x8b"), "gzip"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "zstd"),
    (re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P)"), "bz2"),
    (re.compile(rb"\x04\x22\x4d\x18"), "lz4"),
)
_SKIPPED_BYTES = 1 << 20
_UNREADABLE = ((b"\xfd7zXZ\0", "xz"), (b"PK\x03\x04", "zip"), (b"7z\xbc\xaf\x27\x1c", "7z"))


def open_text(path: Path) -> Any:
    """Open a text file for reading bytes, decompressed where it is compressed.

    Parameters
    ----------
    path : pathlib.Path
        Plain text, gzip, Zstandard, bzip2 or LZ4.

    Returns
    -------
    binary file

    Raises
    ------
    DataError
        On a compression that cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(10)
    for mark, name in _UNREADABLE:
        if head.startswith(mark):
            raise DataError(
                f"{path}: this file is compressed ({name}); unpack it first, or compress it with "
                "gzip or zstd"
            )
    for pattern, name in _COMPRESSIONS:
        if pattern.match(head):
            return pa.input_stream(str(path), compression=name, buffer_size=1 << 20)
    return path.open("rb")


class BlockSource:
    """Text that is read in blocks, of which each begins a little before the end of the last.

    Parameters
    ----------
    file : binary file
        Where it comes from, at its beginning; need not be seekable.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._at = 0
        self._text = b""

    def read_at(self, at: int, size: int) -> bytes:
        """Return the bytes from an offset on.

        Parameters
        ----------
        at : int
            At least the one of the call before.
        size : int
            How many bytes.

        Returns
        -------
        bytes
            Less only at the end of the text.
        """
        while self._at + len(self._text) <= at and self._text_behind():
            pass
        self._text = self._text[at - self._at :]
        self._at = at
        pieces = [self._text]
        missing = size - len(self._text)
        while missing > 0:
            piece = self._file.read(missing)
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        self._text = b"".join(pieces)
        return self._text[:size]

    def _text_behind(self) -> bool:
        """Drop the text and read some of what is behind it."""
        self._at += len(self._text)
        self._text = self._file.read(_SKIPPED_BYTES)
        return bool(self._text)


class _PlainSource(BlockSource):
    """A file that is not compressed: its blocks need no copying together."""

    def read_at(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        read: bytes = self._file.read(size)
        return read


@contextmanager
def open_blocks(path: Path) -> Iterator[BlockSource]:
    """Open a text file for reading blocks, decompressed where it is compressed.

    Parameters
    ----------
    path : pathlib.Path
        Plain text, gzip, Zstandard, bzip2 or LZ4.

    Yields
    ------
    BlockSource

    Raises
    ------
    DataError
        On a compression that cannot be read.
    """
    with open_text(path) as file:
        plain = isinstance(file, io.BufferedReader)
        yield _PlainSource(file) if plain else BlockSource(file)
