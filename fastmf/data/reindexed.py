"""Ratings whose users and items are numbered anew: a view, like a selection of rows."""

from __future__ import annotations

from typing import Self

import numpy as np
import pyarrow as pa

from fastmf.data.arrays import Array, frozen
from fastmf.data.ratings import RatingChunk, Ratings
from fastmf.data.vocabulary import Vocabulary
from fastmf.kernels.tables import row_choice as kernels
from fastmf.parallel import Team

__all__ = ["ReindexedRatings", "reindexed"]


class ReindexedRatings(Ratings):
    """Ratings that look their dense indices up in tables of new ones.

    Made by `reindexed`. It shares the columns of the ratings it was made of.
    """

    numbers: tuple[Array, Array]  # (n_users,), (n_items,) int32 of the table below; -1: gone

    @classmethod
    def _of(cls, view: Ratings, numbers: tuple[Array, Array]) -> Self:
        made = object.__new__(cls)
        made.__dict__.update(view.__dict__)
        if isinstance(view, ReindexedRatings):
            numbers = (
                _composed(view.numbers[0], numbers[0]),
                _composed(view.numbers[1], numbers[1]),
            )
        made.numbers = frozen(numbers[0], np.int32), frozen(numbers[1], np.int32)
        return made

    @property
    def mapped(self) -> None:
        """None: no file holds these indices."""

    def chunk(self, start: int, stop: int) -> RatingChunk:
        """Return the selected rows among the underlying rows [start, stop); see `Ratings.chunk`."""
        users, items, value = super().chunk(start, stop)
        out = np.empty(len(users), np.int32), np.empty(len(items), np.int32)
        for index, numbers, new in zip((users, items), self.numbers, out, strict=True):
            kernels.renumber(index, numbers, new)
        return RatingChunk(frozen(out[0]), frozen(out[1]), value)

    def select(self, rows_bitmap: Array) -> Ratings:
        """Return the view of the rows whose bit is set; see `Ratings.select`."""
        view = object.__new__(ReindexedRatings)
        view.__dict__.update(super().select(rows_bitmap).__dict__)
        return view


def _composed(first: Array, second: Array) -> Array:
    """Return the numbers that the second table gives to those of the first."""
    return np.where(first < 0, np.int32(-1), second[first])


def reindexed(
    view: Ratings, n_users: int, n_items: int, *, num_threads: int | None = None
) -> Ratings:
    """Give users and items of a selection new numbers, as if it were all there ever was.

    Parameters
    ----------
    view : Ratings
        The selection, at least one row.
    n_users, n_items : int
        Users and items that have a row in it.
    num_threads : int, optional
        Default all processors; the result does not depend on it.

    Returns
    -------
    Ratings
        The same rows. Dense indices follow the first appearance in them, vocabularies hold
        nothing else, and the range of ratings is theirs.
    """
    user_numbers = np.full(view.n_users, -1, np.int32)
    item_numbers = np.full(view.n_items, -1, np.int32)

    def number(task: tuple[int, Array, int]) -> None:
        column, numbers, n_wanted = task
        n_numbered = np.int64(0)
        for chunk in view.chunks():
            n_numbered = kernels.number_by_appearance(chunk[column], numbers, np.int64(n_numbered))
            if n_numbered == n_wanted:
                break

    with Team(num_threads) as team:
        tasks = [(0, user_numbers, n_users), (1, item_numbers, n_items)]
        for _ in team.map(number, tasks):
            pass
    made = ReindexedRatings._of(view, (user_numbers, item_numbers))
    made.users = _numbered(view.users, user_numbers, n_users)
    made.items = _numbered(view.items, item_numbers, n_items)
    made.rating_range = _rating_range(view)
    return made


def _numbered(vocabulary: Vocabulary, numbers: Array, n: int) -> Vocabulary:
    old = np.empty(n, np.int64)
    kept = np.flatnonzero(numbers >= 0)
    old[numbers[kept]] = kept
    return Vocabulary(vocabulary.ids.take(pa.array(old)))


def _rating_range(view: Ratings) -> tuple[float, float]:
    """Measure the ratings until their range is known not to have shrunk, mostly at once."""
    low, high = np.inf, -np.inf
    for chunk in view.chunks():
        if len(chunk.value):
            low, high = min(low, float(chunk.value.min())), max(high, float(chunk.value.max()))
        if (low, high) == view.rating_range:
            break
    return low, high
