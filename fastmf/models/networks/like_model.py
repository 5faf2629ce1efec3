"""Models that tell likes from dislikes: a probability, and how well it does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmf.data import Ratings
from fastmf.errors import DataError
from fastmf.models.measuring import given_ratings
from fastmf.models.networks.census import RatingCensus
from fastmf.models.networks.class_objectives import LikeObjective, RatingAndLikeObjective
from fastmf.models.networks.fitting import rows_of
from fastmf.models.networks.like_scores import LikeScores, sums_of_likes
from fastmf.models.networks.pair_model import PairFitted, PairModel
from fastmf.models.networks.pair_state import PairState
from fastmf.parallel import Team
from fastmf.training import RunSettings

__all__ = ["LikeModel", "like_objective", "like_threshold"]

Floats = NDArray[np.float32]

# Where 5 lies on a scale of 1 to 10: ratings up to it are no likes.
_THRESHOLD_PART = (5 - 1) / (10 - 1)

_ROWS_AT_ONCE = 1 << 16

_LARGEST = float(np.finfo(np.float32).max)


def like_threshold(like_above: float | None, rating_range: tuple[float, float]) -> float:
    """Return the rating above which ratings are likes.

    Parameters
    ----------
    like_above : float or None
        As given; by default where 5 lies on a scale of 1 to 10.
    rating_range : tuple of float

    Returns
    -------
    float
    """
    low, high = rating_range
    if like_above is None:
        return low + (high - low) * _THRESHOLD_PART
    # Ratings are float32, and so is what they are compared with.
    return float(np.clip(float(like_above), -_LARGEST, _LARGEST))


def like_objective(like_above: float | None, census: RatingCensus) -> LikeObjective:
    """Return the objective for likes.

    Parameters
    ----------
    like_above : float or None
    census : RatingCensus
        Taken with the threshold.

    Returns
    -------
    LikeObjective

    Raises
    ------
    DataError
        If all ratings are likes, or none is.
    """
    threshold = like_threshold(like_above, census.rating_range)
    share = census.n_above / census.n_ratings
    if share in (0, 1):
        low, high = census.rating_range
        if low == high:
            raise DataError(f"all ratings are {low:g}, so there are no likes to tell from others")
        raise DataError(
            f"{'all' if share else 'none'} of the training ratings are above {threshold:g}, so "
            f"there is nothing to tell apart; give like_above between {low:g} and {high:g}"
        )
    return LikeObjective(threshold, share)


class LikeModel(PairModel):
    """A network that tells likes, ratings above a threshold, from all others.

    Attributes
    ----------
    like_above_ : float
        The threshold.
    likes_ : LikeScores or None
        Accuracy, precision and recall on the validation ratings.
    """

    def _threshold(self, parameters: Any, rating_range: tuple[float, float]) -> float:
        return like_threshold(parameters.like_above, rating_range)

    def _shrunk(self, parameters: Any) -> Any:
        return replace(super()._shrunk(parameters), like_above=None)

    def _learn(
        self, parameters: Any, train: Ratings, valid: Ratings | None, team: Team, run: RunSettings
    ) -> PairFitted:
        fitted = super()._learn(parameters, train, valid, team, run)
        if valid is not None:
            rows = rows_of(valid, train)
            scores = _score(fitted.state, valid, rows, team)
            fitted.schedule["likes"] = scores._asdict()
        return fitted

    @property
    def like_above_(self) -> float:
        """The threshold."""
        self._check_fitted()
        return _likes_of(self.network_).threshold

    @property
    def likes_(self) -> LikeScores | None:
        """Accuracy, precision and recall on the validation ratings."""
        self._check_fitted()
        scores = self.schedule_.get("likes")
        return None if scores is None else LikeScores(**scores)

    def predict_likes(self, user_ids: ArrayLike, item_ids: ArrayLike) -> Floats:
        """Return the probability that each user likes the item beside them.

        Parameters
        ----------
        user_ids, item_ids : array_like
            (m,) raw ids, or one id for all of the others.

        Returns
        -------
        (m,) float32

        Raises
        ------
        DataError
            If the ids differ in number, or are not flat lists.
        """
        pair = self._lookup(user_ids, item_ids)
        return _probabilities(self.network_, *pair)

    def evaluate_likes(self, ratings: Any, *, run: RunSettings | None = None) -> LikeScores:
        """Tell how well likes are told from dislikes on ratings.

        Parameters
        ----------
        ratings : Ratings, or whatever `read_ratings` takes
            Of any table; ids are matched with the model's.
        run : RunSettings, optional
            Threads.

        Returns
        -------
        LikeScores

        Raises
        ------
        DataError
            If there are no ratings, or they cannot be read.
        """
        self._check_fitted()
        run = RunSettings.of(run)
        given, rows = given_ratings(ratings, self.users_, self.items_)
        with Team(run.num_threads) as team:
            return _score(self.network_, given, rows, team)


def _likes_of(state: PairState) -> LikeObjective:
    objective = state.objective
    like = objective.like if isinstance(objective, RatingAndLikeObjective) else objective
    assert isinstance(like, LikeObjective)
    return like


def _probabilities(
    state: PairState, user_index: NDArray[np.int32], item_index: NDArray[np.int32]
) -> Floats:
    outputs = state.predictor.outputs(user_index, item_index)
    found = _likes_of(state).predictions(np.ascontiguousarray(outputs[:, -1]))
    return found.astype(np.float32, copy=False)


def _score(
    state: PairState,
    ratings: Ratings,
    rows: tuple[NDArray[np.int32], NDArray[np.int32]] | None,
    team: Team,
) -> LikeScores:
    like = _likes_of(state)

    def sums_of(bounds: tuple[int, int]) -> NDArray[np.float64]:
        users, items, value = ratings.chunk(*bounds)
        if rows is not None:
            users, items = rows[0][users], rows[1][items]
        sums: NDArray[np.float64] = sums_of_likes(
            _probabilities(state, users, items), like.likes(value)
        )
        ratings.release()
        return sums

    _ = state.predictor  # made now, not by several threads at once
    parts = list(team.map(sums_of, ratings.ranges(_ROWS_AT_ONCE)))
    return LikeScores.of_sums(np.sum(parts, axis=0))
