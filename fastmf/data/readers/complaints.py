"""What is wrong with a record of delimited text, for messages: slow, and only run on bad files."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fastmf.data.columns import Roles
from fastmf.data.readers.dialect import (
    Dialect,
    LongFieldError,
    is_whole_number,
    records,
    shortened,
)
from fastmf.data.readers.part import TextIdsError
from fastmf.data.values import complaint_about
from fastmf.errors import DataError

__all__ = [
    "MISSING",
    "check_field_count",
    "check_id",
    "complain",
    "complaint_about_record",
    "complaint_about_time",
    "text_ids_because",
]

MISSING = ["", "NA", "N/A", "NULL", "null", "NaN", "nan", "None"]


def text_ids_because(name: str, role: str, field: str, line: int) -> str:
    """Return the note on ids that look like integers, but for one.

    Parameters
    ----------
    name : str
        The file.
    role : {"user", "item"}
        Whose ids they are.
    field : str
        The one.
    line : int
        Where it is.

    Returns
    -------
    str
    """
    because = shortened(field.strip())
    return f'{name}: the {role} ids are text because of "{because}" in line {line}'


def complain(
    text: bytes,
    dialect: Dialect,
    roles: Roles,
    integers: frozenset[str],
    name: str,
    first_line: int,
) -> None:
    """Find the first record that cannot be used and raise what is wrong with it.

    Parameters
    ----------
    text : bytes
        Whole records as they stand in the file.
    dialect : Dialect
        How they are written.
    roles : Roles
        Which column is which.
    integers : frozenset of str
        Roles whose ids are to be integers.
    name : str
        The file.
    first_line : int
        Number of the first line.

    Raises
    ------
    DataError
        Naming the line.
    TextIdsError
        Where only the type of the ids is wrong.
    """
    try:
        for line, fields in records(text, dialect, first_line):
            place = f"{name}, line {line}"
            check_field_count(fields, dialect.n_fields, place)
            for role, column in (("user", roles.user), ("item", roles.item)):
                check_id(fields[column], role, place)
                if role in integers and not is_whole_number(fields[column].strip()):
                    raise TextIdsError(role, text_ids_because(name, role, fields[column], line))
            _raise(_value_complaint(fields, dialect, roles), place)
    except LongFieldError as error:
        raise DataError(f"{name}, {error}") from error


def complaint_about_record(fields: Sequence[str], dialect: Dialect, roles: Roles) -> str | None:
    """Say what is wrong with a record; ids of any kind are right.

    Parameters
    ----------
    fields : sequence of str
        The record.
    dialect : Dialect
        How the file is written.
    roles : Roles
        Which column is which.

    Returns
    -------
    str or None
        None for a record that can be used.
    """
    if any("\0" in field for field in fields):
        return "a NUL byte, which text does not hold"
    return (
        _field_count_complaint(fields, dialect.n_fields)
        or _id_complaint(fields[roles.user], "user")
        or _id_complaint(fields[roles.item], "item")
        or _value_complaint(fields, dialect, roles)
    )


def complaint_about_time(field: str, kind: pa.DataType) -> str | None:
    """Say what is wrong with the text of a time.

    Parameters
    ----------
    field : str
        The text.
    kind : pyarrow.DataType
        What the others are.

    Returns
    -------
    str or None
        None for a time that can be used.
    """
    text = field.strip()
    if text in MISSING:
        return "a time is missing"
    try:
        # As Arrow reads it in a column of such times.
        pa.scalar(text).cast(kind if pa.types.is_integer(kind) else pa.timestamp("us"))
    except pa.ArrowInvalid:
        return f"the time is {shortened(text)!r}, which cannot be read"
    return None


def _raise(complaint: str | None, place: str) -> None:
    if complaint is not None:
        raise DataError(f"{place}: {complaint}")


def check_field_count(fields: list[str], expected: int, place: str) -> None:
    """Refuse a record that is shorter or longer than the others.

    Parameters
    ----------
    fields : list of str
        The record.
    expected : int
        Fields of the others.
    place : str
        Where it is.

    Raises
    ------
    DataError
    """
    _raise(_field_count_complaint(fields, expected), place)


def check_id(field: str, role: str, place: str) -> None:
    """Refuse an id that is missing, not UTF-8, or holds a NUL byte.

    Parameters
    ----------
    field : str
        Its text; bytes that are not UTF-8 as lone surrogates.
    role : {"user", "item"}
        What it is.
    place : str
        Where it is.

    Raises
    ------
    DataError
    """
    _raise(_id_complaint(field, role), place)


def _field_count_complaint(fields: Sequence[str], expected: int) -> str | None:
    if len(fields) == expected:
        return None
    hint = "; is a quote left open?" if any("\n" in field for field in fields) else ""
    return f"{len(fields)} fields, where the lines before have {expected}{hint}"


def _id_complaint(field: str, role: str) -> str | None:
    if field.strip() in MISSING:
        return f"the {role} id is missing ({field.strip()!r})"
    if "\0" in field:
        return (
            f"the {role} id holds a NUL byte, which text does not; the file is damaged: "
            "copy or download it again"
        )
    if not field.isascii() and any("\ud800" <= letter <= "\udfff" for letter in field):
        return f"the {role} id is not UTF-8; save the file as UTF-8 (iconv -f ISO-8859-1 -t UTF-8)"
    return None


def _value_complaint(fields: Sequence[str], dialect: Dialect, roles: Roles) -> str | None:
    if roles.rating is None:
        return None
    field, point = fields[roles.rating], dialect.decimal_point(roles.rating)
    return _rating_complaint(field, point) or _precision_complaint(float(field.replace(point, ".")))


def _rating_complaint(field: str, point: str) -> str | None:
    text = field.strip()
    if text == "":
        return "the rating is missing"
    try:
        value = float(text.replace(point, "."))
    except ValueError:
        value = math.nan
    if value == 0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        return (
            f"the rating is {shortened(text)}, too small for single precision; scale the "
            "ratings, say to 0 to 5"
        )
    if not math.isfinite(value) or "_" in text:
        return f"the rating is {shortened(text)!r}, not a finite number"
    return None


def _precision_complaint(value: float) -> str | None:
    with np.errstate(over="ignore", under="ignore"):
        single = np.float32(value)
    fits = np.isfinite(single) and (single != 0 or value == 0)
    return None if fits else complaint_about(value)
