"""Gradient descent with momentum, AdaGrad and RProp on rows of embeddings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.kernels.networks import lazy_adagrad, lazy_momentum, lazy_rprop
from fastmf.kernels.networks.step_history import add_momentum_step
from fastmf.nn.optimizers import SGD, AdaGrad, RProp
from fastmf.nn.row_steps import GONE, MOST_STEPS, RowState, RowSteps, RowSums, rounded_powers

__all__ = ["AdaGradSteps", "MomentumSteps", "RPropSteps"]

Array = NDArray[Any]


class MomentumSteps(RowSteps):
    """Steps of gradient descent with momentum, of the settings `SGD`."""

    def __init__(self, settings: SGD) -> None:
        super().__init__(settings.weight_decay, n_kept=1)
        self._settings = settings
        past = np.arange(MOST_STEPS + 1)
        self._window = _momentum_window(settings.momentum)
        self._powers = frozen(float(settings.momentum) ** past)
        self._powers32 = rounded_powers(settings.momentum)
        # With weight decay and without.
        self._sums = np.zeros((2, MOST_STEPS + 1))
        self._moves = np.zeros((2, MOST_STEPS + 1), np.float32)
        self._fading, self._plain = map(frozen, self._moves)

    def bring_up_to_date(self, state: RowState, first: int, last: int, touched: Array) -> None:
        """Make good the steps missed; see `RowSteps.bring_up_to_date`."""
        lazy_momentum.bring_up_to_date(
            *(first, last, touched, self.now, state.stamps, state.rows, *state.kept),
            *(state.stride, state.fades, self._window, self._fading, self._plain),
            *(self.losses_of(state), self._powers32),
        )

    def step(self, state: RowState, first: int, last: int, sums: RowSums) -> None:
        """Move the touched rows; see `RowSteps.step`."""
        settings = self._settings
        own = 1.0 if settings.nesterov else 0.0
        from_velocity = settings.momentum if settings.nesterov else 1.0
        scalars = self.learning_rate * own, self.learning_rate * from_velocity, self.lost
        lazy_momentum.step(
            *(first, last, *sums, self.now, state.stamps, state.rows, *state.kept, state.stride),
            *(state.fades, *map(np.float32, (*scalars, settings.momentum))),
        )

    def remember_step(self) -> None:
        """Note what the step does without gradients; see `RowSteps.remember_step`."""
        rate = self.learning_rate * (self._settings.momentum if self._settings.nesterov else 1.0)
        for kept, sums in zip((1 + self.lost, 1.0), self._sums, strict=True):
            add_momentum_step(self.now, self._window, rate, kept, self._powers, sums)
        recent = slice(max(0, self.now - self._window), self.now)
        self._moves[:, recent] = self._sums[:, recent]

    def forget_steps(self) -> None:
        """Start anew; see `RowSteps.forget_steps`."""
        super().forget_steps()
        self._sums[:] = self._moves[:] = 0


class AdaGradSteps(RowSteps):
    """Steps of AdaGrad, of its settings."""

    def __init__(self, settings: AdaGrad) -> None:
        super().__init__(settings.weight_decay, n_kept=1)
        self._settings = settings

    def state(self, rows: Array, stride: int, decays: Array) -> RowState:
        """Return the state of a table; see `RowSteps.state`."""
        state = super().state(rows, stride, decays)
        state.kept[0][:] = self._settings.initial_sum
        return state

    def bring_up_to_date(self, state: RowState, first: int, last: int, touched: Array) -> None:
        """Make good the steps missed; see `RowSteps.bring_up_to_date`."""
        lazy_adagrad.bring_up_to_date(
            *(first, last, touched, self.now, state.stamps, state.rows, state.stride),
            *(state.fades, self.losses_of(state)),
        )

    def step(self, state: RowState, first: int, last: int, sums: RowSums) -> None:
        """Move the touched rows; see `RowSteps.step`."""
        scalars = self.learning_rate, self._settings.epsilon, self.lost
        lazy_adagrad.step(
            *(first, last, *sums, self.now, state.stamps, state.rows, *state.kept, state.stride),
            *(state.fades, *map(np.float32, scalars)),
        )


class RPropSteps(RowSteps):
    """Steps of RProp, of its settings."""

    def __init__(self, settings: RProp) -> None:
        super().__init__(settings.weight_decay, n_kept=2)
        self._settings = settings
        self._start = 0.0

    def begin_step(self, learning_rate: float) -> None:
        """Count a step; see `RowSteps.begin_step`."""
        super().begin_step(learning_rate)
        if self.n_steps == 1:
            self._start = learning_rate

    def bring_up_to_date(self, state: RowState, first: int, last: int, touched: Array) -> None:
        """Make good the steps missed; see `RowSteps.bring_up_to_date`."""
        lazy_rprop.bring_up_to_date(
            *(first, last, touched, self.now, state.stamps, state.rows, state.kept[0]),
            *(state.stride, state.fades, self.losses_of(state)),
        )

    def step(self, state: RowState, first: int, last: int, sums: RowSums) -> None:
        """Move the touched rows; see `RowSteps.step`."""
        settings = self._settings
        limits = settings.smallest_step, settings.largest_step
        scalars = self._start, settings.growth, settings.shrinkage, *limits, self.lost
        lazy_rprop.step(
            *(first, last, *sums, self.now, state.stamps, state.rows, *state.kept, state.stride),
            *(state.fades, *map(np.float32, scalars)),
        )


def _momentum_window(momentum: float) -> int:
    if momentum == 0:
        return 1
    return min(MOST_STEPS, math.ceil(math.log(GONE) / math.log(momentum)))
