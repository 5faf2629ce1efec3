"""The bytes of delimited text: where records end, and whether numbers begin with zeros."""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel

__all__ = ["count_leading_zeros", "last_record_end", "record_ends"]


@kernel(inline="always")
def _walk(  # noqa: PLR0912 - a function of its own for each kind of byte would hide the order
    text, delimiter, quote, line_end, longest, strict, final, ends, starts
):
    """Find records, and what a quote that is not closed as it should be makes of them.

    Such a quote encloses line ends and has text other than a delimiter behind its closing one, or
    it encloses more than `longest` bytes up to some line end, or, in a `final` text, all the rest.
    Where `strict`, the first of them ends the walk. Where not, the record that it is in ends with
    its first line.

    Returns the end of the last whole record, the number of records, and that of such quotes. Notes
    as many ends of records, and starts of those with such a quote, as fit.
    """
    carriage_return = np.uint8(13)
    end, count, n_open = np.int64(0), np.int64(0), np.int64(0)
    quoted, field_start, spans = False, True, False
    closed_at, opened_at, first_line = np.int64(-2), np.int64(0), np.int64(-1)
    place = np.int64(0)
    while place < text.size or (final and quoted):
        failed = False
        byte = line_end if place == text.size else text[place]
        if place == text.size:
            failed = True
            first_line = place if first_line < 0 else first_line
        elif quoted:
            # A doubled quote closes and opens again: the state between does not matter.
            if byte == quote:
                quoted = False
                closed_at = place
            elif byte == line_end:
                spans = True
                if first_line < 0:
                    first_line = place + 1
                failed = place - opened_at > longest
        elif byte == quote and (field_start or closed_at == place - 1):
            if field_start:
                opened_at = place
            quoted = True
            field_start = False
        elif byte == line_end:
            end = place + 1
            if count < ends.size:
                ends[count] = end
            count += 1
            field_start, spans, first_line = True, False, np.int64(-1)
        else:
            field_start = byte == delimiter
            failed = (
                spans and closed_at == place - 1 and not field_start and byte != carriage_return
            )
            spans = spans and not field_start
        place += 1
        if failed:
            if n_open < starts.size:
                starts[n_open] = end
            n_open += 1
            if strict:
                return end, count, n_open
            place, end = first_line, first_line
            if count < ends.size:
                ends[count] = end
            count += 1
            quoted, field_start, spans, first_line = False, True, False, np.int64(-1)
            closed_at = np.int64(-2)
    return end, count, n_open


@kernel
def last_record_end(text, delimiter, quote, line_end, longest, strict):
    """Find the end of the last whole record.

    A quote opens a quoted field only at the field's start; inside, two quotes stand for one.

    Parameters
    ----------
    text : (n,) uint8, read-only
        Text that begins with a record.
    delimiter, quote, line_end : uint8
        The bytes that part fields, enclose fields and end records.
    longest : int64
        Bytes that quotes enclose at most, up to the last line end within.
    strict : bool
        Whether to stop at the first quote that encloses line ends and is not closed as it should
        be: text other than a delimiter follows, or it is too long. Otherwise the record that it is
        in ends with its first line.

    Returns
    -------
    end : int64
        Number of bytes up to and including the last line end outside quotes; 0 without any.
    stopped : bool
        Whether such a quote is in the record that begins there.
    """
    nothing = np.empty(0, np.int64)
    end, _, n_open = _walk(
        text, delimiter, quote, line_end, longest, strict, False, nothing, nothing
    )
    return end, strict and n_open > 0


@kernel
def record_ends(text, delimiter, quote, line_end, longest, ends, starts):
    """Find the ends of all whole records, as `last_record_end` tells them when not strict.

    Parameters
    ----------
    text : (n,) uint8, read-only
        Whole records: a quote that is never closed is one that is left open.
    delimiter, quote, line_end : uint8
        The bytes that part fields, enclose fields and end records.
    longest : int64
        As there.
    ends : (m,) int64, modified
        Receives the position behind each record; at least as long as there are line ends.
    starts : (m,) int64, modified
        Receives where those records begin that end with their first line because of a quote.

    Returns
    -------
    count : int64
        Records.
    n_open : int64
        Those with such a quote.
    """
    _, count, n_open = _walk(text, delimiter, quote, line_end, longest, False, True, ends, starts)
    return count, n_open


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
