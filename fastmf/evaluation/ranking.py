"""How good a model's recommendations are, beside those of what most have rated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings, read_ratings
from fastmf.errors import DataError
from fastmf.evaluation.relevant import RelevantItems, relevant_items
from fastmf.kernels.relevant_items import keep_seen, mark_hits
from fastmf.metrics.ranking import RankingScores
from fastmf.models.base import RatingModel
from fastmf.models.limits import check_number
from fastmf.models.networks.like_model import like_threshold
from fastmf.parallel import Team
from fastmf.recommend.scoring import ItemScorer, TopN, empty_top_n, fill_top_n
from fastmf.recommend.seen_items import SeenItems, nothing_seen, seen_in_batches
from fastmf.training import Progress, RunSettings, SilentProgress

__all__ = ["RankingEvaluation", "evaluate_ranking"]


@dataclass(frozen=True)
class RankingEvaluation:
    """How good the `n` best items of each user are.

    Attributes
    ----------
    n : int
        Items recommended to each user.
    scores : RankingScores
        Of the model, means over the users.
    popular : RankingScores or None
        Of the items with the most ratings among those seen; None where nothing is known of those.
    coverage : float
        Part of the items that the model recommends to anybody.
    like_above : float or None
        Ratings above it are relevant; None where all are.
    n_users : int
        Users of the model with a relevant item, over whom means are taken.
    n_relevant : int
        Relevant items of these users.
    n_unknown_rows : int
        Relevant ratings left out, of users or items that the model does not know.
    """

    n: int
    scores: RankingScores
    popular: RankingScores | None
    coverage: float
    like_above: float | None
    n_users: int
    n_relevant: int
    n_unknown_rows: int


def evaluate_ranking(
    model: RatingModel,
    ratings: Any,
    n: int = 10,
    seen: Any = None,
    *,
    like_above: float | None = None,
    max_users: int | None = None,
    run: RunSettings | None = None,
) -> RankingEvaluation:
    """Measure what a fitted model recommends against what users have rated.

    All items are ranked for each user who has a relevant one, but for those that the user has
    seen and `ratings` does not name.

    Parameters
    ----------
    model : RatingModel
    ratings : Ratings, or whatever `read_ratings` takes
        Of any table, say of validation; ids are matched with the model's.
    n : int, optional
        Items recommended to each user.
    seen : Ratings, or whatever `read_ratings` takes, optional
        What users have rated before, say the training ratings. Items seen are not recommended,
        and their counts are what popularity is.
    like_above : float, optional
        Ratings above it are relevant. Default what the model was trained with, if it tells likes;
        all ratings, if it is trained on preferences; else where 5 lies on a scale of 1 to 10.
    max_users : int, optional
        Where more users have a relevant item, so many of them are drawn at random, always the
        same; default all.
    run : RunSettings, optional
        Threads and progress.

    Returns
    -------
    RankingEvaluation
        The same bits for any number of threads.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ParameterError
        If `n` or `max_users` is no whole number of at least 1, or `n` above the number of items.
    DataError
        If ratings cannot be read, or none is relevant and of a known user and item.
    """
    model._check_fitted()
    if max_users is not None:
        check_number("max_users", max_users, whole=True, least=1)
    # A list has as many places as there is room for, and precision is a part of its places.
    check_number("n", n, whole=True, least=1, most=len(model.items_))
    run = run or RunSettings()
    ratings = read_ratings(ratings, trainable=False)
    seen = None if seen is None else read_ratings(seen, trainable=False)
    above = _threshold(model, like_above)
    relevant = relevant_items(ratings, model.users_, model.items_, above)
    _check_any(relevant, len(ratings), above)
    if max_users is not None:
        relevant = relevant.of_users_drawn(max_users)
    progress = run.progress or SilentProgress()
    progress.start("ranking", len(relevant.users) * (1 if seen is None else 2), " users")
    try:
        with Team(run.num_threads) as team:
            ranked = _Ranked(model, ratings, seen, relevant.users, n)
            top = ranked.best(model.item_scorer(), team, progress)
            popular = None
            if seen is not None:
                scorer = _Popularity(model, seen)
                popular = _scores(ranked.best(scorer, team, progress), relevant)
    finally:
        progress.finish()
    recommended = np.unique(top.item_index[top.item_index >= 0])
    return RankingEvaluation(
        n=n,
        scores=_scores(top, relevant),
        popular=popular,
        coverage=len(recommended) / len(model.items_),
        like_above=above,
        n_users=len(relevant.users),
        n_relevant=len(relevant.items),
        n_unknown_rows=relevant.n_unknown_rows,
    )


def _threshold(model: RatingModel, like_above: float | None) -> float | None:
    """Return what ratings must be above to be relevant; None for all."""
    if like_above is not None:
        return float(like_above)
    trained: float | None = getattr(model, "like_above_", None)
    if trained is not None or getattr(model, "scores_preferences", False):
        return trained
    return like_threshold(None, model.rating_range_)


def _check_any(relevant: RelevantItems, n_ratings: int, above: float | None) -> None:
    if len(relevant.users):
        return
    if n_ratings == 0:
        raise DataError("there are no ratings to rank items for")
    if relevant.n_rows == 0:
        raise DataError(
            f"none of the {n_ratings:,} ratings is above {above:g}, so no item is relevant; set "
            "like_above (--like-above) lower"
        )
    raise DataError(
        f"all {relevant.n_rows:,} relevant ratings are of users or items that the model does not "
        "know; are the columns the right ones (user_column, item_column)?"
    )


class _Popularity:
    """Scores items by their number of ratings, for whomever; see `ItemScorer`."""

    def __init__(self, model: RatingModel, seen: Ratings) -> None:
        row = model.items_.index_of(seen.items)
        counts = np.zeros(len(model.items_) + 1)  # the last one stands for index -1
        for chunk in seen.chunks():
            counts += np.bincount(row[chunk.item_index] % len(counts), minlength=len(counts))
        self._counts = counts[:-1].astype(np.float32)

    def __call__(self, user_index: NDArray[np.int32], scores: NDArray[np.float32]) -> None:
        """Write the scores."""
        scores[:] = self._counts


class _Ranked:
    """The items that are ranked for each of some users: all but those seen and not asked about."""

    def __init__(
        self,
        model: RatingModel,
        asked: Ratings,
        seen: Ratings | None,
        users: NDArray[np.int32],
        n: int,
    ) -> None:
        self._model, self._seen, self._users, self._n = model, seen, users, n
        if seen is not None:
            # Ratings of training may hold those that the model was not trained on.
            named = relevant_items(asked, model.users_, model.items_, None)
            self._named = named.of_users(users)

    def best(self, scorer: ItemScorer, team: Team, progress: Progress) -> TopN:
        """Return the best items of each user."""
        top, n_items = empty_top_n(len(self._users), self._n), len(self._model.items_)
        for first, stop, hidden in self._hidden():
            part = TopN(top.item_index[first:stop], top.score[first:stop])
            rows = self._users[first:stop]
            fill_top_n(scorer, n_items, rows, hidden, part, team=team, progress=progress.advance)
        return top

    def _hidden(self) -> Iterator[tuple[int, int, SeenItems]]:
        """Yield the items that are not ranked, some users at a time."""
        model, users, seen = self._model, self._users, self._seen
        if seen is None:
            yield 0, len(users), nothing_seen(len(users))
            return
        seen_users = seen.users.lookup(model.users_.take(users))
        for first, stop, hidden in seen_in_batches(seen, seen_users, model.items_):
            keep_seen(self._named.starts[first : stop + 1], self._named.items, *hidden)
            yield first, stop, hidden


def _scores(top: TopN, relevant: RelevantItems) -> RankingScores:
    hits = np.zeros(top.item_index.shape, np.bool_)
    mark_hits(relevant.starts, relevant.items, top.item_index, hits)
    return RankingScores.of(hits, relevant.counts)
