"""Delimited text to columns by way of Arrow: what the kernel for plain text does not read.

Quotes, decimal commas, integers written with a point, times of any form that Arrow knows.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from fastmf.data.arrays import frozen
from fastmf.data.columns import Roles
from fastmf.data.id_tables import whole_numbers
from fastmf.data.readers.complaints import MISSING
from fastmf.data.readers.dialect import Dialect
from fastmf.data.readers.part import RawBatch
from fastmf.kernels.text.records import count_leading_zeros

__all__ = ["ArrowText", "SuperfluousZeroError", "UnusableTextError"]

_TINY = re.compile(rb"[0-9.][eE]-[0-9]{3,}(?![^\s,;|\x1f\"])")


class UnusableTextError(Exception):
    """A text has a record that cannot be used; which one and why, a slower parser tells."""


class SuperfluousZeroError(Exception):
    """An id such as 007 stands where integers are expected.

    Parameters
    ----------
    role : {"user", "item"}
        Whose it is.
    row : int
        Row of the text.
    """

    def __init__(self, role: str, row: int) -> None:
        super().__init__(role, row)
        self.role = role
        self.row = row


class ArrowText:
    """Turns the records of one file into columns.

    Parameters
    ----------
    dialect : Dialect
        How the file is written.
    roles : Roles
        Which column is which.
    types : dict of str to pyarrow.DataType
        The types of the needed columns, by their places from ``"0"``: int64 or large_string for
        ids, float64 for ratings, anything for times.
    """

    def __init__(self, dialect: Dialect, roles: Roles, types: dict[str, pa.DataType]) -> None:
        self._dialect = dialect
        self._roles = roles
        self._types = types
        self._integers = [
            (role, str(place))
            for role, place in (("user", roles.user), ("item", roles.item))
            if types[str(place)] == pa.int64()
        ]

    def parse(self, records: bytes) -> RawBatch | None:
        """Parse whole records.

        Parameters
        ----------
        records : bytes
            As they stand in the file.

        Returns
        -------
        RawBatch or None
            None for no rows.

        Raises
        ------
        UnusableTextError
            Where a row lacks an id or a finite rating, or does not part into its fields.
        SuperfluousZeroError
        """
        text = self._dialect.normalised(records)
        if text.isspace() or not text:
            return None
        table = self._table(text)
        batch = RawBatch.of(
            None if place is None else table.column(str(place)).combine_chunks()
            for place in self._roles[:4]
        )
        complete = not any(column.null_count for column in batch[:3])
        finite = pc.all(pc.is_finite(batch.values), min_count=0).as_py()
        blank = any(_has_blank(ids) for ids in batch[:2])
        if not complete or blank or not finite or self._vanishes(text, batch.values):
            raise UnusableTextError("a record without an id or a finite rating")
        self._check_leading_zeros(text)
        return batch

    def _table(self, text: bytes) -> pa.Table:
        """Convert a text, with ids that may be written 7.0, and times that may be anything."""
        ids = {place: pa.large_string() for place in (str(p) for p in self._roles[:2])}
        time = {} if self._roles.time is None else {str(self._roles.time): pa.large_string()}
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
        raise UnusableTextError from failure

    def _with_integers(self, table: pa.Table) -> pa.Table | None:
        """Turn text into the integers that it should be; None where it is none."""
        for place, name in enumerate(table.column_names):
            if self._types[name] == pa.int64() and table.schema[place].type == pa.large_string():
                if name == str(self._roles.time):
                    continue
                integers = whole_numbers(table.column(place).combine_chunks())
                if integers is None:
                    return None
                table = table.set_column(place, name, integers)
        return table

    def _convert(self, text: bytes, types: dict[str, pa.DataType]) -> pa.Table:
        names = [str(place) for place in range(self._dialect.n_fields)]
        return pacsv.read_csv(
            pa.BufferReader(text),
            read_options=pacsv.ReadOptions(
                column_names=names, use_threads=False, block_size=max(len(text) + 1, 1 << 20)
            ),
            parse_options=self._dialect.parse_options(),
            convert_options=pacsv.ConvertOptions(
                include_columns=list(types),
                column_types=types,
                null_values=MISSING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                decimal_point=self._dialect.decimal_point(self._roles.rating),
            ),
        )

    def _check_leading_zeros(self, text: bytes) -> None:
        """Refuse to read "007" as the integer 7, which may be another id."""
        counted = count_leading_zeros(frozen(np.frombuffer(text, np.uint8)))
        if not self._integers or not counted:
            return
        # Somewhere, at least: a date or a rating will do no harm.
        table = self._convert(text, {place: pa.large_string() for _, place in self._integers})
        for role, place in self._integers:
            ids = pc.ascii_trim_whitespace(table.column(place))
            zeros = pc.or_(
                pc.and_(pc.starts_with(ids, "0"), pc.greater(pc.binary_length(ids), 1)),
                pc.starts_with(ids, "-0"),
            )
            row = pc.index(zeros, True).as_py()
            if row >= 0:
                raise SuperfluousZeroError(role, row)

    def _vanishes(self, text: bytes, values: pa.Array) -> bool:
        """Whether a zero is a number too small even for double precision, such as 1e-999."""
        if self._roles.rating is None:
            return False
        zeros = pc.equal(values, 0)
        if not _TINY.search(text) or not pc.any(zeros, min_count=0).as_py():
            return False
        place = str(self._roles.rating)
        written = self._convert(text, {place: pa.large_string()}).column(place)
        digits = pc.match_substring_regex(written.filter(zeros), "^[^eE]*[1-9]")
        return bool(pc.any(digits, min_count=0).as_py())


def _has_blank(ids: pa.Array) -> bool:
    """Whether an id that is text holds nothing but spaces, which Arrow does not take for null."""
    if ids.type != pa.large_string():
        return False
    lengths = pc.binary_length(pc.ascii_trim_whitespace(ids))
    return bool(pc.any(pc.equal(lengths, 0), min_count=0).as_py())
