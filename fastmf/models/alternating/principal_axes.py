"""Telling the rows of both sides along the principal axes of one side.

Predictions and L2 weights stay what they are when the factors of all users and items are turned
together. Along the principal axes of the other side, the sum of its rows' outer products is a
diagonal, and the matrices of single rows, which are sums over some of them, are nearly so: what
conjugate gradients take many steps for with other axes, they do in two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.blas import one_blas_thread
from fastmf.kernels.alternating.normal_equations import System
from fastmf.kernels.alternating.row_sums import multiply_rows
from fastmf.models.alternating.als_rows import factor_lanes
from fastmf.models.alternating.steps import gram_of, symmetric
from fastmf.parallel import Team

__all__ = ["Spread", "to_principal_axes"]

_PARTS = 16  # of rows; handing out more takes longer than what they do

Floats = NDArray[np.float32]


class Spread(NamedTuple):
    """How far one side's rows reach along each axis; zeros in lanes of no factor.

    The diagonal of the sum of their outer products, and mean squares over ratings, where the lane
    of a bias has a one.
    """

    gram: Floats  # (stride,)
    squares: Floats  # (stride,)


def to_principal_axes(
    other: Floats,
    counts: NDArray[np.int64],
    turned: Sequence[Floats],
    system: System,
    team: Team,
) -> Spread:
    """Turn rows to the principal axes of one side.

    Parameters
    ----------
    other : (n_other * stride,) float32, modified in place
        Padded rows of that side.
    counts : (n_other,) int64
        Ratings of each.
    turned : sequence of (n * stride,) float32, modified in place
        Padded rows that are turned with them.
    system : System
    team : Team

    Returns
    -------
    Spread
        Of `other`, when turned. The same bits for any team, as are the rows.
    """
    stride, lanes = system.stride, factor_lanes(system)
    gram = symmetric(gram_of(other, system, team), system).reshape(stride, stride)
    turn = np.eye(stride, dtype=np.float32)
    spread = np.zeros(stride, np.float32)
    if np.isfinite(gram).all():  # or training has diverged, which others tell of
        with one_blas_thread():  # more of them sum in another order
            axes = np.linalg.eigh(gram[lanes, lanes].astype(np.float64))
        spread[lanes], turn[lanes, lanes] = axes
        np.maximum(spread, 0, out=spread)  # rounding
        for rows in (other, *turned):
            _turn(rows, turn, team)
    return Spread(spread, _mean_squares(other.reshape(-1, stride), counts, team))


def _turn(rows: Floats, turn: Floats, team: Team) -> None:
    """Multiply rows by a matrix, in place."""
    stride = len(turn)
    bounds = np.linspace(0, rows.size // stride, _PARTS + 1).astype(np.int64)

    def multiply(part: int) -> None:
        multiply_rows(bounds[part], bounds[part + 1], rows, turn.ravel(), stride, rows)

    for _ in team.map(multiply, range(_PARTS)):
        pass


def _mean_squares(table: Floats, counts: NDArray[np.int64], team: Team) -> Floats:
    """Return the mean of the squares of rows, each as often as it has ratings."""
    weights = counts.astype(np.float32)
    bounds = np.linspace(0, len(table), _PARTS + 1).astype(np.int64)

    def part(number: int) -> Floats:
        mine = slice(bounds[number], bounds[number + 1])
        squares: Floats = np.einsum("i,ij,ij->j", weights[mine], table[mine], table[mine])
        return squares

    total = np.zeros(table.shape[1])
    for squares in team.map(part, range(_PARTS)):
        total += squares
    return (total / max(int(counts.sum()), 1)).astype(np.float32)
