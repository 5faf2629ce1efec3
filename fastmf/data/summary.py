"""What a table of ratings looks like in numbers, gathered in two passes of bounded memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from fastmf.data.arrays import Array
from fastmf.data.crosstab import Crosstab, CrosstabCells
from fastmf.data.histogram import HistogramBar, ValueCounts, histogram_of
from fastmf.data.ratings import Ratings
from fastmf.data.timeline import FinePeriods, Timeline, timeline_of
from fastmf.errors import DataError
from fastmf.kernels.tables.counting import count_periods, sum_powers
from fastmf.kernels.tables.pairs import count_rows
from fastmf.machine import available_threads
from fastmf.parallel import Team

__all__ = ["PASSES", "QUANTILES", "RatingsSummary", "repeated_pairs", "summarize_ratings"]

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
# How often a summary goes through the ratings, for whoever shows progress.
PASSES = 2

# Every thread counts for itself, 8 bytes a user and item; this much for all of them together.
_TALLY_BYTES = 1 << 29

Progress = Callable[[int], None]
Tally = TypeVar("Tally")


@dataclass(frozen=True, eq=False)
class RatingsSummary:
    """Numbers that describe a table of ratings.

    Attributes
    ----------
    n_ratings, n_users, n_items : int
        Rows; users and items that have at least one of them.
    density : float
        Share of the (user, item) cells that hold a rating.
    mean, std : float
        Of the ratings.
    histogram : tuple of HistogramBar
        One bar a value where there are at most 20 of them, else 20 bars of equal width, each
        without its upper end but the last.
    user_counts, item_counts : ndarray
        (n,) int64 ratings of each dense user and item; 0 for those without.
    first_time, last_time : int or None
        Unix seconds; None without times.
    timeline : Timeline or None
        Ratings by period; None without times.
    crosstab : Crosstab
        Ratings of the most rated items by the most active users.
    n_repeated : int
        (user, item) pairs that the source held more than once, of which one rating was kept.
    """

    n_ratings: int
    n_users: int
    n_items: int
    density: float
    mean: float
    std: float
    histogram: tuple[HistogramBar, ...]
    user_counts: Array
    item_counts: Array
    first_time: int | None
    last_time: int | None
    timeline: Timeline | None
    crosstab: Crosstab
    n_repeated: int

    @property
    def user_quantiles(self) -> tuple[float, ...]:
        """Ratings a user at `QUANTILES`, of the users that have any."""
        return _quantiles(self.user_counts)

    @property
    def item_quantiles(self) -> tuple[float, ...]:
        """Ratings an item at `QUANTILES`, of the items that have any."""
        return _quantiles(self.item_counts)


def _quantiles(counts: Array) -> tuple[float, ...]:
    return tuple(np.quantile(counts[counts > 0], QUANTILES).tolist())


def repeated_pairs(notes: tuple[str, ...]) -> int:
    """Return how many (user, item) pairs a source held more than once, by the notes of reading it.

    Parameters
    ----------
    notes : tuple of str
        `Ratings.notes`.

    Returns
    -------
    int
        0 where no note speaks of any: then there were none.
    """
    found = (re.search(r"([\d,]+) duplicate \(user, item\) pairs?\b", note) for note in notes)
    return sum(int(match[1].replace(",", "")) for match in found if match)


def summarize_ratings(
    ratings: Ratings, *, num_threads: int | None = None, progress: Progress | None = None
) -> RatingsSummary:
    """Count and measure a table of ratings.

    Parameters
    ----------
    ratings : Ratings
        Whole, or a selection: then only the users and items of its rows count.
    num_threads : int, optional
        Default every processor; the result does not depend on it.
    progress : callable, optional
        Called with the rows done since the last call, `PASSES` times each row in all.

    Returns
    -------
    RatingsSummary

    Raises
    ------
    DataError
        When there are no ratings.

    Notes
    -----
    Memory: 8 bytes a user and item for each thread, of which so many run that this stays below
    half a gigabyte where it can, and a range of rows.
    """
    n = len(ratings)
    if n == 0:
        raise DataError("there are no ratings to describe")
    bytes_each = 8 * (ratings.n_users + ratings.n_items) + 1
    threads = available_threads() if num_threads is None else num_threads
    with Team(min(threads, max(1, _TALLY_BYTES // bytes_each))) as team:
        counts = _count(ratings, team, progress or _ignore)
        first, last = counts.times or (None, None)
        timeline, crosstab = _place(ratings, counts, team, progress or _ignore)
    n_users, n_items = np.count_nonzero(counts.of_user), np.count_nonzero(counts.of_item)
    low, high = ratings.rating_range
    mean = counts.total / n
    return RatingsSummary(
        n_ratings=n,
        n_users=int(n_users),
        n_items=int(n_items),
        density=n / (int(n_users) * int(n_items)),
        mean=mean + (low + high) / 2,
        std=float(np.sqrt(max(counts.squares / n - mean**2, 0.0))),
        histogram=counts.histogram,
        user_counts=counts.of_user,
        item_counts=counts.of_item,
        first_time=first,
        last_time=last,
        timeline=timeline,
        crosstab=crosstab,
        n_repeated=repeated_pairs(ratings.notes),
    )


def _ignore(rows: int) -> None:
    """Show no progress."""


class _Tallies(Generic[Tally]):
    """As many tallies as threads count at the same time.

    Their sum does not depend on who counted what, for it is of whole numbers.
    """

    def __init__(self, make: Callable[[], Tally]) -> None:
        self._make = make
        self._idle: list[Tally] = []
        self.all: list[Tally] = []

    @contextmanager
    def borrow(self) -> Iterator[Tally]:
        try:
            tally = self._idle.pop()
        except IndexError:
            tally = self._make()
            self.all.append(tally)
        yield tally
        self._idle.append(tally)


@dataclass
class _Counts:
    """What the first pass finds out."""

    of_user: Array
    of_item: Array
    histogram: tuple[HistogramBar, ...]
    total: float  # of the ratings, each less the middle of the range
    squares: float
    times: tuple[int, int] | None


def _count(ratings: Ratings, team: Team, progress: Progress) -> _Counts:
    """Go through the ratings for what needs to know nothing of them."""
    low, high = ratings.rating_range
    centre = (low + high) / 2
    tallies = _Tallies(
        lambda: (
            np.zeros(ratings.n_users, np.int64),
            np.zeros(ratings.n_items, np.int64),
            ValueCounts(low, high),
        )
    )

    def count(rows: tuple[int, int]) -> tuple[tuple[float, float], tuple[int, int] | None]:
        chunk = ratings.chunk(*rows)
        with tallies.borrow() as (of_user, of_item, values):
            count_rows(chunk.user_index, of_user)
            count_rows(chunk.item_index, of_item)
            values.add(chunk.value)
        sums = sum_powers(chunk.value, centre)
        time = ratings.times(*rows)
        times = None if time is None or not len(time) else (int(time.min()), int(time.max()))
        ratings.release()
        progress(len(chunk.value))
        return sums, times

    # Sums of fractions are added in the order of the rows.
    parts = list(team.map(count, ratings.ranges()))
    total, squares = np.sum([sums for sums, _ in parts], axis=0).tolist()
    times = [times for _, times in parts if times is not None]
    return _Counts(
        np.sum([of_user for of_user, _, _ in tallies.all], axis=0),
        np.sum([of_item for _, of_item, _ in tallies.all], axis=0),
        histogram_of([values for _, _, values in tallies.all]),
        total,
        squares,
        (min(first for first, _ in times), max(last for _, last in times)) if times else None,
    )


def _place(
    ratings: Ratings, counts: _Counts, team: Team, progress: Progress
) -> tuple[Timeline | None, Crosstab]:
    """Go through the ratings for what needs to know who has most of them, and when they begin."""
    periods = None if counts.times is None else FinePeriods(*counts.times)
    tallies = _Tallies(lambda: np.zeros(0 if periods is None else periods.n, np.int64))
    cells = CrosstabCells(counts.of_user, counts.of_item)

    def place(rows: tuple[int, int]) -> tuple[Array, Array, Array]:
        time = ratings.times(*rows)
        if periods is not None and time is not None:
            with tallies.borrow() as in_period:
                count_periods(time, np.int64(periods.first), np.int64(periods.width), in_period)
        chunk = ratings.chunk(*rows)
        part = cells.gather(chunk)
        ratings.release()
        progress(len(chunk.value))
        return part

    for part in team.map(place, ratings.ranges()):
        cells.add(part)
    timeline = None if periods is None else timeline_of(periods, np.sum(tallies.all, axis=0))
    return timeline, cells.finish()
