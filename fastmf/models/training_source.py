"""Where training ratings came from, so that a saved model can find and trust them later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from fastmf.data import Ratings
from fastmf.data.fingerprint import describe_files
from fastmf.data.readers import find_parts
from fastmf.data.store_header import HEADER, is_store
from fastmf.errors import DataError

__all__ = [
    "OPTIONS",
    "SourceFile",
    "TrainingSource",
    "Update",
    "checked_files",
    "checked_options",
    "checked_path",
    "checked_updates",
    "describe_training_source",
    "source_has_changed",
]

# The arguments of `fastmf.read_ratings` that tell one way of reading a file from another.
OPTIONS = (
    *("user_column", "item_column", "rating_column", "time_column"),
    *("duplicates", "on_bad_rows", "unrated"),
)


class SourceFile(TypedDict):
    """What tells one version of a file from another, wherever the disk keeps it."""

    path: str
    size: int
    mtime_ns: int
    fingerprint: str


class TrainingSource(NamedTuple):
    """A path, and the identities of its files at the time of training."""

    path: str | None  # absolute; None where the ratings were made in memory
    files: list[SourceFile] | None  # None where they could not be described


class Update(TypedDict):
    """Ratings that a model took in after its training, and where they were."""

    path: str | None
    files: list[SourceFile] | None
    options: dict[str, str | None]  # as `FittedFactors.source_options_`
    n_ratings: int
    n_users: int  # that the model knew before
    n_items: int


def describe_training_source(source: Any, ratings: Ratings) -> TrainingSource:
    """Return what is to be remembered of the source of training ratings.

    Parameters
    ----------
    source : object
        What `read_ratings` was given: where it is a path, a store is its own source, and not
        the file that it was made of.
    ratings : Ratings
        What it returned.

    Returns
    -------
    TrainingSource
    """
    given = source if isinstance(source, (str, os.PathLike)) else ratings.source
    if not given:
        return TrainingSource(None, None)
    path = Path(given).expanduser().absolute()
    return TrainingSource(str(path), _identities(path))


def source_has_changed(path: Path, files: list[SourceFile]) -> bool:
    """Whether a source is no longer what it was in training.

    Parameters
    ----------
    path : pathlib.Path
        A file, a folder of parts, or a store.
    files : list of SourceFile
        What `describe_training_source` said of it.

    Returns
    -------
    bool
        True also where it cannot be read any more.
    """
    return _identities(path) != files


def _identities(path: Path) -> list[SourceFile] | None:
    try:
        # The header of a store vouches for its other files.
        parts = [path / HEADER] if is_store(path) else find_parts(path)
        return [_of(file) for file in describe_files(parts)]
    except (DataError, OSError, RuntimeError):  # RuntimeError: a loop of symbolic links
        return None


def checked_options(options: Any) -> dict[str, str | None]:
    """Return reading options of a record after checking them.

    Parameters
    ----------
    options : object
        From a file: what a model was trained with, by the names of `OPTIONS`.

    Returns
    -------
    dict of str to str or None
        Without names that are not known here.

    Raises
    ------
    TypeError
        If these are not the names of columns.
    """
    if not isinstance(options, Mapping) or not all(
        value is None or isinstance(value, str) for value in options.values()
    ):
        raise TypeError(f"source_options is {options!r}, not an object of texts")
    return {name: options[name] for name in OPTIONS if name in options}


def checked_path(source: Any) -> str | None:
    """Return the source of a record after checking it.

    Parameters
    ----------
    source : object

    Returns
    -------
    str or None

    Raises
    ------
    TypeError
        If it is not a path.
    """
    if source is not None and not isinstance(source, str):
        raise TypeError(f"source is {source!r}, not a path")
    return source


def checked_files(files: Any) -> list[SourceFile] | None:
    """Return the identities of a record after checking them.

    Parameters
    ----------
    files : object

    Returns
    -------
    list of SourceFile or None

    Raises
    ------
    TypeError, ValueError, KeyError
        If these are not identities of files.
    """
    if files is None:
        return None
    if not isinstance(files, list) or not all(isinstance(file, Mapping) for file in files):
        raise TypeError(f"source_files is {files!r}, not a list of objects")
    return [_of(file) for file in files]


def checked_updates(updates: Any) -> list[Update]:
    """Return the sources of a model's updates in a record after checking them.

    Parameters
    ----------
    updates : object

    Returns
    -------
    list of Update

    Raises
    ------
    TypeError, ValueError, KeyError
        If these are not sources.
    """
    if not isinstance(updates, list) or not all(isinstance(one, Mapping) for one in updates):
        raise TypeError(f"updates is {updates!r}, not a list of objects")
    return [
        Update(
            path=checked_path(one["path"]),
            files=checked_files(one["files"]),
            options=checked_options(one["options"]),
            n_ratings=int(one["n_ratings"]),
            n_users=int(one["n_users"]),
            n_items=int(one["n_items"]),
        )
        for one in updates
    ]


def _of(file: Mapping[str, Any]) -> SourceFile:
    return SourceFile(
        path=str(file["path"]),
        size=int(file["size"]),
        mtime_ns=int(file["mtime_ns"]),
        fingerprint=str(file["fingerprint"]),
    )
