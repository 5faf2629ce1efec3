"""Slow twins of fastmf.kernels.tables.sampling, in Python integers."""

import numpy as np

from tests.reference.hashing import GOLDEN, mix


def splitmix64(key: int, counter: int) -> int:
    """Return the counter-th number of the splitmix64 generator with this key."""
    return mix(key + (counter + 1) * GOLDEN)


def sample_rows(candidates: np.ndarray, n_wanted: int, key: int) -> np.ndarray:
    """Choose exactly n_wanted of the True places: Knuth's algorithm S."""
    chosen = np.zeros(len(candidates), bool)
    places = np.flatnonzero(candidates)
    for seen, place in enumerate(places):
        uniform = (splitmix64(key, seen) >> 11) / 2.0**53
        if uniform * (len(places) - seen) < n_wanted - chosen.sum():
            chosen[place] = True
    return chosen


def gather_rows(selected: np.ndarray, start: int, stop: int, *columns: np.ndarray) -> list:
    """Take the selected rows of [start, stop)."""
    rows = [row for row in range(start, stop) if selected[row]]
    return [column[rows] for column in columns]
