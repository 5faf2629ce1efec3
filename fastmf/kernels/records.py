"""The bytes of delimited text: where records end, and whether numbers begin with zeros."""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel

__all__ = ["count_leading_zeros", "last_record_end", "record_ends"]


@kernel(inline="always")
def _walk(text, delimiter, quote, line_end, ends):
    """Return the end of the last whole record and their number; note as many ends as fit."""
    end = np.int64(0)
    count = np.int64(0)
    quoted = False
    field_start = True
    closed_at = np.int64(-2)
    for place in range(text.size):
        byte = text[place]
        if quoted:
            # A doubled quote closes and opens again: the state between does not matter.
            if byte == quote:
                quoted = False
                closed_at = np.int64(place)
        elif byte == quote and (field_start or closed_at == place - 1):
            quoted = True
            field_start = False
        elif byte == line_end:
            end = np.int64(place + 1)
            if count < ends.size:
                ends[count] = end
            count += 1
            field_start = True
        else:
            field_start = byte == delimiter
    return end, count


@kernel
def last_record_end(text, delimiter, quote, line_end):
    """Find the end of the last whole record.

    A quote opens a quoted field only at the field's start; inside, two quotes stand for one.

    Parameters
    ----------
    text : (n,) uint8, read-only
        Text that begins with a record.
    delimiter, quote, line_end : uint8
        The bytes that part fields, enclose fields and end records.

    Returns
    -------
    int64
        Number of bytes up to and including the last line end outside quotes; 0 without any.
    """
    end, _ = _walk(text, delimiter, quote, line_end, np.empty(0, np.int64))
    return end


@kernel
def record_ends(text, delimiter, quote, line_end, ends):
    """Find the ends of all whole records, as `last_record_end` tells them.

    Parameters
    ----------
    text : (n,) uint8, read-only
        Text that begins with a record.
    delimiter, quote, line_end : uint8
        The bytes that part fields, enclose fields and end records.
    ends : (m,) int64, modified
        Receives the position behind each line end outside quotes; at least as long as there are
        line ends.

    Returns
    -------
    int64
        Records.
    """
    _, count = _walk(text, delimiter, quote, line_end, ends)
    return count


@kernel
def count_leading_zeros(text):
    """Count the numbers that begin with a zero before another digit, or with a minus and a zero.

    Parameters
    ----------
    text : (n,) uint8, read-only
        Delimited text.

    Returns
    -------
    int64
        Number of zeros that begin a field, or a word of it, and are such a number's first digit.
    """
    # Digits are 48 to 57, minus 45, point 46, letters from 65 on; the bar (124) parts fields.
    count = np.int64(text.size > 1 and text[0] == 48 and 48 <= text[1] <= 57)
    for place in range(np.uint64(1), np.uint64(max(text.size - 1, 1))):
        before = text[place - np.uint64(1)]
        after = text[place + np.uint64(1)]
        starts = (before < 45) | (before == 47) | ((before > 57) & (before < 65)) | (before == 124)
        # Behind a digit, a minus belongs to a date.
        sign = text[place - np.uint64(2 if place > 1 else 1)]
        negative = (before == 45) & ((sign < 48) | (sign > 57))
        leads = (starts & (after >= 48) & (after <= 57)) | negative
        count += np.int64((text[place] == 48) & leads)
    return count
