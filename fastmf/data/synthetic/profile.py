"""How many ratings each user and each item has: the long tails of the Netflix Prize data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtri

from fastmf.errors import ParameterError

__all__ = [
    "FULL_ITEMS",
    "FULL_RATINGS",
    "FULL_USERS",
    "LARGEST_USER_ID",
    "Shape",
    "item_targets",
    "resolve_shape",
    "user_counts",
]

FULL_RATINGS, FULL_USERS, FULL_ITEMS = 100_480_507, 480_189, 17_770
"""Size of the Netflix Prize training set."""

LARGEST_USER_ID = 2_649_429
"""Largest user id of the Netflix Prize; ids 1 to this are used sparsely."""

# Ratings a user and ratings an item at these quantiles of the Netflix Prize training set. The ends
# are its extremes, the quarters its published quartiles; the rest makes its mean and deviation.
USER_QUANTILES = (
    (1e-6, 1), (0.05, 8), (0.25, 39), (0.5, 96), (0.75, 259), (0.9, 550), (0.95, 800),
    (0.999, 2300), (1 - 1e-6, 17653),
)  # fmt: skip
ITEM_QUANTILES = (
    (2.8e-5, 3), (0.05, 45), (0.25, 192), (0.5, 561), (0.75, 2668), (0.9, 12400), (0.95, 29500),
    (0.99, 95000), (1 - 2.8e-5, 232944),
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """Size of a generated table, checked: every user and every item can have a rating.

    Attributes
    ----------
    n_ratings, n_users, n_items : int
        Rows, distinct users, distinct items.
    """

    n_ratings: int
    n_users: int
    n_items: int


def resolve_shape(n_ratings: int, n_users: int | None = None, n_items: int | None = None) -> Shape:
    """Fill in the users and items that were not given, and check that the table can exist.

    Users shrink in proportion to the ratings, so that ratings a user stay as they were; items
    shrink as the cube root, about as they do from Netflix to MovieLens. Both grow again where a
    small table would fill more than two cells in five.

    Parameters
    ----------
    n_ratings : int
        Rows, 10 to 100,480,507.
    n_users : int, optional
        Distinct users, up to 2,649,429; default ``n_ratings / 209.25``.
    n_items : int, optional
        Distinct items, up to 17,770; default ``17,770 * (n_ratings / 100,480,507) ** (1/3)``.

    Returns
    -------
    Shape

    Raises
    ------
    ParameterError
        If a number is outside its limits, if there are fewer ratings than users or items, or if
        more than half of the cells would be filled.
    """
    for name, value, low, high in (
        ("ratings", n_ratings, 10, FULL_RATINGS),
        ("users", n_users, 1, LARGEST_USER_ID),
        ("items", n_items, 1, FULL_ITEMS),
    ):
        if value is not None and not low <= value <= high:
            raise ParameterError(f"{name} is {value:,}, but must lie between {low:,} and {high:,}")
    share = n_ratings / FULL_RATINGS
    users, items = n_users, n_items
    if users is None:
        enough = math.ceil(2.5 * n_ratings / items) if items else 1
        users = min(max(10, round(FULL_USERS * share), enough), LARGEST_USER_ID, n_ratings)
    if items is None:
        enough = math.ceil(2.5 * n_ratings / users)
        items = min(max(round(FULL_ITEMS * share ** (1 / 3)), enough), FULL_ITEMS, n_ratings)
    if 2 * n_ratings > users * items:
        raise ParameterError(
            f"{n_ratings:,} ratings would fill more than half of the {users:,} x {items:,} cells; "
            f"ask for at most {users * items // 2:,} ratings, or for more users or items"
        )
    if n_ratings < max(users, items):
        raise ParameterError(
            f"{n_ratings:,} ratings are too few for {users:,} users and {items:,} items to have "
            f"one each; ask for at least {max(users, items):,} ratings"
        )
    return Shape(n_ratings, users, items)


def quantile_profile(table: tuple[tuple[float, int], ...], n: int) -> NDArray[np.float64]:
    """Return n values, rising, spread as a table of quantiles says: float64 (n,).

    Between the table's points the logarithm of the value is a monotone cubic of the normal score.
    """
    probability, value = (np.array(column, dtype=np.float64) for column in zip(*table, strict=True))
    scores = ndtri((np.arange(n) + 0.5) / n)
    knots = ndtri(probability)
    curve = PchipInterpolator(knots, np.log(value))
    values: NDArray[np.float64] = np.exp(curve(np.clip(scores, knots[0], knots[-1])))
    return values


def user_counts(shape: Shape, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the number of ratings of each user.

    Parameters
    ----------
    shape : Shape
    rng : numpy.random.Generator
        Decides who is light and who is heavy.

    Returns
    -------
    numpy.ndarray of int64 (n_users,)
        From 1 to n_items; the sum is n_ratings exactly.
    """
    profile = quantile_profile(USER_QUANTILES, shape.n_users)

    def scaled(scale: float) -> NDArray[np.int64]:
        return np.clip(np.rint(profile * scale), 1, shape.n_items).astype(np.int64)

    counts = scaled(_smallest_scale(lambda scale: scaled(scale).sum() >= shape.n_ratings))
    # A step of the scale rounds several users up at once: take what is too much back, one a user.
    surplus = int(counts.sum()) - shape.n_ratings
    while surplus:
        spare = np.flatnonzero(counts > 1)[-surplus:]
        counts[spare] -= 1
        surplus -= spare.size
    rng.shuffle(counts)
    return counts


def item_targets(shape: Shape, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the number of ratings each item should expect.

    Parameters
    ----------
    shape : Shape
    rng : numpy.random.Generator
        Decides which items are popular.

    Returns
    -------
    numpy.ndarray of float64 (n_items,)
        Above 0 and below 0.9 n_users; the sum is n_ratings to 9 digits.
    """
    profile = quantile_profile(ITEM_QUANTILES, shape.n_items)
    rng.shuffle(profile)
    most = 0.9 * shape.n_users

    def scaled(scale: float) -> NDArray[np.float64]:
        wanted = profile * scale
        # In a small table the tail would ask for more users than there are: bend it down smoothly.
        return wanted / (1.0 + (wanted / most) ** 4) ** 0.25

    return scaled(_smallest_scale(lambda scale: scaled(scale).sum() >= shape.n_ratings))


def _smallest_scale(enough: Callable[[float], bool]) -> float:
    """Return the scale at which `enough` turns true, by bisection."""
    low, high = 0.0, 1.0
    while not enough(high):
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
