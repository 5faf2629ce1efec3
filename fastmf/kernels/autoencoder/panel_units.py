"""A hidden layer in panels: bias, activation and dropout of the sums of a batch, there and back.

A pass over memory for each of these, row by row, takes longer than the sums do where rows have few
ratings. Here a panel is read and written once, while it is still in the cache from the sums.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from fastmf.kernels.autoencoder.weight_panels import PANEL
from fastmf.kernels.compiled import kernel
from fastmf.kernels.hashing import GOLDEN, mix
from fastmf.kernels.vector_exponential import exponential
from fastmf.kernels.vector_masks import drawn, keep
from fastmf.kernels.vector_roots import add, divide
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    maximum,
    multiply,
    multiply_add,
    sign,
    store,
    subtract,
    zeros,
)

__all__ = ["ACTIVATION_CODES", "activate_panels", "derive_panels"]

ACTIVATION_CODES = {"linear": 0, "relu": 1, "sigmoid": 2, "tanh": 3, "selu": 4}
"""Numbers of the activations, by their names in `fastmf.nn.activations`."""

_RELU, _SIGMOID, _TANH, _SELU = (ACTIVATION_CODES[n] for n in ("relu", "sigmoid", "tanh", "selu"))

# Klambauer et al. (2017), as in `fastmf.nn.activations`.
_SCALE = np.float32(1.0507009873554805)
_SLOPE = np.float32(1.0507009873554805 * 1.6732632423543772)


@njit
def _one():
    return broadcast(np.float32(1))


@njit
def _sigmoid(z):
    return divide(_one(), add(_one(), exponential(subtract(zeros(), z))))


@njit
def _activated(activation, z):
    """Return the value of an activation."""
    if activation == _SIGMOID:
        return _sigmoid(z)
    if activation == _TANH:
        return subtract(multiply(broadcast(np.float32(2)), _sigmoid(add(z, z))), _one())
    if activation == _RELU:
        return maximum(z, zeros())
    if activation == _SELU:
        positive = maximum(z, zeros())
        negative = subtract(exponential(subtract(z, positive)), _one())
        return multiply_add(broadcast(_SLOPE), negative, multiply(broadcast(_SCALE), positive))
    return z


@njit
def _slope(activation, y):
    """Return the derivative of an activation whose value is `y`."""
    if activation == _SIGMOID:
        return multiply(y, subtract(_one(), y))
    if activation == _TANH:
        return subtract(_one(), multiply(y, y))
    if activation == _RELU:
        return sign(maximum(y, zeros()))
    if activation == _SELU:
        is_positive = sign(maximum(y, zeros()))
        below = add(y, broadcast(_SLOPE))
        return multiply_add(is_positive, subtract(broadcast(_SCALE), below), below)
    return _one()


@njit(inline="always")
def _kept(row, first, key, threshold, low, high):
    """Return the lanes of a row's panel, 0 where dropped."""
    if threshold == 0:
        return low, high
    row_key = np.uint32(mix(key + np.uint64(row) * GOLDEN))
    low = keep(drawn(row_key, np.int64(first), threshold), low)
    return low, keep(drawn(row_key, np.int64(first + WIDTH), threshold), high)


@njit(inline="always")
def _scales(width, scale):
    """Return lanes of the scale, and of 0 behind the last unit of a panel."""
    lanes = np.zeros(PANEL, np.float32)
    lanes[:width] = scale
    return load(lanes, 0), load(lanes, WIDTH)


@kernel
def activate_panels(
    first_panel, last_panel, activation, bias, n_rows, key, threshold, scale, panels
):
    """Replace sums by ``f(sum + bias)``, or 0 where dropped.

    Parameters
    ----------
    first_panel, last_panel : int
        Which units.
    activation : int
        Of `ACTIVATION_CODES`.
    bias : (units,) float32
    n_rows : int
        Rows of each panel.
    key, threshold, scale
        Of dropout, as `fastmf.kernels.networks.dropout.drop` takes them: the same elements are
        dropped.
    panels : (panels * n_rows * 32,) float32, modified in place
        Zero behind the last unit, afterwards.

    Notes
    -----
    Free of races as long as no other thread has the same panels.
    """
    units = len(bias)
    shift = np.empty(PANEL, np.float32)
    for panel in range(first_panel, last_panel):
        first = panel * PANEL
        width = min(PANEL, units - first)
        for lane in range(PANEL):
            shift[lane] = bias[first + lane] if lane < width else np.float32(0)
        shift_low, shift_high = load(shift, 0), load(shift, WIDTH)
        scale_low, scale_high = _scales(width, scale)
        for row in range(n_rows):
            at = (np.int64(panel) * n_rows + row) * PANEL
            low = _activated(activation, add(load(panels, at), shift_low))
            high = _activated(activation, add(load(panels, at + WIDTH), shift_high))
            low, high = multiply(low, scale_low), multiply(high, scale_high)
            low, high = _kept(row, first, key, threshold, low, high)
            store(panels, at, low)
            store(panels, at + WIDTH, high)


@kernel
def derive_panels(
    first_panel,
    last_panel,
    activation,
    codes,
    n_rows,
    key,
    threshold,
    scale,
    panels,
    bias_gradient,
):
    """Replace gradients of codes by those of the sums that they are made of.

    Parameters
    ----------
    first_panel, last_panel, activation, n_rows, key, threshold, scale
        As for `activate_panels`.
    codes : (panels * n_rows * 32,) float32
        What it made.
    panels : (panels * n_rows * 32,) float32, modified in place
        Gradients.
    bias_gradient : (units,) float32, modified in place
        Set to the sum over the rows.

    Notes
    -----
    Free of races as long as no other thread has the same panels.
    """
    units = len(bias_gradient)
    # Where a unit was dropped, its code is 0, and so is the slope of these two there.
    drawn_below = np.uint32(0) if activation in (_SIGMOID, _RELU) else threshold
    sums, factor = np.empty(PANEL, np.float32), broadcast(scale)
    unscale = broadcast(np.float32(1) / scale)
    for panel in range(first_panel, last_panel):
        first = panel * PANEL
        width = min(PANEL, units - first)
        sum_low, sum_high = zeros(), zeros()
        for row in range(n_rows):
            at = (np.int64(panel) * n_rows + row) * PANEL
            slope = _slope(activation, multiply(unscale, load(codes, at)))
            low = multiply(multiply(load(panels, at), factor), slope)
            slope = _slope(activation, multiply(unscale, load(codes, at + WIDTH)))
            high = multiply(multiply(load(panels, at + WIDTH), factor), slope)
            low, high = _kept(row, first, key, drawn_below, low, high)
            store(panels, at, low)
            store(panels, at + WIDTH, high)
            sum_low, sum_high = add(sum_low, low), add(sum_high, high)
        store(sums, 0, sum_low)
        store(sums, WIDTH, sum_high)
        bias_gradient[first : first + width] = sums[:width]
