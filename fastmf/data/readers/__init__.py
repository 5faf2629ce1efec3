"""Readers: one module a layout of ratings, and the one table that lists them.

A new layout is a module with a `Layout`, and its name in `LAYOUTS`.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fastmf.data.readers.columnar import ARROW_FILE, ARROW_STREAM, FEATHER_1, PARQUET
from fastmf.data.readers.delimited import DELIMITED
from fastmf.data.readers.netflix import NETFLIX, NETFLIX_LIST, NetflixPart, together
from fastmf.data.readers.netflix_lines import without_companions
from fastmf.data.readers.part import Layout, Part, ReadOptions
from fastmf.data.readers.recbole import RECBOLE
from fastmf.data.readers.sifted import sifted
from fastmf.errors import DataError

__all__ = ["LAYOUTS", "check_regular", "find_parts", "open_part", "together"]

# The first one that matches opens a file; delimited text takes whatever is text.
LAYOUTS: tuple[Layout, ...] = (
    PARQUET,
    ARROW_FILE,
    ARROW_STREAM,
    FEATHER_1,
    NETFLIX_LIST,
    NETFLIX,
    RECBOLE,
    DELIMITED,
)

# Files of a folder that can be parts of one table.
_PART_SUFFIXES = (
    *(".parquet", ".pq", ".arrow", ".arrows", ".feather", ".csv", ".tsv", ".dat", ".data"),
    *(".txt", ".inter"),
)
_COMPRESSED_SUFFIXES = (".gz", ".zst", ".bz2", ".lz4")


def find_parts(path: Path) -> list[Path]:
    """List the files that hold the ratings at a path.

    Parameters
    ----------
    path : pathlib.Path
        A file, or a folder of parts.

    Returns
    -------
    list of pathlib.Path
        The file; or the parts in sorted order, at any depth. Names that begin with a dot or an
        underscore are not parts.

    Raises
    ------
    DataError
        When there is nothing at the path, or no part in the folder.
    """
    if path.is_file():
        return [path]
    check_regular(path)
    if not path.is_dir():
        raise DataError(_missing(path))
    if (path / "model.json").is_file():
        raise DataError(f"{path}: this is a saved model; give the ratings it was trained on")
    parts = without_companions(sorted(_parts_below(path), key=lambda part: part.parts))
    if not parts:
        raise DataError(
            f"{path}: no parts in this folder; looked for names ending in "
            f"{', '.join(_PART_SUFFIXES)}"
        )
    suffixes = sorted({_part_suffix(file) for file in parts})
    if len(suffixes) > 1:
        raise DataError(
            f"{path}: files of several kinds in this folder ({', '.join(suffixes)}); "
            "name the one to read, or leave one kind in the folder"
        )
    return parts


def _parts_below(folder: Path) -> Iterator[Path]:
    """Yield the files at any depth whose names are those of parts; thousands in a tenth second."""
    for below, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        here = Path(below)
        for name in names:
            part = here / name
            if (
                not name.startswith((".", "_"))
                and _part_suffix(part) in _PART_SUFFIXES
                and part.is_file()
            ):
                yield part


def check_regular(path: Path) -> None:
    """Refuse pipes and devices: ratings are read more than once.

    Raises
    ------
    DataError
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise DataError(f"{path}: not a regular file; write it to a file first")


def _part_suffix(file: Path) -> str:
    """Return the suffix that tells the layout, beneath one that tells the compression."""
    inner = file.with_suffix("") if file.suffix.lower() in _COMPRESSED_SUFFIXES else file
    return inner.suffix.lower()


def _missing(path: Path) -> str:
    """Say that a path does not exist, and what in its folder has a name like it."""
    folder = path.parent
    if not folder.is_dir():
        return f"{path}: no such file, and no folder {folder}"
    close = difflib.get_close_matches(path.name, sorted(f.name for f in folder.iterdir()), n=3)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return f"{path}: no such file{hint}"


def open_part(path: Path, options: ReadOptions, more: Sequence[Path] = ()) -> Part:
    """Open one file with the reader of its layout.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    options : ReadOptions
        How to read it.
    more : sequence of pathlib.Path, optional
        Files of the Netflix Prize that follow and become one part with it, see `together`.

    Returns
    -------
    Part

    Raises
    ------
    DataError
        When the file cannot be read, is empty, or of no known layout.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if not head:
        raise DataError(f"{path}: the file is empty")
    if more:
        return sifted(NetflixPart(path, options, more), options)
    for layout in LAYOUTS:
        if layout.matches(path, head):
            return sifted(layout.open(path, options), options)
    raise DataError(
        f"{path}: not a file fastmf knows; it reads Parquet, Arrow, Feather, and text with "
        "columns separated by commas, tabs, semicolons, bars, '::' or spaces"
    )
