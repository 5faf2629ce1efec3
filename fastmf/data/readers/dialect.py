"""How a delimited text file is written: separator, header, line ends; found from its head."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pacsv

from fastmf.errors import DataError

__all__ = ["Dialect", "LongFieldError", "is_whole_number", "records", "shortened", "sniff"]

# Stands for separators of several characters; text files do not hold it (ASCII "unit separator").
_UNIT_SEPARATOR = "\x1f"
_SEPARATORS = ("::", "\t", ",", ";", "|", " ")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|[+-]?(nan|inf)$", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+$")
_INTEGER = re.compile(r"(0|-?[1-9]\d{0,17})(\.0*)?$")
_SNIFFED_LINES = 50
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

IdType = Literal["int", "str"]


@dataclass(frozen=True)
class Dialect:
    """How a text file is written.

    Attributes
    ----------
    separator : str
        What parts the fields; a space stands for any run of spaces and tabs.
    names : tuple of str or None
        The header's fields; None without a header.
    n_fields : int
        Fields of a record.
    line_end : bytes
        The byte that ends a record.
    sample : tuple of tuple of str
        Fields of the first records.
    sample_text : bytes
        The same records as they stand in the file.
    """

    separator: str
    names: tuple[str, ...] | None
    n_fields: int
    line_end: bytes
    sample: tuple[tuple[str, ...], ...]
    sample_text: bytes

    @property
    def quoted(self) -> bool:
        """Whether a double quote encloses a field."""
        return self.separator not in ("::", " ")

    @property
    def delimiter(self) -> str:
        """The single character that parts fields once `normalised`."""
        return _UNIT_SEPARATOR if self.separator in ("::", " ") else self.separator

    def normalised(self, text: bytes) -> bytes:
        """Return text with fields parted by `delimiter` and records ended by a line feed."""
        if self.line_end == b"\r":
            text = text.replace(b"\r", b"\n")
        if self.separator == "::":
            return text.replace(b"::", _UNIT_SEPARATOR.encode())
        if self.separator == " ":
            text = re.sub(rb"^[ \t]+|[ \t]+(?=\r?$)", b"", text, flags=re.MULTILINE)
            return re.sub(rb"[ \t]+", _UNIT_SEPARATOR.encode(), text)
        return text

    def decimal_point(self, place: int | None) -> str:
        """Return the decimal point of a column; a comma where the sample has it."""
        fields = [] if place is None else [record[place] for record in self.sample]
        commas = self.separator != "," and any(_DECIMAL_COMMA.match(field) for field in fields)
        return "," if commas else "."

    def id_type(self, place: int) -> IdType:
        """Tell whether a column of ids holds integers: canonical ones, so that no two ids merge."""
        return "int" if all(is_whole_number(record[place]) for record in self.sample) else "str"

    def time_type(self, place: int) -> pa.DataType:
        """Return the Arrow type of a column of times, as Arrow infers it from the sample."""
        table = pacsv.read_csv(
            pa.BufferReader(self.normalised(self.sample_text)),
            read_options=pacsv.ReadOptions(
                column_names=[str(n) for n in range(self.n_fields)], use_threads=False
            ),
            parse_options=self.parse_options(),
            convert_options=pacsv.ConvertOptions(include_columns=[str(place)]),
        )
        inferred = table.schema[0].type
        return pa.large_string() if pa.types.is_null(inferred) else inferred

    def parse_options(self) -> pacsv.ParseOptions:
        """Return Arrow's options for normalised text."""
        return pacsv.ParseOptions(
            delimiter=self.delimiter,
            quote_char='"' if self.quoted else False,
            newlines_in_values=self.quoted,
        )


class LongFieldError(Exception):
    """A field too long for the slow parser, which most often is a quote left open.

    Parameters
    ----------
    line : int
        Where its record begins.
    """

    def __init__(self, line: int) -> None:
        super().__init__(
            f"line {line}: a field of more than {csv.field_size_limit():,} characters; "
            "is a quote left open?"
        )


def is_whole_number(field: str) -> bool:
    """Say whether a field is the canonical text of an integer, maybe with zeros as decimals."""
    return _INTEGER.match(field) is not None


