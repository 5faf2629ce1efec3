"""Growing a model: new users and items, and more ratings of known ones."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings, Vocabulary
from fastmf.data.choices import check_choice
from fastmf.data.pair_files import as_integers
from fastmf.errors import DataError, DivergenceError
from fastmf.kernels.alternating.weighted_rows import RowTerms
from fastmf.models.alternating.als_rows import aligned_zeros
from fastmf.models.alternating.row_problems import RowProblem
from fastmf.models.alternating.row_solving import RatingsByRow, remembering_terms, solve
from fastmf.models.alternating.steps import gram_of
from fastmf.models.baseline import ITEM_DAMPING, USER_DAMPING, BiasBaseline
from fastmf.models.folding.fold_in import shared_base
from fastmf.models.folding.new_ratings import Side
from fastmf.models.limits import check_number
from fastmf.models.training_source import TrainingSource, Update
from fastmf.parallel import Team
from fastmf.training import RunSettings

__all__ = ["Updated", "check_updated", "take_in"]

Updated = Literal["users", "items", "both", "none"]

Floats = NDArray[np.float32]


def check_updated(update: Any, rounds: Any) -> None:
    """Refuse arguments of `partial_fit` that mean nothing.

    Parameters
    ----------
    update, rounds : object

    Raises
    ------
    ParameterError
    """
    check_choice("update", update, ("users", "items", "both", "none"))
    check_number("rounds", rounds, whole=True, least=1)


class _Rows:
    """The users, or the items, of some new ratings, and how those that may move are solved."""

    def __init__(self, model: Any, problem: RowProblem, ratings: Ratings, side: Side) -> None:
        self.side: Side = side
        self._problem = problem
        users, items, values = ratings.chunk(0, ratings.n_rows)
        self._pairs = (users, items, values) if side == "user" else (items, users, values)
        self.given = ratings.users if side == "user" else ratings.items
        self.known = model.users_ if side == "user" else model.items_
        rows = self._pairs[0]
        self.counts = np.bincount(rows, minlength=len(self.given))
        self.model_rows = self.known.lookup(self.given.ids)
        self.is_new = (self.model_rows < 0) & (self.counts > 0)
        old = self.model_rows >= 0
        name = "user" if side == "user" else "item"
        factors, bias = getattr(model, f"{name}_factors_"), getattr(model, f"{name}_bias_")
        start = np.zeros((len(old), factors.shape[1]), np.float32)
        start_bias = np.zeros(len(old), np.float32)
        start[old], start_bias[old] = factors[self.model_rows[old]], bias[self.model_rows[old]]
        learned_from = getattr(model.baseline_, f"{name}_counts")
        self.learned_from = np.zeros(len(old), np.int64)
        self.learned_from[old] = learned_from[self.model_rows[old]]
        self._start = problem.padded(start, start_bias)
        self.rows = self._start.copy()
        self.moved = np.zeros(len(old), bool)

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Which rows the model has and the ratings are of."""
        known: NDArray[np.bool_] = (self.model_rows >= 0) & (self.counts > 0)
        return known

    def prepare(self, model: Any, moving: NDArray[np.bool_], team: Team) -> None:
        """Choose the rows that are solved, and lay out their problems."""
        self.moving = np.flatnonzero(moving)
        self.moved |= moving
        place = np.cumsum(moving, dtype=np.int32) - np.int32(1)
        rows, others, values = self._pairs
        kept = moving[rows]
        n = len(self.moving)
        self._rated = RatingsByRow.sort(place[rows[kept]], others[kept], values[kept], n)
        self._terms = self._remembered(model, team)

    def _remembered(self, model: Any, team: Team) -> RowTerms:
        problem = self._problem
        known = self.learned_from[self.moving]
        base = shared_base(model, problem, self.side, team)
        prior = np.empty(0, np.float32)
        weight = 0.0
        if known.any() and len(self._rated.values):
            prior = mean_products(model, problem, self.side, team)
            products = np.zeros(len(self._rated.values), np.float32)
            weights, _ = problem.weighted(self._rated.values, products)
            weight = float(weights.mean(dtype=np.float64))
        return remembering_terms(problem, known, self._rated.counts, base, prior, weight)

    def solve(self, other: _Rows, team: Team) -> None:
        """Set the rows that are chosen, for the other side as it is now."""
        stride = self._problem.system.stride
        start = aligned_zeros(len(self.moving) * stride)
        start.reshape(-1, stride)[:] = self._start.reshape(-1, stride)[self.moving]
        found = solve(self._problem, self._rated, other.rows, start, self._terms, team)
        self.rows.reshape(-1, stride)[self.moving] = found.rows.reshape(-1, stride)

    def grown(self) -> tuple[Vocabulary, NDArray[np.int64]]:
        """Return the ids with the new ones behind, and the row of each of the given ids."""
        new = np.flatnonzero(self.is_new)
        ids = _in_kind_of(self.known, self.given.ids.take(new), self.side)
        places = self.model_rows.astype(np.int64)
        places[new] = len(self.known) + np.arange(len(new))
        if not len(new):
            return self.known, places
        before = self.known.take(np.arange(len(self.known)))
        return Vocabulary.from_ids(np.concatenate([before, ids])), places


