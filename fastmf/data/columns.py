"""Which column is which, and what their values mean: names, ratings and times."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastmf.data.arrays import Array
from fastmf.errors import DataError

__all__ = ["BadRowError", "ColumnNames", "Roles", "TimeReader", "find_columns", "read_values"]

# The usual names, compared without case, underscores, spaces, dots and hyphens.
# fmt: off
_USER_NAMES = frozenset((
    "user", "userid", "uid", "users", "customer", "customerid", "custid", "reviewer",
    "reviewerid", "member", "memberid", "viewer", "viewerid", "reader", "readerid", "listener",
    "listenerid", "account", "accountid", "profile", "profileid", "person", "personid", "client",
    "clientid", "visitor", "visitorid", "rater", "raterid", "author", "authorid",
))
_ITEM_NAMES = frozenset((
    "item", "itemid", "iid", "items", "movie", "movieid", "film", "filmid", "anime", "animeid",
    "manga", "mangaid", "product", "productid", "prod", "prodid", "book", "bookid", "isbn",
    "asin", "parentasin", "track", "trackid", "song", "songid", "artist", "artistid", "album",
    "albumid", "show", "showid", "game", "gameid", "appid", "joke", "jokeid", "recipe",
    "recipeid", "business", "businessid", "restaurant", "restaurantid", "place", "placeid",
    "article", "articleid", "video", "videoid", "beer", "beerid", "course", "courseid",
))
_RATING_NAMES = frozenset((
    "rating", "ratings", "feedback", "score", "scores", "stars", "star", "value", "overall",
    "grade", "preference", "bookrating", "userrating", "ratingvalue", "ratingscore",
    "reviewscore", "reviewrating",
))
_TIME_NAMES = frozenset((
    "timestamp", "time", "date", "datetime", "ts", "unixtime", "unixreviewtime",
    "ratingtimestamp", "ratingtime", "ratingdate", "reviewtime", "reviewdate", "ratedat",
    "createdat",
))
# fmt: on


class ColumnNames(NamedTuple):
    """Columns named by the caller; None leaves one to be found."""

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    time: str | None = None


class Roles(NamedTuple):
    """The place of each column among the columns of a source."""

    user: int
    item: int
    rating: int
    time: int | None
    note: str | None = None


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


def find_columns(found: Sequence[str], named: ColumnNames, source: str) -> Roles:
    """Find the user, item, rating and time columns.

    Parameters
    ----------
    found : sequence of str
        The names of the source's columns.
    named : ColumnNames
        Those the caller named; the others go by their usual names.
    source : str
        What is being read, for messages.

    Returns
    -------
    Roles
        `time` is None where there is no such column, or several; in that case `note` says so.

    Raises
    ------
    DataError
        When a named column does not exist, or a usual name is missing or fits several columns.
    """
    user = _find_one("user", found, named.user, _USER_NAMES, source)
    item = _find_one("item", found, named.item, _ITEM_NAMES, source)
    rating = _find_one("rating", found, named.rating, _RATING_NAMES, source)
    if len({user, item, rating}) < 3:
        raise DataError(
            f"{source}: one column cannot be two of user, item and rating; "
            f"columns found: {_listed(found)}"
        )
    if named.time is not None:
        return Roles(user, item, rating, _find_named("time", found, named.time, source))
    times = [place for place, name in enumerate(found) if _plain(name) in _TIME_NAMES]
    times = [place for place in times if place not in (user, item, rating)]
    if len(times) > 1:
        candidates = " and ".join(repr(found[place]) for place in times)
        note = f"{source}: {candidates} could each be the time: left out (--time-column names one)"
        return Roles(user, item, rating, None, note)
    return Roles(user, item, rating, times[0] if times else None)


def _plain(name: str) -> str:
    """Reduce a column name to what is compared."""
    return re.sub(r"[\s_.\-]", "", name).lower()


def _listed(found: Sequence[str]) -> str:
    """List column names in a message, not more than fit on a line."""
    shown = ", ".join(found[:12])
    return f"{shown}, ... ({len(found)} in all)" if len(found) > 12 else shown


def _find_named(role: str, found: Sequence[str], name: str, source: str) -> int:
    places = [place for place, other in enumerate(found) if other == name]
    if len(places) == 1:
        return places[0]
    if places:
        raise DataError(f"{source}: {len(places)} columns are called {name!r}")
    close = difflib.get_close_matches(name, found, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise DataError(
        f"{source}: no column {name!r}{hint}; columns found: {_listed(found)}; "
        f"name one of them with --{role}-column ({role}_column= in Python)"
    )


def _find_one(
    role: str, found: Sequence[str], name: str | None, usual: frozenset[str], source: str
) -> int:
    if name is not None:
        return _find_named(role, found, name, source)
    places = [place for place, other in enumerate(found) if _plain(other) in usual]
    if len(places) == 1:
        return places[0]
    remedy = f"name it with --{role}-column ({role}_column= in Python)"
    if places:
        candidates = " and ".join(repr(found[place]) for place in places)
        raise DataError(f"{source}: {candidates} could each be the {role} column; {remedy}")
    raise DataError(f"{source}: no {role} column; columns found: {_listed(found)}; {remedy}")


def read_values(column: pa.Array) -> Array:
    """Turn an Arrow column of ratings into float32.

    Parameters
    ----------
    column : pyarrow.Array
        (m,) integers, floating-point or decimal numbers.

    Returns
    -------
    ndarray
        (m,) float32, finite.

    Raises
    ------
    BadRowError
        On a null, NaN, infinity, or a number beyond float32.
    DataError
        On a column of another type.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return read_values(column.dictionary_decode())
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise BadRowError(row, "the rating is missing")
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise DataError(
            f"the rating column holds {kind}, not numbers; convert it, or name another with "
            "--rating-column (rating_column= in Python)"
        )
    exact = column.to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        values: Array = exact.astype(np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        row = int(np.argmin(finite))
        raise BadRowError(row, f"the rating is {exact[row]}, not a finite number")
    return values


@dataclass
class TimeReader:
    """Turns columns of times into Unix seconds, one unit for all batches.

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
        """Return the times of one batch.

        Parameters
        ----------
        column : pyarrow.Array
            (m,) integers (seconds; milli-, micro- and nanoseconds are told by their size), whole
            floating-point numbers, dates, timestamps, or text that Arrow reads as timestamps.

        Returns
        -------
        ndarray or None
            (m,) int64 seconds since 1970-01-01; None once times are left out.

        Raises
        ------
        BadRowError, DataError
            When the column is required and cannot be read.
        """
        if self.complaint is not None:
            return None
        try:
            return self._seconds(column)
        except BadRowError as error:
            if self.required:
                raise
            self.complaint = error.complaint
        except DataError as error:
            if self.required:
                raise
            self.complaint = str(error)
        return None

    def _seconds(self, column: pa.Array) -> Array:
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
            raise BadRowError(row, "a time is missing")
        kind = column.type
        if pa.types.is_date(kind):
            column = column.cast(pa.timestamp("s" if kind == pa.date32() else "ms"))
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            try:
                column = column.cast(pa.timestamp("us"))
            except pa.ArrowInvalid as error:
                raise DataError("the time column holds text that is not a timestamp") from error
        if pa.types.is_timestamp(column.type):
            per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
            ticks = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
            return np.asarray(ticks // per_second, dtype=np.int64)
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise DataError(f"the time column holds {kind}, not times")
        return self._from_numbers(column)

    def _from_numbers(self, column: pa.Array) -> Array:
        try:
            numbers = pc.floor(column) if pa.types.is_floating(column.type) else column
            times: Array = numbers.cast(pa.int64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid as error:
            raise DataError("the time column holds numbers that are not times") from error
        if times.size == 0:
            return times
        largest = int(np.abs(times).max())
        per_second = _ticks_per_second(largest)
        if self._per_second is None and largest > 0:
            self._per_second = per_second
        unit = self._per_second or 1
        if per_second > unit:
            row = int(np.argmax(np.abs(times)))
            raise BadRowError(row, f"the time {times[row]} is in another unit than those before")
        return times // unit if unit > 1 else times


def _ticks_per_second(largest: int) -> int:
    """Tell the unit of Unix times by their size: seconds stay below 1e11 until the year 5138."""
    if largest < 10**11:
        return 1
    if largest < 10**14:
        return 10**3
    return 10**6 if largest < 10**17 else 10**9
