"""Which of a user's ratings a prediction comes from.

A user's row is the solution of least squares over their ratings, so the score of any item is a sum
with one part for each of them: with ``A`` the matrix of the user's normal equations, ``w`` and
``t`` the weight and the target of a rating and ``a`` its item's row, the part for item ``i`` is
``a_i' inverse(A) w t a`` (Hu, Koren, Volinsky 2008, "Collaborative filtering for implicit feedback
datasets", section 5; here with biases, and for explicit ratings too).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings
from fastmf.errors import DataError, ParameterError
from fastmf.models.alternating.row_problems import RowProblem
from fastmf.models.alternating.row_solving import RatingsByRow, new_terms, solve
from fastmf.models.folding.fold_in import shared_base
from fastmf.models.folding.new_ratings import read_new_ratings
from fastmf.models.folding.training_ratings import training_ratings
from fastmf.parallel import Team
from fastmf.recommend.asked_ids import asked_ids

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True)
class Explanation:
    """Where a score comes from: ``score = baseline + sum(contributions) + others + remainder``.

    Attributes
    ----------
    user_id, item_id : object
        Raw ids, as asked for.
    prediction : float
        The predicted rating, clipped.
    score : float
        What the prediction is made of, not clipped: for most models the rating itself, for those
        with a sigmoid what goes into it.
    baseline : float
        What the score would be without the user: mean and item bias.
    item_ids : (n,) int64 or object
        The rated items that count most, by the size of their contribution.
    ratings : (n,) float32
        What the user gave them.
    contributions : (n,) float64
        What each adds to the score or takes from it, through the user's factors and bias.
    others : float
        Contributions of the ratings that are not listed.
    remainder : float
        What the model's row of the user has beyond the minimum for these ratings: small where
        they are those of the training. Zero for a user that the model does not know.
    n_ratings : int
        Ratings of the user that count, listed or not.
    known : bool
        Whether the model knows the user, so that the score is the model's.
    """

    user_id: Any
    item_id: Any
    prediction: float
    score: float
    baseline: float
    item_ids: NDArray[Any]
    ratings: NDArray[np.float32]
    contributions: NDArray[np.float64]
    others: float
    remainder: float
    n_ratings: int
    known: bool

    def to_pandas(self) -> pd.DataFrame:
        """Return the listed ratings: item_id, rating, contribution.

        Returns
        -------
        pandas.DataFrame
        """
        import pandas as pd  # noqa: PLC0415 - only those who ask for a frame pay for it

        columns = self.item_ids, self.ratings, self.contributions
        return pd.DataFrame(dict(zip(("item_id", "rating", "contribution"), columns, strict=True)))


def explain(model: Any, user_id: Any, item_id: Any, n: int, seen: Any) -> Explanation:
    """Take a prediction apart; see `FactorModel.explain`.

    Parameters
    ----------
    model : FactorModel
        Fitted.
    user_id, item_id : object
        Raw ids.
    n : int
    seen : object or None
        The user's ratings.

    Returns
    -------
    Explanation
    """
    if not hasattr(n, "__index__") or isinstance(n, bool) or n < 1:
        raise ParameterError(f"n is {n!r}, but it must be a whole number of at least 1")
    problem = RowProblem.of(model)
    user, item = asked_ids(user_id, "user"), asked_ids(item_id, "item")
    if len(user) != 1 or len(item) != 1:
        raise DataError("explain takes one user id and one item id")
    item_row = int(model.items_.lookup(item)[0])
    if item_row < 0:
        raise DataError(f"the model does not know item {item_id!r}")
    given = (
        training_ratings(model, None, "explaining")
        if seen is None
        else read_new_ratings(model, seen, one_person=True)
    )
    rated_rows, values = _ratings_of(model, given, user)
    if not len(values):
        raise DataError(f"there are no ratings by user {user_id!r} of items that the model knows")
    parts, row = _contributions(model, problem, rated_rows, values, item_row)
    factors, bias = problem.compact(row)
    user_row = int(model.users_.lookup(user)[0])
    known = user_row >= 0
    if known:
        factors, bias = model.user_factors_[[user_row]], model.user_bias_[[user_row]]
    baseline = float(model.offset_) + float(model.item_bias_[item_row])
    product = factors[0].astype(np.float64) @ model.item_factors_[item_row].astype(np.float64)
    score = baseline + float(bias[0]) + float(product)
    if not known:
        score = baseline + float(parts.sum())
    order = np.argsort(-np.abs(parts), kind="stable")[: int(n)]
    rating = model.ratings_of(np.array([score], np.float32))[0]
    return Explanation(
        user_id=user_id,
        item_id=item_id,
        prediction=float(np.clip(rating, *model.rating_range_)),
        score=score,
        baseline=baseline,
        item_ids=model.items_.take(rated_rows[order]),
        ratings=values[order],
        contributions=parts[order],
        others=float(parts.sum() - parts[order].sum()),
        remainder=score - baseline - float(parts.sum()),
        n_ratings=len(parts),
        known=known,
    )


def _ratings_of(
    model: Any, ratings: Ratings, user: NDArray[Any]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the model's rows of the items that a user rated, and the ratings."""
    index = ratings.users.lookup(user)[0]
    rows = [np.empty(0, np.int32)]
    values = [np.empty(0, np.float32)]
    for chunk in ratings.chunks() if index >= 0 else ():
        mine = chunk.user_index == index
        rows.append(chunk.item_index[mine])
        values.append(chunk.value[mine])
    ratings.release()
    items, found = np.concatenate(rows), np.concatenate(values)
    model_rows = model.items_.lookup(ratings.items.take(items)) if len(items) else items
    return model_rows[model_rows >= 0], found[model_rows >= 0]


