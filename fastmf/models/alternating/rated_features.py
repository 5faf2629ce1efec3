"""Factors that explain which items were rated, beside those that explain the ratings.

Which items a user rated says something about them, whatever the ratings. So users' factors ``x``
and items' ``y`` explain, with further factors ``d`` of items and ``c`` of users, two more tables of
a one for each rating and a zero for each other pair (Cortes 2018, "Cold-start recommendations in
Collective Matrix Factorization")::

    weight * sum over all pairs((rated - x . d)^2 + (rated - c . y)^2)
        + regularization * (sum(|d|^2) + sum(|c|^2))

All zeros together are one matrix that every row shares, so this costs little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastmf.data.row_layout import RowLayout
from fastmf.kernels.alternating.normal_equations import RatedRows, System
from fastmf.kernels.alternating.row_sums import multiply_rows, sum_rated_rows
from fastmf.models.alternating.als_rows import aligned_zeros, factor_lanes
from fastmf.models.alternating.steps import equal_cost_chunks, gram_of
from fastmf.parallel import Team

__all__ = ["FEATURE_REGULARIZATION", "FEATURE_WEIGHT", "RatedFeatures"]

FEATURE_WEIGHT = 0.5
"""Of a pair's squared error, beside 1 for that of a rating in units of the ratings' spread."""

FEATURE_REGULARIZATION = 30.0
"""L2 weight of the further factors; anything from 2 to 100 does as well."""


class RatedFeatures:
    """The further factors of both sides in training; zeros at first.

    Parameters
    ----------
    layout : RowLayout
    system : System
        Of factors and biases.
    team : Team
    """

    def __init__(self, layout: RowLayout, system: System, team: Team) -> None:
        self._sides = layout.by_user, layout.by_item
        self._system, self._team = system, team
        self._features: list[NDArray[np.float32] | None] = [None, None]

    def terms(self, side: int) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """Return what they add to the problems of one side.

        Parameters
        ----------
        side : int
            0 for users, 1 for items.

        Returns
        -------
        two of float32 arrays, or of None
            ``base`` and ``pulls`` of `fastmf.models.alternating.steps.half_step`.
        """
        features = self._features[side]
        if features is None:
            return None, None
        base = np.float32(FEATURE_WEIGHT) * gram_of(features, self._system, self._team)
        pulls = self._summed(self._sides[side], features)
        pulls *= np.float32(FEATURE_WEIGHT)
        return base, pulls

    def rows(self) -> list[NDArray[np.float32]]:
        """Return the further factors of each side that has some."""
        return [features for features in self._features if features is not None]

    def learn(self, side: int, rows: NDArray[np.float32]) -> None:
        """Set those of the other side to their exact minimum, given one side.

        Parameters
        ----------
        side : int
            0 where `rows` are the users', 1 where they are the items'.
        rows : (n_rows * stride,) float32
        """
        stride, lanes = self._system.stride, factor_lanes(self._system)
        sums = self._summed(self._sides[1 - side], rows)
        upper = np.triu(gram_of(rows, self._system, self._team).reshape(stride, stride))
        gram = (upper + np.triu(upper, 1).T)[lanes, lanes].astype(np.float64)
        ridge = FEATURE_REGULARIZATION / FEATURE_WEIGHT * np.eye(len(gram))
        inverse = np.zeros((stride, stride), np.float32)  # with zeros for all that is no factor
        inverse[lanes, lanes] = np.linalg.inv(gram + ridge)
        features = aligned_zeros(sums.size)
        n_rows = sums.size // stride
        bounds = np.linspace(0, n_rows, 65).astype(np.int64)

        def multiply(part: int) -> None:
            multiply_rows(bounds[part], bounds[part + 1], sums, inverse.ravel(), stride, features)

        for _ in self._team.map(multiply, range(64)):
            pass
        self._features[side] = features

    def _summed(self, ratings: RatedRows, other: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the sum of the other side's rows over each row's ratings."""
        stride = self._system.stride
        out = aligned_zeros((len(ratings.starts) - 1) * stride)

        def add(chunk: tuple[int, int]) -> None:
            sum_rated_rows(*chunk, ratings, other, stride, out)

        for _ in self._team.map(add, equal_cost_chunks(ratings.starts)):
            pass
        return out
