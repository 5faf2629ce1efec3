"""RecBole's atomic files (`.inter`): a header of names with types, such as ``user_id:token``.

The types tell RecBole how to convert a column. Here ids are integers where all of them are written
as such, as in any other text, and tokens otherwise.
"""

from __future__ import annotations

import re
from pathlib import Path

from fastmf.data.columns import ColumnNames, Roles
from fastmf.data.readers.compression import open_text
from fastmf.data.readers.delimited import DelimitedPart
from fastmf.data.readers.part import Layout, Unrated
from fastmf.errors import DataError

__all__ = ["RECBOLE", "RecBolePart"]

_HEADER_BYTES = 4096
_TYPE = ":(?:token|float)(?:_seq)?"
_TYPED = re.compile(rf"(.*){_TYPE}")
_TYPED_NAME = rf"[^\t,;| :\r\n]+{_TYPE}"
_HEADER = re.compile(rf"(?:\xef\xbb\xbf)?{_TYPED_NAME}(?:[\t,;| ]{_TYPED_NAME})+\r?\n".encode())


class RecBolePart(DelimitedPart):
    """A file of delimited text whose header has types."""

    def _find_roles(self, named: ColumnNames, unrated: Unrated) -> Roles:
        return super()._find_roles(ColumnNames(*(name and _plain(name) for name in named)), unrated)

    def _column_names(self) -> tuple[str, ...] | None:
        names = super()._column_names()
        return names and tuple(_plain(name) for name in names)


def _plain(name: str) -> str:
    """Return a column's name without its type."""
    typed = _TYPED.fullmatch(name)
    return typed[1] if typed else name


def _matches(path: Path, head: bytes) -> bool:
    """Whether a file, maybe compressed, begins with such a header."""
    try:
        with open_text(path) as file:
            return _HEADER.match(file.read(_HEADER_BYTES)) is not None
    except (DataError, OSError):
        return False  # the reader of text says what is wrong with it


RECBOLE = Layout("RecBole", _matches, RecBolePart)
