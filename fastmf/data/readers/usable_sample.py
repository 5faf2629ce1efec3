"""The beginning of a text file without what is to be left out of it: it tells no types."""

from __future__ import annotations

from dataclasses import replace

from fastmf.data.columns import Roles
from fastmf.data.readers.complaints import complaint_about_record
from fastmf.data.readers.dialect import Dialect, records

__all__ = ["text_lines", "with_usable_sample"]

# Files with NUL bytes in a greater share of their lines are not text.
_LARGEST_NUL_SHARE = 0.1


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
