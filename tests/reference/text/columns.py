"""Slow twin of fastmf.kernels.text.columns: lines that regular expressions match."""

import re
from collections.abc import Sequence

import numpy as np

from tests.reference.text import numbers as text_numbers

_MISSING = {b"", b"NA", b"N/A", b"NULL", b"null", b"NaN", b"nan", b"None"}
_SEPARATORS = {"::": rb"::", " ": rb"[ \t]+"}


def parse_columns(
    text: bytes, separator: str, line_end: bytes, kinds: Sequence[str]
) -> tuple[list[tuple], list[tuple[int, int]]]:
    """Return the rows of a text, without skipped fields, and the spans of lines set aside."""
    rows, aside = [], []
    at = 0
    for line in re.findall(rb"[^%b]*%b|[^%b]+$" % ((line_end,) * 3), text):
        written = line.removesuffix(line_end).removesuffix(b"\r")
        if separator == " ":
            written = written.strip(b" \t")
        if written:
            row = _parse_line(written, separator, kinds)
            if row is None:
                aside.append((at, at + len(line)))
            else:
                rows.append(row)
        at += len(line)
    return rows, aside


def _parse_line(line: bytes, separator: str, kinds: Sequence[str]) -> tuple | None:
    """Return the values of a line; None where one cannot be read."""
    fields = re.split(_SEPARATORS.get(separator, re.escape(separator.encode())), line)
    # A blank behind a date may part it from its time of the day.
    if len(fields) != len(kinds) or (separator == " " and "date" in kinds[:-1]):
        return None
    row = []
    for field, kind in zip(fields, kinds, strict=True):
        if kind in ("text", "skipped"):
            if field.startswith(b'"') or re.search(rb"[\x00-\x1f]", field):
                return None
            value = field
            if kind == "text" and (field in _MISSING or field.startswith(b" ")):
                return None
        else:
            found = getattr(text_numbers, f"read_{kind}")(field)
            if found is None or found[1] != len(field):
                return None
            if kind == "number" and text_numbers.is_hard(field):
                return None
            value = np.float32(found[0]) if kind == "number" else found[0]
        if kind != "skipped":
            row.append(value)
    return tuple(row)
