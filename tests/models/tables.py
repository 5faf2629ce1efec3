"""Generated ratings for the tests of models."""

import numpy as np

from fastmf import Ratings


def planted(n=8000, n_users=200, n_items=120, *, rank=3, noise=0.3, seed=0, text=False):
    """Ratings of a known model of low rank, with noise, in random order."""
    rng = np.random.default_rng(seed)
    cells = rng.choice(n_users * n_items, n, replace=False)
    users, items = cells // n_items, cells % n_items
    factors = rng.normal(size=(n_users, rank)), rng.normal(size=(n_items, rank))
    biases = rng.normal(0, 0.3, n_users), rng.normal(0, 0.3, n_items)
    values = (
        3
        + biases[0][users]
        + biases[1][items]
        + np.einsum("ij,ij->i", factors[0][users], factors[1][items]) / rank**0.5
        + rng.normal(0, noise, n)
    )
    values = np.clip(np.round(values * 2) / 2, 0.5, 5.5)
    if text:
        return Ratings.from_arrays([f"Ü{u}" for u in users], [f"item {i}" for i in items], values)
    return Ratings.from_arrays(users * 13 + 1000, items * 7 - 5, values)


def bad_tables():
    """Tables that a model may refuse in one line, but must not turn into NaN."""
    rng = np.random.default_rng(1)
    cells = rng.choice(60 * 40, 600, replace=False)
    users, items = cells // 40, cells % 40
    spread = np.where(np.arange(600) % 50, rng.integers(1, 6, 600), 1e6)
    return {
        "constant": (users, items, np.full(600, 3.7)),
        "zeros": (users, items, np.zeros(600)),
        "one rating a user": (np.arange(300), np.arange(300) % 20, rng.integers(1, 6, 300)),
        "one rating an item": (np.arange(300) % 20, np.arange(300), rng.integers(1, 6, 300)),
        "two by two": ([1, 1, 2, 2], [1, 2, 1, 2], [1, 2, 3, 5]),
        "one rating": ([1], [1], [4.0]),
        "one user": (np.zeros(40, int), np.arange(40), rng.integers(1, 6, 40)),
        "one item": (np.arange(40), np.zeros(40, int), rng.integers(1, 6, 40)),
        "1e-6 to 1e6": (users, items, 10.0 ** rng.uniform(-6, 6, 600)),
        "outliers": (users, items, spread),
        "far from zero": (users, items, 1e6 + rng.integers(0, 3, 600)),
        "tiny": (users, items, 1e-30 * rng.integers(1, 6, 600)),
        "negative": (users, items, -rng.integers(1, 6, 600)),
        "huge": (users, items, 1e37 * rng.integers(1, 6, 600)),
    }