def mean_products(model: Any, problem: RowProblem, side: Side, team: Team) -> Floats:
    """Return the mean of ``a a'`` over the ratings that a model was trained on.

    Parameters
    ----------
    model : FactorModel
    problem : RowProblem
    side : {"user", "item"}
        Whose matrices these are for: the products are of the other side's rows.
    team : Team

    Returns
    -------
    (stride * stride,) float32
        Upper triangle.
    """
    name = "item" if side == "user" else "user"
    factors = getattr(model, f"{name}_factors_")
    counts = getattr(model.baseline_, f"{name}_counts")
    parts = np.sqrt(counts / max(counts.sum(), 1)).astype(np.float32)
    rows = problem.padded(factors, np.zeros(len(factors), np.float32))
    table = rows.reshape(-1, problem.system.stride)
    table *= parts[:, np.newaxis]
    return gram_of(rows, problem.system, team)


def _in_kind_of(known: Vocabulary, ids: Any, side: Side) -> NDArray[Any]:
    """Return new ids in the type of a model's."""
    if known.kind == "str":
        return np.asarray(ids.cast(known.ids.type).to_numpy(zero_copy_only=False))
    integers = as_integers(ids)
    if integers is None:
        raise DataError(
            f"the model's {side} ids are integers, but some of the new ones are text, such as "
            f"{next(i for i in ids.to_pylist() if not str(i).lstrip('-').isdigit())!r}"
        )
    return np.asarray(integers.cast(known.ids.type).to_numpy(zero_copy_only=False))


def take_in(
    model: Any,
    ratings: Ratings,
    source: TrainingSource,
    update: Updated,
    rounds: int,
    run: RunSettings,
) -> None:
    """Grow a fitted model in place; see `FactorModel.partial_fit`.

    Parameters
    ----------
    model : FactorModel
    ratings : Ratings
    source : TrainingSource
        Where they are.
    update : {"users", "items", "both", "none"}
    rounds : int
    run : RunSettings

    Raises
    ------
    DataError, ModelFileError, DivergenceError
        The model is then as it was before.
    """
    problem = RowProblem.of(model)
    users, items = (_Rows(model, problem, ratings, side) for side in ("user", "item"))
    (user_ids, user_places), (item_ids, item_places) = users.grown(), items.grown()
    with Team(run.num_threads) as team:
        for side in (users, items):
            side.prepare(model, side.is_new, team)
        for _ in range(rounds if users.is_new.any() and items.is_new.any() else 1):
            users.solve(items, team)
            items.solve(users, team)
        # Once, and last: solved in turn with one another they would follow their few new ratings
        # far (1,000 new users of MovieLens-1M: RMSE .846 after once, .853 after five times).
        for side, other, of_side in ((users, items, "users"), (items, users, "items")):
            if update in (of_side, "both"):
                side.prepare(model, side.is_known, team)
                side.solve(other, team)
    moved = {
        **_moved(model, problem, users, user_places, len(user_ids)),
        **_moved(model, problem, items, item_places, len(item_ids)),
    }
    if not all(np.isfinite(array).all() for array in moved.values()):
        raise DivergenceError(
            "the new ratings lead to numbers that are not finite; raise the regularization"
        )
    baseline = _grown_baseline(
        model.baseline_, ratings, user_places, item_places, (len(user_ids), len(item_ids))
    )
    model.updates_ = [
        *model.updates_,
        Update(
            path=source.path,
            files=source.files,
            options={},
            n_ratings=len(ratings),
            n_users=len(model.users_),
            n_items=len(model.items_),
        ),
    ]
    model.set_arrays(model.arrays._replace(**moved))
    model.users_, model.items_, model.baseline_ = user_ids, item_ids, baseline
    model.n_ratings_ += len(ratings)


def _moved(
    model: Any, problem: RowProblem, rows: _Rows, places: NDArray[np.int64], size: int
) -> dict[str, Floats]:
    """Return the arrays of one side with new rows behind and moved rows changed."""
    factors, bias = problem.compact(rows.rows)
    whole = {}
    for name, found in ((f"{rows.side}_factors", factors), (f"{rows.side}_bias", bias)):
        before = getattr(model, f"{name}_")
        grown = np.zeros((size, *before.shape[1:]), np.float32)
        grown[: len(before)] = before
        grown[places[rows.moved]] = found[rows.moved]
        whole[name] = grown
    return whole


def _grown_baseline(
    baseline: BiasBaseline,
    ratings: Ratings,
    user_places: NDArray[np.int64],
    item_places: NDArray[np.int64],
    sizes: tuple[int, int],
) -> BiasBaseline:
    """Return the baseline with the damped means of new ids behind those of old, which stay."""
    users, items, values = ratings.chunk(0, ratings.n_rows)
    users, items = user_places[users], item_places[items]
    residuals = values.astype(np.float64) - baseline.mean
    item_bias, item_counts = _with_new(
        baseline.item_bias, baseline.item_counts, items, residuals, sizes[1], ITEM_DAMPING
    )
    residuals -= item_bias[items]
    user_bias, user_counts = _with_new(
        baseline.user_bias, baseline.user_counts, users, residuals, sizes[0], USER_DAMPING
    )
    return BiasBaseline(baseline.mean, user_bias, item_bias, user_counts, item_counts)


def _with_new(
    bias: Floats,
    counts: NDArray[np.int64],
    rows: NDArray[np.int64],
    residuals: NDArray[np.float64],
    size: int,
    damping: float,
) -> tuple[Floats, NDArray[np.int64]]:
    here = np.bincount(rows, minlength=size)
    grown = np.bincount(rows, residuals, minlength=size) / (damping + here)
    grown[: len(bias)] = bias
    here[: len(counts)] += counts
    return grown.astype(np.float32), here
