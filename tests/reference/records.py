"""Slow twins of fastmf.kernels.records: regular expressions."""

import re

_FIELD = rb'(?:"(?:[^"]|"")*+"[^,\n]*|[^",\n][^,\n]*)?'
_RECORD = re.compile(rb"%b(?:,%b)*\n" % (_FIELD, _FIELD))
_RECORDS = re.compile(rb"(?:%b(?:,%b)*\n)*" % (_FIELD, _FIELD))
# A zero before a digit at the start of a word; a zero behind a minus that is not within a date.
_ZEROS = re.compile(rb"(?:^|(?<=[\x00-,/:-@|]))0(?=[0-9])|(?<![0-9])-0(?=.)", re.DOTALL)


def last_record_end(text: bytes) -> int:
    """Find the end of the last whole record of comma-separated text."""
    return _RECORDS.match(text).end()


def record_ends(text: bytes) -> list[int]:
    """Find the ends of all whole records of comma-separated text."""
    ends = []
    at = 0
    while (found := _RECORD.match(text, at)) is not None:
        at = found.end()
        ends.append(at)
    return ends


def count_leading_zeros(text: bytes) -> int:
    """Count the numbers that begin with a zero they do not need."""
    return len(_ZEROS.findall(text))
