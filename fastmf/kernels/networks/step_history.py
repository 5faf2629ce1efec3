"""What steps of Adam do to rows that they have no gradient for, as a few numbers for each step.

After step s, an element last updated in step t, with moments m and v, has moved by

    -m * sum(a_j * u_j / (sqrt(v) + epsilon * u_j), j = 1 .. s - t)

where ``a_j = rate * beta1^j / (1 - beta1^(t+j))`` and ``u_j = sqrt((1 - beta2^(t+j)) / beta2^j)``.
With a center ``u`` among the u_j and ``z = (epsilon*u - sqrt(v)) / (epsilon*u + sqrt(v))``, which
lies in [-1, 1], the sum is ``P(z) / (epsilon*u + sqrt(v))``, and every summand of P is of the form
``b / (1 + k*z)``: a Chebyshev series whose coefficients fall geometrically, by a ratio that is
small as the u_j are close to each other. P is kept as a polynomial for each t, to which each step
adds its summand; so one polynomial brings a row up to date, however many steps it has missed.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types

from fastmf.kernels.compiled import kernel

__all__ = [
    "CENTER",
    "DEGREE",
    "LINE",
    "TOO_ROUGH",
    "Polynomials",
    "Remembered",
    "add_adam_step",
    "add_momentum_step",
    "fade_steps",
    "remember_step",
]

DEGREE = 9
"""Of the polynomials: exact to rounding for the usual betas, from the first step on."""

LINE = 16
"""Floats kept for a step: DEGREE + 1 coefficients, then those named below."""

CENTER = 10
"""Where a line holds ``epsilon * u``."""

TOO_ROUGH = 11
"""Where a line holds 1 when the polynomial is not exact to rounding, and steps are to be summed."""

# Largest error of a polynomial relative to its smallest value: a few roundings of float32.
_TOLERANCE = 3e-7

_DOUBLES = types.Array(types.float64, 1, "C", readonly=True)
_DOUBLES_OUT = types.Array(types.float64, 1, "C")
_TABLE_OUT = types.Array(types.float64, 2, "C")
_MATRIX = types.Array(types.float64, 2, "C", readonly=True)
_LINES_OUT = types.Array(types.float32, 2, "C")
_INT, _DOUBLE = types.int64, types.float64


@kernel(
    error_model="numpy",
    signature=types.void(
        *(_INT, _INT, _INT, _DOUBLE, _DOUBLE, _DOUBLE, _DOUBLE),
        *(_DOUBLES, _DOUBLES, _DOUBLES, _MATRIX, _TABLE_OUT, _TABLE_OUT, _LINES_OUT),
    ),
)
def add_adam_step(
    first,
    now,
    window,
    rate,
    root,
    keep,
    epsilon,
    beta1_powers,
    spreads,
    centers,
    basis,
    series,
    bounds,
    lines,
):
    """Add a step of Adam to the polynomials of the steps before it.

    Parameters
    ----------
    first : int64
        The first step to add to. 1 where step 0 is that of rows without any gradient so far: those
        have no moments, and any polynomial will do.
    now : int64
        The step that was taken, from the first one kept.
    window : int64
        Steps after which the momentum of a row is gone.
    rate : float64
        ``learning rate / (1 - beta1^s)``.
    root : float64
        ``sqrt(1 - beta2^s)``.
    keep : float64
        What weight decay multiplies a value by in this step.
    epsilon : float64
    beta1_powers : (at least window + 1,) float64
    spreads : (at least window + 1,) float64
        ``beta2^(-j/2)``.
    centers : (at least now,) float64
        The center ``u`` of each step.
    basis : (DEGREE + 1, DEGREE + 1) float64
        Row n has the coefficients of the Chebyshev polynomial of degree n by powers of z.
    series : (DEGREE + 1, at least now) float64, modified in place
        Chebyshev coefficients of each step's polynomial.
    bounds : (2, at least now) float64, modified in place
        Bound on the error of each, and its smallest value.
    lines : (at least now, LINE) float32, modified in place
        The polynomials by powers of z, as kernels read them.
    """
    for step in range(max(first, now - window), now):
        gap = now - step
        center = centers[step]
        spread = root * spreads[gap]
        weight = rate * beta1_powers[gap] * spread
        offset = spread / center - 1.0
        slope = offset / (2.0 + offset)
        width = math.sqrt(1.0 - slope * slope)
        ratio = -slope / (1.0 + width)
        term = weight / ((1.0 + 0.5 * offset) * width)
        series[0, step] = keep * series[0, step] + term
        term *= 2.0
        for n in range(1, DEGREE + 1):
            term *= ratio
            series[n, step] = keep * series[n, step] + term
        size = abs(ratio)
        bounds[0, step] = keep * bounds[0, step] + abs(term) * size / (1.0 - size)
        least = weight * min(1.0, center / spread)
        bounds[1, step] = keep * bounds[1, step] + least
        for power in range(DEGREE + 1):
            coefficient = 0.0
            for n in range(power, DEGREE + 1, 2):
                coefficient += series[n, step] * basis[n, power]
            lines[step, power] = np.float32(coefficient)
        lines[step, CENTER] = np.float32(epsilon * center)
        exact = bounds[0, step] <= _TOLERANCE * bounds[1, step]  # neither is it where it is NaN
        lines[step, TOO_ROUGH] = np.float32(0.0 if exact else 1.0)


@kernel(signature=types.void(_INT, _INT, _DOUBLE, _DOUBLE, _DOUBLES, _DOUBLES_OUT))
def add_momentum_step(now, window, rate, keep, powers, sums):
    """Add a step of momentum to the sums of the steps before it.

    An element last updated in step t, with velocity w, moves by ``-w * sums[t]`` without gradients.

    Parameters
    ----------
    now : int64
        The step that was taken, from the first one kept.
    window : int64
        Steps after which the velocity of a row is gone.
    rate : float64
        The learning rate; times the momentum, if it is Nesterov's.
    keep : float64
        What weight decay multiplies a value by in this step.
    powers : (at least window + 1,) float64
        Powers of the momentum.
    sums : (at least now,) float64, modified in place
        The sum of ``rate * momentum^j`` over the steps t + j, decayed.
    """
    for step in range(max(0, now - window), now):
        sums[step] = keep * sums[step] + rate * powers[now - step]


@kernel(signature=types.void(_INT, _DOUBLE, _DOUBLES_OUT, types.Array(types.float32, 1, "C")))
def fade_steps(now, keep, decays, losses):
    """Add a step of weight decay to what decay has done since the steps before it.

    Parameters
    ----------
    now : int64
        The step that was taken, from the first one kept.
    keep : float64
        What weight decay multiplies a value by in this step.
    decays : (at least now,) float64, modified in place
        What it has multiplied a value by since each step.
    losses : (at least now,) float32, modified in place
        The same less one.
    """
    for step in range(now):
        decays[step] *= keep
        losses[step] = np.float32(decays[step] - 1.0)


class Polynomials(NamedTuple):
    """Arguments of `add_adam_step` that it modifies."""

    series: Any
    bounds: Any
    lines: Any


class Remembered(NamedTuple):
    """What Adam remembers of its steps, to be added to after each.

    Attributes
    ----------
    moves : (n_batches, 3) float64
        Of each step: rate, root, and what decay multiplies by; see `add_adam_step`.
    beta1_powers, spreads, centers, basis
        See `add_adam_step`.
    polynomials : tuple of Polynomials
        Of columns that decay, and of those that do not.
    in_use : (2,) bool
        Which of these are kept.
    decays, losses
        See `fade_steps`.
    epsilon : float
    first : int
        The first step that polynomials are kept of.
    """

    moves: Any
    beta1_powers: Any
    spreads: Any
    centers: Any
    basis: Any
    polynomials: Any
    in_use: Any
    decays: Any
    losses: Any
    epsilon: float
    first: int


@kernel
def remember_step(remembered, number, now, window):
    """Add a step of Adam to all that makes good for it in rows that it has not touched.

    Parameters
    ----------
    remembered : Remembered
        Its polynomials, decays and losses are modified.
    number : int64
        Of the step among its moves.
    now, window : int64
        See `add_adam_step`.
    """
    rate, root, keep = remembered.moves[number]
    if keep != 1.0:
        fade_steps(now, keep, remembered.decays, remembered.losses)
    for kind in range(2):
        if remembered.in_use[kind]:
            polynomials = remembered.polynomials[kind]
            kept = keep if kind == 0 else 1.0
            add_adam_step(
                *(remembered.first, now, window, rate, root, kept, remembered.epsilon),
                *(remembered.beta1_powers, remembered.spreads, remembered.centers),
                *(remembered.basis, polynomials.series, polynomials.bounds, polynomials.lines),
            )
