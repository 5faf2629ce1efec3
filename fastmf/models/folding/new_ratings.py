"""Ratings that come after a model's training: read, checked, and matched with what it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings, Vocabulary, read_ratings
from fastmf.errors import DataError
from fastmf.models.alternating.row_solving import RatingsByRow
from fastmf.models.fitted_factors import FittedFactors

__all__ = ["MatchedRatings", "Side", "match", "read_new_ratings"]

Side = Literal["user", "item"]

# Confidences of a preference, one plus alpha times its value, that float32 can still add up.
_HIGHEST_CONFIDENCE = 1e12

# How far from the ratings that a model was trained on others may lie, in parts of their range.
_MARGIN = 1.0


def read_new_ratings(model: Any, ratings: Any, *, one_person: bool = False) -> Ratings:
    """Read ratings and refuse those that cannot be meant for a model.

    Parameters
    ----------
    model : FactorModel
        Fitted.
    ratings : Ratings, or whatever `read_ratings` takes
    one_person : bool, optional
        Whether ratings may also be those of one person: a pair of arrays, items and values, or a
        mapping from one to the other. That person has the id 0.

    Returns
    -------
    Ratings

    Raises
    ------
    DataError
        If they cannot be read, or lie far outside the range of the model's.
    """
    if one_person and isinstance(ratings, Mapping):
        ratings = list(ratings), list(ratings.values())
    if one_person and isinstance(ratings, tuple) and len(ratings) == 2:
        items, values = ratings
        ratings = np.zeros(len(items), np.int64), items, values
    read = read_ratings(ratings, trainable=False)
    if len(read) == 0:
        raise DataError("there are no ratings to take in")
    low, high = read.rating_range
    rules = getattr(model.fitted_parameters_, "row_rules", None)
    alpha = 0.0 if rules is None else rules.alpha
    if alpha > 0:
        if low < 0:
            raise DataError(
                f"the values of an implicit model are weights of what users did, but the lowest "
                f"is {low:g}; leave values below 0 out"
            )
        if alpha * high > _HIGHEST_CONFIDENCE:
            raise DataError(
                f"the highest value, {high:g}, times alpha, {alpha:g}, is more than "
                f"{_HIGHEST_CONFIDENCE:g}; give smaller values"
            )
        return read
    least, most = model.rating_range_
    margin = _MARGIN * max(most - least, model.spread_)
    if low < least - margin or high > most + margin:
        raise DataError(
            f"the ratings run from {low:g} to {high:g}, but those that the model was trained on "
            f"from {least:g} to {most:g}; are they on another scale?"
        )
    return read


@dataclass(frozen=True)
class MatchedRatings:
    """Ratings of one side's rows, of those of the other side that a model knows.

    Attributes
    ----------
    own : Vocabulary
        Whose ratings these are, in the order of the rows.
    other_rows : (n_other,) int32
        The model's rows of the others that were rated.
    rated : RatingsByRow
        Their others are places in `other_rows`.
    n_unknown : int
        Others that the model does not know.
    n_left_out : int
        Ratings of these.
    """

    own: Vocabulary
    other_rows: NDArray[np.int32]
    rated: RatingsByRow
    n_unknown: int
    n_left_out: int

    def notes(self, side: Side) -> tuple[str, ...]:
        """Say what was left out.

        Parameters
        ----------
        side : {"user", "item"}
            Whose ratings these are.

        Returns
        -------
        tuple of str
        """
        other = "item" if side == "user" else "user"
        notes = []
        if self.n_unknown:
            total = self.n_unknown + len(self.other_rows)
            left = f"{self.n_left_out:,} rating{'s' if self.n_left_out > 1 else ''}"
            notes.append(
                f"the model does not know {self.n_unknown:,} of {total:,} {other}s; "
                f"{left} of these left out"
            )
        without = int((self.rated.counts == 0).sum())
        if without:
            notes.append(
                f"{without:,} of {len(self.own):,} {side}s have no rating of a known {other}, "
                f"and count as unknown"
            )
        return tuple(notes)


def match(model: FittedFactors, ratings: Ratings, side: Side) -> MatchedRatings:
    """Sort ratings by one side, without what the model does not know of the other.

    Parameters
    ----------
    model : FittedFactors
    ratings : Ratings
    side : {"user", "item"}
        Whose rows are to be found.

    Returns
    -------
    MatchedRatings
    """
    users, items, values = ratings.chunk(0, ratings.n_rows)
    if side == "user":
        own, rows, others = ratings.users, users, items
        model_rows = model.items_.lookup(ratings.items.ids)
    else:
        own, rows, others = ratings.items, items, users
        model_rows = model.users_.lookup(ratings.users.ids)
    rated = np.zeros(len(model_rows), bool)
    rated[others] = True  # a selection leaves some out
    known = model_rows >= 0
    local = np.cumsum(known, dtype=np.int32) - np.int32(1)
    kept = known[others]
    if not kept.all():
        rows, others, values = rows[kept], others[kept], values[kept]
    by_row = RatingsByRow.sort(rows, local[others], values, len(own))
    return MatchedRatings(
        own, model_rows[known], by_row, int((rated & ~known).sum()), int((~kept).sum())
    )
