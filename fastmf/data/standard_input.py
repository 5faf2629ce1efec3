"""Ratings from standard input: written to a file first, since they are read more than once."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from fastmf.data.folders import held_folder
from fastmf.data.ratings import Ratings
from fastmf.data.store_writer import writing_errors
from fastmf.errors import DataError

__all__ = ["STANDARD_INPUT", "read_standard_input"]

STANDARD_INPUT = "-"
"""What is given instead of a path."""

_NAME = "standard input"
_COPIED_BYTES = 1 << 20


def read_standard_input(read: Callable[[Path], Ratings]) -> Ratings:
    """Read what is piped into this process: any file of ratings, told by its content.

    Parameters
    ----------
    read : callable
        Reads the ratings of a file into a store of their own; the file is gone afterwards.

    Returns
    -------
    Ratings
        Without a `source`: they cannot be read again.

    Raises
    ------
    DataError
        When there is no standard input, no room for it, or `read` cannot use it.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise DataError(f"{_NAME}: it is closed; name a file, or pipe the ratings in")
    parent = Path(tempfile.gettempdir())
    with writing_errors(parent, "name another folder by TMPDIR"):
        folder, remove = held_folder(parent / "fastmf")
    path = folder / _NAME
    try:
        with writing_errors(path, "name another folder by TMPDIR"), path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file, _COPIED_BYTES)
        ratings = read(path)
    except DataError as error:
        raise DataError(str(error).replace(str(path), _NAME)) from error
    finally:
        remove()
    ratings.notes = tuple(note.replace(str(path), _NAME) for note in ratings.notes)
    ratings.source = None
    return ratings
