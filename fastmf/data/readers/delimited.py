"""Delimited text: CSV, TSV, ';', '|', '::' and spaces; plain or compressed.

The file is cut into blocks of whole records, which the threads of a team parse with Arrow at the
same time. Cutting it here rather than in Arrow keeps the line number of every block: a bad value
is found again in its block, by the slow parser, and named with its line.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from fastmf.data.arrays import frozen
from fastmf.data.columns import ColumnNames, Roles, find_columns
from fastmf.data.id_tables import whole_numbers
from fastmf.data.readers.complaints import MISSING, complain, text_ids_because
from fastmf.data.readers.compression import open_text
from fastmf.data.readers.dialect import LongFieldError, is_whole_number, records, sniff
from fastmf.data.readers.part import Layout, Part, RawBatch, ReadOptions, TextIdsError
from fastmf.errors import DataError
from fastmf.kernels.records import count_leading_zeros, last_record_end

__all__ = ["DELIMITED", "DelimitedPart"]

BLOCK_BYTES = 8 << 20
_HEAD_BYTES = 1 << 18
# No record is that long: an unclosed quote, or not a text table at all.
_LONGEST_RECORD = 64 << 20
_TINY = re.compile(rb"[0-9.][eE]-[0-9]{3,}(?![^\s,;|\x1f\"])")


class _Block(NamedTuple):
    """Some whole records of the file."""

    number: int
    text: bytes


class DelimitedPart(Part):
    """A file of delimited text.

    Parameters
    ----------
    path : pathlib.Path
        The file, plain or compressed.
    options : ReadOptions
        How to read it.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        super().__init__(str(path))
        self.path = path
        with open_text(path) as file:
            head = file.read(_HEAD_BYTES)
            whole = len(head) < _HEAD_BYTES
        if not head:
            raise DataError(f"{path}: the file is empty")
        self.dialect, self._begin = sniff(head, self.name, whole=whole)
        self._first_line: int = head[: self._begin].count(self.dialect.line_end) + 1
        self.roles = self._find_roles(options.names)
        self._types = self._column_types(options.text_ids, head[self._begin :])
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

    def _column_types(self, text_ids: frozenset[str], sample: bytes) -> dict[str, pa.DataType]:
        types = {str(self.roles.rating): pa.float64()}
        for role, place in (("user", self.roles.user), ("item", self.roles.item)):
            text = role in text_ids
            if not text and self.dialect.id_type(place) == "str":
                # Every part of a folder must hear of it, so reading starts over.
                raise TextIdsError(role, self._first_text_id(role, place, sample))
            types[str(place)] = pa.large_string() if text else pa.int64()
        if self.roles.time is not None:
            types[str(self.roles.time)] = self.dialect.time_type(self.roles.time)
        return types

    def _first_text_id(self, role: str, place: int, sample: bytes) -> str | None:
        """Say which id of the sample makes text of others that are integers."""
        if not any(is_whole_number(fields[place]) for fields in self.dialect.sample):
            return None
        for line, fields in records(sample, self.dialect, self._first_line):
            if len(fields) > place and not is_whole_number(fields[place].strip()):
                return text_ids_because(self.name, role, fields[place], line)
        return None

    def batches(self) -> Iterator[Callable[[], RawBatch | None]]:
        """Yield functions that parse one block each."""
        for block in self._blocks():
            yield lambda block=block: self._parse(block)  # type: ignore[misc]

    def _blocks(self) -> Iterator[_Block]:
        """Cut the file into blocks of whole records."""
        with open_text(self.path) as file:
            file.read(self._begin)
            number, rest = 0, b""
            while True:
                read = file.read(BLOCK_BYTES)
                text = rest + read
                end = self._last_record_end(text) if read else self._end(text, number)
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

    def _end(self, text: bytes, number: int) -> int:
        """Return where the last block ends; Arrow would take an open quote for closed there."""
        end = self._last_record_end(text + self.dialect.line_end)
        if end <= len(text) and text:
            line = self._first_line_of(number) + text.count(self.dialect.line_end, 0, end)
            raise DataError(f"{self.name}, line {line}: a quote is opened here and never closed")
        return len(text)

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
        if b"\0" in block.text:
            line = self._first_line_of(block.number)
            line += block.text.count(self.dialect.line_end, 0, block.text.index(b"\0"))
            raise DataError(
                f"{self.name}, line {line}: a NUL byte, which text does not hold; the file is "
                "damaged: copy or download it again"
            )
        text = self.dialect.normalised(block.text)
        if text.isspace():
            return None
        table = self._table(block, text)
        batch = RawBatch(
            *(
                None if place is None else table.column(str(place)).combine_chunks()
                for place in self.roles[:4]
            )
        )
        self._rows_of_block[block.number] = len(batch.values)
        complete = not any(column.null_count for column in batch[:3])
        finite = pc.all(pc.is_finite(batch.values), min_count=0).as_py()
        if not complete or not finite or _may_vanish(text, batch.values):
            self._explain(block)
        self._check_leading_zeros(block, text)
        return batch

    def _table(self, block: _Block, text: bytes) -> pa.Table:
        """Convert a block, with ids that may be written 7.0, and times that may be anything."""
        ids = {place: pa.large_string() for place in (str(p) for p in self.roles[:2])}
        time = {} if self.roles.time is None else {str(self.roles.time): pa.large_string()}
        failure: Exception | None = None
        for lenient in ({}, ids, time, {**ids, **time}):
            try:
                table = self._convert(text, {**self._types, **lenient})
            except (pa.ArrowInvalid, UnicodeDecodeError) as error:
                failure = failure or error
                continue
            whole = self._with_integers(table)
            if whole is not None:
                return whole
        self._explain(block)
        raise failure or AssertionError("the first attempt needs no integers")

    def _with_integers(self, table: pa.Table) -> pa.Table | None:
        """Turn text into the integers that it should be; None where it is none."""
        for place, name in enumerate(table.column_names):
            if self._types[name] == pa.int64() and table.schema[place].type == pa.large_string():
                if name == str(self.roles.time):
                    continue
                integers = whole_numbers(table.column(place).combine_chunks())
                if integers is None:
                    return None
                table = table.set_column(place, name, integers)
        return table

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
                null_values=MISSING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                decimal_point=self.dialect.decimal_point(self.roles.rating),
            ),
        )

    def _check_leading_zeros(self, block: _Block, text: bytes) -> None:
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
            row = pc.index(zeros, True).as_py()
            if row >= 0:
                first_line = self._first_line_of(block.number)
                line, fields = next(
                    islice(records(block.text, self.dialect, first_line), row, None)
                )
                note = text_ids_because(self.name, role, fields[int(place)], line)
                raise TextIdsError(role, note)

    def _explain(self, block: _Block) -> None:
        """Find the record of a block that Arrow could not use and raise what is wrong with it."""
        integers = frozenset(
            role
            for role, place in (("user", self.roles.user), ("item", self.roles.item))
            if self._types[str(place)] == pa.int64()
        )
        first_line = self._first_line_of(block.number)
        complain(block.text, self.dialect, self.roles, integers, self.name, first_line)

    def place(self, row: int) -> str:
        """Say in which line of the file a row (from 0) is."""
        first_line = self._first_line
        for block in self._blocks():
            rows = self._rows_of_block.get(block.number, 0)
            if row < rows:
                found = records(block.text, self.dialect, first_line)
                with contextlib.suppress(LongFieldError, StopIteration):
                    return f"{self.name}, line {next(islice(found, row, None))[0]}"
                return super().place(row)
            row -= rows
            first_line += block.text.count(self.dialect.line_end)
        return super().place(row)


def _may_vanish(text: bytes, values: pa.Array) -> bool:
    """Whether a zero may be a number too small even for double precision, such as 1e-999."""
    if b"e-" not in text and b"E-" not in text:
        return False
    zeros = pc.any(pc.equal(values, 0), min_count=0).as_py()
    return zeros and _TINY.search(text) is not None


DELIMITED = Layout("delimited text", lambda path, head: True, DelimitedPart)
