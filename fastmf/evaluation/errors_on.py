"""RMSE and MAE of a model on ratings, beside the global mean and the bias-only baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings
from fastmf.errors import DataError
from fastmf.kernels.links import Link
from fastmf.kernels.predictions import squared_and_absolute_error
from fastmf.models.base import RatingModel
from fastmf.models.measuring import given_ratings
from fastmf.models.rows import FactorArrays
from fastmf.parallel import Team
from fastmf.training import RunSettings, SilentProgress

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True)
class Evaluation:
    """Errors of a model and of two baselines on the same ratings, in rating units.

    Attributes
    ----------
    rmse, mae : float
        Of the model.
    global_mean_rmse, global_mean_mae : float
        Of predicting the mean of the training ratings.
    bias_only_rmse, bias_only_mae : float
        Of damped user and item means of the training ratings.
    n_ratings : int
    n_unknown_users, n_unknown_items : int
        Distinct ids among the ratings that the model does not know.
    n_unknown_rows : int
        Ratings with such an id; they are predicted from what is known.
    """

    rmse: float
    mae: float
    global_mean_rmse: float
    global_mean_mae: float
    bias_only_rmse: float
    bias_only_mae: float
    n_ratings: int
    n_unknown_users: int
    n_unknown_items: int
    n_unknown_rows: int


def evaluate(model: RatingModel, ratings: Any, *, run: RunSettings | None = None) -> Evaluation:
    """Measure a fitted model on ratings.

    Parameters
    ----------
    model : RatingModel
    ratings : Ratings, or whatever `read_ratings` takes
        Of any table; ids are matched with the model's.
    run : RunSettings, optional
        Threads and progress.

    Returns
    -------
    Evaluation
        The same bits for any number of threads.

    Raises
    ------
    NotFittedError
        Before `fit`.
    DataError
        If there are no ratings, they cannot be read, or the model predicts no ratings.
    """
    if getattr(model, "scores_preferences", False):
        raise DataError(
            f"a model of kind {model.kind} predicts preferences from 0 to 1, not ratings, so it "
            "has no RMSE; use evaluate_ranking (fastmf evaluate --top 10)"
        )
    model._check_fitted()
    ratings, (user_row, item_row) = given_ratings(ratings, model.users_, model.items_)
    run = run or RunSettings()
    progress = run.progress or SilentProgress()
    baselines = _baselines(model)
    around_mean = Link.identity(model.baseline_.mean, model.rating_range_)
    progress.start("evaluating", len(ratings), " ratings")

    def measure(bounds: tuple[int, int]) -> tuple[NDArray[np.float64], int]:
        chunk = ratings.chunk(*bounds)
        users, items = user_row[chunk.user_index], item_row[chunk.item_index]
        sums = np.zeros((3, 2))
        sums[0] = model.squared_and_absolute_error(users, items, chunk.value)
        for place, arrays in enumerate(baselines, 1):
            sums[place] = squared_and_absolute_error(
                users, items, chunk.value, *arrays, around_mean
            )
        ratings.release()
        progress.advance(len(users))
        return sums, int(np.count_nonzero((users < 0) | (items < 0)))

    try:
        with Team(run.num_threads) as team:
            parts = list(team.map(measure, ratings.ranges()))
    finally:
        progress.finish()
    errors = np.sum([sums for sums, _ in parts], axis=0) / len(ratings)
    rmse, mae = np.sqrt(errors[:, 0]).tolist(), errors[:, 1].tolist()
    return Evaluation(
        rmse=rmse[0],
        mae=mae[0],
        global_mean_rmse=rmse[1],
        global_mean_mae=mae[1],
        bias_only_rmse=rmse[2],
        bias_only_mae=mae[2],
        n_ratings=len(ratings),
        n_unknown_users=_count_unknown(ratings, user_row, users=True),
        n_unknown_items=_count_unknown(ratings, item_row, users=False),
        n_unknown_rows=sum(unknown for _, unknown in parts),
    )


def _baselines(model: RatingModel) -> list[FactorArrays]:
    """Return the parameters of the global mean and of the biases alone, around the mean."""
    biases = model.baseline_.user_bias, model.baseline_.item_bias
    n_users, n_items = (len(bias) for bias in biases)
    factors = np.zeros((n_users, 1), np.float32), np.zeros((n_items, 1), np.float32)
    no_bias = np.zeros(n_users, np.float32), np.zeros(n_items, np.float32)
    unknown = np.zeros(1, np.float32), np.zeros(1, np.float32), np.zeros(2, np.float32)
    return [FactorArrays(*factors, *side, *unknown) for side in (no_bias, biases)]


def _count_unknown(ratings: Ratings, row_of: NDArray[np.int32], *, users: bool) -> int:
    """Count the distinct unknown ids that occur among the selected ratings."""
    unknown = row_of < 0
    if not unknown.any():
        return 0
    occurs = np.zeros(len(row_of), np.bool_)
    for chunk in ratings.chunks():
        occurs[chunk.user_index if users else chunk.item_index] = True
    return int(np.count_nonzero(occurs & unknown))
