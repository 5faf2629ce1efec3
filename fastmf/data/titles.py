"""Titles of items, read from the files they usually come in."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path

from fastmf.errors import DataError

__all__ = ["Titles", "read_titles"]

# Compared without case, underscores, spaces and hyphens.
_ITEM_NAMES = ("item", "itemid", "movie", "movieid", "id", "isbn", "asin", "parentasin")
_TITLE_NAMES = ("title", "name", "booktitle", "movietitle", "itemtitle", "itemname", "label")
_HEADER_SEPARATORS = (",", "\t", ";", "|")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")  # no title may steer the terminal it is shown in
_NETFLIX_LINE = re.compile(r"\d+,(\d{4}|NULL),")


class Titles:
    """Titles by raw item id.

    Parameters
    ----------
    titles : dict of str to str
        Titles by the text of the raw id.
    """

    def __init__(self, titles: dict[str, str]) -> None:
        self._titles = titles

    def __len__(self) -> int:
        return len(self._titles)

    def __contains__(self, item_id: object) -> bool:
        return str(item_id) in self._titles

    def of(self, item_id: object) -> str:
        """Return the title of an item; its id where it has none.

        Parameters
        ----------
        item_id : int or str
            Raw id.

        Returns
        -------
        str
        """
        return self._titles.get(str(item_id), str(item_id))


def read_titles(path: str | Path) -> Titles:
    """Read the titles of items.

    Understood are text with a header (separated by commas, tabs, semicolons or bars, quoted or
    not) that names the columns of ids and titles; text without header whose first two columns are
    these (``movies.dat`` with ``::``, ``u.item`` with bars); and ``id,year,title`` without header
    and without quotes (``movie_titles.csv``, whose titles may hold commas). Encoded as UTF-8, or
    as ISO-8859-1 where it is not UTF-8. HTML entities are replaced by their characters.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    Titles

    Raises
    ------
    DataError
        When the file cannot be read or holds no ids and titles.
    """
    path = Path(path)
    text = _decoded(path)
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise DataError(f"{path}: the file is empty, no titles in it")
    pairs = _with_header(text, lines[0], path) or _without_header(lines)
    if pairs is None:
        raise DataError(
            f"{path}: no columns of item ids and titles; its first line is {lines[0][:60]!r}; "
            "give it a header line such as item,title"
        )
    cleaned = (
        (item.strip(), _CONTROLS.sub(" ", html.unescape(title)).strip()) for item, title in pairs
    )
    return Titles({item: title for item, title in cleaned if title})


def _decoded(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: titles cannot be read: {error.strerror}") from error
    if b"\0" in data[:4096]:
        raise DataError(f"{path}: not a text file of titles; give CSV, TSV, '::' or '|' text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("iso-8859-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]", "", name).lower()


def _find(header: list[str]) -> tuple[int, int] | None:
    """Return the places of the ids and the titles among the names of a header."""
    names = [_plain(name) for name in header]
    titles = [names.index(name) for name in _TITLE_NAMES if name in names]
    items = [names.index(name) for name in _ITEM_NAMES if name in names]
    # Otherwise the first column that says it holds ids: anime_id, book_ids ...
    items += [place for place, name in enumerate(names) if re.search(r"ids?$", name)]
    return (items[0], titles[0]) if items and titles else None


def _with_header(text: str, first: str, path: Path) -> Iterator[tuple[str, str]] | None:
    """Return ids and titles by the names in the first line; None when it names none."""
    for separator in _HEADER_SEPARATORS:
        places = _find(next(csv.reader([first], delimiter=separator)))
        if places is not None:
            return _columns(text, separator, places, path)
    return None


def _columns(
    text: str, separator: str, places: tuple[int, int], path: Path
) -> Iterator[tuple[str, str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    item, title = places
    try:
        next(fields for fields in reader if fields)
        for fields in reader:
            if len(fields) > max(places):
                yield fields[item], fields[title]
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from error


def _without_header(lines: list[str]) -> Iterator[tuple[str, str]] | None:
    """Return ids and titles of the layouts that have no header; None when it is none of them."""
    if all(_NETFLIX_LINE.match(line) for line in lines[:50]):
        return ((fields[0], fields[2]) for fields in (line.split(",", 2) for line in lines))
    for separator in ("::", "|", "\t"):
        if separator in lines[0]:
            rows = (line.split(separator) for line in lines)
            return ((fields[0], fields[1]) for fields in rows if len(fields) > 1)
    return None
