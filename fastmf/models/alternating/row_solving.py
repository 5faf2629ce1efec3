"""Solving some rows of a fitted model for ratings that come after its training."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.alternating.weighted_rows import (
    RowTerms,
    WeightedRatings,
    row_products,
    solve_weighted_rows,
    weighted_work_size,
)
from fastmf.models.alternating.als_rows import aligned_zeros
from fastmf.models.alternating.row_problems import RowProblem
from fastmf.models.alternating.steps import equal_cost_chunks, gram_of
from fastmf.parallel import Team

__all__ = ["RatingsByRow", "Solution", "base_of", "new_terms", "remembering_terms", "solve"]

# Solutions one after another where the loss is no square: as many for all, so that a row does not
# depend on those it is solved with. The loss is then within 1% of its minimum.
_SOLUTIONS = 30

Floats = NDArray[np.float32]


class RatingsByRow(NamedTuple):
    """Ratings of one side's rows, one row after another."""

    starts: NDArray[np.int64]  # (n_rows + 1,)
    others: NDArray[np.int32]  # (n,) rows of the other side
    values: Floats  # (n,)

    @classmethod
    def sort(
        cls,
        rows: NDArray[np.int32],
        others: NDArray[np.int32],
        values: Floats,
        n_rows: int,
    ) -> RatingsByRow:
        """Sort ratings by one side; each row's stay in their order.

        Parameters
        ----------
        rows, others : (n,) int32
        values : (n,) float32
        n_rows : int

        Returns
        -------
        RatingsByRow
        """
        order = np.argsort(rows, kind="stable")
        counts = np.bincount(rows, minlength=n_rows)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(starts, others[order], values[order])

    @property
    def counts(self) -> NDArray[np.int64]:
        """(n_rows,) ratings of each row."""
        return np.diff(self.starts)


class Solution(NamedTuple):
    """Padded rows, and the problem's ratings as they were in the last step."""

    rows: Floats  # (n_rows * stride,)
    ratings: WeightedRatings
    mended: int


_NOTHING = np.empty(0, np.float32)


def base_of(problem: RowProblem, other: Floats, team: Team) -> Floats:
    """Return what all matrices of one side share: for preferences, that of the pairs without one.

    Parameters
    ----------
    problem : RowProblem
    other : (n_other * stride,) float32
        Padded rows of all of the other side.
    team : Team

    Returns
    -------
    (stride * stride,) or (0,) float32
    """
    return gram_of(other, problem.system, team) if problem.rules.alpha > 0 else _NOTHING


def new_terms(problem: RowProblem, counts: NDArray[np.int64], base: Floats) -> RowTerms:
    """Return the terms of rows that nothing is known of but the ratings at hand.

    Parameters
    ----------
    problem : RowProblem
    counts : (n,) int64
        Ratings of each.
    base : float32
        See `base_of`.

    Returns
    -------
    RowTerms
    """
    ridges = np.stack(problem.rules.penalty.ridges(counts), axis=1)
    memory = np.zeros(len(counts), np.float32)
    return RowTerms(base, _NOTHING, memory, ridges, np.zeros_like(ridges))


def remembering_terms(
    problem: RowProblem,
    known: NDArray[np.int64],
    counts: NDArray[np.int64],
    base: Floats,
    prior: Floats,
    weight: float,
) -> RowTerms:
    """Return the terms of rows that have ratings behind them beside those at hand.

    Parameters
    ----------
    problem : RowProblem
    known, counts : (n,) int64
        Ratings that each was learned from, and those at hand.
    base : float32
        See `base_of`.
    prior : (stride * stride,) float32
        What a rating of before adds to a matrix, on average.
    weight : float
        Of such a rating.

    Returns
    -------
    RowTerms
    """
    learned = problem.rules.learned or problem.rules.penalty
    ridges = np.stack(learned.ridges(known + counts), axis=1)
    before = np.stack(learned.ridges(known), axis=1)
    is_new = known == 0
    ridges[is_new] = np.stack(problem.rules.penalty.ridges(counts[is_new]), axis=1)
    before[is_new] = 0
    memory = (weight * known).astype(np.float32)
    return RowTerms(base, prior, memory, ridges, ridges - before)


def solve(
    problem: RowProblem,
    rated: RatingsByRow,
    other: Floats,
    start: Floats,
    terms: RowTerms,
    team: Team,
) -> Solution:
    """Solve the problem of every row; see `fastmf.kernels.alternating.weighted_rows`.

    Parameters
    ----------
    problem : RowProblem
    rated : RatingsByRow
    other : (n_other * stride,) float32
        Padded rows of the other side.
    start : (n_rows * stride,) float32
        Padded rows of this side as they were before.
    terms : RowTerms
    team : Team

    Returns
    -------
    Solution
        The same bits for any team.
    """
    chunks = equal_cost_chunks(rated.starts)
    own = start
    products = np.zeros(len(rated.values), np.float32)
    for _ in range(_SOLUTIONS if problem.iterated else 1):
        if problem.iterated:
            _set_products(problem, rated, other, own, chunks, team, products)
        weights, targets = problem.weighted(rated.values, products)
        ratings = WeightedRatings(rated.starts, rated.others, targets, weights)
        own = aligned_zeros(start.size)
        own[:] = start

        def run(
            chunk: tuple[int, int], ratings: WeightedRatings = ratings, own: Floats = own
        ) -> int:
            work = aligned_zeros(weighted_work_size(problem.system.stride))
            bounded = problem.rules.non_negative
            arguments = ratings, other, own, problem.system, terms, bounded, work
            return int(solve_weighted_rows(*chunk, *arguments))

        mended = sum(team.map(run, chunks))
    return Solution(own, ratings, mended)


def _set_products(
    problem: RowProblem,
    rated: RatingsByRow,
    other: Floats,
    own: Floats,
    chunks: list[tuple[int, int]],
    team: Team,
    products: Floats,
) -> None:
    """Set the product of the rows of each rating."""
    arguments = rated.starts, rated.others, other, own, problem.system, products
    for _ in team.map(lambda chunk: row_products(*chunk, *arguments), chunks):
        pass
