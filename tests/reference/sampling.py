"""Slow twins of fastmf.kernels.sampling, in Python integers."""

import numpy as np

_WORD = 2**64


def splitmix64(key: int, counter: int) -> int:
    """Return the counter-th number of the splitmix64 generator with this key."""
    word = (key + (counter + 1) * 0x9E3779B97F4A7C15) % _WORD
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) % _WORD
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) % _WORD
    return word ^ (word >> 31)


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
