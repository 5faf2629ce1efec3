"""Delimited text to columns without the records that cannot be used: each is told, none is fatal.

The kernel sets lines aside that it does not read, and the slow parser tells what is wrong with
them. Where lines are not records, because quotes enclose line breaks, or where too many are set
aside, halves of the text are given to Arrow until those that it refuses are short.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from fastmf.data.readers.text_blocks import LONGEST_FIELD, find_record_ends, find_records

__all__ = ["BadRecord", "ForgivingText", "TextIdError"]

# More are found faster by Arrow.
_MOST_ASIDE = 4096
_FEW_RECORDS = 128


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
        if self._dialect.quoted and b'"' in whole:
            batch, bad, _ = self._parse_quoted(whole)
            return batch, bad
        parsed = self._fast.parse(text, stop, most_aside=_MOST_ASIDE)
        bad = []
        if parsed is not None:
            bad = list(self._complaints(whole, parsed.aside.tolist()))
            if len(bad) == len(parsed.aside):
                return parsed.batch, bad
        return self._parse_by_halves(whole, bad)

    def _parse_quoted(self, text: bytes) -> tuple[RawBatch | None, list[BadRecord], bytes]:
        """Parse a text with quotes; also return it with blanks where a quote is left open.

        Of a record that such a quote makes of several lines, only the first line is left out. The
        quote is one that is not closed as it should be; or one whose record cannot be used, while
        some of its other lines can.
        """
        opened: list[BadRecord] = []
        masked = text
        starts = find_records(text, self._dialect)[1].tolist()
        while True:
            opened += [self._opened_record(text, start) for start in starts]
            masked = self._blanked(masked, starts)
            parsed = self._fast.parse(masked, len(masked), most_aside=0)
            if parsed is not None:
                return parsed.batch, sorted(opened), masked
            batch, bad = self._parse_by_halves(masked, [])
            starts = [record.begin for record in bad if self._hides_lines(masked, record)]
            if not starts:
                return batch, sorted([*opened, *bad]), masked

    def _opened_record(self, text: bytes, begin: int) -> BadRecord:
        """Return the first line of a record with a quote that is left open."""
        end = self._line_stop(text, begin)
        complaint = self._complaint(text[begin:end], begin) if end - begin < LONGEST_FIELD else None
        return BadRecord(begin, end, complaint or "a quote is opened here and left open")

    def _line_stop(self, text: bytes, begin: int) -> int:
        return text.find(self._dialect.line_end, begin) + 1 or len(text)

    def _blanked(self, text: bytes, starts: list[int]) -> bytes:
        """Return a text with blank lines in the place of the lines that begin somewhere."""
        kept, at = [], 0
        for begin in starts:
            end = self._line_stop(text, begin)
            kept += [text[at:begin], self._dialect.line_end * (end - begin)]
            at = end
        return b"".join([*kept, text[at:]])

    def _hides_lines(self, text: bytes, record: BadRecord) -> bool:
        """Whether any line of a record but the first is a record that can be used."""
        begin = self._line_stop(text, record.begin)
        while begin < record.end:
            end = self._line_stop(text, begin)
            line = text[begin:end]
            if line.strip() and b'"' not in line and self._is_usable(line):
                return True
            begin = end
        return False

    def _parse_by_halves(
        self, text: bytes, bad: list[BadRecord]
    ) -> tuple[RawBatch | None, list[BadRecord]]:
        """Parse a text without records that are known to be bad, or find these by halves."""
        try:
            return self._parse_strictly(_without(text, bad)), bad
        except (UnusableTextError, SuperfluousZeroError):
            ends = find_record_ends(text, self._dialect)
            bad = list(self._find_bad(text, np.append(0, ends[:-1]), ends))
            return self._parse_strictly(_without(text, bad)), bad

    def usable_lines(self, text: bytes, first_line: int) -> list[int]:
        """Return the line numbers of the records that `parse` keeps: slow, for messages.

        Parameters
        ----------
        text : bytes
            Whole records.
        first_line : int
            Number of the first line.
        """
        kept = text
        if self._dialect.quoted and b'"' in text:
            _, bad, kept = self._parse_quoted(text)
        else:
            _, bad = self.parse(text, len(text))
        left_out = {record.begin for record in bad}
        lines = []
        begin, line = 0, first_line
        for end in find_record_ends(kept, self._dialect).tolist():
            if begin not in left_out and kept[begin:end].strip():
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
