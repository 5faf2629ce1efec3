"""Where records end in delimited text whose quoted fields may hold line breaks."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["last_record_end"]


@njit(cache=True, nogil=True)
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
    end = np.int64(0)
    quoted = False
    field_start = True
    for place in range(text.size):
        byte = text[place]
        if quoted:
            # A doubled quote closes and opens again: the state between does not matter.
            if byte == quote:
                quoted = False
        elif byte == quote and (field_start or (place > 0 and text[place - 1] == quote)):
            quoted = True
            field_start = False
        elif byte == line_end:
            end = np.int64(place + 1)
            field_start = True
        else:
            field_start = byte == delimiter
    return end
