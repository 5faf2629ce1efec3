"""Pairs of a user and an item, read piece by piece from any file that has the two columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from fastmf.data.columns import ColumnNames, find_columns
from fastmf.data.id_tables import whole_numbers
from fastmf.data.readers import check_regular
from fastmf.data.readers.complaints import MISSING, check_field_count, check_id
from fastmf.data.readers.compression import open_text
from fastmf.data.readers.dialect import Dialect, LongFieldError
from fastmf.data.readers.part import unreadable
from fastmf.errors import DataError

__all__ = ["Pairs", "as_integers", "read_pairs"]

# find_columns asks for ratings, which pairs need not have: it is given a column that is not there.
_NOT_NEEDED = "(no rating needed)"
_ROWS = 1 << 18
_BLOCK_BYTES = 4 << 20
_SEPARATORS = ("::", "\t", ",", ";", "|", " ")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?$")


class Pairs(NamedTuple):
    """Raw ids of some rows, of the types that the file has: text files hold text."""

    users: pa.Array
    items: pa.Array


def read_pairs(path: Path, user_column: str | None, item_column: str | None) -> Iterator[Pairs]:
    """Read all pairs of a file in order.

    Parameters
    ----------
    path : pathlib.Path
        Parquet, Arrow (Feather), or delimited text with or without a header, also compressed.
    user_column, item_column : str or None
        Names of the columns; None finds them by their usual names, or takes the first two of a
        text file without a header.

    Yields
    ------
    Pairs

    Raises
    ------
    DataError
        When the file or its columns cannot be read.
    """
    names = ColumnNames(user_column, item_column, _NOT_NEEDED, _NOT_NEEDED)
    check_regular(path)
    row = 0
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
        if not head:
            raise DataError(f"{path}: the file is empty")
        if head.startswith(b"PAR1"):
            pieces = _from_parquet(path, names)
        elif head.startswith(b"ARROW1"):
            pieces = _from_arrow(path, names)
        else:
            pieces = _from_text(path, names)
        for pairs in pieces:
            _check_present(pairs, f"{path}, row ", row)
            row += len(pairs.users)
            yield pairs
    except OSError as error:
        if error.strerror is None:  # from a library that found damage
            raise unreadable(str(path), error) from error
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise unreadable(str(path), error) from error


def _check_present(pairs: Pairs, place: str, before: int) -> None:
    """Refuse missing ids."""
    for role, ids in zip(("user", "item"), pairs, strict=True):
        if ids.null_count:
            row = before + pc.index(ids.is_null(), True).as_py() + 1
            raise DataError(f"{place}{row}: the {role} id is missing; fill it in or drop the row")


def as_integers(ids: pa.Array) -> pa.Array | None:
    """Turn ids that are text into integers.

    Parameters
    ----------
    ids : pyarrow.Array
        Ids of any type.

    Returns
    -------
    pyarrow.Array or None
        int64 where all are the text of one (``7.0`` is, ``007`` is not); None where some are not;
        ids that are no text as they are.
    """
    if not (pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)):
        return ids
    return whole_numbers(ids)


def _plain(ids: pa.Array) -> pa.Array:
    """Return categories as what they stand for; refuse offsets and text that are damaged.

    Raises
    ------
    pyarrow.ArrowInvalid
    """
    ids.validate(full=True)
    return ids.dictionary_decode() if pa.types.is_dictionary(ids.type) else ids


def _places(found: list[str], names: ColumnNames, path: Path) -> tuple[int, int]:
    try:
        roles = find_columns([*found, _NOT_NEEDED], names, str(path))
    except DataError as error:
        raise DataError(str(error).replace(f", {_NOT_NEEDED}", "")) from None
    return roles.user, roles.item


def _from_parquet(path: Path, names: ColumnNames) -> Iterator[Pairs]:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        found = file.schema_arrow.names
        user, item = (found[place] for place in _places(found, names, path))
        for batch in file.iter_batches(_ROWS, columns=[user, item]):
            yield Pairs(_plain(batch.column(user)), _plain(batch.column(item)))


def _from_arrow(path: Path, names: ColumnNames) -> Iterator[Pairs]:
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        user, item = _places(reader.schema.names, names, path)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            for start in range(0, batch.num_rows, _ROWS):
                piece = batch.slice(start, _ROWS)
                yield Pairs(_plain(piece.column(user)), _plain(piece.column(item)))


def _from_text(path: Path, names: ColumnNames) -> Iterator[Pairs]:
    with open_text(path) as file:
        head = file.read(1 << 16)
    dialect = _dialect(head, path)
    found = dialect.names
    if found is None:
        numbers = [str(number + 1) for number in range(dialect.n_fields)]
        names = names._replace(user=names.user or "1", item=names.item or "2")
        user, item = _places(numbers, names, path)
    else:
        user, item = _places(list(found), names, path)
    try:
        yield from _parsed(path, dialect, (user, item))
    except (pa.ArrowInvalid, UnicodeDecodeError, _UnusableIdError) as error:
        _complain(path, dialect, (user, item))
        raise unreadable(str(path), error) from error


class _UnusableIdError(Exception):
    """An id of a text file is missing, or holds a NUL byte."""


def _parsed(path: Path, dialect: Dialect, places: tuple[int, int]) -> Iterator[Pairs]:
    """Parse the two columns with Arrow."""
    user, item = map(str, places)
    pairs = Pairs(pa.array([], pa.large_string()), pa.array([], pa.large_string()))
    with open_text(path) as file:
        reader = pacsv.open_csv(
            pa.PythonFile(_Normalised(file, dialect), "r"),
            read_options=pacsv.ReadOptions(
                column_names=[str(place) for place in range(dialect.n_fields)],
                skip_rows=0 if dialect.names is None else 1,
                use_threads=False,
                block_size=_BLOCK_BYTES,
            ),
            parse_options=dialect.parse_options(),
            convert_options=pacsv.ConvertOptions(
                include_columns=[user, item],
                column_types={user: pa.large_string(), item: pa.large_string()},
                null_values=MISSING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            pairs = Pairs(*(pc.utf8_trim_whitespace(column) for column in batch.columns))
            for ids in pairs:
                blank = ids.null_count or pc.any(pc.equal(ids, ""), min_count=0).as_py()
                if blank or pc.any(pc.match_substring(ids, "\0"), min_count=0).as_py():
                    raise _UnusableIdError("an id is missing")
            yield pairs
    # Arrow takes the end of a file for the end of a quote.
    if any(len(ids) and "\n" in ids[-1].as_py() for ids in pairs):
        _complain(path, dialect, places, strict=True)


def _complain(
    path: Path, dialect: Dialect, places: tuple[int, int], *, strict: bool = False
) -> None:
    """Find the first record of a text file that cannot be used and raise what is wrong with it."""
    with open_text(path) as file:
        text = io.TextIOWrapper(
            io.BufferedReader(_Normalised(file, dialect), _BLOCK_BYTES),
            encoding="utf-8",
            errors="surrogateescape",
            newline="",
        )
        reader = csv.reader(
            text,
            delimiter=dialect.delimiter,
            quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
            strict=strict,
        )
        line = 1
        try:
            for fields in reader:
                if fields:
                    check_field_count(fields, dialect.n_fields, f"{path}, line {line}")
                    for role, place in zip(("user", "item"), places, strict=True):
                        check_id(fields[place], role, f"{path}, line {line}")
                line = reader.line_num + 1
        except csv.Error as error:
            quote = f"line {line}: a quote is opened here and not closed as it should be"
            raise DataError(f"{path}, {quote if strict else LongFieldError(line)}") from error


def _dialect(head: bytes, path: Path) -> Dialect:
    """Find out how the file is written; two columns are enough, unlike in ratings."""
    if b"\0" in head:
        raise DataError(f"{path}: not a file of pairs; give Parquet, Arrow, CSV, TSV or '::' text")
    line_end = b"\r" if b"\n" not in head and b"\r" in head else b"\n"
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")
    lines = [line for line in text.splitlines()[:50] if line.strip()]
    for separator in _SEPARATORS:
        if lines and separator in lines[0].strip():
            break
    else:
        first = lines[0][:40] if lines else ""
        raise DataError(
            f"{path}: its first line ({first!r}) does not part into a user and an item by commas, "
            "tabs, semicolons, bars, '::' or spaces"
        )
    split = lines[0].split() if separator == " " else lines[0].split(separator)
    fields = tuple(field.strip().strip('"') for field in split)
    header = not any(_NUMBER.match(field) for field in fields)
    return Dialect(separator, fields if header else None, len(fields), line_end, (), b"")


class _Normalised(io.RawIOBase):
    """A text file whose separators and line ends are those that Arrow understands."""

    def __init__(self, file: IO[bytes], dialect: Dialect) -> None:
        self._file = file
        self._dialect = dialect
        self._ready = b""
        self._rest = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; 0 at the end."""
        while not self._ready:
            read = self._file.read(len(buffer))
            text = self._rest + read
            # A separator of two characters must not be cut: only whole lines are converted.
            end = text.rfind(self._dialect.line_end) + 1 if read else len(text)
            self._ready, self._rest = self._dialect.normalised(text[:end]), text[end:]
            if not read:
                break
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count
