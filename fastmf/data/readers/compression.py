"""Compressed text: told by its first bytes, whatever the name of the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from fastmf.errors import DataError

__all__ = ["open_text"]

_COMPRESSIONS = (
    (re.compile(rb"\x1f\x8b"), "gzip"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "zstd"),
    (re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P)"), "bz2"),
    (re.compile(rb"\x04\x22\x4d\x18"), "lz4"),
)
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
