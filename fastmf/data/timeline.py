"""Ratings by time, in periods that suit the time they span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fastmf.data.arrays import Array

__all__ = ["FinePeriods", "Timeline", "Unit", "day_text", "timeline_of"]

Unit = Literal["hour", "day", "week", "month", "year", "interval"]

_HOUR, _DAY = 3600, 86400
_MOST_PERIODS = 400
# Days are counted one by one while there are at most so many: nearly three thousand years.
_MOST_DAYS = 1 << 20


class FinePeriods:
    """The periods of equal length that ratings are counted in, before they are put together.

    Parameters
    ----------
    first, last : int
        Least and greatest time, Unix seconds.

    Attributes
    ----------
    first : int
        Begin of the first period.
    width : int
        Seconds: an hour, a day, or what it takes to cut a span that no calendar knows.
    n : int
        Number of periods.
    """

    def __init__(self, first: int, last: int) -> None:
        if last - first < 3 * _DAY:
            self.width = _HOUR
        elif last - first < _MOST_DAYS * _DAY:
            self.width = _DAY
        else:
            self.width = -(-(last - first + 1) // _MOST_PERIODS)
        self.first = first // self.width * self.width if self.width <= _DAY else first
        self.n = (last - self.first) // self.width + 1


@dataclass(frozen=True, eq=False)
class Timeline:
    """Ratings by period; periods without ratings in between are there too.

    Attributes
    ----------
    unit : {"hour", "day", "week", "month", "year", "interval"}
        Length of a period, in UTC; weeks begin on Monday. Intervals have equal lengths.
    starts : ndarray
        (n,) int64 begin of each period, Unix seconds.
    n_ratings : ndarray
        (n,) int64.
    """

    unit: Unit
    starts: Array
    n_ratings: Array

    def labels(self) -> list[str]:
        """Return the name of each period: ``2005``, ``2005-12``, ``2005-12-31``, and so on.

        A week has that of its Monday.
        """
        if self.unit == "hour":
            return [f"{day_text(start)} {start % _DAY // _HOUR:02d}:00" for start in self.starts]
        days = [day_text(start) for start in self.starts]
        cut = {"month": -3, "year": -6}.get(self.unit)
        return [day[:cut] for day in days]


def day_text(seconds: int) -> str:
    """Return the day of a time.

    Parameters
    ----------
    seconds : int
        Since 1970, UTC.

    Returns
    -------
    str
        Such as ``2005-12-31``.
    """
    return str(np.datetime64(int(seconds) // _DAY, "D"))


def timeline_of(periods: FinePeriods, counts: Array) -> Timeline:
    """Put fine periods together until there are few enough to look at.

    Parameters
    ----------
    periods : FinePeriods
    counts : ndarray
        (periods.n,) int64 ratings in each.

    Returns
    -------
    Timeline
        Of at most 400 periods, except for years.
    """
    starts = periods.first + periods.width * np.arange(periods.n, dtype=np.int64)
    if periods.width == _HOUR:
        return Timeline("hour", starts, counts)
    if periods.width != _DAY:
        return Timeline("interval", starts, counts)
    days = starts // _DAY
    if len(days) <= _MOST_PERIODS:
        return Timeline("day", starts, counts)
    if len(days) <= 7 * _MOST_PERIODS:
        weeks = (days + 3) // 7  # the first day of 1970 was a Thursday
        return _grouped("week", weeks, (7 * np.unique(weeks) - 3) * _DAY, counts)
    calendar = days.astype("M8[D]")
    unit: Unit = "month" if len(days) <= 31 * _MOST_PERIODS else "year"
    period = calendar.astype("M8[M]" if unit == "month" else "M8[Y]")
    return _grouped(unit, period, np.unique(period).astype("M8[s]").astype(np.int64), counts)


def _grouped(unit: Unit, period: Array, starts: Array, counts: Array) -> Timeline:
    """Add up the counts of days that lie in one period; periods ascend."""
    first = np.flatnonzero(np.concatenate([[True], period[1:] != period[:-1]]))
    return Timeline(unit, starts, np.add.reduceat(counts, first))