def _contributions(
    model: Any,
    problem: RowProblem,
    rated_rows: NDArray[np.int32],
    values: NDArray[np.float32],
    item_row: int,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return what each rating adds to an item's score, and the user's padded row."""
    n, stride = len(values), problem.system.stride
    lanes = slice(stride - 1 - problem.system.unknowns, stride - 1)
    rows = np.append(rated_rows, item_row)
    other = problem.padded(model.item_factors_[rows], model.item_bias_[rows])
    places = np.arange(n, dtype=np.int32)
    rated = RatingsByRow(np.array([0, n], np.int64), places, values)
    with Team(1) as team:
        base = shared_base(model, problem, "user", team)
        terms = new_terms(problem, rated.counts, base)
        nothing = np.zeros((1, model.item_factors_.shape[1]), np.float32)
        start = problem.padded(nothing, nothing[:, 0])
        solution = solve(problem, rated, other, start, terms, team)
    table = other.reshape(-1, stride).astype(np.float64)
    regressors, of_item = table[:n, lanes], table[n, lanes]
    weights = solution.ratings.weights.astype(np.float64)
    targets = solution.ratings.targets - table[:n, -1]
    matrix = (regressors.T * weights) @ regressors
    if base.size:
        upper = np.triu(base.reshape(stride, stride)[lanes, lanes]).astype(np.float64)
        matrix += upper + np.triu(upper, 1).T
    ridges = np.full(len(of_item), float(terms.ridges[0, 0]))
    if problem.system.biased:
        ridges[-1] = terms.ridges[0, 1]
    matrix[np.diag_indices_from(matrix)] += ridges
    free = np.ones(len(of_item), bool)
    if problem.rules.non_negative:  # factors at their bound do not move with the ratings
        free[: len(of_item) - problem.system.biased] = (
            solution.rows[lanes][: len(of_item) - problem.system.biased] > 0
        )
    towards, *_ = np.linalg.lstsq(matrix[np.ix_(free, free)], of_item[free], rcond=None)
    parts = regressors[:, free] @ towards * weights * targets * problem.scale
    return parts, solution.rows
