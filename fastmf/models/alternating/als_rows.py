"""Padded rows: the parameters of a factor model in the layout that normal equations want.

See `fastmf.kernels.alternating.normal_equations` for what a row holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.alternating.normal_equations import System, system_of
from fastmf.models.rows import FactorArrays, aligned_zeros

__all__ = [
    "SolvedRows",
    "aligned_zeros",
    "explicit_system",
    "factor_lanes",
    "implicit_system",
    "padded_rows",
]


def explicit_system(factors: int) -> System:
    """Return the least squares problems of factors and a bias."""
    return system_of(factors + 1, biased=True)


def implicit_system(factors: int, alpha: float) -> System:
    """Return the least squares problems of factors with confidences.

    Parameters
    ----------
    factors : int
    alpha : float
        Weight of a value in its confidence, above 0.

    Returns
    -------
    System
    """
    return system_of(factors, biased=False, alpha=alpha)


def padded_rows(
    system: System, factors: NDArray[np.float32], bias: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return factors and biases as padded rows.

    Parameters
    ----------
    system : System
    factors : (n, factors) float32
    bias : (n,) float32, optional
        Default zeros; without effect where the system has no biases.

    Returns
    -------
    (n * stride,) float32
    """
    rows = aligned_zeros(len(factors) * system.stride)
    table = rows.reshape(-1, system.stride)
    table[:, factor_lanes(system)] = factors
    if system.biased:
        table[:, -2] = 1
        if bias is not None:
            table[:, -1] = bias
    return rows


def factor_lanes(system: System) -> slice:
    """Return where the factors of a padded row are."""
    first = system.stride - 1 - system.unknowns
    return slice(first, first + system.unknowns - system.biased)


@dataclass
class SolvedRows:
    """Rows of users and items, in units of the centred and scaled ratings.

    Attributes
    ----------
    users, items : (n_users * stride,), (n_items * stride,) float32
    system : System
    """

    users: NDArray[np.float32]
    items: NDArray[np.float32]
    system: System

    @classmethod
    def random(
        cls,
        system: System,
        user_counts: NDArray[np.int64],
        item_counts: NDArray[np.int64],
        deviation: float,
        generator: np.random.Generator,
    ) -> Self:
        """Start from normal item factors, and zeros for all else.

        Users are solved first, so what they start from has no effect. Items without ratings stay
        zero: what is not learned predicts nothing.

        Parameters
        ----------
        system : System
        user_counts, item_counts : (n_users,), (n_items,) int64
            Ratings of each.
        deviation : float
            Standard deviation of the factors.
        generator : numpy.random.Generator
            Source of all randomness.

        Returns
        -------
        SolvedRows
        """
        k = system.unknowns - system.biased
        factors = generator.standard_normal((len(item_counts), k), dtype=np.float32)
        factors *= np.float32(deviation)
        factors[item_counts == 0] = 0
        users = padded_rows(system, np.zeros((len(user_counts), k), np.float32))
        return cls(users, padded_rows(system, factors), system)

    def compact(self, scale: float) -> FactorArrays:
        """Return the parameters without padding, in units of the ratings.

        Parameters
        ----------
        scale : float
            Units of a rating in one of the rows' products; the factors take its root each.

        Returns
        -------
        FactorArrays
            C-contiguous copies; zeros for the unknown.
        """
        root, unit = np.float32(scale**0.5), np.float32(scale)
        lanes = factor_lanes(self.system)
        users, items = (rows.reshape(-1, self.system.stride) for rows in (self.users, self.items))
        unknown = np.zeros(lanes.stop - lanes.start, np.float32)
        return FactorArrays(
            np.ascontiguousarray(users[:, lanes] * root),
            np.ascontiguousarray(items[:, lanes] * root),
            users[:, -1] * unit,
            items[:, -1] * unit,
            unknown,
            unknown.copy(),
            np.zeros(2, np.float32),
        )
