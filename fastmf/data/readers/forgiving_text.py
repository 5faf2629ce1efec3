"""Delimited text to columns without the records that cannot be used: each is told, none is fatal.

The kernel sets lines aside that it does not read, and the slow parser tells what is wrong with
them. Where lines are not records, because quotes enclose line breaks, or where too many are set
aside, halves of the text are given to Arrow until those that it refuses are short.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from fastmf.data.arrays import Array
from fastmf.data.columns import Roles
from fastmf.data.readers.arrow_text import ArrowText, SuperfluousZeroError, UnusableTextError
from fastmf.data.readers.complaints import complaint_about_record, complaint_about_time
from fastmf.data.readers.dialect import Dialect, LongFieldError, is_whole_number, records
from fastmf.data.readers.fast_text import FastText
from fastmf.data.readers.part import RawBatch
from fastmf.data.readers.text_blocks import find_record_ends

__all__ = ["BadRecord", "ForgivingText", "TextIdError", "text_lines", "with_usable_sample"]

# More are found faster by Arrow.
_MOST_ASIDE = 4096
_FEW_RECORDS = 128
# Files with NUL bytes in a greater share of their lines are not text.
_LARGEST_NUL_SHARE = 0.1


class BadRecord(NamedTuple):
    """A record that cannot be used."""

    begin: int
    end: int
    complaint: str


class TextIdError(Exception):
    """An id of a record that can be used is no integer, where integers are expected.

    Parameters
    ----------
    role : {"user", "item"}
        Whose it is.
    field : str
        The id.
    at : int
        Where the record begins in the text.
    """

    def __init__(self, role: str, field: str, at: int) -> None:
        super().__init__(role, field, at)
        self.role = role
        self.field = field
        self.at = at


class ForgivingText:
    """Turns the records of one file into columns, as far as they can be used.

    Parameters
    ----------
    dialect : Dialect
        How the file is written.
    roles : Roles
        Which column is which.
    types : dict of str to pyarrow.DataType
        The types of the needed columns, by their places from ``"0"``.
    time_required : bool
        Whether a record whose time cannot be read is of no use.
    """

    def __init__(
        self,
        dialect: Dialect,
        roles: Roles,
        types: dict[str, pa.DataType],
        *,
        time_required: bool,
    ) -> None:
        self._dialect = dialect
        self._roles = roles
        self._fast = FastText(dialect, roles, types)
        self._arrow = ArrowText(dialect, roles, types)
        self._integers = [
            (role, place)
            for role, place in (("user", roles.user), ("item", roles.item))
            if types[str(place)] == pa.int64()
        ]
        self._time_type = types[str(roles.time)] if time_required else None

    def parse(self, text: bytes, stop: int) -> tuple[RawBatch | None, list[BadRecord]]:
        """Parse whole records.

        Parameters
        ----------
        text : bytes
            As they stand in the file.
        stop : int
            Where they end.

        Returns
        -------
        batch : RawBatch or None
            None for no rows.
        bad : list of BadRecord
            What was left out, in order.

        Raises
        ------
        TextIdError
        UnusableTextError
            When Arrow refuses what it has read in parts.
        """
        whole = text[:stop]
        lines = not self._dialect.quoted or b'"' not in whole
        parsed = self._fast.parse(text, stop, most_aside=_MOST_ASIDE if lines else 0)
        bad: list[BadRecord] = []
        if parsed is not None:
            bad = list(self._complaints(whole, parsed.aside.tolist()))
            if len(bad) == len(parsed.aside):
                return parsed.batch, bad
        try:
            return self._parse_strictly(_without(whole, bad)), bad
        except (UnusableTextError, SuperfluousZeroError):
            ends = find_record_ends(whole, self._dialect)
            bad = list(self._find_bad(whole, np.append(0, ends[:-1]), ends))
            return self._parse_strictly(_without(whole, bad)), bad

    def usable_lines(self, text: bytes, first_line: int) -> list[int]:
        """Return the line numbers of the records that `parse` keeps: slow, for messages.

        Parameters
        ----------
        text : bytes
            Whole records.
        first_line : int
            Number of the first line.
        """
        _, bad = self.parse(text, len(text))
        left_out = {record.begin for record in bad}
        lines = []
        begin, line = 0, first_line
        for end in find_record_ends(text, self._dialect).tolist():
            if begin not in left_out and text[begin:end].strip():
                lines.append(line)
            line += text.count(self._dialect.line_end, begin, end)
            begin = end
        return lines

    def _parse_strictly(self, text: bytes) -> RawBatch | None:
        """Parse a text of which every record can be used."""
        if b"\0" in text:
            raise UnusableTextError
        batch = self._arrow.parse(text)
        if batch is None:
            return None
        with np.errstate(over="ignore", under="ignore"):
            exact = batch.values.to_numpy()
            single = exact.astype(np.float32)
        if not np.isfinite(single).all() or ((single == 0) & (exact != 0)).any():
            raise UnusableTextError
        if self._time_type is not None and batch.time is not None:
            kept_type = batch.time.type == self._time_type
            readable = kept_type or _are_times(batch.time, self._time_type)
            if batch.time.null_count or not readable:
                raise UnusableTextError
        return batch

    def _find_bad(self, text: bytes, begins: Array, ends: Array) -> Iterator[BadRecord]:
        """Find the records that cannot be used, by halves."""
        if not len(begins) or self._is_usable(text[begins[0] : ends[-1]]):
            return
        if len(begins) > _FEW_RECORDS:
            half = len(begins) // 2
            yield from self._find_bad(text, begins[:half], ends[:half])
            yield from self._find_bad(text, begins[half:], ends[half:])
            return
        spans = list(zip(begins.tolist(), ends.tolist(), strict=True))
        told = [
            record
            for record in self._complaints(text, spans)
            if not self._is_usable(text[record.begin : record.end])
        ]
        if self._is_usable(_without(text[: ends[-1]], told)[begins[0] :]):
            yield from told
            return
        known = {record.begin: record for record in told}
        for begin, end in spans:
            if begin in known:
                yield known[begin]
            elif not self._is_usable(text[begin:end]):
                yield BadRecord(begin, end, "no record that can be read")

    def _is_usable(self, text: bytes) -> bool:
        try:
            self._parse_strictly(text)
        except (UnusableTextError, SuperfluousZeroError):
            return False
        return True

    def _complaints(self, text: bytes, spans: Sequence[Sequence[int]]) -> Iterator[BadRecord]:
        for begin, end in spans:
            complaint = self._complaint(text[begin:end], begin)
            if complaint is not None:
                yield BadRecord(begin, end, complaint)

    def _complaint(self, record: bytes, at: int) -> str | None:
        """Say what is wrong with a record; refuse an id that is no integer in one that is right."""
        try:
            # More than one where a carriage return stands alone.
            found = [fields for _, fields in records(record, self._dialect, 1)]
        except LongFieldError as error:
            return str(error).partition(": ")[2]
        for fields in found:
            complaint = complaint_about_record(fields, self._dialect, self._roles)
            if complaint is None and self._time_type is not None:
                assert self._roles.time is not None
                complaint = complaint_about_time(fields[self._roles.time], self._time_type)
            if complaint is not None:
                return complaint
        for fields in found:
            for role, place in self._integers:
                if not is_whole_number(fields[place].strip()):
                    raise TextIdError(role, fields[place], at)
        return None


def _are_times(column: pa.Array, kind: pa.DataType) -> bool:
    try:
        column.cast(kind if pa.types.is_integer(kind) else pa.timestamp("us"))
    except pa.ArrowInvalid:
        return False
    return True


def _without(text: bytes, bad: list[BadRecord]) -> bytes:
    """Return a text without some of its records."""
    kept = []
    at = 0
    for record in bad:
        kept.append(text[at : record.begin])
        at = record.end
    kept.append(text[at:])
    return b"".join(kept)


def text_lines(head: bytes) -> bytes:
    """Return the beginning of a file without lines that hold NUL bytes, as far as they are few.

    Parameters
    ----------
    head : bytes
        Its beginning; the first line is kept as it is.
    """
    if b"\0" not in head:
        return head
    lines = head.splitlines(keepends=True)
    kept = lines[:1] + [line for line in lines[1:] if b"\0" not in line]
    return head if len(kept) < (1 - _LARGEST_NUL_SHARE) * len(lines) else b"".join(kept)


def with_usable_sample(dialect: Dialect, roles: Roles) -> Dialect:
    """Return a dialect whose sample lacks records that cannot be used: they tell no types.

    Parameters
    ----------
    dialect : Dialect
        As found from the head of the file.
    roles : Roles
        Which column is which.
    """
    sample = [
        fields
        for fields in dialect.sample
        if complaint_about_record(fields, dialect, roles) is None
    ]
    lines = []
    for line in dialect.sample_text.split(dialect.line_end):
        found = [fields for _, fields in records(line, dialect, 1)]
        if found and complaint_about_record(found[0], dialect, roles) is None:
            lines.append(line)
    text = dialect.line_end.join(lines) + dialect.line_end
    return replace(dialect, sample=tuple(sample), sample_text=text)
