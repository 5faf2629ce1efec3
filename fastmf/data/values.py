"""What the values of columns mean: ratings and times."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastmf.data.arrays import Array
from fastmf.data.arrow_views import as_numpy
from fastmf.data.stored_columns import LAST_DAY, SECONDS_OF_DAY
from fastmf.errors import DataError

__all__ = ["BadRowError", "TimeReader", "complaint_about", "read_values"]


class BadRowError(Exception):
    """A value that cannot be used; whoever knows the file turns it into a `DataError`.

    Parameters
    ----------
    row : int
        Row of the batch, from 0.
    complaint : str
        What is wrong with it.
    """

    def __init__(self, row: int, complaint: str) -> None:
        super().__init__(complaint)
        self.row = row
        self.complaint = complaint


def read_values(column: pa.Array) -> Array:
    """Turn an Arrow column of ratings into numbers that are finite as float32.

    Parameters
    ----------
    column : pyarrow.Array
        (m,) integers, floating-point or decimal numbers.

    Returns
    -------
    ndarray
        (m,) integers as they are, which needs no copy; everything else as float32.

    Raises
    ------
    BadRowError
        On a null, NaN, infinity, or a number too large or too small for float32.
    DataError
        On a column of another type.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return read_values(column.dictionary_decode())
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise BadRowError(row, "the rating is missing")
    if pa.types.is_integer(kind):
        return as_numpy(column)
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif not pa.types.is_floating(kind):
        raise DataError(
            f"the rating column holds {kind}, not numbers; convert it, or name another with "
            "--rating-column (rating_column= in Python)"
        )
    exact = as_numpy(column.cast(pa.float32()) if pa.types.is_float16(kind) else column)
    with np.errstate(over="ignore", under="ignore"):
        values: Array = exact.astype(np.float32, copy=False)
    finite = np.isfinite(values)
    if not finite.all():
        row = int(np.argmin(finite))
        raise BadRowError(row, complaint_about(float(exact[row])))
    if values is not exact and not values.all():
        vanished = (values == 0) & (exact != 0)
        if vanished.any():
            row = int(np.argmax(vanished))
            raise BadRowError(row, complaint_about(float(exact[row])))
    return values


def complaint_about(rating: float) -> str:
    """Say why a rating cannot be held in single precision.

    Parameters
    ----------
    rating : float
        Not finite, or a number that float32 turns into infinity or zero.

    Returns
    -------
    str
    """
    if not math.isfinite(rating):
        return f"the rating is {rating}, not a finite number"
    if abs(rating) > 1:
        size, limit = "large", f"at most {np.finfo(np.float32).max:.1e}"
    else:
        size, limit = "small", f"at least {np.finfo(np.float32).smallest_normal:.1e}, or 0"
    return (
        f"the rating is {rating}, too {size} for single precision ({limit}); scale the ratings, "
        "say to 0 to 5"
    )


@dataclass
class TimeReader:
    """Turns columns of times into Unix seconds, or days, one unit for all batches.

    Parameters
    ----------
    required : bool
        Whether a column that cannot be read is an error; otherwise times are left out, with a
        note.

    Attributes
    ----------
    complaint : str or None
        Why times were left out.
    """

    required: bool = False
    complaint: str | None = None
    _per_second: int | None = field(default=None, repr=False)

    def read(self, column: pa.Array) -> Array | None:
        """Read the times of one batch.

        Parameters
        ----------
        column : pyarrow.Array
            (m,) integers (seconds; milli-, micro- and nanoseconds are told by their size), whole
            floating-point numbers, dates, timestamps, or text that Arrow reads as timestamps.

        Returns
        -------
        ndarray or None
            (m,) int64 seconds since 1970-01-01; of dates up to 2106, which take less, uint16 days
            since then. None once times are left out.

        Raises
        ------
        BadRowError, DataError
            When the column is required and cannot be read.
        """
        if self.complaint is not None:
            return None
        try:
            return self._read(column)
        except BadRowError as error:
            if self.required:
                raise
            self.complaint = error.complaint
        except DataError as error:
            if self.required:
                raise
            self.complaint = str(error)
        return None

    def _read(self, column: pa.Array) -> Array:
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
            raise BadRowError(row, "a time is missing")
        kind = column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            try:
                column = column.cast(pa.timestamp("us"))
            except pa.ArrowInvalid as error:
                raise DataError("the time column holds text that is not a timestamp") from error
        if kind == pa.date32():
            return _days_or_seconds(as_numpy(column.view(pa.int32())))
        if pa.types.is_timestamp(column.type) or kind == pa.date64():
            unit = "ms" if kind == pa.date64() else column.type.unit
            per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
            return _whole_seconds(as_numpy(column.view(pa.int64())), per_second)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return self._read_numbers(column)
        raise DataError(f"the time column holds {kind}, not times")

    def _read_numbers(self, column: pa.Array) -> Array:
        try:
            numbers = pc.floor(column) if pa.types.is_floating(column.type) else column
            times = as_numpy(numbers.cast(pa.int64()))
        except pa.ArrowInvalid as error:
            raise DataError("the time column holds numbers that are not times") from error
        if times.size == 0:
            return times
        low, high = int(times.min()), int(times.max())
        per_second = _ticks_per_second(max(-low, high))
        if self._per_second is None and (low, high) != (0, 0):
            self._per_second = per_second
        unit = self._per_second or 1
        if per_second > unit:
            row = int(np.argmax(times) if high > -low else np.argmin(times))
            raise BadRowError(row, f"the time {times[row]} is in another unit than those before")
        return _whole_seconds(times, unit)


def _days_or_seconds(days: Array) -> Array:
    if days.size and days.min() >= 0 and days.max() <= LAST_DAY:
        return days.astype(np.uint16)
    return np.multiply(days, SECONDS_OF_DAY, dtype=np.int64)


def _whole_seconds(ticks: Array, per_second: int) -> Array:
    """Return whole seconds, rounded down."""
    return ticks if per_second == 1 else ticks // per_second


def _ticks_per_second(largest: int) -> int:
    """Tell the unit of Unix times by their size: seconds stay below 1e11 until the year 5138."""
    if largest < 10**11:
        return 1
    if largest < 10**14:
        return 10**3
    return 10**6 if largest < 10**17 else 10**9
