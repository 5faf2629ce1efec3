"""Delimited text: CSV, TSV, ';', '|', '::' and spaces; plain or compressed.

The file is cut into blocks of whole records, which the threads of a team parse with Arrow at the
same time. Cutting it here rather than in Arrow keeps the line number of every block: a bad value
is found again in its block, by the slow parser, and named with its line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from fastmf.data.arrays import frozen
from fastmf.data.columns import ColumnNames, Roles, find_columns
from fastmf.data.readers.dialect import records, sniff
from fastmf.data.readers.part import Layout, Part, RawBatch, ReadOptions, TextIdsError
from fastmf.errors import DataError
from fastmf.kernels.records import count_leading_zeros, last_record_end

__all__ = ["DELIMITED", "DelimitedPart"]

BLOCK_BYTES = 8 << 20
_HEAD_BYTES = 1 << 18
# No record is that long: an unclosed quote, or not a text table at all.
_LONGEST_RECORD = 64 << 20
_MISSING = ["", "NA", "N/A", "NULL", "null", "NaN", "nan", "None"]
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}


class _Block(NamedTuple):
    """Some whole records of the file."""

    number: int
    text: bytes


class DelimitedPart(Part):
    """A file of delimited text.

    Parameters
    ----------
    path : pathlib.Path
        The file; a name that ends in .gz, .zst, .bz2 or .lz4 tells the compression.
    options : ReadOptions
        How to read it.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        super().__init__(str(path))
        self.path = path
        with self._open() as file:
            head = file.read(_HEAD_BYTES)
            whole = len(head) < _HEAD_BYTES
        if not head:
            raise DataError(f"{path}: the file is empty")
        self.dialect, self._begin = sniff(head, self.name, whole=whole)
        self._first_line: int = head[: self._begin].count(self.dialect.line_end) + 1
        self.roles = self._find_roles(options.names)
        self._types = self._column_types(options.text_ids)
        self._rows_of_block: dict[int, int] = {}

    @property
    def independent(self) -> bool:
        """Blocks are parsed at the same time."""
        return True

    def _find_roles(self, named: ColumnNames) -> Roles:
        names = self.dialect.names
        if names is not None:
            roles = find_columns(names, named, self.name)
        else:
            n_fields = self.dialect.n_fields
            numbers = [str(number + 1) for number in range(n_fields)]
            wanted = ColumnNames(named.user or "1", named.item or "2", named.rating or "3")
            free = n_fields >= 4 and "4" not in wanted
            time = named.time or ("4" if free else None)
            roles = find_columns(numbers, wanted._replace(time=time), self.name)
            listed = "user, item, rating" + (", time" if time else "")
            if named == ColumnNames():
                self.notes.append(f"{self.name}: no header: columns taken as {listed}")
        if roles.note is not None:
            self.notes.append(roles.note)
        return roles

    def _column_types(self, text_ids: frozenset[str]) -> dict[str, pa.DataType]:
        types = {str(self.roles.rating): pa.float64()}
        for role, place in (("user", self.roles.user), ("item", self.roles.item)):
            text = role in text_ids
            if not text and self.dialect.id_type(place) == "str":
                # Every part of a folder must hear of it, so reading starts over.
                raise TextIdsError(role)
            types[str(place)] = pa.large_string() if text else pa.int64()
        if self.roles.time is not None:
            types[str(self.roles.time)] = self.dialect.time_type(self.roles.time)
        return types

    def _open(self) -> Any:
        compression = _COMPRESSIONS.get(self.path.suffix.lower())
        if compression is None:
            return self.path.open("rb")
        return pa.input_stream(str(self.path), compression=compression)

    def batches(self) -> Iterator[Callable[[], RawBatch | None]]:
        """Yield functions that parse one block each."""
        for block in self._blocks():
            yield lambda block=block: self._parse(block)  # type: ignore[misc]

    def _blocks(self) -> Iterator[_Block]:
        """Cut the file into blocks of whole records."""
        with self._open() as file:
            file.read(self._begin)
            number, rest = 0, b""
            while True:
                read = file.read(BLOCK_BYTES)
                text = rest + read
                end = len(text) if not read else self._last_record_end(text)
                if end:
                    yield _Block(number, text[:end])
                    number += 1
                if not read:
                    return
                rest = text[end:]
                if len(rest) > _LONGEST_RECORD:
                    first_line = self._first_line_of(number)
                    raise DataError(
                        f"{self.name}, line {first_line}: this record does not end within "
                        f"{_LONGEST_RECORD >> 20} MB; is a quote left open?"
                    )

    def _first_line_of(self, number: int) -> int:
        """Return the number of a block's first line, by reading the file again: for messages."""
        lines = self._first_line
        for block in islice(self._blocks(), number):
            lines += block.text.count(self.dialect.line_end)
        return lines

    def _last_record_end(self, text: bytes) -> int:
        if not self.dialect.quoted or b'"' not in text:
            return text.rfind(self.dialect.line_end) + 1
        delimiter, quote, line_end = (
            np.uint8(ord(c)) for c in (self.dialect.separator, '"', self.dialect.line_end)
        )
        return int(
            last_record_end(frozen(np.frombuffer(text, np.uint8)), delimiter, quote, line_end)
        )

    def _parse(self, block: _Block) -> RawBatch | None:
        text = self.dialect.normalised(block.text)
        if text.isspace():
            return None
        try:
            table = self._convert(text, self._types)
        except (pa.ArrowInvalid, UnicodeDecodeError):
            self._explain(block)
            # Users, items and ratings are well: the time column must be to blame.
            table = self._convert(text, {**self._types, str(self.roles.time): pa.large_string()})
        batch = RawBatch(
            *(
                None if place is None else table.column(str(place)).combine_chunks()
                for place in self.roles[:4]
            )
        )
        self._rows_of_block[block.number] = len(batch.values)
        complete = not any(column.null_count for column in batch[:3])
        if not complete or not pc.all(pc.is_finite(batch.values), min_count=0).as_py():
            self._explain(block)
        self._check_leading_zeros(text)
        return batch

    def _convert(self, text: bytes, types: dict[str, pa.DataType]) -> pa.Table:
        names = [str(place) for place in range(self.dialect.n_fields)]
        return pacsv.read_csv(
            pa.BufferReader(text),
            read_options=pacsv.ReadOptions(
                column_names=names, use_threads=False, block_size=max(len(text) + 1, 1 << 20)
            ),
            parse_options=self.dialect.parse_options(),
            convert_options=pacsv.ConvertOptions(
                include_columns=list(types),
                column_types=types,
                null_values=_MISSING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                decimal_point=self.dialect.decimal_point(self.roles.rating),
            ),
        )

    def _check_leading_zeros(self, text: bytes) -> None:
        """Refuse to read "007" as the integer 7, which may be another id."""
        integers = [
            (role, str(place))
            for role, place in (("user", self.roles.user), ("item", self.roles.item))
            if self._types[str(place)] == pa.int64()
        ]
        if not integers or not count_leading_zeros(frozen(np.frombuffer(text, np.uint8))):
            return
        # Somewhere, at least: a date or a rating will do no harm.
        table = self._convert(text, {place: pa.large_string() for _, place in integers})
        for role, place in integers:
            ids = pc.ascii_trim_whitespace(table.column(place))
            zeros = pc.or_(
                pc.and_(pc.starts_with(ids, "0"), pc.greater(pc.binary_length(ids), 1)),
                pc.starts_with(ids, "-0"),
            )
            if pc.any(zeros, min_count=0).as_py():
                raise TextIdsError(role)

    def _explain(self, block: _Block) -> None:
        """Find the record of a block that Arrow could not use and raise what is wrong with it."""
        point = self.dialect.decimal_point(self.roles.rating)
        first_line = self._first_line_of(block.number)
        for line, fields in records(block.text, self.dialect, first_line):
            place = f"{self.name}, line {line}"
            if len(fields) != self.dialect.n_fields:
                raise DataError(
                    f"{place}: {len(fields)} fields, where the lines before have "
                    f"{self.dialect.n_fields}"
                )
            for role, column in (("user", self.roles.user), ("item", self.roles.item)):
                self._explain_id(fields[column], role, place)
            self._explain_rating(fields[self.roles.rating], point, place)

    def _explain_id(self, field: str, role: str, place: str) -> None:
        if field.strip() in _MISSING:
            raise DataError(f"{place}: the {role} id is missing ({field.strip()!r})")
        if not field.isascii() and any("\ud800" <= letter <= "\udfff" for letter in field):
            raise DataError(
                f"{place}: the {role} id is not UTF-8; save the file as UTF-8 "
                "(iconv -f ISO-8859-1 -t UTF-8)"
            )
        column = str(self.roles.user if role == "user" else self.roles.item)
        if self._types[column] == pa.int64():
            try:
                fits = -(2**63) <= int(field) < 2**63 and "_" not in field
            except ValueError:
                fits = False
            if not fits:
                raise TextIdsError(role)

    @staticmethod
    def _explain_rating(field: str, point: str, place: str) -> None:
        text = field.strip()
        if text == "":
            raise DataError(f"{place}: the rating is missing")
        try:
            value = float(text.replace(point, "."))
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or "_" in text:
            raise DataError(f"{place}: the rating is {text!r}, not a finite number")

    def place(self, row: int) -> str:
        """Say in which line of the file a row (from 0) is."""
        first_line = self._first_line
        for block in self._blocks():
            rows = self._rows_of_block.get(block.number, 0)
            if row < rows:
                found = next(islice(records(block.text, self.dialect, first_line), row, None), None)
                return f"{self.name}, line {found[0]}" if found else super().place(row)
            row -= rows
            first_line += block.text.count(self.dialect.line_end)
        return super().place(row)


DELIMITED = Layout("delimited text", lambda path, head: True, DelimitedPart)
