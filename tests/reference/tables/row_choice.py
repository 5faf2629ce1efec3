"""Slow twins of fastmf.kernels.tables.row_choice, over lists and dictionaries."""

from collections import Counter

import numpy as np


def place_choice(selected: np.ndarray, start: int, stop: int, chosen: list[int]) -> list[int]:
    """Return the row numbers that a choice among the True places of [start, stop) means."""
    rows = [row for row in range(start, stop) if selected[row]]
    assert len(rows) == len(chosen)
    return [row for row, taken in zip(rows, chosen, strict=True) if taken]


def choose_known(users, items, known_users: set[int], known_items: set[int]) -> list[int]:
    """Tell rows whose user and item are both known."""
    return [
        int(user in known_users and item in known_items)
        for user, item in zip(users, items, strict=True)
    ]


def choose_pairs(users, items, pairs: set[tuple[int, int]]) -> list[int]:
    """Tell rows whose pair is listed."""
    return [int(pair in pairs) for pair in zip(users, items, strict=True)]


def count_chosen(index, chosen, n: int) -> list[int]:
    """Count the chosen rows of each user or item."""
    counts = Counter(i for i, taken in zip(index, chosen, strict=True) if taken)
    return [counts[i] for i in range(n)]


def number_by_appearance(index) -> dict[int, int]:
    """Return the number of each by its first appearance."""
    return {i: number for number, i in enumerate(dict.fromkeys(index))}


def renumber(index, numbers: dict[int, int]) -> list[int]:
    """Look every index up."""
    return [numbers[i] for i in index]
