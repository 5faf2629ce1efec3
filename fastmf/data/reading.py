"""`read_ratings`: any source to `Ratings`, by way of a store that is kept for the next time."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, get_args

from fastmf.data.choices import check_choice
from fastmf.data.columns import ColumnNames
from fastmf.data.filters import Duplicates
from fastmf.data.in_memory import read_in_memory
from fastmf.data.ingest import Progress
from fastmf.data.ratings import Ratings
from fastmf.data.readers.frames import open_frame
from fastmf.data.readers.part import BadRows, ReadOptions, Unrated
from fastmf.data.source_store import ReadRequest, open_source
from fastmf.data.standard_input import STANDARD_INPUT, read_standard_input
from fastmf.data.store import open_store
from fastmf.data.store_header import is_store
from fastmf.errors import DataError

__all__ = ["read_ratings"]


def read_ratings(
    source: Any,
    *,
    user_column: str | None = None,
    item_column: str | None = None,
    rating_column: str | None = None,
    time_column: str | None = None,
    duplicates: Duplicates = "last",
    on_bad_rows: BadRows = "error",
    unrated: Unrated = "drop",
    cache: bool = True,
    progress: Progress | None = None,
    num_threads: int | None = None,
    trainable: bool = True,
) -> Ratings:
    """Read ratings from a file, a folder, or a table in memory.

    A file or folder is turned into a store once, in bounded memory, and opened by memory map. The
    store is kept in a cache (see `fastmf.data.cache.store_cache_folder`), found again the next
    time, and made anew when the source has changed.

    Parameters
    ----------
    source : str, path or object
        A Parquet, Arrow, Feather or delimited text file (CSV, TSV, ``;``, ``|``, ``::``, spaces;
        also compressed), a folder of such parts, ``"-"`` for one of these files on standard input,
        a store (which has its columns already, and no duplicates); or a pandas
        DataFrame, an object with the Arrow C stream (polars ...), a SciPy sparse matrix, a tuple of
        3 or 4 arrays (users, items, values, times; interactions need no values); or a `Ratings`,
        which is returned as it is.
    user_column, item_column, rating_column, time_column : str, optional
        Names of the columns; by default they are found by their usual names. In text without a
        header, columns are named by their numbers from ``"1"``.
    duplicates : {"last", "mean", "sum", "error"}, optional
        What to do with (user, item) pairs that occur more than once: keep the rating of the row
        that comes last in the file (its time does not matter; of a folder, the parts follow each
        other in the order of their names), or the mean of all, or their sum (of plays or clicks),
        or refuse.
    on_bad_rows : {"error", "skip"}, optional
        Refuse a row that cannot be used, with its place; or leave such rows out, with a note of
        how many and where the first five are.
    unrated : {"drop", "interactions", "rating"}, optional
        What to do with rows whose rating stands for "not rated", such as -1 in the anime
        databases: leave them out, with a note; or keep all rows of the file as interactions of
        value 1, which need no column of ratings; or take the number for a rating.
    cache : bool, optional
        Whether to keep the store of a file. Otherwise it goes when the process ends.
    progress : callable, optional
        Called with the rows read since the last call.
    num_threads : int, optional
        Threads to read with; default all processors. The result does not depend on it.
    trainable : bool, optional
        Whether to refuse ratings of only one user or one item; evaluation has no need to.

    Returns
    -------
    Ratings

    Raises
    ------
    DataError
        When the source cannot be read or holds anything unusable; says what and where.
    ParameterError
        On an unknown value of `duplicates`, `on_bad_rows` or `unrated`.
    """
    check_choice("duplicates", duplicates, get_args(Duplicates))
    check_choice("on_bad_rows", on_bad_rows, get_args(BadRows))
    check_choice("unrated", unrated, get_args(Unrated))
    names = ColumnNames(user_column, item_column, rating_column, time_column)
    options = ReadOptions(names, on_bad_rows=on_bad_rows, unrated=unrated)
    request = ReadRequest(options, duplicates, progress, num_threads)
    if isinstance(source, Ratings):
        ratings = source
    elif not isinstance(source, (str, os.PathLike)):
        ratings = _read_frame(source, request)
    else:
        if not os.fspath(source):
            raise DataError("the path of the ratings is empty; name a file or a folder")
        ratings = _read_path(Path(source).expanduser(), request, cache)
    if trainable:
        _check_trainable(ratings)
    return ratings


def _read_path(path: Path, request: ReadRequest, cache: bool) -> Ratings:
    if str(path) == STANDARD_INPUT:
        return read_standard_input(partial(open_source, request=request, cache=False))
    return open_store(path) if is_store(path) else open_source(path, request, cache=cache)


def _read_frame(source: Any, request: ReadRequest) -> Ratings:
    table = read_in_memory(
        [open_frame(source, request.options)],
        duplicates=request.duplicates,
        time_required=request.time_required,
        progress=request.progress,
        num_threads=request.num_threads,
    )
    return Ratings(*table[:4], notes=table.notes)


def _check_trainable(ratings: Ratings) -> None:
    """Refuse ratings of a single user or a single item: there is nothing to factorize."""
    where = f"{ratings.source}: " if ratings.source else ""
    for role, vocabulary in (("user", ratings.users), ("item", ratings.items)):
        if len(vocabulary) == 1:
            only = vocabulary.take([0])[0]
            raise DataError(
                f"{where}all {len(ratings):,} ratings are of one {role} ({only}): nothing to "
                f"factorize; is the {role} column the right one (--{role}-column)?"
            )
