"""Padded rows: the parameters of a biased factor model in the layout that gradient descent wants.

See `fastmf.kernels.sgd` for what a row holds. Besides the rows of users and items there are rows
of zeros: for the empty slots of each block column, and one each for an unknown user and item.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fastmf.data.block_grid import BlockGrid
from fastmf.kernels.sgd import BATCH, row_length
from fastmf.kernels.vectors import WIDTH

__all__ = ["FactorArrays", "PaddedRows", "Start", "StepSizes", "StepTables", "aligned_zeros"]

_CACHE_LINE = 64

# Rows that are copied at once to be added up: 4 MB of 64 factors.
_ROWS_AT_ONCE = 1 << 14


class FactorArrays(NamedTuple):
    """The parameters of a factor model, compact, in units of the score."""

    user_factors: NDArray[np.float32]  # (n_users, factors)
    item_factors: NDArray[np.float32]  # (n_items, factors)
    user_bias: NDArray[np.float32]  # (n_users,)
    item_bias: NDArray[np.float32]  # (n_items,)
    unknown_user_factors: NDArray[np.float32]  # (factors,)
    unknown_item_factors: NDArray[np.float32]  # (factors,)
    unknown_bias: NDArray[np.float32]  # (2,) of an unknown user, of an unknown item


class Start(NamedTuple):
    """Where training starts: ``user . item`` is about `product`, of factors around its root."""

    deviation: float  # standard deviation of the factors
    product: float = 0.0
    item_constant: float = 0.0  # bias of every item that is kept, as its rate is 0
    non_negative: bool = False


class StepSizes(NamedTuple):
    """Rates and L2 weights of factors and biases."""

    learning_rate: float
    bias_learning_rate: float
    regularization: float
    bias_regularization: float


class StepTables(NamedTuple):
    """Step sizes of an epoch as `fastmf.kernels.sgd.update_block` takes them."""

    lane_rates: NDArray[np.float32]  # (192,)
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
            np.where(lane < factors, 0.0, -np.inf),
            *(np.arange(WIDTH) < counts[:, np.newaxis] * (WIDTH // BATCH)),
        ]
        return cls(
            np.concatenate(table).astype(np.float32),
            (1 - counts * decay).astype(np.float32),
            np.float32(1 - decay),
            np.float32(sizes.learning_rate),
        )


def aligned_zeros(n: int) -> NDArray[np.float32]:
    """Return `n` zeros that begin at a cache line, so that no vector of a row lies on two."""
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
    item_constant : float
        What every item's bias holds beside the bias itself.
    """

    users: NDArray[np.float32]
    items: NDArray[np.float32]
    factors: int
    n_users: int
    n_items: int
    item_constant: float = 0.0

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
        cls, grid: BlockGrid, factors: int, start: Start, generator: np.random.Generator
    ) -> Self:
        """Start from normal factors and biases of zero.

        Users and items without ratings get factors of zero: what is not learned predicts nothing.

        Parameters
        ----------
        grid : BlockGrid
        factors : int
        start : Start
        generator : numpy.random.Generator
            Source of all randomness.

        Returns
        -------
        PaddedRows
        """
        stride = row_length(factors)
        n_users, n_items = len(grid.user_counts), len(grid.item_counts)
        users = aligned_zeros((n_users + 1) * stride)
        items = aligned_zeros((n_items + grid.side + 1) * stride)
        mean = (abs(start.product) / factors) ** 0.5
        means = mean, mean if start.product >= 0 else -mean
        counts_of = grid.user_counts, grid.item_counts
        for rows, counts, centre in zip((users, items), counts_of, means, strict=True):
            table = rows.reshape(-1, stride)[: len(counts)]
            drawn = generator.standard_normal((len(counts), factors), dtype=np.float32)
            drawn *= np.float32(start.deviation)
            if centre:
                drawn += np.float32(centre)
            if start.non_negative:
                np.abs(drawn, out=drawn)
            drawn[counts == 0] = 0
            table[:, :factors] = drawn
        users.reshape(-1, stride)[:, -1] = 1
        items.reshape(-1, stride)[:n_items, -2:] = 1, start.item_constant
        items.reshape(-1, stride)[-1, -2:] = 1, start.item_constant
        return cls(users, items, factors, n_users, n_items, start.item_constant)

    def average_unlearned(
        self, user_counts: NDArray[np.int64], item_counts: NDArray[np.int64]
    ) -> None:
        """Give users and items without ratings, and the unknown, the mean of the learned rows.

        For factors that are not centred, so that zeros would not be the middle of them.

        Parameters
        ----------
        user_counts, item_counts : (n_users,), (n_items,) int64
            Ratings of each.
        """
        tables = self.users.reshape(-1, self.stride), self.items.reshape(-1, self.stride)
        unknown = self.unknown_user, self.unknown_item
        for table, row, counts in zip(tables, unknown, (user_counts, item_counts), strict=True):
            learned = np.flatnonzero(counts)
            sums = np.zeros(self.stride)
            for first in range(0, len(learned), _ROWS_AT_ONCE):
                part = learned[first : first + _ROWS_AT_ONCE]
                sums += table[part].sum(axis=0, dtype=np.float64)
            mean = sums / len(learned)
            table[row] = mean
            table[: len(counts)][counts == 0] = mean

    def copy_to(self, other: PaddedRows) -> None:
        """Copy all parameters into another set of rows of the same shape."""
        other.users[:] = self.users
        other.items[:] = self.items

    def empty_like(self) -> PaddedRows:
        """Return rows of the same shape, all zeros."""
        users, items = aligned_zeros(self.users.size), aligned_zeros(self.items.size)
        return replace(self, users=users, items=items)

    def compact(self, scale: float) -> FactorArrays:
        """Return the parameters without padding, in units of the score.

        Parameters
        ----------
        scale : float
            Units of the score in one of the rows' dot product; the factors take its root each.

        Returns
        -------
        FactorArrays
            C-contiguous copies.
        """
        k = self.factors
        users, items = self.users.reshape(-1, self.stride), self.items.reshape(-1, self.stride)
        unknown_user, unknown_item = users[self.unknown_user], items[self.unknown_item]
        users, items = users[: self.n_users], items[: self.n_items]
        root, unit = np.float32(scale**0.5), np.float32(scale)
        constant = np.float32(self.item_constant)
        return FactorArrays(
            users[:, :k] * root,
            items[:, :k] * root,
            users[:, -2] * unit,
            (items[:, -1] - constant) * unit,
            unknown_user[:k] * root,
            unknown_item[:k] * root,
            np.array([unknown_user[-2], unknown_item[-1] - constant]) * unit,
        )