def records(text: bytes, dialect: Dialect, first_line: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the fields of every record: slow, for messages and samples.

    Parameters
    ----------
    text : bytes
        Whole records as they stand in the file.
    dialect : Dialect
        How they are written.
    first_line : int
        Number of the first line.

    Yields
    ------
    line : int
        Where the record begins.
    fields : list of str
        Bytes that are not UTF-8 become lone surrogates.

    Raises
    ------
    LongFieldError
        On a field of more than 128 KiB; Arrow knows no such limit.
    """
    lines = dialect.normalised(text).decode("utf-8", errors="surrogateescape")
    reader = csv.reader(
        io.StringIO(lines, newline=""),
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
    )
    before = 0
    try:
        for fields in reader:
            if fields:
                yield first_line + before, fields
            before = reader.line_num
    except csv.Error as error:
        raise LongFieldError(first_line + before) from error


def sniff(head: bytes, name: str, *, whole: bool, fewest: int = 3) -> tuple[Dialect, int]:
    """Find out how a text file is written.

    Parameters
    ----------
    head : bytes
        Its beginning.
    name : str
        What messages call the file.
    whole : bool
        Whether that is all of it.
    fewest : {2, 3}, optional
        Columns that it has at least.

    Returns
    -------
    dialect : Dialect
    begin : int
        Where the first record begins: behind the byte order mark and the header.

    Raises
    ------
    DataError
        When the file is not text, not UTF-8, or has fewer columns.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{name}: this text is UTF-16; save it as UTF-8")
    if b"\0" in head:
        raise DataError(f"{name}: not a file fastmf knows (it holds bytes that are not text)")
    mark = len(_BYTE_ORDER_MARK) if head.startswith(_BYTE_ORDER_MARK) else 0
    body = head[mark:]
    if not body.strip():
        raise DataError(f"{name}: the file is empty")
    line_end = b"\r" if b"\n" not in body and b"\r" in body else b"\n"
    if not whole:
        body = body[: body.rfind(line_end) + 1]
        if not body.strip():
            raise DataError(
                f"{name}: its first line does not end within {len(head) >> 10} KiB; ratings are "
                "lines of a user, an item and a rating each"
            )
    separator = _separator(body.decode("utf-8", errors="replace"), name, fewest)
    draft = Dialect(separator, None, 0, line_end, (), b"")
    sample = []
    try:
        for _, fields in islice(records(body, draft, 1), _SNIFFED_LINES):
            sample.append(tuple(field.strip() for field in fields))
    except LongFieldError as error:
        if not sample:
            raise DataError(f"{name}, {error}") from error
    first = sample[0]
    header = not any(_NUMBER.match(field) or _DECIMAL_COMMA.match(field) for field in first)
    begin = _after_header(body, line_end) if header else 0
    kept = [fields for fields in sample[header:] if len(fields) == len(first)]
    dialect = Dialect(
        separator,
        first if header else None,
        len(first),
        line_end,
        tuple(kept),
        _sample_text(body[begin:], draft, len(first)),
    )
    return dialect, mark + begin


def _separator(text: str, name: str, fewest: int) -> str:
    """Choose the separator that parts the first lines most evenly, into three fields or more.

    Where two fields are enough, what parts the lines into three counts before what makes two.
    """
    lines = [line for line in text.splitlines() if line.strip()][:_SNIFFED_LINES]
    for n_fields in range(3, fewest - 1, -1):
        best, best_score = "", 0
        for separator in _SEPARATORS:
            counts = [_count_fields(line, separator) for line in lines]
            score = sum(count == counts[0] for count in counts) if counts[0] >= n_fields else 0
            if score > best_score:
                best, best_score = separator, score
        if best:
            return best
    _refuse_pairs(lines, name)
    columns = "two columns" if fewest == 2 else "three columns"
    raise DataError(
        f"{name}: not a file fastmf knows: its first line ({shortened(lines[0])!r}) does not "
        f"part into {columns} by commas, tabs, semicolons, bars, '::' or spaces"
    )


def _refuse_pairs(lines: list[str], name: str) -> None:
    """Say what to do with a file of users and items without ratings, if this is one."""
    for separator in _SEPARATORS:
        if all(_count_fields(line, separator) == 2 for line in lines):
            raise DataError(
                f"{name}: two columns ({shortened(lines[0])!r}), but ratings have three: a user, "
                "an item and a rating; --unrated interactions (unrated= in Python) takes each "
                "line for an interaction"
            )


def _count_fields(line: str, separator: str) -> int:
    if separator == "::":
        return line.count("::") + 1
    if separator == " ":
        return len(line.split())
    try:
        return len(next(csv.reader([line], delimiter=separator)))
    except (csv.Error, StopIteration):
        return 0


def shortened(line: str) -> str:
    """Return the beginning of a text, as long as fits into a message."""
    return line if len(line) <= 40 else line[:37] + "..."


def _after_header(body: bytes, line_end: bytes) -> int:
    """Return where the line after the first one that is not blank begins."""
    at = 0
    while True:
        end = body.find(line_end, at)
        if end < 0:
            return len(body)
        if body[at:end].strip():
            return end + 1
        at = end + 1


def _sample_text(body: bytes, draft: Dialect, n_fields: int) -> bytes:
    """Return the first lines that have the right number of fields, for Arrow to infer types."""
    kept = []
    for line in body.split(draft.line_end)[:_SNIFFED_LINES]:
        fields = next((fields for _, fields in records(line, draft, 1)), [])
        if len(fields) == n_fields:
            kept.append(line)
    return draft.line_end.join(kept) + draft.line_end
