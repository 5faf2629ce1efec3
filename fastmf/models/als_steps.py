"""Half-steps of alternating least squares: one side solved exactly, the other one held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.conjugate_gradient import cg_work_size, improve_rows
from fastmf.kernels.normal_equations import RatedRows, System, add_gram, solve_rows, work_size
from fastmf.models.als_rows import aligned_zeros
from fastmf.parallel import Team

__all__ = [
    "Penalty",
    "Solver",
    "StepSums",
    "cg_steps_of",
    "equal_cost_chunks",
    "gram_of",
    "half_step",
]

Solver = Literal["auto", "cholesky", "cg"]

# Exact solutions are as fast up to here, and then grow with the square of the factors.
_MOST_SOLVED_FACTORS = 64

# Enough for the last chunks to end at about the same time, few enough that starting them is free.
_CHUNKS = 128

# Cost of a row beside its ratings, in ratings: what factoring takes.
_ROW_COST = 64

_GRAM_PARTS = 16


def cg_steps_of(solver: Solver, steps: int, factors: int) -> int:
    """Return the `cg_steps` of `half_step` for a choice of solver.

    Parameters
    ----------
    solver : {"auto", "cholesky", "cg"}
    steps : int
        Of conjugate gradients, where they are used.
    factors : int

    Returns
    -------
    int
    """
    if solver == "auto":
        solver = "cg" if factors > _MOST_SOLVED_FACTORS else "cholesky"
    return steps if solver == "cg" else 0


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
        Without biases, and with zeros in the last column.
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
    cg_steps: int = 0,
    advance: Callable[[int, int], None] | None = None,
) -> StepSums:
    """Set every row of one side to the solution of its own least squares problem.

    Parameters
    ----------
    ratings : RatedRows
        Of this side.
    other : (n_other * stride,) float32
        Padded rows of the other side; see `fastmf.models.als_rows.padded_rows`.
    own : (n_rows * stride,) float32, modified in place
        Padded rows of this side.
    system : System
    penalty : Penalty
    team : Team
    base : (stride * stride,) float32, optional
        What every matrix starts from; see `gram_of`.
    pulls : (n_rows * stride,) float32, optional
        What every right-hand side starts from.
    cg_steps : int, optional
        Steps of conjugate gradients from the rows as they are; 0 for exact solutions.
    advance : callable, optional
        Called with the range of ratings that were worked through.

    Returns
    -------
    StepSums
        The same bits for any team, as are the rows. NaN where numbers were not finite.
    """
    ridges, bias_ridges = penalty.ridges(np.diff(ratings.starts))
    chunks = equal_cost_chunks(ratings.starts)
    nothing = np.empty(0, np.float32)
    matrix, rights = (nothing if given is None else given for given in (base, pulls))
    if cg_steps and matrix.size:
        upper = np.triu(matrix.reshape(system.stride, system.stride))
        matrix = (upper + np.triu(upper, 1).T).ravel()
    size = cg_work_size(system.stride) if cg_steps else work_size(system.stride)

    def solve(chunk: tuple[int, int]) -> NDArray[np.float64]:
        work, sums = aligned_zeros(size), np.zeros(3)
        problem = ratings, other, own, matrix, rights, system, ridges, bias_ridges
        if cg_steps:
            improve_rows(*chunk, *problem, cg_steps, work, sums)
        else:
            solve_rows(*chunk, *problem, work, sums)
        if advance is not None:
            advance(int(ratings.starts[chunk[0]]), int(ratings.starts[chunk[1]]))
        return sums

    totals = np.sum(list(team.map(solve, chunks)), axis=0)
    return StepSums(float(totals[0]), float(totals[0] - totals[1]), int(totals[2]))
