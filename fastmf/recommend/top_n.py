"""Exact top-N recommendations and similar items, a block of users at a time.

Knows a model by the protocol `RecommendingModel` only. Scoring and selection run in the threads
of one `fastmf.parallel.Team`; no BLAS is called, so there are no other threads to collide with.
What is returned has the same bits for any number of threads and any way of asking, all users at
once or one by one, provided the model's scorer gives each user the same bits in any company, as
`FactorScorer` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmf.data import read_ratings
from fastmf.data.ratings import Ratings
from fastmf.data.vocabulary import Vocabulary
from fastmf.errors import ParameterError
from fastmf.parallel import Team
from fastmf.recommend.asked_ids import asked_ids
from fastmf.recommend.scoring import FactorScorer, ItemScorer, TopN, empty_top_n, fill_top_n
from fastmf.recommend.seen_items import SeenItems, nothing_seen, seen_in_batches

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FactorScorer",
    "ItemScorer",
    "Recommendations",
    "RecommendingModel",
    "TopN",
    "recommend",
    "recommend_top_n",
    "similar_items",
]

Float32Array = NDArray[np.float32]
Int32Array = NDArray[np.int32]
Progress = Callable[[int], None]


class RecommendingModel(Protocol):
    """What recommending needs of a fitted model."""

    @property
    def users_(self) -> Vocabulary:
        """The users."""

    @property
    def items_(self) -> Vocabulary:
        """The items."""

    def item_scorer(self) -> ItemScorer:
        """Return what scores items; whatever it prepares serves one call of `recommend`."""

    def ratings_of(self, scores: Float32Array) -> Float32Array:
        """Return the ratings that scores stand for, NaN for NaN; they rise with the scores."""


class Recommendations(NamedTuple):
    """Best items of each user by raw id, best first."""

    user_ids: NDArray[Any]  # (m,) as asked for
    item_ids: NDArray[Any]  # (m, n) int64 or object (str); -1 or None where fewer were left
    scores: Float32Array  # (m, n) predicted ratings, not clipped; NaN where fewer were left
    known: NDArray[np.bool_]  # (m,) whether the model knows the user

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a recommendation: user_id, rank (from 1), item_id, score, known_user.

        Returns
        -------
        pandas.DataFrame
            Places that no item was left for are dropped.
        """
        import pandas as pd  # noqa: PLC0415 - only those who ask for a frame pay for it

        row, rank = np.nonzero(~np.isnan(self.scores))
        return pd.DataFrame(
            {
                "user_id": self.user_ids[row],
                "rank": rank + 1,
                "item_id": self.item_ids[row, rank],
                "score": self.scores[row, rank],
                "known_user": self.known[row],
            }
        )


def recommend(
    model: RecommendingModel,
    user_ids: ArrayLike | None = None,
    n: int = 10,
    seen: Any = None,
    *,
    num_threads: int | None = None,
    progress: Progress | None = None,
) -> Recommendations:
    """Recommend items to users by their raw ids.

    Parameters
    ----------
    model : RecommendingModel
        A fitted model.
    user_ids : array_like, optional
        (m,) raw ids; default all users of the model. A user that the model does not know gets
        the items that are liked best by all (highest bias) and is marked in `known`; items such
        a user has in `seen` are left out all the same.
    n : int, optional
        Items for each user.
    seen : Ratings, or whatever `read_ratings` takes, optional
        Ratings whose (user, item) pairs are not recommended; matched by raw ids.
    num_threads : int, optional
        Threads; default all processors.
    progress : callable, optional
        Called with the number of users done since the last call.

    Returns
    -------
    Recommendations
        Where fewer than `n` items are left for a user, the row ends with ids of -1 (None where
        ids are text) and scores of NaN.

    Raises
    ------
    ParameterError
        If `n` or `num_threads` is no whole number of at least 1.
    DataError
        If the ids are not a flat list, or `seen` cannot be read.
    """
    if user_ids is None:
        user_index = np.arange(len(model.users_), dtype=np.int32)
        raw_ids = wanted = model.users_.take(user_index)
    else:
        wanted = asked_ids(user_ids, "user")
        raw_ids = np.atleast_1d(np.asarray(user_ids))
        user_index = model.users_.lookup(wanted)
    if seen is not None:
        seen = read_ratings(seen, trainable=False)
    seen_user_index = None if seen is None else seen.users.lookup(wanted)
    top = recommend_top_n(
        model,
        user_index,
        n,
        seen,
        seen_user_index=seen_user_index,
        num_threads=num_threads,
        progress=progress,
    )
    item_ids = _raw_items(model.items_, top.item_index)
    ratings = model.ratings_of(top.score)
    return Recommendations(raw_ids, item_ids, ratings, user_index >= 0)


