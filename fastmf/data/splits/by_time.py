"""Splits by time: the latest ratings of all, a fraction of them or those since a date."""

from __future__ import annotations

import datetime
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.data.ratings import Ratings
from fastmf.data.splits.views import check_fraction, two_views
from fastmf.errors import DataError, ParameterError
from fastmf.kernels.tables.pairs import count_rows
from fastmf.kernels.tables.row_choice import place_choice
from fastmf.parallel import Team

__all__ = ["time_split", "unix_seconds"]

# As many bits of the times are told apart at a pass.
_BITS = 16


def time_split(
    ratings: Ratings,
    fraction: float | None = None,
    *,
    since: Any = None,
    keep_known: bool = False,
    num_threads: int | None = None,
) -> tuple[Ratings, Ratings]:
    """Hold out the latest ratings.

    Parameters
    ----------
    ratings : Ratings
        What to split, with times; may itself be a selection.
    fraction : float, optional
        Part to hold out, between 0 and 1. Of equal times those that come last in the table are
        the later ones, so the size is exact. Give this or `since`.
    since : int, str, date, datetime or numpy.datetime64, optional
        Hold out what was rated at this time or later: Unix seconds, or a date such as
        ``"2005-06-01"`` or ``"2005-06-01 12:30"``, in UTC unless it says otherwise.
    keep_known : bool, optional
        Whether ratings whose user or item would be in the held-out part only go back to the
        training part.
    num_threads : int, optional
        Default all processors; the result does not depend on it.

    Returns
    -------
    train, held_out : Ratings
        Two views; of a fraction ``len(held_out) == round(fraction * len(ratings))``, less what
        went back, which `notes` tell.

    Raises
    ------
    ParameterError
        If the fraction or the date means nothing, none or both are given, or one side would be
        empty.
    DataError
        If there are no times, or all that was held out would go back.
    """
    if (fraction is None) == (since is None):
        raise ParameterError("give either fraction or since: what part, or from which date")
    if fraction is not None:
        check_fraction(fraction)
    least = None if since is None else unix_seconds(since)
    if not ratings.has_time:
        where = f"{ratings.source}: " if ratings.source else ""
        raise DataError(
            f"{where}there are no times to split by; name their column (time_column, "
            "--time-column), or hold out at random"
        )
    with Team(num_threads) as team:
        first, last = _ends(ratings, team)
        if least is not None:
            how = f"since {_date(least)} (the first rating is of {_date(first)}, the last of "
            how += f"{_date(last)})"
            bitmap = _since(ratings, least, 0, team)
        else:
            how = f"the latest fraction of {fraction:g}"
            wanted = round(float(fraction or 0.0) * len(ratings))
            threshold, n_passed = _threshold(ratings, wanted, first, last, team)
            bitmap = _since(ratings, threshold, n_passed, team)
    return two_views(ratings, bitmap, how=how, keep_known=keep_known, num_threads=num_threads)


def unix_seconds(moment: Any) -> int:
    """Return Unix seconds of a moment.

    Parameters
    ----------
    moment : int, str, date, datetime or numpy.datetime64
        As `time_split` takes it.

    Returns
    -------
    int

    Raises
    ------
    ParameterError
        If it is none.
    """
    if isinstance(moment, np.datetime64) and not np.isnat(moment):
        return int(moment.astype("datetime64[s]").astype(np.int64))
    if not isinstance(moment, bool) and hasattr(moment, "__index__"):
        return int(moment)
    try:
        if isinstance(moment, str):
            moment = datetime.datetime.fromisoformat(moment.strip())
        if not isinstance(moment, datetime.datetime):
            moment = datetime.datetime(moment.year, moment.month, moment.day)
    except (ValueError, AttributeError) as error:
        raise ParameterError(
            f"{moment!r} is no date; write it like 2005-06-01 or 2005-06-01T12:30"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(np.floor(moment.timestamp()))


def _date(seconds: int) -> str:
    try:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"  # a year that calendars do not reach
    return moment.strftime("%Y-%m-%d")


def _ends(ratings: Ratings, team: Team) -> tuple[int, int]:
    """Return the first and the last time."""

    def ends(rows: tuple[int, int]) -> tuple[int, int] | None:
        time = _times(ratings, rows)
        return (int(time.min()), int(time.max())) if len(time) else None

    found = [pair for pair in team.map(ends, ratings.ranges()) if pair is not None]
    if not found:
        return 0, 0
    return min(low for low, _ in found), max(high for _, high in found)


def _times(ratings: Ratings, rows: tuple[int, int]) -> Array:
    return np.asarray(ratings.times(*rows), np.int64)


def _threshold(ratings: Ratings, wanted: int, first: int, last: int, team: Team) -> tuple[int, int]:
    """Find the time of the earliest rating to hold out, a digit of 16 bits at a pass.

    The times in a window are counted in bins; the bin that holds the wanted one is the next
    window. Returned are the time, and how many of the ratings at it are not held out.
    """
    low, high, n_later, n_equal = first, last, 0, len(ratings)
    while low < high:
        shift = max((high - low).bit_length() - _BITS, 0)
        n_bins = ((high - low) >> shift) + 1
        count = partial(_count_bins, ratings, low, shift, n_bins)
        counts = sum(team.map(count, ratings.ranges()), np.zeros(n_bins, np.int64))
        # How many there are in a bin or later.
        from_bin = np.cumsum(counts[::-1])[::-1]
        found = int(np.flatnonzero(n_later + from_bin >= wanted)[-1])
        n_equal = int(counts[found])
        n_later += int(from_bin[found]) - n_equal
        low += found << shift
        high = min(high, low + (1 << shift) - 1)
    return low, n_equal - (wanted - n_later)


def _count_bins(
    ratings: Ratings, low: int, shift: int, n_bins: int, rows: tuple[int, int]
) -> Array:
    """Count the times from `low` on, in bins of ``2**shift`` seconds."""
    # As unsigned numbers, times before `low` are far behind the last bin.
    since_low = _times(ratings, rows).view(np.uint64) - np.uint64(low % 2**64)
    bins = since_low >> np.uint64(shift)
    counts = np.zeros(n_bins, np.int64)
    count_rows(frozen(bins[bins < n_bins], np.int32), counts)
    return counts


def _since(ratings: Ratings, threshold: int, n_passed: int, team: Team) -> Array:
    """Choose the ratings after a time, and those at it but the first few in the table."""
    selected = ratings.selected_rows
    bitmap = np.empty_like(selected)
    ranges = ratings.ranges()

    def count(rows: tuple[int, int]) -> int:
        return int(np.count_nonzero(_times(ratings, rows) == threshold)) if n_passed else 0

    def place(task: tuple[tuple[int, int], int]) -> None:
        rows, n_before = task
        times = _times(ratings, rows)
        chosen = times >= threshold
        if n_before < n_passed:
            chosen[np.flatnonzero(times == threshold)[: n_passed - n_before]] = False
        place_choice(selected, *map(np.int64, rows), frozen(chosen.view(np.uint8)), bitmap)

    before = accumulate(team.map(count, ranges), initial=0)
    for _ in team.map(place, list(zip(ranges, before, strict=False))):
        pass
    return bitmap
