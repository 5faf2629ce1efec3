"""Folding in: rows of users or items that a model was not trained on, the other side held.

Each row is the exact minimum of what training minimizes, for the given ratings and the model's
rows of the other side: one half-step of alternating least squares for these rows alone.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmf.data import Ratings
from fastmf.models.alternating.row_problems import RowProblem
from fastmf.models.alternating.row_solving import base_of, new_terms, solve
from fastmf.models.fitted_factors import FittedFactors
from fastmf.models.folding.new_ratings import MatchedRatings, Side, match
from fastmf.models.rows import FactorArrays
from fastmf.parallel import Team
from fastmf.recommend import Recommendations
from fastmf.training import RunSettings

__all__ = ["FoldedItems", "FoldedUsers", "FoldsInUsers", "fold_in", "folded"]

# Fewer ratings than this are solved in the calling thread: starting others takes longer.
_FEW = 2000


class FoldedFactors(FittedFactors):
    """A model some of whose rows were folded in; it predicts and recommends like any other.

    Parameters
    ----------
    model : FittedFactors
        Whose other rows, mean and units are taken over.
    ratings : Ratings
        What was folded in.
    notes : tuple of str
        What had to be left out of it.
    """

    _side: ClassVar[Side]
    n_known_ratings_: NDArray[np.int64]

    def __init__(self, model: FittedFactors, ratings: Ratings, notes: tuple[str, ...]) -> None:
        self.users_, self.items_ = model.users_, model.items_
        self.set_arrays(model.arrays)
        self.mean_, self.spread_, self.scale_ = model.mean_, model.spread_, model.scale_
        self.link_, self.offset_ = model.link_, model.offset_
        self.rating_range_ = model.rating_range_
        self.ratings_ = ratings
        self.notes_ = notes

    def __repr__(self) -> str:
        notes = "".join(f"; {note}" for note in self.notes_)
        rows = f"{len(self.n_known_ratings_):,} {self._side}s"
        return f"<{type(self).__name__}: {rows}, {len(self.ratings_):,} ratings{notes}>"


class FoldedUsers(FoldedFactors):
    """Users folded into a model, which stays as it is.

    Made by `FactorModel.fold_in_users`. Predicts and recommends by raw ids as a model does.

    Attributes
    ----------
    users_ : Vocabulary
        The users that ratings were given of, whether the model knows them or not.
    user_factors_, user_bias_ : (n, factors), (n,) float32
        Their rows. Users without a rating of a known item have those of an unknown user.
    ratings_ : Ratings
        What was folded in, unknown items included.
    notes_ : tuple of str
        What was left out, in words; empty where nothing was.
    n_known_ratings_ : (n,) int64
        Ratings of each that count: those of known items.
    n_unknown_items_, n_ratings_left_out_ : int
        Items that the model does not know, and ratings of these.
    items_, item_factors_, item_bias_ and others
        The model's.
    """

    _side: ClassVar[Side] = "user"
    n_unknown_items_: int
    n_ratings_left_out_: int

    def recommend(
        self,
        user_ids: ArrayLike | None = None,
        n: int = 10,
        *,
        seen: Any = None,
        run: RunSettings | None = None,
    ) -> Recommendations:
        """Find the items with the highest predicted ratings for users.

        Parameters
        ----------
        user_ids : array_like, optional
            (m,) raw ids; default all that were folded in.
        n : int, optional
            Items for each user.
        seen : Ratings, or whatever `read_ratings` takes, optional
            Ratings whose items are not recommended again; default those that were folded in.
        run : RunSettings, optional
            Threads and progress.

        Returns
        -------
        Recommendations
            As of `FittedFactors.recommend`.
        """
        wanted = self.users_.take(np.arange(len(self.users_))) if user_ids is None else user_ids
        hidden = self.ratings_ if seen is None else seen
        return super().recommend(wanted, n, seen=hidden, run=run)


class FoldedItems(FoldedFactors):
    """Items folded into a model, which stays as it is.

    Made by `FactorModel.fold_in_items`. Predicts ratings of these items, and recommends among
    them, by raw ids as a model does.

    Attributes
    ----------
    items_ : Vocabulary
        The items that ratings were given of, whether the model knows them or not.
    item_factors_, item_bias_ : (n, factors), (n,) float32
        Their rows. Items without a rating by a known user have those of an unknown item.
    ratings_ : Ratings
        What was folded in, unknown users included.
    notes_ : tuple of str
        What was left out, in words; empty where nothing was.
    n_known_ratings_ : (n,) int64
        Ratings of each that count: those by known users.
    n_unknown_users_, n_ratings_left_out_ : int
        Users that the model does not know, and ratings by these.
    users_, user_factors_, user_bias_ and others
        The model's.
    """

    _side: ClassVar[Side] = "item"
    n_unknown_users_: int
    n_ratings_left_out_: int


class FoldsInUsers:
    """A model that people can be folded into."""

    def fold_in_users(self, ratings: Any, *, run: RunSettings | None = None) -> FoldedUsers:
        """Find the rows of users from ratings; a child says how."""
        raise NotImplementedError

    def recommend_for(
        self, ratings: Any, n: int = 10, *, run: RunSettings | None = None
    ) -> Recommendations:
        """Recommend items to people of whom only these ratings are known.

        Parameters
        ----------
        ratings : Ratings, or whatever `fold_in_users` takes
            A handful of ratings. Their items are not recommended again.
        n : int, optional
            Items for each person.
        run : RunSettings, optional
            Threads and progress.

        Returns
        -------
        Recommendations
            For every user of the ratings in the order of their first.

        Raises
        ------
        NotFittedError, DataError, ModelFileError, ParameterError
            As `fold_in_users`; ParameterError also if `n` is no whole number of at least 1.
        """
        return self.fold_in_users(ratings, run=run).recommend(n=n, run=run)


def fold_in(model: Any, ratings: Ratings, side: Side, run: RunSettings) -> Any:
    """Solve the rows of one side for given ratings.

    Parameters
    ----------
    model : FactorModel
        Fitted.
    ratings : Ratings
    side : {"user", "item"}
    run : RunSettings

    Returns
    -------
    FoldedUsers or FoldedItems

    Raises
    ------
    ModelFileError
        If the model does not say its units.
    """
    problem = RowProblem.of(model)
    matched = match(model, ratings, side)
    factors, bias = _solved(model, problem, matched, side, run)
    arrays = model.arrays
    empty = matched.rated.counts == 0
    unknown = arrays.unknown_user_factors if side == "user" else arrays.unknown_item_factors
    factors[empty], bias[empty] = unknown, arrays.unknown_bias[int(side == "item")]
    return folded(model, ratings, side, matched, factors, bias)


def folded(
    model: FittedFactors,
    ratings: Ratings,
    side: Side,
    matched: MatchedRatings,
    factors: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> Any:
    """Return rows that were found of ratings, as users or items of a model.

    Parameters
    ----------
    model : FittedFactors
    ratings : Ratings
        What they were found of.
    side : {"user", "item"}
    matched : MatchedRatings
        The same with the model's indices.
    factors, bias : (n, k), (n,) float32
        The rows, in the order of ``matched.own``.

    Returns
    -------
    FoldedUsers or FoldedItems
    """
    made: FoldedUsers | FoldedItems
    if side == "user":
        made = FoldedUsers(model, ratings, matched.notes(side))
        made.users_, made.user_factors_, made.user_bias_ = matched.own, factors, bias
        made.n_unknown_items_ = matched.n_unknown
    else:
        made = FoldedItems(model, ratings, matched.notes(side))
        made.items_, made.item_factors_, made.item_bias_ = matched.own, factors, bias
        made.n_unknown_users_ = matched.n_unknown
    made.n_known_ratings_, made.n_ratings_left_out_ = matched.rated.counts, matched.n_left_out
    return made


def _solved(
    model: Any, problem: RowProblem, matched: MatchedRatings, side: Side, run: RunSettings
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return factors and biases of the rows."""
    arrays: FactorArrays = model.arrays
    factors, bias = (
        (arrays.item_factors, arrays.item_bias)
        if side == "user"
        else (arrays.user_factors, arrays.user_bias)
    )
    few = len(matched.rated.values) < _FEW
    with Team(1 if few else run.num_threads) as team:
        base = shared_base(model, problem, side, team)
        k = factors.shape[1]
        other = problem.padded(factors[matched.other_rows], bias[matched.other_rows])
        n = len(matched.own)
        start = problem.padded(np.zeros((n, k), np.float32), np.zeros(n, np.float32))
        terms = new_terms(problem, matched.rated.counts, base)
        return problem.compact(solve(problem, matched.rated, other, start, terms, team).rows)


def shared_base(model: Any, problem: RowProblem, side: Side, team: Team) -> NDArray[np.float32]:
    """Return what the matrices of one side share, kept from one call to the next.

    Parameters
    ----------
    model : FactorModel
    problem : RowProblem
    side : {"user", "item"}
        Whose matrices these are: the base is of the other side's rows.
    team : Team

    Returns
    -------
    (stride * stride,) or (0,) float32
    """
    if problem.rules.alpha <= 0:
        return np.empty(0, np.float32)
    factors = model.item_factors_ if side == "user" else model.user_factors_
    kept = model.__dict__.setdefault("_bases", {})
    if side not in kept or kept[side][0] is not factors:
        rows = problem.padded(factors, np.zeros(len(factors), np.float32))
        kept[side] = factors, base_of(problem, rows, team)
    base: NDArray[np.float32] = kept[side][1]
    return base
