"""Tables of items: titles, years, genres, types and episodes, from the files they come in."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from fastmf.data.id_tables import whole_numbers
from fastmf.data.item_rows import ItemRow, item_rows
from fastmf.errors import DataError

__all__ = ["Items", "read_items"]

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")  # no title may steer the terminal it is shown in
# "Toy Story (1995)", "Death Note (2006-2007)", "The Time of the Great Giving (1995) (V)".
_TITLE_YEAR = re.compile(r"\(((?:18|19|20)\d\d)(?:[-\u2013](?:\d{4})?)?\)(?:\s*\([^()]*\))*\s*$")
_YEAR = re.compile(r"(?<!\d)(?:18|19|20)\d\d(?!\d)")
_PLAIN_YEAR = re.compile(r"\d{4}(\.0*)?$")
_COUNT = re.compile(r"(\d{1,9})(\.0*)?$")
# What files write for "not known".
_UNKNOWN = frozenset(("", "unknown", "null", "nan", "none", "na", "n/a", "(no genres listed)"))


@dataclass(frozen=True)
class Items:
    """Items and what a file says of them; the lists have one entry an item.

    Attributes
    ----------
    ids : list of str
        Raw item ids as text, each once, in the order of the file.
    titles : list of str or None
        As the file has them, MovieLens' years in parentheses included; None where it has none.
    years : list of int or None
        Year of release: of its own column, or the one that ends the title.
    genres : list of tuple of str
        Empty where none are known.
    types : list of str or None
        Such as ``"TV"`` or ``"Movie"``.
    episodes : list of int or None
        How many there are.
    """

    ids: list[str]
    titles: list[str | None]
    years: list[int | None]
    genres: list[tuple[str, ...]]
    types: list[str | None]
    episodes: list[int | None]

    def __len__(self) -> int:
        return len(self.ids)

    def to_arrow(self) -> pa.Table:
        """Return the items as a table.

        Returns
        -------
        pyarrow.Table
            ``id`` (int64 where all ids are integers, else large_string) and ``title``
            (large_string); then, of ``genres`` (list of string), ``year`` (int16), ``type``
            (string) and ``episodes`` (int32), those that are known of any item.
        """
        text = pa.array(self.ids, pa.large_string())
        integers = whole_numbers(text)
        columns = {
            "id": text if integers is None else integers,
            "title": pa.array(self.titles, pa.large_string()),
        }
        if any(self.genres):
            columns["genres"] = pa.array(self.genres, pa.list_(pa.string()))
        for name, values, kind in (
            ("year", self.years, pa.int16()),
            ("type", self.types, pa.string()),
            ("episodes", self.episodes, pa.int32()),
        ):
            if any(value is not None for value in values):
                columns[name] = pa.array(values, kind)
        return pa.table(columns)


def read_items(path: str | Path) -> Items:
    """Read a table of items.

    Understood are text with a header (separated by commas, tabs, semicolons or bars, quoted or
    not) that names at least the columns of ids and titles (``movies.csv``, ``anime.csv``,
    RecBole's ``.item``); text without header whose first two columns are these (``movies.dat``
    with ``::``, ``u.item`` with bars and genre flags); ``id,year,title`` without header and
    without quotes (``movie_titles.csv``, whose titles may hold commas); and Parquet and Arrow
    files with the columns of `Items.to_arrow`. Text is UTF-8, or ISO-8859-1 where it is not
    UTF-8; HTML entities are replaced by their characters. Rows without an id are left out, and
    of several rows of one id, the last counts.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    Items

    Raises
    ------
    DataError
        When the file cannot be read or holds no ids and titles.
    """
    kept: dict[str, ItemRow] = {}
    for row in item_rows(Path(path)):
        item = row.id.strip()
        if item:
            kept[item] = row
    if not kept:
        raise DataError(f"{path}: no items in it, only the line that names the columns")
    rows = list(kept.values())
    titles = [_cleaned(row.title) or None for row in rows]
    between = _genre_separator(rows)
    return Items(
        list(kept),
        titles,
        [_year(row.year, title) for row, title in zip(rows, titles, strict=True)],
        [_genres(row.genres, between) for row in rows],
        [_known(row.type) for row in rows],
        [_count(row.episodes) for row in rows],
    )


def _cleaned(text: str | None) -> str:
    """Return text without HTML entities, control characters and spaces around it."""
    return "" if text is None else _CONTROLS.sub(" ", html.unescape(text)).strip()


def _known(text: str | None) -> str | None:
    cleaned = _cleaned(text)
    return None if cleaned.lower() in _UNKNOWN else cleaned


def _year(text: str | None, title: str | None) -> int | None:
    """Return the year of a column of years; else of the title; else of a date."""
    text = (text or "").strip()
    if _PLAIN_YEAR.match(text):
        return int(text[:4]) or None
    # A release date can be that of another country, or of the video.
    found = _TITLE_YEAR.search(title or "")
    if found is not None:
        return int(found[1])
    dated = _YEAR.search(text)
    return None if dated is None else int(dated[0])


def _genre_separator(rows: list[ItemRow]) -> str:
    """Tell what parts the genres of a file: bars, else commas."""
    texts = [row.genres for row in rows if isinstance(row.genres, str)]
    return next((mark for mark in "|," if any(mark in text for text in texts)), "|")


def _genres(genres: str | list[str] | None, between: str) -> tuple[str, ...]:
    if genres is None:
        return ()
    parts = genres if isinstance(genres, list) else genres.split(between)
    known = (_known(part) for part in parts)
    return tuple(genre for genre in known if genre is not None)


def _count(text: str | None) -> int | None:
    found = _COUNT.match((text or "").strip())
    return None if found is None else int(found[1])
