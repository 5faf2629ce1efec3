"""Padded rows: the parameters of a biased factor model in the layout that gradient descent wants.

See `fastmf.kernels.sgd` for what a row holds. Besides the rows of users and items there are rows
of zeros: for the empty slots of each block column, and one each for an unknown user and item.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fastmf.data.layout import BlockGrid
from fastmf.kernels.sgd import BATCH, row_length
from fastmf.kernels.vectors import WIDTH

__all__ = ["FactorArrays", "PaddedRows", "StepSizes", "StepTables"]

_CACHE_LINE = 64


class FactorArrays(NamedTuple):
    """The parameters of a biased factor model, compact, in rating units."""

    user_factors: NDArray[np.float32]  # (n_users, factors)
    item_factors: NDArray[np.float32]  # (n_items, factors)
    user_bias: NDArray[np.float32]  # (n_users,)
    item_bias: NDArray[np.float32]  # (n_items,)


class StepSizes(NamedTuple):
    """Rates and L2 weights of factors and biases."""

    learning_rate: float
    bias_learning_rate: float
    regularization: float
    bias_regularization: float


class StepTables(NamedTuple):
    """Step sizes of an epoch as `fastmf.kernels.sgd.update_block` takes them."""

    lane_rates: NDArray[np.float32]  # (112,)
    user_keep: NDArray[np.float32]  # (4,)
    item_keep: np.float32
    learning_rate: np.float32

    @classmethod
    def of(cls, factors: int, sizes: StepSizes) -> Self:
        """Fill in the tables.

        Parameters
        ----------
        factors : int
        sizes : StepSizes
            Of this epoch; the learning rate is above 0.

        Returns
        -------
        StepTables
        """
        lane = np.arange(row_length(factors) - WIDTH, row_length(factors))
        factor = (lane < factors).astype(np.float64)
        relative = sizes.bias_learning_rate / sizes.learning_rate
        user_bias, item_bias = np.eye(WIDTH)[-2:] * relative
        decay = sizes.learning_rate * sizes.regularization
        bias_decay = sizes.learning_rate * sizes.bias_regularization
        counts = np.arange(1, BATCH + 1)
        user_decay = decay * factor + bias_decay * user_bias
        table = [
            factor + item_bias,
            factor + user_bias,
            1 - decay * factor - bias_decay * item_bias,
            *(1 - np.outer(counts, user_decay)),
        ]
        return cls(
            np.concatenate(table).astype(np.float32),
            (1 - counts * decay).astype(np.float32),
            np.float32(1 - decay),
            np.float32(sizes.learning_rate),
        )


def _aligned_zeros(n: int) -> NDArray[np.float32]:
    """Zeros that start at a cache line: a row is a whole number of lines, so none is split."""
    buffer = np.zeros(n + _CACHE_LINE // 4, np.float32)
    start = -buffer.ctypes.data % _CACHE_LINE // 4
    return buffer[start : start + n]


@dataclass
class PaddedRows:
    """Rows of users and items, in units of the centred and scaled ratings.

    Attributes
    ----------
    users : ((n_users + 1) * stride,) float32
        The last row is an unknown user's.
    items : ((n_items + side + 1) * stride,) float32
        After the items, a row of zeros for each block column, then an unknown item's row.
    factors, n_users, n_items : int
    """

    users: NDArray[np.float32]
    items: NDArray[np.float32]
    factors: int
    n_users: int
    n_items: int

    @property
    def stride(self) -> int:
        """Floats of a row."""
        return row_length(self.factors)

    @property
    def unknown_user(self) -> int:
        """Row of a user who was not trained on."""
        return self.n_users

    @property
    def unknown_item(self) -> int:
        """Row of an item that was not trained on."""
        return self.items.size // self.stride - 1

    @classmethod
    def random(
        cls, grid: BlockGrid, factors: int, initial_scale: float, generator: np.random.Generator
    ) -> Self:
        """Start from normal factors and biases of zero.

        Users and items without ratings get factors of zero: what is not learned predicts nothing.

        Parameters
        ----------
        grid : BlockGrid
        factors : int
        initial_scale : float
            Standard deviation of the factors.
        generator : numpy.random.Generator
            Source of all randomness.

        Returns
        -------
        PaddedRows
        """
        stride = row_length(factors)
        n_users, n_items = len(grid.user_counts), len(grid.item_counts)
        users = _aligned_zeros((n_users + 1) * stride)
        items = _aligned_zeros((n_items + grid.side + 1) * stride)
        for rows, counts in ((users, grid.user_counts), (items, grid.item_counts)):
            table = rows.reshape(-1, stride)[: len(counts)]
            drawn = generator.standard_normal((len(counts), factors), dtype=np.float32)
            drawn *= np.float32(initial_scale)
            drawn[counts == 0] = 0
            table[:, :factors] = drawn
        users.reshape(-1, stride)[:, -1] = 1
        items.reshape(-1, stride)[:n_items, -2] = 1
        items.reshape(-1, stride)[-1, -2] = 1
        return cls(users, items, factors, n_users, n_items)

    def copy_to(self, other: PaddedRows) -> None:
        """Copy all parameters into another set of rows of the same shape."""
        other.users[:] = self.users
        other.items[:] = self.items

    def empty_like(self) -> PaddedRows:
        """Return rows of the same shape, all zeros."""
        users, items = _aligned_zeros(self.users.size), _aligned_zeros(self.items.size)
        return PaddedRows(users, items, self.factors, self.n_users, self.n_items)

    def compact(self, scale: float) -> FactorArrays:
        """Return the parameters without padding, in rating units.

        Parameters
        ----------
        scale : float
            Rating units in a unit of the rows' dot product; the factors take its root each.

        Returns
        -------
        FactorArrays
            C-contiguous copies.
        """
        k = self.factors
        users = self.users.reshape(-1, self.stride)[: self.n_users]
        items = self.items.reshape(-1, self.stride)[: self.n_items]
        root = np.float32(scale**0.5)
        return FactorArrays(
            users[:, :k] * root,
            items[:, :k] * root,
            users[:, -2] * np.float32(scale),
            items[:, -1] * np.float32(scale),
        )
