"""Ratings by value: a bar for each of few values, bars of equal width for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.kernels.tables.counting import count_bars, count_values

__all__ = ["MOST_BARS", "HistogramBar", "ValueCounts", "histogram_of"]

# More distinct ratings than this are counted in as many bars of equal width.
MOST_BARS = 20
_PLACES = 64  # of the hash table of `count_values`


class HistogramBar(NamedTuple):
    """Ratings from `low` to `high`: a single value where both are equal."""

    low: float
    high: float
    n_ratings: int

    @property
    def label(self) -> str:
        """The value, or the ends of the bar: ``4.5``, ``0.999 to 1.998``."""
        if self.low == self.high:
            return f"{self.low:g}"
        return f"{self.low:.4g} to {self.high:.4g}"


class ValueCounts:
    """Counts ratings by value while there are few of them, and in bars of equal width after that.

    Parameters
    ----------
    low, high : float
        Least and greatest rating that may come.
    """

    def __init__(self, low: float, high: float) -> None:
        self.edges = np.linspace(low, high, MOST_BARS + 1)
        self.few = True
        self._keys = np.zeros(_PLACES, np.int32)
        self._counts = np.zeros(_PLACES, np.int64)
        self._bars = np.zeros(MOST_BARS, np.int64)

    def add(self, values: Array) -> None:
        """Count ratings: (m,) float32, read-only."""
        taken = 0
        if self.few:
            taken = count_values(values, np.int64(MOST_BARS), self._keys, self._counts)
            self.few = taken == len(values)
        if not self.few:
            count_bars(frozen(values[taken:]), self.edges, self._bars)

    def distinct(self) -> dict[float, int]:
        """Return how often each rating was counted by its value."""
        used = self._counts > 0
        levels = self._keys[used].view(np.float32).tolist()
        return dict(zip(levels, self._counts[used].tolist(), strict=True))

    def bars(self) -> Array:
        """Return (MOST_BARS,) int64 what the bars of equal width hold."""
        counts = self._bars.copy()
        for level, count in self.distinct().items():
            one = np.zeros_like(counts)
            count_bars(frozen([level], np.float32), self.edges, one)
            counts += count * one
        return counts


def histogram_of(parts: Sequence[ValueCounts]) -> tuple[HistogramBar, ...]:
    """Put together what several have counted.

    Parameters
    ----------
    parts : sequence of ValueCounts
        At least one, all made for the same range.

    Returns
    -------
    tuple of HistogramBar
        Ascending. One bar a value where there are at most `MOST_BARS` values; else bars of equal
        width, each without its upper end but the last.
    """
    together: dict[float, int] = {}
    for part in parts:
        for level, count in part.distinct().items():
            together[level] = together.get(level, 0) + count
    if all(part.few for part in parts) and len(together) <= MOST_BARS:
        return tuple(HistogramBar(level, level, together[level]) for level in sorted(together))
    counts = sum((part.bars() for part in parts), np.zeros(MOST_BARS, np.int64))
    edges = parts[0].edges.tolist()
    return tuple(
        HistogramBar(low, high, count)
        for low, high, count in zip(edges, edges[1:], counts.tolist(), strict=False)
    )
