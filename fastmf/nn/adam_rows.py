"""Adam on rows of embeddings, by the polynomials of `fastmf.kernels.networks.step_history`."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.errors import ParameterError
from fastmf.kernels.networks import lazy_adam
from fastmf.kernels.networks.pair_rows import AdamHistory
from fastmf.kernels.networks.step_history import (
    CENTER,
    DEGREE,
    LINE,
    Polynomials,
    Remembered,
    add_adam_step,
)
from fastmf.nn.optimizers import Adam
from fastmf.nn.row_steps import GONE, MOST_STEPS, RowState, RowSteps, RowSums, rounded_powers

__all__ = ["AdamSteps"]

Array = NDArray[Any]


class _Polynomials:
    """What each step has moved a row by since, by the row's moments."""

    def __init__(self) -> None:
        self.series = np.zeros((DEGREE + 1, MOST_STEPS + 1))
        self.bounds = np.zeros((2, MOST_STEPS + 1))
        self.lines = np.zeros((MOST_STEPS + 1, LINE), np.float32)
        self.read_only = frozen(self.lines)

    def clear(self) -> None:
        self.series[:] = self.bounds[:] = self.lines[:] = 0


class AdamSteps(RowSteps):
    """Steps of Adam.

    Parameters
    ----------
    settings : Adam

    Raises
    ------
    ParameterError
        If epsilon or beta2 is 0.
    """

    def __init__(self, settings: Adam) -> None:
        super().__init__(settings.weight_decay, n_kept=2)
        self._settings = settings
        beta1, beta2 = settings.beta1, settings.beta2
        for name, value in (("epsilon", settings.epsilon), ("beta2", beta2)):
            if not value > 0:
                raise ParameterError(f"{name} is {value}, but Adam of embeddings needs more than 0")
        self._window = _adam_window(beta1, beta2)
        past = np.arange(MOST_STEPS + 1)
        self._beta1_powers = frozen(beta1**past)
        with np.errstate(over="ignore", divide="ignore"):
            self._spreads = frozen(np.float64(beta2) ** (-0.5 * past))
        self._powers = rounded_powers(beta1), rounded_powers(beta2)
        self._betas = [np.float32(beta) for beta in (beta1, 1 - beta1, beta2, 1 - beta2)]
        self._epsilon = np.float32(settings.epsilon)
        self._basis = frozen(_chebyshev_basis())
        # Of columns with weight decay and without; both are kept once a table needs them.
        self._fading, self._plain = _Polynomials(), _Polynomials()
        self._in_use: list[tuple[_Polynomials, bool]] = []
        self._centers = np.ones(MOST_STEPS + 1)
        self._steps = np.zeros((MOST_STEPS + 1, 4), np.float32)
        self._read_only = frozen(self._steps), frozen(self._centers)
        self._rate = self._root = 1.0

    def state(self, rows: Array, stride: int, decays: Array) -> RowState:
        """Return the state of a table; see `RowSteps.state`."""
        state = super().state(rows, stride, decays)
        wanted = (self._fading, state.has_fading, True), (self._plain, state.has_plain, False)
        for polynomials, needed, fades in wanted:
            if needed and (polynomials, fades) not in self._in_use:
                self._in_use.append((polynomials, fades))
        self._place_center()
        return state

    def _place_center(self) -> None:
        """Choose what the polynomial of the step just taken is about."""
        beta2, center = self._settings.beta2, 1.0
        # The geometric mean of two u_j, of the next step and of one that has seen most of the way.
        for gap in (1, max(1, min(self._window, round(3 / (1 - self._settings.beta1))))):
            left = max(beta2**gap, sys.float_info.min)
            center *= ((1 - beta2 ** (self.n_steps + gap)) / left) ** 0.25
        self._centers[self.now] = center
        for polynomials, _ in self._in_use:
            polynomials.lines[self.now, CENTER] = self._settings.epsilon * center

    def bring_up_to_date(self, state: RowState, first: int, last: int, touched: Array) -> None:
        """Make good the steps missed; see `RowSteps.bring_up_to_date`."""
        lazy_adam.bring_up_to_date(
            *(first, last, touched, self.now, state.stamps, state.rows, *state.kept),
            *(state.stride, state.fades, self._window, *self.lines_of(state)),
            *(self.losses_of(state), *self._powers, self._read_only[0], self._epsilon),
        )

    def _count(self, learning_rate: float) -> None:
        super()._count(learning_rate)
        settings, taken = self._settings, self.n_steps
        self._rate = learning_rate / (1 - settings.beta1**taken)
        self._root = math.sqrt(1 - settings.beta2**taken)
        self._steps[self.now] = self._rate, 1 / self._root, self.lost, 0

    def step(self, state: RowState, first: int, last: int, sums: RowSums) -> None:
        """Move the touched rows; see `RowSteps.step`."""
        rate, inverse_root, lost, _ = self._steps[self.now]
        lazy_adam.step(
            *(first, last, *sums, self.now, state.stamps, state.rows, *state.kept, state.stride),
            *(state.fades, rate, inverse_root, lost, self._epsilon, *self._betas),
        )

    @property
    def _oldest(self) -> int:
        """The first step that polynomials are kept of; step 0 of all has no moments."""
        return int(self._first == 0)

    def history(self) -> AdamHistory:
        """Return what compiled steps know of those before them."""
        return AdamHistory(
            steps=self._read_only[0],
            powers1=self._powers[0],
            powers2=self._powers[1],
            betas=frozen(np.array(self._betas, np.float32)),
            epsilon=self._epsilon,
            window=int(self._window),
        )

    def lines_of(self, state: RowState) -> tuple[Array, Array, int]:
        """Return the polynomials of a table with and without decay, and whether it needs both.

        Parameters
        ----------
        state : RowState
        """
        lines = (self._fading if state.has_fading else self._plain).read_only
        return lines, self._plain.read_only, int(state.has_fading and state.has_plain)

    def announce(self, learning_rates: Sequence[float]) -> Remembered:
        """Count steps that compiled code takes next, and remembers by itself.

        Parameters
        ----------
        learning_rates : sequence of float
            Not more than can be remembered.

        Returns
        -------
        Remembered
        """
        moves = np.empty((len(learning_rates), 3))
        for move, learning_rate in zip(moves, learning_rates, strict=True):
            self._count(learning_rate)
            self._place_center()
            move[:] = self._rate, self._root, 1 + self.lost
        both = self._fading, self._plain
        used = [polynomials for polynomials, _ in self._in_use]
        return Remembered(
            moves=frozen(moves),
            beta1_powers=self._beta1_powers,
            spreads=self._spreads,
            centers=self._read_only[1],
            basis=self._basis,
            polynomials=tuple(Polynomials(one.series, one.bounds, one.lines) for one in both),
            in_use=frozen(np.array([one in used for one in both])),
            decays=self._decays,
            losses=self._losses,
            epsilon=float(self._settings.epsilon),
            first=self._oldest,
        )

    def remember_step(self) -> None:
        """Note what the step does without gradients; see `RowSteps.remember_step`."""
        for polynomials, fades in self._in_use:
            kept = 1 + self.lost if fades else 1.0
            add_adam_step(
                *(self._oldest, self.now, self._window, self._rate, self._root, kept),
                self._settings.epsilon,
                *(self._beta1_powers, self._spreads, self._read_only[1], self._basis),
                *(polynomials.series, polynomials.bounds, polynomials.lines),
            )
        self._place_center()

    def forget_steps(self) -> None:
        """Start anew; see `RowSteps.forget_steps`."""
        super().forget_steps()
        for polynomials, _ in self._in_use:
            polynomials.clear()
        self._place_center()


def _adam_window(beta1: float, beta2: float) -> int:
    """Return the number of steps after which a row's momentum does not move it any more.

    Its steps shrink by beta1, and grow as the mean of squares beneath them shrinks, but no further
    than epsilon lets them.
    """
    if beta1 == 0:
        return 1
    windows = [2 * math.log(GONE) / math.log(beta1)]
    if beta1**2 < beta2:
        windows.append(math.log(GONE) / math.log(beta1 / math.sqrt(beta2)))
    return min(MOST_STEPS, math.ceil(min(windows)))


def _chebyshev_basis() -> Array:
    """Return the coefficients of Chebyshev polynomials by powers, one polynomial a row."""
    basis = np.zeros((DEGREE + 1, DEGREE + 1))
    for n in range(DEGREE + 1):
        basis[n, : n + 1] = np.polynomial.chebyshev.cheb2poly(np.eye(DEGREE + 1)[n])[: n + 1]
    return basis
