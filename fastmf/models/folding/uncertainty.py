"""How far ratings are expected from predictions.

Given the items' rows, a user's row is the solution of a linear regression over their ratings, whose
posterior covariance is ``sigma^2 inverse(A)`` with ``A`` the matrix of the normal equations; an
item's row is one over the ratings it got. To first order, the variance of a rating about its
prediction is then

    sigma^2 (1 + a_i' inverse(A_u) a_i + a_u' inverse(B_i) a_u)

where ``a_i`` and ``a_u`` are the rows of the item and the user with a one for the bias. ``sigma``
is the RMSE on the validation ratings, or on the training ratings without. Few ratings, and ratings
of items unlike the one predicted, make the second term large, and likewise the third. Standard
deviations are at most half the range that predictions are clipped to.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings
from fastmf.errors import ParameterError
from fastmf.kernels.alternating.weighted_rows import (
    WeightedRatings,
    add_variances,
    weighted_work_size,
)
from fastmf.models.alternating.als_rows import aligned_zeros
from fastmf.models.alternating.row_problems import RowProblem
from fastmf.models.alternating.row_solving import RatingsByRow, new_terms
from fastmf.models.alternating.steps import equal_cost_chunks
from fastmf.models.folding.new_ratings import Side
from fastmf.models.folding.training_ratings import training_ratings
from fastmf.parallel import Team
from fastmf.training import RunSettings

__all__ = ["standard_deviations"]

Int32Array = NDArray[np.int32]


def standard_deviations(
    model: Any, users: Int32Array, items: Int32Array, seen: Any, run: RunSettings
) -> NDArray[np.float32]:
    """Return a standard deviation for each pair of dense indices; see the module.

    Parameters
    ----------
    model : FactorModel
        Fitted.
    users, items : (m,) int32
        -1 for the unknown.
    seen : object or None
        The training ratings, as `read_ratings` takes them; default those of the model's source.
    run : RunSettings

    Returns
    -------
    (m,) float32

    Raises
    ------
    DataError
        If the training ratings cannot be had.
    ParameterError
        If the model's loss is not the squared error of ratings.
    """
    problem = RowProblem.of(model)
    rules = problem.rules
    if rules.loss != "squared" or rules.non_negative or rules.alpha > 0:
        raise ParameterError(
            "return_std is for models of ratings with loss squared and without non_negative; "
            f"this is a model of kind {model.kind}"
            + (f" with loss {rules.loss}" if rules.loss != "squared" else "")
            + (" with non_negative factors" if rules.non_negative else "")
        )
    ratings = training_ratings(model, seen, "return_std")
    if not len(users):
        return np.empty(0, np.float32)
    variances = np.ones(len(users), np.float64)
    with Team(run.num_threads) as team:
        variances += _of_side(model, problem, ratings, "user", users, items, team)
        variances += _of_side(model, problem, ratings, "item", items, users, team)
    low, high = model.rating_range_
    sigma = model.train_rmse_ if model.valid_rmse_ is None else model.valid_rmse_
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = np.fmin(sigma * np.sqrt(variances), (high - low) / 2)
    return found.astype(np.float32)


def _of_side(
    model: Any,
    problem: RowProblem,
    ratings: Ratings,
    side: Side,
    own: Int32Array,
    other: Int32Array,
    team: Team,
) -> NDArray[np.float32]:
    """Return what the rows of one side add to each pair's variance, in parts of `sigma^2`."""
    rows, place_of_pair = np.unique(own, return_inverse=True)
    slots, others, values = _ratings_of(model, ratings, side, rows)
    used, places = np.unique(np.concatenate([others, other]), return_inverse=True)
    local: Int32Array = places.astype(np.int32)
    rated = RatingsByRow.sort(slots, local[: len(others)], values, len(rows))
    weighted = WeightedRatings(rated.starts, rated.others, rated.values, np.ones_like(rated.values))
    by_row = np.argsort(place_of_pair, kind="stable")
    pair_starts = np.searchsorted(place_of_pair[by_row], np.arange(len(rows) + 1))
    pairs = local[len(others) :][by_row]
    padded = _padded(model, problem, side, used)
    terms = new_terms(problem, rated.counts, np.empty(0, np.float32))
    found = np.zeros(len(own), np.float32)

    def run(chunk: tuple[int, int]) -> None:
        work = aligned_zeros(weighted_work_size(problem.system.stride))
        fixed = weighted, padded, problem.system, terms, pair_starts, pairs, work, found
        add_variances(*chunk, *fixed)

    for _ in team.map(run, equal_cost_chunks(rated.starts)):
        pass
    variances = np.empty_like(found)
    variances[by_row] = found
    return variances


def _ratings_of(
    model: Any, ratings: Ratings, side: Side, rows: Int32Array
) -> tuple[Int32Array, Int32Array, NDArray[np.float32]]:
    """Return the ratings of some rows: their places, the model's rows of the others, values."""
    user_rows, item_rows = (
        known.lookup(given.ids)
        for known, given in ((model.users_, ratings.users), (model.items_, ratings.items))
    )
    own_rows, other_rows = (user_rows, item_rows) if side == "user" else (item_rows, user_rows)
    place = np.searchsorted(rows, own_rows).astype(np.int32)
    place[(own_rows < 0) | (rows[np.minimum(place, len(rows) - 1)] != own_rows)] = -1
    found: list[list[Any]] = [
        [np.empty(0, np.int32)],
        [np.empty(0, np.int32)],
        [np.empty(0, np.float32)],
    ]
    for chunk in ratings.chunks():
        users, items, values = chunk
        mine, others = (users, items) if side == "user" else (items, users)
        kept = (place[mine] >= 0) & (other_rows[others] >= 0)
        for column, part in zip(
            found, (place[mine[kept]], other_rows[others[kept]], values[kept]), strict=True
        ):
            column.append(part)
    ratings.release()
    slots, others, values = (np.concatenate(column) for column in found)
    return slots, others, values


def _padded(model: Any, problem: RowProblem, side: Side, used: Int32Array) -> NDArray[np.float32]:
    """Return rows of the other side, -1 for the unknown."""
    name = "item" if side == "user" else "user"
    factors, bias = getattr(model, f"{name}_factors_")[used], getattr(model, f"{name}_bias_")[used]
    unknown = used < 0
    factors[unknown] = getattr(model, f"unknown_{name}_factors_")
    bias[unknown] = model.unknown_bias_[0 if name == "user" else 1]
    return problem.padded(factors, bias)
