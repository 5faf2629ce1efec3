"""Ratings of one person, whose file need not have a column of users."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmf.cli.reading import load_ratings
from fastmf.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from fastmf import Ratings
    from fastmf.cli.console import Console

__all__ = ["PERSON", "people_ratings"]

PERSON = "you"
"""What the person is called whose ratings have no column of users."""

_SEPARATORS = ("::", "\t", ",", ";", "|")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)\s*$")


def people_ratings(
    source: Path, reading: Mapping[str, Any], console: Console, threads: int | None
) -> Ratings:
    """Read ratings of people: with a column of users, or without one, of a single person.

    Parameters
    ----------
    source : pathlib.Path
        Whatever `read_ratings` takes; or Parquet or delimited text with a column of items and one
        of ratings, which are the first two columns of text without a header.
    reading : mapping
        Columns, duplicates and cache, as `fastmf.read_ratings` takes them.
    console : Console
        Where progress and notes go.
    threads : int or None

    Returns
    -------
    Ratings

    Raises
    ------
    DataError
        When they cannot be read.
    """
    from fastmf import read_ratings

    frame = _one_person_s_table(source, reading)
    if frame is None:
        return load_ratings(source, {**reading, "cache": False}, console, threads=threads)
    user, item, rating = map(str, frame.columns)
    try:
        ratings = read_ratings(
            frame,
            user_column=user,
            item_column=item,
            rating_column=rating,
            duplicates=reading["duplicates"],
            trainable=False,
        )
    except DataError as error:
        raise DataError(str(error).replace("the DataFrame", str(source))) from None
    console.notes(ratings.notes)
    return ratings


def _one_person_s_table(source: Path, reading: Mapping[str, Any]) -> pd.DataFrame | None:
    """Return person, items and ratings of a file without users; None for any other file."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not source.is_file() or reading["user_column"] is not None:
        return None
    try:
        with source.open("rb") as file:
            head = file.read(1 << 16)
        if head.startswith(b"PAR1"):
            chosen = _without_users(pq.read_schema(source).names, reading, source)
            return None if chosen is None else _table(pd.read_parquet(source, columns=chosen))
        lines = [line for line in head.decode("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError, pa.ArrowException):
        return None  # whoever reads it says what is wrong with it
    separator = next((one for one in _SEPARATORS if lines and one in lines[0]), None)
    if separator is None:
        return None
    fields = [field.strip().strip('"') for field in lines[0].split(separator)]
    has_header = not any(_NUMBER.match(field) for field in fields)
    if has_header:
        chosen = _without_users(fields, reading, source)
    else:
        chosen = ["1", "2"] if len(fields) == 2 else None
    if chosen is None:
        return None
    try:
        frame = pd.read_csv(
            source,
            sep=re.escape(separator) if len(separator) > 1 else separator,
            engine="python",
            encoding="utf-8-sig",
            header=0 if has_header else None,
            names=[str(number + 1) for number in range(len(fields))] if not has_header else fields,
            dtype={chosen[0]: str},
            skipinitialspace=True,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{source}: {' '.join(str(error).split())}") from None
    return _table(frame[chosen])


def _without_users(names: list[str], reading: Mapping[str, Any], source: Path) -> list[str] | None:
    """Return the item and the rating column of a table without users."""
    from fastmf.data.columns import ColumnNames, find_columns

    item, rating = reading["item_column"], reading["rating_column"]
    try:
        find_columns(names, ColumnNames(None, item, rating), "")
    except DataError:
        pass
    else:
        return None
    try:
        roles = find_columns([*names, "user"], ColumnNames("user", item, rating), str(source))
    except DataError as error:
        if len(names) > 2:
            return None
        raise DataError(str(error).replace(", user;", ";")) from None
    assert roles.rating is not None
    return [names[roles.item], names[roles.rating]] if roles.user == len(names) else None


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    """Put the person in front of items and ratings."""
    frame.insert(0, PERSON, PERSON)
    return frame
