"""Slow twins of fastmf.kernels.text.records: regular expressions, field by field."""

import re

_QUOTED = re.compile(rb'"((?:[^"]|"")*+)("?)')
_PLAIN = re.compile(rb"[^,\n]*")
# A zero before a digit at the start of a word; a zero behind a minus that is not within a date.
_ZEROS = re.compile(rb"(?:^|(?<=[\x00-,/:-@|]))0(?=[0-9])|(?<![0-9])-0(?=.)", re.DOTALL)


def _record(text: bytes, at: int, longest: int) -> tuple[int | None, bool, bool]:
    """Read a record: its end, whether a quote is left open, and whether the text ends in quotes."""
    while True:
        quoted = _QUOTED.match(text, at)
        if quoted is not None:
            inside, closing = quoted.groups()
            breaks = [place + 1 for place, byte in enumerate(inside) if byte == ord("\n")]
            if any(place > longest for place in breaks):
                return None, True, False
            if not closing:
                return None, False, True
            at = quoted.end()
            if breaks and text[at : at + 1] not in (b"", b",", b"\n", b"\r"):
                return None, True, False
        at = _PLAIN.match(text, at).end()
        if text[at : at + 1] != b",":
            return (at + 1 if at < len(text) else None), False, False
        at += 1


def record_ends(text: bytes, longest: int, *, final: bool) -> tuple[list[int], list[int]]:
    """Find the ends of comma-separated records, and those that a quote ends with their line."""
    ends, opened, at = [], [], 0
    while at < len(text):
        end, is_open, in_quotes = _record(text, at, longest)
        if is_open or (final and in_quotes):
            opened.append(at)
            end = (text.find(b"\n", at) + 1) or len(text)
        if end is None:
            break
        ends.append(end)
        at = end
    return ends, opened


def last_record_end(text: bytes, longest: int, *, strict: bool) -> tuple[int, bool]:
    """Find the end of the last whole record; where strict, up to the first open quote."""
    ends, opened = record_ends(text, longest, final=False)
    if strict and opened:
        return opened[0], True
    return max(ends, default=0), False


def count_leading_zeros(text: bytes) -> int:
    """Count the numbers that begin with a zero they do not need."""
    return len(_ZEROS.findall(text))
