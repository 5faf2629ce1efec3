"""Passes over a table of ratings: choosing rows, and counting them by user and by item."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.data.ratings import RatingChunk, Ratings
from fastmf.kernels.tables import row_choice as kernels
from fastmf.parallel import Team

__all__ = ["Census", "Choose", "Progress", "choose_known", "choose_rows", "take_census"]

Progress = Callable[[int], None]
# Takes a chunk and returns 0 or 1 for each of its rows, (m,) uint8.
Choose = Callable[[RatingChunk], Array]

# Memory for the counts of all threads together.
_COUNT_BYTES = 1 << 28


class Census(NamedTuple):
    """Some rows of a table, and how many of them each user and each item has."""

    ratings: Ratings
    of_user: Array  # (n_users,) int64
    of_item: Array  # (n_items,) int64

    @property
    def n_users(self) -> int:
        """Users with at least one row."""
        return int(np.count_nonzero(self.of_user))

    @property
    def n_items(self) -> int:
        """Items with at least one row."""
        return int(np.count_nonzero(self.of_item))


def take_census(
    ratings: Ratings,
    choose: Choose | None = None,
    *,
    num_threads: int | None = None,
    progress: Progress | None = None,
) -> Census:
    """Choose rows and count them, in one pass.

    Parameters
    ----------
    ratings : Ratings
        The table; may be a selection.
    choose : callable, optional
        Which rows to take; default all.
    num_threads : int, optional
        Default all processors; the result does not depend on it.
    progress : callable, optional
        Called with the rows done since the last call.

    Returns
    -------
    Census
        Of the rows chosen. Memory: 8 bytes a user, item and thread, but 256 MiB at most where
        there are several threads; 2 bits a row.
    """
    selected = ratings.selected_rows
    bitmap = None if choose is None else np.empty_like(selected)
    ranges = ratings.ranges()

    def count(mine: list[tuple[int, int]]) -> tuple[Array, Array]:
        counts = np.zeros(ratings.n_users, np.int64), np.zeros(ratings.n_items, np.int64)
        for rows in mine:
            chunk = ratings.chunk(*rows)
            chosen = np.ones(len(chunk.value), np.uint8) if choose is None else choose(chunk)
            kernels.count_chosen(chunk.user_index, chunk.item_index, frozen(chosen), *counts)
            if bitmap is not None:
                kernels.place_choice(selected, *map(np.int64, rows), frozen(chosen), bitmap)
            if progress is not None:
                progress(len(chunk.value))
        return counts

    with Team(num_threads) as team:
        room = _COUNT_BYTES // (8 * (ratings.n_users + ratings.n_items) or 1)
        shares = max(1, min(team.num_threads, room))
        (of_user, of_item), *others = team.map(count, [ranges[k::shares] for k in range(shares)])
    for more_of_user, more_of_item in others:
        of_user += more_of_user
        of_item += more_of_item
    return Census(ratings if bitmap is None else ratings.select(bitmap), of_user, of_item)


def choose_rows(ratings: Ratings, choose: Choose, *, num_threads: int | None = None) -> Array:
    """Choose rows by looking at each chunk on its own.

    Parameters
    ----------
    ratings : Ratings
        The table; may be a selection.
    choose : callable
        Which rows to take.
    num_threads : int, optional
        Default all processors; the result does not depend on it.

    Returns
    -------
    ndarray
        (ceil(n_rows / 8),) uint8, the bitmap of the rows chosen.
    """
    selected = ratings.selected_rows
    bitmap = np.empty_like(selected)

    def place(rows: tuple[int, int]) -> None:
        chosen = choose(ratings.chunk(*rows))
        kernels.place_choice(selected, *map(np.int64, rows), frozen(chosen), bitmap)

    with Team(num_threads) as team:
        for _ in team.map(place, ratings.ranges()):
            pass
    return bitmap


def choose_known(user_known: Array, item_known: Array) -> Choose:
    """Return a choice of the rows whose user and item are both known.

    Parameters
    ----------
    user_known, item_known : ndarray
        (n_users,) and (n_items,) bool.

    Returns
    -------
    callable
    """
    known = frozen(user_known, np.uint8), frozen(item_known, np.uint8)
    return partial(_choose_known, known)


def _choose_known(known: tuple[Array, Array], chunk: RatingChunk) -> Array:
    chosen = np.ones(len(chunk.value), np.uint8)
    kernels.choose_known(chunk.user_index, chunk.item_index, *known, chosen)
    return chosen
