"""How many users, or items, have how many ratings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastmf.data.arrays import Array

__all__ = ["CountBar", "bars_between", "doubling_bars", "doubling_edges"]


class CountBar(NamedTuple):
    """Users, or items, that have from `low` to `high` ratings, both included."""

    low: int
    high: int
    n_owners: int
    n_ratings: int

    @property
    def label(self) -> str:
        """The ratings they have: ``1``, ``1,024 to 2,047``."""
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,} to {self.high:,}"


def doubling_edges(counts: Array) -> Array:
    """Return 1, 2, 4, 8 ... until beyond the greatest count: (n + 1,) int64."""
    return 2 ** np.arange(int(counts.max(initial=1)).bit_length() + 1, dtype=np.int64)


def doubling_bars(counts: Array) -> tuple[CountBar, ...]:
    """Count owners of 1, of 2 to 3, of 4 to 7 ... ratings.

    Parameters
    ----------
    counts : ndarray
        (n,) int64 ratings of each user, or each item; those without any are passed over.

    Returns
    -------
    tuple of CountBar
        From the first bar that holds anybody to the last.
    """
    return bars_between(counts, doubling_edges(counts))


def bars_between(counts: Array, edges: Array) -> tuple[CountBar, ...]:
    """Count owners between edges.

    Parameters
    ----------
    counts : ndarray
        As in `doubling_bars`.
    edges : ndarray
        (n + 1,) int64 ascending, the first 1, the last beyond the greatest count: a bar holds its
        lower edge and not its upper one.

    Returns
    -------
    tuple of CountBar
        From the first bar that holds anybody to the last.
    """
    counts = counts[counts > 0]
    bar = np.searchsorted(edges, counts, side="right") - 1
    owners = np.bincount(bar, minlength=len(edges) - 1)
    # Whole numbers up to 2^53 stay exact as weights.
    ratings = np.bincount(bar, weights=counts, minlength=len(edges) - 1).astype(np.int64)
    used = np.flatnonzero(owners)
    return tuple(
        CountBar(int(edges[b]), int(edges[b + 1]) - 1, int(owners[b]), int(ratings[b]))
        for b in (range(used[0], used[-1] + 1) if used.size else ())
    )
