"""Gradients of weights in panels, and optimizer steps of the columns that a batch has touched.

A column whose weights no rating of the batch uses stays as it is, moments and regularization
included: its clock stands still. For the columns it touches, a step is that of the dense optimizer
with the column's own count of steps. The gradient of a column is summed in registers and used on
the spot, so it is never written.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from fastmf.kernels.autoencoder.weight_panels import PANEL, fetch_ahead, sum_panel_rows
from fastmf.kernels.compiled import kernel
from fastmf.kernels.networks.dense_steps import rprop_step
from fastmf.kernels.vector_roots import add, divide, square_root
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    maximum,
    multiply,
    multiply_add,
    negative_multiply_add,
    sign,
    store,
    subtract,
    zeros,
)

__all__ = [
    "ADAM",
    "MOMENTUM",
    "RPROP",
    "StepRules",
    "bias_corrections",
    "start_steps",
    "step_biases",
    "step_columns",
]

ADAM, MOMENTUM, RPROP = range(3)
"""Numbers of the optimizers."""


class StepRules(NamedTuple):
    """What a step does, in the types that kernels are compiled for.

    With ``g`` the gradient, regularization included: Adam's ``m += (1 - beta1) (g - m)``, ``v +=
    (1 - beta2) (g^2 - v)``, ``w -= rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)``;
    or ``m = momentum m + g``, ``w -= rate m``; or resilient backpropagation without going back, as
    `fastmf.kernels.networks.dense_steps.rprop_step` has it, with the rate as the first step's
    length. Before it, decay takes ``rate * decay * w`` away.
    """

    method: np.int64  # ADAM, MOMENTUM or RPROP
    rate: np.float32
    beta1: np.float32  # of MOMENTUM the momentum, of RPROP what steps grow by
    beta2: np.float32  # of RPROP what steps shrink by
    epsilon: np.float32
    regularization: np.float32  # of the weights, added to the gradient as this times the weight
    decay: np.float32  # of the weights, taken away apart from the gradient
    smallest: np.float32  # step of RPROP
    largest: np.float32


def bias_corrections(rules, n_steps):
    """Return what Adam's bias correction makes of rate and epsilon, by the number of a step.

    Parameters
    ----------
    rules : StepRules
    n_steps : int

    Returns
    -------
    of_rates, of_epsilons : (n_steps,) float32
        Step t is ``rate * of_rates[t] * m / (sqrt(v) + epsilon * of_epsilons[t])``; the first
        entry is of no use. Ones where it is not Adam.
    """
    if rules.method != ADAM:
        ones = np.ones(n_steps, np.float32)
        return ones, ones
    steps = np.arange(n_steps, dtype=np.float64)
    roots = np.sqrt(1 - np.float64(rules.beta2) ** steps)
    left = 1 - np.float64(rules.beta1) ** steps
    left[0] = 1
    return (roots / left).astype(np.float32), roots.astype(np.float32)


@kernel
def start_steps(first, last, column_starts, rules, of_rates, of_epsilons, clocks, rates, epsilons):
    """Count a step of each touched column, and set its rate with the bias correction in it.

    Parameters
    ----------
    first, last : int
        Which columns.
    column_starts : (n_columns + 1,) int64
        Where the ratings of each begin in the batch.
    rules : StepRules
    of_rates, of_epsilons : (n,) float32
        As `bias_corrections` returns them, for more steps than any column has taken.
    clocks : (n_columns,) int32, modified in place
        Steps of each column.
    rates, epsilons : (n_columns,) float32, modified in place
        Set such that Adam's step is ``rate * m / (sqrt(v) + epsilon)``.

    Notes
    -----
    Free of races as long as no other thread has the same columns.
    """
    for column in range(first, last):
        if column_starts[column] < column_starts[column + 1]:
            step = clocks[column] + 1
            clocks[column] = step
            rates[column] = rules.rate * of_rates[step]
            epsilons[column] = rules.epsilon * of_epsilons[step]


@njit
def _adam(gradient, beta1, beta2, rate, epsilon, decay, weights, first, second, at):
    """Take a step of sixteen weights."""
    one = broadcast(np.float32(1))
    weight, old, new = load(weights, at), broadcast(beta1), subtract(one, broadcast(beta1))
    moment = multiply_add(old, load(first, at), multiply(new, gradient))
    old, new = broadcast(beta2), subtract(one, broadcast(beta2))
    square = multiply_add(old, load(second, at), multiply(new, multiply(gradient, gradient)))
    size = add(square_root(square), broadcast(epsilon))
    weight = negative_multiply_add(broadcast(decay), weight, weight)
    weight = negative_multiply_add(broadcast(rate), divide(moment, size), weight)
    store(first, at, moment)
    store(second, at, square)
    store(weights, at, weight)


@njit
def _descend(gradient, momentum, rate, decay, weights, first, at):
    """Take a step of sixteen weights."""
    weight = load(weights, at)
    moment = multiply_add(broadcast(momentum), load(first, at), gradient)
    weight = negative_multiply_add(broadcast(decay), weight, weight)
    store(first, at, moment)
    store(weights, at, negative_multiply_add(broadcast(rate), moment, weight))


@njit
def _resilient(gradient, rules, rate, decay, weights, previous, sizes, at):
    """Take a step of sixteen weights."""
    one, weight, size = broadcast(np.float32(1)), load(weights, at), load(sizes, at)
    # Sizes are 0 before the first step.
    size = multiply_add(subtract(one, sign(size)), broadcast(rate), size)
    agreement = multiply(sign(gradient), sign(load(previous, at)))
    stays, turns = maximum(agreement, zeros()), maximum(subtract(zeros(), agreement), zeros())
    grown = subtract(zeros(), multiply(broadcast(rules.beta1), size))
    grown = subtract(zeros(), maximum(grown, broadcast(-rules.largest)))
    shrunk = maximum(multiply(broadcast(rules.beta2), size), broadcast(rules.smallest))
    size = add(
        multiply(subtract(one, add(stays, turns)), size),
        multiply_add(stays, grown, multiply(turns, shrunk)),
    )
    slope = multiply(subtract(one, turns), gradient)
    weight = negative_multiply_add(broadcast(decay), weight, weight)
    store(previous, at, slope)
    store(sizes, at, size)
    store(weights, at, negative_multiply_add(size, sign(slope), weight))


@kernel
def step_columns(
    first,
    last,
    column_starts,
    rows,
    coefficients,
    source,
    more_coefficients,
    more_source,
    n_rows,
    first_panel,
    last_panel,
    rules,
    rates,
    epsilons,
    weights,
    moments,
    squares,
):
    """Sum the gradient of each touched column over its ratings, and step its weights.

    Parameters
    ----------
    first, last : int
        Which columns.
    column_starts : (n_columns + 1,) int64
    rows : (n,) int32
        Row of the batch of each rating, by column.
    coefficients : (n,) float32
    source : (panels * n_rows * 32,) float32
        Panels over the rows of the batch: the gradient is ``sum(coefficient * source[row])``.
    more_coefficients, more_source : float32
        A second such sum, of weights that are used twice; empty for none.
    n_rows : int
    first_panel, last_panel : int
        Which units.
    rules : StepRules
    rates, epsilons : (n_columns,) float32
        As `start_steps` set them.
    weights, moments, squares : (panels * n_columns * 32,), modified in place
        The last two are the optimizer's: Adam's, or velocities, or RProp's last gradients and
        sizes. MOMENTUM does not use the last, which may then be empty.

    Notes
    -----
    Free of races as long as no other thread has the same columns and panels. Sums run over the
    ratings in their order.
    """
    n_columns = len(column_starts) - 1
    twice = more_coefficients.size > 0
    method, beta1, beta2 = rules.method, rules.beta1, rules.beta2
    ridge, decay = broadcast(rules.regularization), rules.rate * rules.decay
    for panel in range(first_panel, last_panel):
        base = np.int64(panel) * n_rows * PANEL
        for column in range(first, last):
            start, stop = column_starts[column], column_starts[column + 1]
            if start == stop:
                continue
            at = (np.int64(panel) * n_columns + column) * PANEL
            fetch_ahead(weights, at)
            fetch_ahead(moments, at)
            if method != MOMENTUM:
                fetch_ahead(squares, at)
            low, high = sum_panel_rows(start, stop, rows, coefficients, source, base)
            if twice:
                more, most = sum_panel_rows(start, stop, rows, more_coefficients, more_source, base)
                low, high = add(low, more), add(high, most)
            low = multiply_add(ridge, load(weights, at), low)
            high = multiply_add(ridge, load(weights, at + WIDTH), high)
            rate = rates[column]
            if method == ADAM:
                epsilon = epsilons[column]
                _adam(low, beta1, beta2, rate, epsilon, decay, weights, moments, squares, at)
                at += WIDTH
                _adam(high, beta1, beta2, rate, epsilon, decay, weights, moments, squares, at)
            elif method == MOMENTUM:
                _descend(low, beta1, rate, decay, weights, moments, at)
                _descend(high, beta1, rate, decay, weights, moments, at + WIDTH)
            else:
                _resilient(low, rules, rate, decay, weights, moments, squares, at)
                _resilient(high, rules, rate, decay, weights, moments, squares, at + WIDTH)


@kernel
def step_biases(
    first, last, column_starts, coefficients, rules, rates, epsilons, bias, moments, squares
):
    """Step the output bias of each touched column, which is not regularized.

    Parameters
    ----------
    first, last, column_starts, coefficients, rules, rates, epsilons
        As for `step_columns`; the gradient is the sum of the coefficients.
    bias, moments, squares : (n_columns,) float32, modified in place

    Notes
    -----
    Free of races as long as no other thread has the same columns.
    """
    one = np.float32(1)
    for column in range(first, last):
        start, stop = column_starts[column], column_starts[column + 1]
        if start == stop:
            continue
        gradient = np.float32(0)
        for rating in range(start, stop):
            gradient += coefficients[rating]
        if rules.method == ADAM:
            moments[column] += (one - rules.beta1) * (gradient - moments[column])
            squares[column] += (one - rules.beta2) * (gradient * gradient - squares[column])
            size = np.float32(math.sqrt(squares[column])) + epsilons[column]
            bias[column] -= rates[column] * moments[column] / size
        elif rules.method == MOMENTUM:
            moments[column] = rules.beta1 * moments[column] + gradient
            bias[column] -= rates[column] * moments[column]
        else:
            own = slice(column, column + 1)
            if squares[column] == 0:
                squares[column] = rates[column]
            state = np.full(1, gradient, np.float32), moments[own], squares[own]
            limits = rules.smallest, rules.largest
            rprop_step(bias[own], *state, rules.beta1, rules.beta2, *limits)
