"""What a cleaning is asked to take away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from fastmf.data.seeds import check_random_state
from fastmf.errors import ParameterError

__all__ = ["Cleaning"]

_COUNTS = ("top_items", "top_users", "min_user_ratings", "min_item_ratings")


@dataclass(frozen=True)
class Cleaning:
    """Options of `fastmf.clean_ratings`, which explains them; checked when made.

    Attributes
    ----------
    min_rating, max_rating : float or None
        Keep ratings of at least and at most this value.
    top_items, top_users : int or None
        Keep as many items with the most ratings, users likewise.
    sample_users, sample : int, float or None
        Keep as many users, or ratings, drawn at random: a number from 1, or a fraction below 1.
    min_user_ratings, min_item_ratings : int or None
        Keep users with at least so many ratings, then items with at least so many.
    until_stable : bool
        Repeat the minimum counts until all that are left have enough.
    random_state : int
        Seed of the samples.

    Raises
    ------
    ParameterError
        If one is outside its limits.
    """

    min_rating: float | None = None
    max_rating: float | None = None
    top_items: int | None = None
    top_users: int | None = None
    sample_users: float | None = None
    sample: float | None = None
    min_user_ratings: int | None = None
    min_item_ratings: int | None = None
    until_stable: bool = False
    random_state: int = 0

    def __post_init__(self) -> None:
        for name in ("min_rating", "max_rating"):
            limit = getattr(self, name)
            if limit is not None and not (_is_number(limit) and math.isfinite(limit)):
                raise ParameterError(f"{name} is {limit!r}, but must be a finite number")
        low, high = self.min_rating, self.max_rating
        if low is not None and high is not None and low > high:
            raise ParameterError(
                f"min_rating is {low:g} and max_rating {high:g}: nothing lies between; swap them"
            )
        for name in _COUNTS:
            count = getattr(self, name)
            if count is not None and not (_is_whole(count) and count >= 1):
                raise ParameterError(f"{name} is {count!r}, but must be a whole number from 1")
        for name in ("sample_users", "sample"):
            size = getattr(self, name)
            if size is not None and not _is_sample_size(size):
                raise ParameterError(
                    f"{name} is {size!r}, but must be a whole number from 1, or a fraction "
                    "between 0 and 1"
                )
        if self.until_stable and self.min_user_ratings is None and self.min_item_ratings is None:
            raise ParameterError(
                "until_stable repeats min_user_ratings and min_item_ratings; give at least one "
                "of them"
            )
        check_random_state(self.random_state)

    @property
    def wanted(self) -> bool:
        """Whether there is anything to do."""
        names = ("min_rating", "max_rating", "sample_users", "sample", *_COUNTS)
        return any(getattr(self, name) is not None for name in names)


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__float__")


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__index__")


def _is_sample_size(size: Any) -> bool:
    if _is_whole(size):
        return bool(size >= 1)
    return _is_number(size) and 0.0 < size < 1.0