def _raw_items(items: Vocabulary, item_index: Int32Array) -> NDArray[Any]:
    """Return the raw ids of dense indices of any shape; -1 or None for -1."""
    found = item_index >= 0
    raw: NDArray[Any] = (
        np.full(item_index.shape, -1, np.int64)
        if items.kind == "int"
        else np.full(item_index.shape, None, object)
    )
    raw[found] = items.take(item_index[found])
    return raw


def recommend_top_n(
    model: RecommendingModel,
    user_index: ArrayLike,
    n: int = 10,
    seen: Ratings | None = None,
    *,
    seen_user_index: ArrayLike | None = None,
    num_threads: int | None = None,
    progress: Progress | None = None,
) -> TopN:
    """Find the exact best `n` items of users by their dense indices.

    Parameters
    ----------
    model : RecommendingModel
        A fitted model.
    user_index : array_like
        (m,) the model's dense indices, in any order and as often as you like; -1 for a user
        that the model does not know.
    n : int, optional
        Items for each user.
    seen : Ratings, optional
        Ratings whose (user, item) pairs are left out. May be of another table than the model
        was fitted on: its raw ids count, not its dense indices.
    seen_user_index : array_like, optional
        (m,) the same users in `seen`'s dense indices, -1 where it has none; default found by
        raw ids, which leaves users of index -1 without seen items.
    num_threads : int, optional
        Threads; default all processors.
    progress : callable, optional
        Called with the number of users done since the last call.

    Returns
    -------
    TopN
        Item indices (m, n) int32 and scores (m, n) float32.

    Raises
    ------
    ParameterError
        If `n` or `num_threads` is below 1, or an index is outside ``[-1, n_users)``.

    Notes
    -----
    Memory beyond the result: for each thread a block of scores of at most 64 MB (or one row, if
    that is larger), a copy of the item factors, and at most 2**26 seen items at a time (256 MB);
    `seen` is streamed twice, and once more for every further 2**26.
    """
    users = _checked_index(user_index, len(model.users_), "user", lowest=-1)
    if seen is not None and seen_user_index is None:
        seen_users = np.full(len(users), -1, np.int32)
        seen_users[users >= 0] = seen.users.lookup(model.users_.take(users[users >= 0]))
    elif seen is not None:
        seen_users = _checked_index(seen_user_index, seen.n_users, "seen user", lowest=-1)
    top = empty_top_n(len(users), n)
    with Team(num_threads) as team:
        scorer = model.item_scorer()
        if seen is None:
            batches = iter([(0, len(users), nothing_seen(len(users)))])
        else:
            batches = seen_in_batches(seen, seen_users, model.items_)
        for first, stop, hidden in batches:
            part = TopN(top.item_index[first:stop], top.score[first:stop])
            rows = users[first:stop]
            fill_top_n(scorer, len(model.items_), rows, hidden, part, team=team, progress=progress)
    return top


def similar_items(
    item_factors: Float32Array,
    item_index: ArrayLike,
    n: int = 10,
    *,
    num_threads: int | None = None,
) -> TopN:
    """Find the items whose factors point the same way, by cosine.

    Parameters
    ----------
    item_factors : float32 (n_items, k)
        Item factors.
    item_index : array_like
        (m,) dense indices of the items to start from.
    n : int, optional
        Similar items for each.
    num_threads : int, optional
        Threads; default all processors.

    Returns
    -------
    TopN
        Items and their cosine in [-1, 1]. An item is not similar to itself; one whose factors
        are all 0 has cosine 0 with every other.

    Raises
    ------
    ParameterError
        If `n` or `num_threads` is below 1, or an index is outside ``[0, n_items)``.
    """
    n_items = len(item_factors)
    items = _checked_index(item_index, n_items, "item", lowest=0)
    norms = np.sqrt(np.einsum("ij,ij->i", item_factors, item_factors, dtype=np.float64))
    norms[norms == 0] = 1
    directions = (item_factors / norms[:, np.newaxis]).astype(np.float32)
    no_bias = np.zeros(n_items, np.float32)
    scorer = FactorScorer(directions, directions, no_bias, no_bias, 0.0)
    places = np.arange(len(items), dtype=np.int64)
    top = empty_top_n(len(items), n)
    with Team(num_threads) as team:
        itself = SeenItems(places, places + 1, items)
        fill_top_n(scorer, n_items, items, itself, top, team=team)
    np.clip(top.score, -1, 1, out=top.score)
    return top


def _checked_index(index: ArrayLike | None, size: int, role: str, *, lowest: int) -> Int32Array:
    """Return dense indices as a contiguous int32 array after checking that they are in range."""
    checked = np.atleast_1d(np.asarray(index))
    if checked.size and checked.dtype.kind not in "iu":
        raise ParameterError(f"{role} indices must be integers, not {checked.dtype}")
    outside = (checked < lowest) | (checked >= size)
    if outside.any():
        raise ParameterError(
            f"{role} index {checked[outside][0]} is outside [{lowest}, {size - 1}]"
        )
    return np.ascontiguousarray(checked, np.int32)
