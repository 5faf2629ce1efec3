"""Slow twins of fastmf.kernels.tables.pairs and of what is built on them: dictionaries of pairs."""

import numpy as np


def repeats(user_index: np.ndarray, item_index: np.ndarray) -> int:
    """Count the rows whose pair occurred before."""
    pairs = set(zip(user_index.tolist(), item_index.tolist(), strict=True))
    return len(user_index) - len(pairs)


def rows_of_pairs(
    user_index: np.ndarray, item_index: np.ndarray
) -> dict[tuple[int, int], list[int]]:
    """List the rows of every pair."""
    rows: dict[tuple[int, int], list[int]] = {}
    for row, pair in enumerate(zip(user_index.tolist(), item_index.tolist(), strict=True)):
        rows.setdefault(pair, []).append(row)
    return rows


def resolve(
    user_index: np.ndarray, item_index: np.ndarray, value: np.ndarray, how: str
) -> tuple[list[int], np.ndarray]:
    """Return the rows that stay and their values."""
    groups = sorted(rows_of_pairs(user_index, item_index).values(), key=lambda rows: rows[-1])
    kept = [rows[-1] for rows in groups]
    if how == "last":
        return kept, value[kept]
    merge = np.mean if how == "mean" else np.sum
    merged = [
        value[rows[0]] if len(rows) == 1 else merge(value[rows].astype(np.float64))
        for rows in groups
    ]
    return kept, np.array(merged, np.float32)
