"""What optimizers of embedding rows share: the steps taken, and the state of a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.kernels.networks.step_history import fade_steps

__all__ = ["GONE", "MOST_STEPS", "RowState", "RowSteps", "RowSums", "rounded_powers"]

Array = NDArray[Any]

MOST_STEPS = 4096
"""Steps that are remembered; all rows are brought up to date when there are as many."""

GONE = 1e-10
"""Momentum is gone when this is left of it: less than the rounding of what it has done."""


class RowState(NamedTuple):
    """The rows of a table, and what the optimizer keeps of them.

    Attributes
    ----------
    rows : ndarray of float32
        (n * stride,).
    stride : int
    stamps : ndarray of int32
        (n,) the step that each row is up to date with, from the first one remembered.
    kept : tuple of ndarray of float32
        (n * stride,) each.
    fades : ndarray of float32
        (stride,) 1 where weight decay applies.
    has_fading, has_plain : bool
        Whether there are columns with weight decay, and without.
    """

    rows: Array
    stride: int
    stamps: Array
    kept: tuple[Array, ...]
    fades: Array
    has_fading: bool
    has_plain: bool


class RowSums(NamedTuple):
    """Arguments of kernels that sum the gradients of rows.

    See `fastmf.kernels.networks.embedding_rows`.
    """

    entries: Array
    touched: Array
    starts: Array
    gradients: Array
    columns: int
    edge: Array
    column: int
    weights: Array
    pulls: Array


class RowSteps(ABC):
    """The steps that an optimizer has taken, and how they are taken.

    Parameters
    ----------
    weight_decay : float
        Decoupled.
    n_kept : int
        Arrays that the optimizer keeps for a table.

    Attributes
    ----------
    now : int
        Steps remembered.
    lost : float
        What decay adds to a value in the step begun, as a share of it: not above 0.
    """

    def __init__(self, weight_decay: float, n_kept: int) -> None:
        self._weight_decay, self._n_kept = weight_decay, n_kept
        self._first = 0  # steps taken before those remembered
        self.now, self.lost, self.learning_rate = 0, 0.0, 0.0
        # What decay has multiplied a value by since each step, and what it has added to it.
        self._decays = np.ones(MOST_STEPS + 1)
        self._losses = np.zeros(MOST_STEPS + 1, np.float32)
        self._fading_losses = frozen(self._losses)
        self._no_losses = frozen(np.zeros_like(self._losses))

    @property
    def n_steps(self) -> int:
        """Steps taken in all."""
        return self._first + self.now

    @property
    def is_full(self) -> bool:
        """Whether no step more can be remembered."""
        return self.now == MOST_STEPS

    def state(self, rows: Array, stride: int, decays: Array) -> RowState:
        """Return the state of a table that no step was taken for.

        Parameters
        ----------
        rows : ndarray of float32
            (n * stride,).
        stride : int
        decays : ndarray of bool
            (width,) the columns that weight decay applies to.

        Returns
        -------
        RowState
        """
        kept = tuple(np.zeros_like(rows) for _ in range(self._n_kept))
        stamps = np.zeros(len(rows) // stride, np.int32)
        fades = np.zeros(stride, np.float32)
        if self._weight_decay:
            fades[: len(decays)] = decays
        some, every = bool(fades.any()), bool(fades[: len(decays)].all())
        return RowState(rows, stride, stamps, kept, frozen(fades), some, not every)

    def losses_of(self, state: RowState) -> Array:
        """Return what decay has added to the values of a table since each step, as a share.

        Parameters
        ----------
        state : RowState

        Returns
        -------
        ndarray of float32
            (MOST_STEPS + 1,), read-only.
        """
        return self._fading_losses if state.has_fading else self._no_losses

    def begin_step(self, learning_rate: float) -> None:
        """Count a step, whose rows are moved by `step` next.

        Parameters
        ----------
        learning_rate : float
        """
        self._count(learning_rate)
        if self._weight_decay:
            fade_steps(self.now, 1 + self.lost, self._decays, self._losses)

    def _count(self, learning_rate: float) -> None:
        self.now += 1
        self.learning_rate, self.lost = learning_rate, -learning_rate * self._weight_decay

    def remember_step(self) -> None:  # noqa: B027 - decay is all that some do
        """Note what the step does to rows without gradients; while `step` runs or after it."""

    @abstractmethod
    def bring_up_to_date(self, state: RowState, first: int, last: int, touched: Array) -> None:
        """Do to the rows ``touched[first:last]`` what the steps taken do without gradients.

        Parameters
        ----------
        state : RowState
        first, last : int
        touched : ndarray of int32
            Each row once, read-only.
        """

    @abstractmethod
    def step(self, state: RowState, first: int, last: int, sums: RowSums) -> None:
        """Move the rows ``sums.touched[first:last]`` by their gradients.

        Parameters
        ----------
        state : RowState
            Of a table whose touched rows are up to date with the step before.
        first, last : int
        sums : RowSums
        """

    def forget_steps(self) -> None:
        """Start anew to remember steps, all rows being up to date with a stamp of 0."""
        self._first, self.now = self.n_steps, 0
        self._decays[:] = 1
        self._losses[:] = 0


def rounded_powers(base: float) -> Array:
    """Return the powers of a number below 1, those of no effect as 0: denormal ones are slow.

    Parameters
    ----------
    base : float

    Returns
    -------
    ndarray of float32
        (MOST_STEPS + 1,), read-only.
    """
    powers = float(base) ** np.arange(MOST_STEPS + 1)
    return frozen(np.where(powers < 1e-30, 0, powers), np.float32)
