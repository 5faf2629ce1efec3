"""Delimited text: CSV, TSV, ';', '|', '::' and spaces; plain or compressed.

The file is cut into blocks of whole records, which the threads of a team parse at the same time: by
a kernel where every field is written plainly, otherwise by Arrow. What neither can use is found by
the slow parser of the standard library, and named with its line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa

from fastmf.data.columns import ColumnNames, Roles, find_columns
from fastmf.data.readers.arrow_text import ArrowText, SuperfluousZeroError, UnusableTextError
from fastmf.data.readers.complaints import complain, complaint_about_record, text_ids_because
from fastmf.data.readers.compression import open_text
from fastmf.data.readers.dialect import LongFieldError, is_whole_number, records, sniff
from fastmf.data.readers.fast_text import FastText
from fastmf.data.readers.forgiving_text import ForgivingText, TextIdError
from fastmf.data.readers.part import Layout, Part, RawBatch, ReadOptions, TextIdsError, Unrated
from fastmf.data.readers.sifted import left_out_note
from fastmf.data.readers.text_blocks import Block, BlockCut
from fastmf.data.readers.usable_sample import text_lines, with_usable_sample
from fastmf.errors import DataError

__all__ = ["DELIMITED", "DelimitedPart"]

BLOCK_BYTES = 8 << 20
_HEAD_BYTES = 1 << 18
# No record is that long: an unclosed quote, or not a text table at all.
_LONGEST_RECORD = 64 << 20
_NAMED_RECORDS = 5


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
        self._skipping = options.on_bad_rows == "skip"
        with open_text(path) as file:
            head = file.read(_HEAD_BYTES)
        if not head:
            raise DataError(f"{path}: the file is empty")
        whole = len(head) < _HEAD_BYTES
        told = text_lines(head) if self._skipping else head
        self.dialect, begin = sniff(
            told, self.name, whole=whole, fewest=2 if options.unrated == "interactions" else 3
        )
        first_line = head[:begin].count(self.dialect.line_end) + 1
        self._cut = BlockCut(path, self.dialect, begin, first_line, self._skipping)
        self.roles = self._find_roles(options.names, options.unrated)
        if self._skipping:
            self.dialect = with_usable_sample(self.dialect, self.roles)
        types = self._column_types(options.text_ids, head[begin:])
        self._integers = frozenset(
            role
            for role, place in (("user", self.roles.user), ("item", self.roles.item))
            if types[str(place)] == pa.int64()
        )
        self._fast = FastText(self.dialect, self.roles, types)
        self._arrow = ArrowText(self.dialect, self.roles, types)
        required = options.names.time is not None
        self._forgiving = (
            ForgivingText(self.dialect, self.roles, types, time_required=required)
            if self._skipping
            else None
        )
        self._rows_of_block: dict[int, int] = {}
        self._bad: dict[int, tuple[int, list[tuple[int, str]]]] = {}

    @property
    def independent(self) -> bool:
        """Blocks are parsed at the same time."""
        return True

    def _find_roles(self, named: ColumnNames, unrated: Unrated) -> Roles:
        names = self._column_names()
        if names is not None:
            roles = self._find_in_header(names, named, unrated)
        else:
            n_fields = self.dialect.n_fields
            numbers = [str(number + 1) for number in range(n_fields)]
            rating = named.rating or ("3" if "3" in numbers and "3" not in named else None)
            free = n_fields >= 4 and "4" not in (*named, rating)
            time = named.time or ("4" if free else None)
            wanted = ColumnNames(named.user or "1", named.item or "2", rating, time)
            roles = find_columns(numbers, wanted, self.name, unrated)
            listed = ", ".join(role for role in ColumnNames._fields if getattr(wanted, role))
            if named == ColumnNames():
                self.notes.append(f"{self.name}: no header: columns taken as {listed}")
        if roles.note is not None:
            self.notes.append(roles.note)
        return roles

    def _find_in_header(
        self, names: tuple[str, ...], named: ColumnNames, unrated: Unrated
    ) -> Roles:
        try:
            return find_columns(names, named, self.name, unrated)
        except DataError as error:
            if named != ColumnNames():
                raise
            # Ids that are words look like a header where there is none.
            line = "user,item" if unrated == "interactions" else "user,item,rating"
            advice = f"or put a line like {line} on top if the first line is no header"
            raise DataError(f"{error}, {advice}") from None

    def _column_names(self) -> tuple[str, ...] | None:
        return self.dialect.names

    def _column_types(self, text_ids: frozenset[str], sample: bytes) -> dict[str, pa.DataType]:
        types = {}
        if self.roles.rating is not None:
            types[str(self.roles.rating)] = pa.float64()
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
        for line, fields in records(sample, self.dialect, self._cut.first_line):
            if self._skipping and complaint_about_record(fields, self.dialect, self.roles):
                continue
            if len(fields) > place and not is_whole_number(fields[place].strip()):
                return text_ids_because(self.name, role, fields[place], line)
        return None

    def batches(self) -> Iterator[Callable[[], RawBatch | None]]:
        """Yield functions that parse one block each."""
        for block in self._blocks():
            yield partial(self._parse, block)

    def _blocks(self) -> Iterator[Block]:
        return self._cut.blocks(BLOCK_BYTES, _LONGEST_RECORD)

    def _parse(self, block: Block) -> RawBatch | None:
        batch = self._parse_usable(block) if self._forgiving else self._parse_all(block)
        self._rows_of_block[block.number] = 0 if batch is None else len(batch.values)
        return batch

    def _parse_all(self, block: Block) -> RawBatch | None:
        """Parse a block; what cannot be used is an error."""
        parsed = self._fast.parse(block.text, block.stop)
        if parsed is not None:
            return parsed.batch
        text = block.records
        if b"\0" in text:
            line = self._line_of(block, text.index(b"\0"))
            raise DataError(
                f"{self.name}, line {line}: a NUL byte, which text does not hold; the file is "
                "damaged: copy or download it again"
            )
        try:
            return self._arrow.parse(text)
        except UnusableTextError as error:
            first_line = self._cut.line_at(block.at)
            complain(text, self.dialect, self.roles, self._integers, self.name, first_line)
            if error.__cause__ is not None:
                raise error.__cause__ from error
            raise
        except SuperfluousZeroError as error:
            found = records(text, self.dialect, self._cut.line_at(block.at))
            line, fields = next(islice(found, error.row, None))
            field = fields[getattr(self.roles, error.role)]
            note = text_ids_because(self.name, error.role, field, line)
            raise TextIdsError(error.role, note) from error

    def _parse_usable(self, block: Block) -> RawBatch | None:
        """Parse a block without what cannot be used."""
        assert self._forgiving is not None
        try:
            batch, bad = self._forgiving.parse(block.text, block.stop)
        except TextIdError as error:
            line = self._line_of(block, error.at)
            note = text_ids_because(self.name, error.role, error.field, line)
            raise TextIdsError(error.role, note) from error
        if bad:
            first = [(block.at + record.begin, record.complaint) for record in bad[:_NAMED_RECORDS]]
            self._bad[block.number] = len(bad), first
        return batch

    def _line_of(self, block: Block, place: int) -> int:
        """Return the number of the line that a place of a block is in."""
        lines = block.text.count(self.dialect.line_end, 0, place)
        return self._cut.line_at(block.at) + lines

    def finish(self) -> list[str]:
        """Return the note on records that were left out.

        Raises
        ------
        DataError
            When none is left.
        """
        if not self._bad:
            return []
        found = [entry for number in sorted(self._bad) for entry in self._bad[number][1]]
        found = found[:_NAMED_RECORDS]
        lines = self._cut.lines_at([offset for offset, _ in found])
        first = [f"line {n}: {why}" for n, (_, why) in zip(lines, found, strict=True)]
        n_bad = sum(count for count, _ in self._bad.values())
        if not any(self._rows_of_block.values()):
            more = ", ..." if n_bad > len(first) else ""
            raise DataError(
                f"{self.name}: none of its {n_bad:,} rows can be used: {', '.join(first)}{more}"
            )
        return [left_out_note(self.name, n_bad, first)]

    def place(self, row: int) -> str:
        """Say in which line of the file a row (from 0) is."""
        first_line = self._cut.first_line
        for block in self._blocks():
            rows = self._rows_of_block.get(block.number, 0)
            if row < rows:
                with contextlib.suppress(LongFieldError, StopIteration):
                    lines = self._kept_lines(block.records, first_line)
                    return f"{self.name}, line {next(islice(lines, row, None))}"
                return super().place(row)
            row -= rows
            first_line += block.text.count(self.dialect.line_end, 0, block.stop)
        return super().place(row)

    def _kept_lines(self, text: bytes, first_line: int) -> Iterator[int]:
        if self._forgiving is not None:
            return iter(self._forgiving.usable_lines(text, first_line))
        return (line for line, _ in records(text, self.dialect, first_line))


DELIMITED = Layout("delimited text", lambda path, head: True, DelimitedPart)
