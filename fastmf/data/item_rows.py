"""Rows of an items file as they stand in it: where the ids, titles and other details are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastmf.data.id_tables import as_ids
from fastmf.data.raw_tables import (
    column_values,
    decoded,
    first_record,
    read_arrow_table,
    text_records,
)
from fastmf.errors import DataError

__all__ = ["MOVIELENS_GENRES", "ItemRow", "item_rows"]

# The order of the flags of u.item, as its u.genre lists them.
# fmt: off
MOVIELENS_GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)
# Names of columns, compared without case, underscores, spaces and hyphens; the first that is
# there counts.
_NAMES = {
    "id": ("item", "itemid", "movie", "movieid", "id", "isbn", "asin", "parentasin"),
    "title": ("title", "name", "booktitle", "movietitle", "itemtitle", "itemname", "label"),
    "year": ("year", "releaseyear", "yearofpublication", "publicationyear", "releasedate",
             "aired", "premiered"),
    "genres": ("genres", "genre", "class", "categories", "category"),
    "type": ("type", "format"),
    "episodes": ("episodes", "nepisodes", "episodecount"),
}
# fmt: on
_HEADER_SEPARATORS = (",", "\t", ";", "|")
_NETFLIX_LINE = re.compile(r"\d+,(\d{4}|NULL),")
_FLAGGED_LINE_FIELDS = 5 + len(MOVIELENS_GENRES)
_SNIFFED_LINES = 50


class ItemRow(NamedTuple):
    """What a file says of one item, uncleaned; None or empty text where it says nothing."""

    id: str
    title: str | None
    year: str | None = None
    genres: str | list[str] | None = None
    type: str | None = None
    episodes: str | None = None


class _Places(NamedTuple):
    """The places of the details among the columns of a file."""

    id: int
    title: int
    year: int | None
    genres: int | None
    type: int | None
    episodes: int | None

    def pick(self, fields: Sequence[Any]) -> ItemRow | None:
        """Return the details of a record; None where it is too short to have a title."""
        if len(fields) <= max(self.id, self.title):
            return None
        details = (fields[p] if p is not None and p < len(fields) else None for p in self[2:])
        return ItemRow(fields[self.id], fields[self.title], *details)


def item_rows(path: Path) -> Iterator[ItemRow]:
    """Read the rows of an items file, see `fastmf.data.items.read_items`.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Yields
    ------
    ItemRow

    Raises
    ------
    DataError
        When the file cannot be read or has no columns of ids and titles.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: titles cannot be read: {error.strerror}") from error
    if data.startswith((b"PAR1", b"ARROW1")):
        return _from_columns(path)
    if b"\0" in data[:4096]:
        raise DataError(
            f"{path}: not a text file of titles; give CSV, TSV, '::' or '|' text, or Parquet"
        )
    text = decoded(data)
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise DataError(f"{path}: the file is empty, no titles in it")
    rows = _with_header(text, lines[0], path) or _without_header(lines)
    if rows is None:
        raise _no_columns(path, f"its first line is {lines[0][:60]!r}")
    return rows


def _no_columns(path: Path, seen: str) -> DataError:
    return DataError(
        f"{path}: no columns of item ids and titles; {seen}; give it a header line such as "
        "item,title"
    )


def _find(header: Sequence[str]) -> _Places | None:
    """Return the places of the details among the names of a header."""
    # RecBole writes the type of a column behind its name: movie_title:token_seq.
    names = [re.sub(r"[\s_\-]", "", name.split(":")[0]).lower() for name in header]
    found = {
        detail: [names.index(name) for name in usual if name in names]
        for detail, usual in _NAMES.items()
    }
    # Otherwise the first column that says it holds ids: anime_id, book_ids ...
    found["id"] += [place for place, name in enumerate(names) if re.search(r"ids?$", name)]
    if not found["id"] or not found["title"]:
        return None
    places = {detail: found[detail][0] if found[detail] else None for detail in _NAMES}
    return _Places(**places)  # type: ignore[arg-type]


def _with_header(text: str, first: str, path: Path) -> Iterator[ItemRow] | None:
    """Return rows by the names in the first line; None when it names none."""
    for separator in _HEADER_SEPARATORS:
        header = first_record(first, separator)
        places = _find(header)
        if places is not None:
            rows = _parsed(text, separator, places, path)
            spaced = places.genres is not None and header[places.genres].endswith(":token_seq")
            return map(_with_genres_apart, rows) if spaced else rows
    return None


def _with_genres_apart(row: ItemRow) -> ItemRow:
    """Part genres where spaces are between them, as in RecBole's files."""
    return row._replace(genres=row.genres.split() if isinstance(row.genres, str) else row.genres)


def _parsed(text: str, separator: str, places: _Places, path: Path) -> Iterator[ItemRow]:
    """Return the rows behind the header."""
    records = text_records(text, separator, path)
    next(records)
    picked = map(places.pick, records)
    return (row for row in picked if row is not None)


def _without_header(lines: list[str]) -> Iterator[ItemRow] | None:
    """Return the rows of the layouts that have no header; None when it is none of them."""
    if all(_NETFLIX_LINE.match(line) for line in lines[:_SNIFFED_LINES]):
        split = (line.split(",", 2) for line in lines)
        return (
            ItemRow(fields[0], fields[2], year=fields[1]) for fields in split if len(fields) == 3
        )
    if "::" in lines[0]:
        return _split(lines, "::", _Places(0, 1, None, 2, None, None))
    if "|" in lines[0]:
        return _flagged(line.split("|") for line in lines)
    if "\t" in lines[0]:
        return _split(lines, "\t", _Places(0, 1, None, None, None, None))
    return None


def _split(lines: list[str], separator: str, places: _Places) -> Iterator[ItemRow]:
    picked = (places.pick(line.split(separator)) for line in lines)
    return (row for row in picked if row is not None)


def _flagged(records: Iterable[list[str]]) -> Iterator[ItemRow]:
    """Yield the rows of ``u.item``: id, title, release date, video date, address, genre flags."""
    for fields in records:
        if len(fields) == _FLAGGED_LINE_FIELDS:
            flags = zip(MOVIELENS_GENRES, fields[5:], strict=True)
            genres = [genre for genre, flag in flags if flag.strip() == "1"]
            yield ItemRow(fields[0], fields[1], year=fields[2], genres=genres)
        elif len(fields) > 1:
            yield ItemRow(fields[0], fields[1])


def _from_columns(path: Path) -> Iterator[ItemRow]:
    """Return the rows of a Parquet or Arrow file."""
    table = read_arrow_table(path)
    places = _find(table.schema.names)
    if places is None:
        raise _no_columns(path, f"its columns are {', '.join(table.schema.names)[:60]!r}")
    ids = as_ids(table.column(places.id).combine_chunks())
    if ids is None:
        raise DataError(f"{path}: its item ids are neither integers nor text")
    columns = [
        None
        if place is None
        else [_text(value) for value in column_values(table, place, str(path))]
        for place in places
    ]
    columns[0] = ["" if item is None else str(item) for item in ids.to_pylist()]
    none = [None] * table.num_rows
    filled = (none if column is None else column for column in columns)
    return (ItemRow(*row) for row in zip(*filled, strict=True))


def _text(value: Any) -> Any:
    """Return a value of a column as text, or as a list of texts."""
    if value is None:
        return None
    return [str(entry) for entry in value] if isinstance(value, list) else str(value)
