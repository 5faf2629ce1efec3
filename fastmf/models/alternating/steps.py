"""Half-steps of alternating least squares: one side solved, the other one held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.alternating.block_descent import block_work_size, descend_rows, part_of
from fastmf.kernels.alternating.conjugate_gradient import cg_work_size, improve_rows
from fastmf.kernels.alternating.normal_equations import (
    RatedRows,
    System,
    add_gram,
    solve_rows,
    work_size,
)
from fastmf.models.alternating.als_rows import aligned_zeros
from fastmf.models.alternating.row_solver import CHOLESKY, RowSolver
from fastmf.parallel import Team

__all__ = [
    "Penalty",
    "StepSums",
    "equal_cost_chunks",
    "gram_of",
    "half_step",
    "symmetric",
]

# Enough for the last chunks to end at about the same time, few enough that starting them is free.
_CHUNKS = 128

# Cost of a row beside its ratings, in ratings: what factoring takes.
_ROW_COST = 64

_GRAM_PARTS = 16

_NOTHING = np.empty(0, np.float32)


class Penalty(NamedTuple):
    """L2 regularization of a row: ``weight * max(count, 1) ** exponent`` of `count` ratings.

    An exponent of 0 is plain regularization; 1 weights by the count (ALS-WR, Zhou et al. 2008).
    """

    regularization: float
    bias_regularization: float
    exponent: float

    def ridges(self, counts: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the weights of each row's factors and of its bias.

        Parameters
        ----------
        counts : (n,) int64
            Ratings of each row.

        Returns
        -------
        two of (n,) float32
        """
        scaled = np.maximum(counts, 1).astype(np.float64) ** self.exponent
        weights = self.regularization, self.bias_regularization
        ridges, bias_ridges = ((weight * scaled).astype(np.float32) for weight in weights)
        return ridges, bias_ridges


@dataclass(frozen=True)
class StepSums:
    """What a half-step came to.

    Attributes
    ----------
    objective : float
        Sum over the rows of squared errors and the rows' own regularization.
    squared_error : float
        The former alone.
    mended : int
        Rows whose matrix was not positive definite, and was made so.
    """

    objective: float
    squared_error: float
    mended: int


def equal_cost_chunks(starts: NDArray[np.int64], chunks: int = _CHUNKS) -> list[tuple[int, int]]:
    """Cut rows into ranges of about equal cost, and put the costliest first.

    A row costs its ratings and `_ROW_COST`. Depends on the counts alone.

    Parameters
    ----------
    starts : (n_rows + 1,) int64
        Where each row's ratings begin.
    chunks : int, optional
        Ranges at most.

    Returns
    -------
    list of (int, int)
        First row, and the one behind the last.
    """
    n_rows = len(starts) - 1
    ends = starts + _ROW_COST * np.arange(n_rows + 1)
    targets = ends[-1] * np.arange(1, chunks) / chunks
    bounds = np.unique(np.concatenate([[0], np.searchsorted(ends, targets), [n_rows]]))
    costs = np.diff(ends[bounds])
    order = np.argsort(-costs, kind="stable")
    return [(int(bounds[i]), int(bounds[i + 1])) for i in order]


def gram_of(rows: NDArray[np.float32], system: System, team: Team) -> NDArray[np.float32]:
    """Return the upper triangle of ``sum(row row')`` over padded rows.

    Parameters
    ----------
    rows : (n * stride,) float32
        With zeros in the last column, if the sum is to be what matrices start from.
    system : System
    team : Team

    Returns
    -------
    (stride * stride,) float32
        The same bits for any team.
    """
    stride = system.stride
    bounds = np.linspace(0, rows.size // stride, _GRAM_PARTS + 1).astype(np.int64)

    def part(number: int) -> NDArray[np.float32]:
        gram = aligned_zeros(stride * stride)
        add_gram(rows, bounds[number], bounds[number + 1], system, gram)
        return gram

    total = np.zeros(stride * stride)
    for gram in team.map(part, range(_GRAM_PARTS)):
        total += gram
    base = aligned_zeros(stride * stride)
    base[:] = total
    return base


def symmetric(upper: NDArray[np.float32], system: System) -> NDArray[np.float32]:
    """Return all of a matrix whose upper triangle is given.

    Parameters
    ----------
    upper : (stride * stride,) float32
    system : System

    Returns
    -------
    (stride * stride,) float32
    """
    above = np.triu(upper.reshape(system.stride, system.stride))
    return (above + np.triu(above, 1).T).ravel()


def half_step(
    ratings: RatedRows,
    other: NDArray[np.float32],
    own: NDArray[np.float32],
    system: System,
    penalty: Penalty,
    team: Team,
    *,
    base: NDArray[np.float32] | None = None,
    pulls: NDArray[np.float32] | None = None,
    solver: RowSolver = CHOLESKY,
    squares: NDArray[np.float32] | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> StepSums:
    """Solve, or improve, every row of one side, each for its own least squares problem.

    Parameters
    ----------
    ratings : RatedRows
        Of this side.
    other : (n_other * stride,) float32
        Padded rows of the other side; see `fastmf.models.alternating.als_rows.padded_rows`.
    own : (n_rows * stride,) float32, modified in place
        Padded rows of this side.
    system : System
    penalty : Penalty
    team : Team
    base : (stride * stride,) float32, optional
        What every matrix starts from; see `gram_of`. For solvers that improve rows it may be its
        diagonal, (stride,), where there is nothing else.
    pulls : (n_rows * stride,) float32, optional
        What every right-hand side starts from.
    solver : RowSolver, optional
        Other than exact solutions, improvements start from the rows as they are.
    squares : (stride,) float32, optional
        Of use for conjugate gradients: mean squares of the other side's rows; default ones.
    advance : callable, optional
        Called with the range of ratings that were worked through.

    Returns
    -------
    StepSums
        The same bits for any team, as are the rows. NaN where numbers were not finite.
    """
    counts = np.diff(ratings.starts)
    matrix, rights = (_NOTHING if given is None else given for given in (base, pulls))
    if solver.improves and matrix.size > system.stride:
        matrix = symmetric(matrix, system)
    average = np.ones(system.stride, np.float32) if squares is None else squares
    rows, problem = (ratings, other, own), (system, *penalty.ridges(counts))
    part = part_of(system, solver.block_size)

    def solve(chunk: tuple[int, int]) -> NDArray[np.float64]:
        sums, most = np.zeros(3), int(counts[slice(*chunk)].max(initial=0))
        if solver.name == "cg":
            work = aligned_zeros(cg_work_size(system.stride, most))
            given = matrix, average, rights, *problem, solver.cg_steps
            improve_rows(*chunk, *rows, *given, work, sums)
        elif solver.name == "block":
            work = aligned_zeros(block_work_size(system, part, most))
            descend_rows(*chunk, *rows, matrix, rights, *problem, part, work, sums)
        else:
            work = aligned_zeros(work_size(system.stride))
            solve_rows(*chunk, *rows, matrix, rights, *problem, work, sums)
        if advance is not None:
            advance(int(ratings.starts[chunk[0]]), int(ratings.starts[chunk[1]]))
        return sums

    totals = np.sum(list(team.map(solve, equal_cost_chunks(ratings.starts))), axis=0)
    return StepSums(float(totals[0]), float(totals[0] - totals[1]), int(totals[2]))
