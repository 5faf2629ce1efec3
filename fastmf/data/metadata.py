"""Tables of what is known of items or users, column by column, from files and from memory."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from fastmf.data.items import read_items
from fastmf.data.raw_tables import (
    column_values,
    decoded,
    first_record,
    read_arrow_table,
    text_records,
)
from fastmf.errors import DataError

__all__ = ["Cell", "Metadata", "number_text", "read_metadata"]

Role = Literal["item", "user"]

Cell = int | float | str | tuple[str, ...] | None
"""What a table says of one row in one column: a number, text, several texts, or nothing."""

_SEPARATORS = (",", "\t", ";", "|")
# What tables write for "not known".
_UNKNOWN = frozenset(
    ("", "unknown", "null", "nan", "none", "na", "n/a", "<na>", "nat", "\\n", "(no genres listed)")
)
_ID_NAMES = {
    "item": ("item", "itemid", "movie", "movieid", "isbn", "asin", "parentasin", "id"),
    "user": ("user", "userid", "customer", "customerid", "id"),
}
# Layouts of MovieLens that have no header: what their first line looks like, and their columns.
_HEADERLESS = (
    (re.compile(r"\d+::[MF]::\d+::\d+::"), "::", ("id", "gender", "age", "occupation", "zip")),
    (re.compile(r"\d+\|\d+\|[MF]\|"), "|", ("id", "age", "gender", "occupation", "zip")),
)


@dataclass(frozen=True)
class Metadata:
    """What a table says of items or users; the lists have one entry a row.

    Attributes
    ----------
    ids : list of str
        Raw ids as text, each once.
    columns : dict of str to list
        By name: numbers, texts, tuples of text, or None where nothing is known.
    name : str
        What to call the table in messages.
    """

    ids: list[str]
    columns: dict[str, list[Cell]]
    name: str = "the table"

    def __len__(self) -> int:
        return len(self.ids)


def read_metadata(source: Any, role: Role = "item") -> Metadata:
    """Read a table of items or users with whatever columns it has.

    Files are delimited text with a header (one of its columns holds the ids), Parquet or Arrow,
    the files of MovieLens without header (``users.dat``, ``u.user``), and every file of items
    that `fastmf.data.items.read_items` understands, of which genres, years, types and episodes
    are taken. A year that only ends the titles becomes a column ``year``.

    Parameters
    ----------
    source : path, pandas.DataFrame, pyarrow.Table, mapping of name to values, or Metadata
        Rows without an id are left out; of several rows of one id, the last counts.
    role : {"item", "user"}, optional
        Whose ids to look for.

    Returns
    -------
    Metadata

    Raises
    ------
    DataError
        If it cannot be read, or has no column of ids.
    """
    if isinstance(source, Metadata):
        return source
    if isinstance(source, str | Path):
        return _read_file(Path(source), role)
    name = f"the table of {role}s"
    if isinstance(source, Mapping):
        columns = {str(key): list(values) for key, values in source.items()}
    elif hasattr(source, "to_pydict"):
        columns = _of_arrow(source, name)
    elif hasattr(source, "columns") and hasattr(source, "__getitem__"):
        _check_names(source.columns, name)
        columns = {str(key): list(source[key]) for key in source.columns}
    else:
        raise DataError(
            f"{name} is {type(source).__name__}; give a file, a data frame, or a mapping from "
            "names of columns to their values"
        )
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise DataError(f"{name}: its columns have {' or '.join(map(str, sorted(lengths)))} rows")
    return _assembled(columns, name, role)


def _read_file(path: Path, role: Role) -> Metadata:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: the table cannot be read: {error.strerror}") from error
    if data.startswith((b"PAR1", b"ARROW1")):
        return _assembled(_of_arrow(read_arrow_table(path), str(path)), str(path), role)
    if b"\0" in data[:4096]:
        raise DataError(f"{path}: not a table; give CSV, TSV, '::' or '|' text, or Parquet")
    text = decoded(data)
    first = text.split("\n", 1)[0]
    for pattern, separator, names in _HEADERLESS:
        if pattern.match(first):
            fields = [line.split(separator) for line in text.split("\n") if line]
            return _assembled(_by_name(names, fields), str(path), role)
    columns = _with_header(text, first, path, role)
    if columns is None:
        return _from_items(path, role)
    if not any("year" in name.lower() for name in columns):
        columns |= _years_of_titles(path)
    return _assembled(columns, str(path), role)


def _of_arrow(table: pa.Table, name: str) -> dict[str, list[Any]]:
    names = table.column_names
    _check_names(names, name)
    return {key: column_values(table, place, name) for place, key in enumerate(names)}


def _check_names(names: Iterable[Any], name: str) -> None:
    """Refuse two columns of one name: which of them is meant cannot be told."""
    seen: set[str] = set()
    for key in map(str, names):
        if key in seen:
            raise DataError(f"{name}: it has two columns {key}; give each a name of its own")
        seen.add(key)


def _with_header(text: str, first: str, path: Path, role: Role) -> dict[str, list[Any]] | None:
    """Return the columns named in the first line; None when it names no ids."""
    for separator in _SEPARATORS:
        names = first_record(first, separator)
        if len(names) >= 2 and _id_column(names, role) is not None:
            _, *rows = text_records(text, separator, path)
            return _by_name(names, rows)
    return None


def _by_name(names: Sequence[str], rows: list[list[str]]) -> dict[str, list[Any]]:
    """Turn rows into columns; RecBole writes the type of a column behind its name."""
    columns: dict[str, list[Any]] = {}
    for place, name in enumerate(names):
        plain, _, kind = name.strip().partition(":")
        column: list[Any] = [row[place] if place < len(row) else None for row in rows]
        if kind == "token_seq":
            column = [tuple(text.split()) if text else None for text in column]
        columns[plain] = column
    return columns


def _years_of_titles(path: Path) -> dict[str, list[Any]]:
    """Return a column of the years that end the titles, under the ids of `read_items`."""
    try:
        items = read_items(path)
    except DataError:  # a table without titles
        return {}
    years = dict(zip(items.ids, items.years, strict=True))
    return {"year": years} if any(years.values()) else {}  # type: ignore[dict-item]


def _from_items(path: Path, role: Role) -> Metadata:
    """Return what is known from an items file without header."""
    try:
        items = read_items(path)
    except DataError:
        raise DataError(
            f"{path}: no column of {role} ids; give it a header line such as {role}_id,age,kind"
        ) from None
    columns: dict[str, list[Cell]] = {
        "year": [None if year is None else float(year) for year in items.years],
        "genres": [genres or None for genres in items.genres],
    }
    known = {name: cells for name, cells in columns.items() if any(cells)}
    return Metadata(items.ids, known, str(path))


def _id_column(names: Sequence[str], role: Role) -> str | None:
    """Return the name of the column of ids: a usual one, else the first that ends in id."""
    plain = {re.sub(r"[\s_\-]", "", name.split(":")[0]).lower(): name for name in reversed(names)}
    usual = next((plain[name] for name in _ID_NAMES[role] if name in plain), None)
    return usual or next(
        (name for name in names if re.search(r"ids?$", name.split(":")[0].strip().lower())), None
    )


def _assembled(columns: Mapping[str, Any], name: str, role: Role) -> Metadata:
    """Return columns of cells, the last row of each id."""
    id_name = _id_column(list(columns), role)
    if id_name is None:
        shown = ", ".join(columns)[:80]
        raise DataError(f"{name}: no column of {role} ids among {shown!r}; name it {role}_id")
    ids = [_id_text(value) for value in columns[id_name]]
    last = {raw: place for place, raw in enumerate(ids) if raw}
    if not last:
        raise DataError(f"{name}: no {role}s in it")
    places = list(last.values())
    cells: dict[str, list[Cell]] = {}
    for key, values in columns.items():
        if isinstance(values, dict):  # by id
            cells[key] = [_cell(values.get(raw)) for raw in last]
        elif key != id_name:
            cells[key] = [_cell(values[place]) for place in places]
    return Metadata(list(last), cells, name)


def _id_text(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else number_text(value)
    return "" if value is None else str(value).strip()


def number_text(number: float) -> str:
    """Return a number as the text of an id or a category: 7 and 7.0 are the same one.

    Parameters
    ----------
    number : int or float

    Returns
    -------
    str
        All digits of a whole number; of others as many as tell it from its neighbours.
    """
    return str(int(number)) if float(number).is_integer() else str(number)


def _cell(value: Any) -> Cell:
    """Return a value as a number, a text or several texts; None where nothing is known."""
    plain = value.tolist() if hasattr(value, "tolist") else value  # NumPy's
    if isinstance(plain, list | tuple | set | frozenset):
        texts = (_text(str(part)) for part in plain if part is not None)
        return tuple(text for text in texts if text is not None) or None
    if isinstance(plain, int | float) and not isinstance(plain, bool):
        return plain if _is_finite(plain) else None
    return None if plain is None else _text(str(plain))


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number past the floats
        return False


def _text(text: str) -> str | None:
    cleaned = html.unescape(text).strip()
    return None if cleaned.lower() in _UNKNOWN else cleaned
