"""Steps of optimizers over a flat array of parameters, each in one pass.

All arrays are (n,) float32 and C-contiguous, all scalars float32. What a kernel modifies is free of
races as long as no other thread has the same range. Values and state after a step, and gradients
that are to be squared, are 0 where `fastmf.kernels.small_numbers` has them too small to matter; not
in `rprop_step`, where nothing fades, and the sign of a gradient counts whatever its size.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.small_numbers import SMALL, SMALL_SQUARE, large_or_zero

__all__ = [
    "DenseState",
    "adagrad_step",
    "adam_step",
    "add_share",
    "momentum_step",
    "rprop_step",
    "step_of_range",
    "sum_shards",
]


@kernel(error_model="numpy")
def sum_shards(first, last, gradients, factor, total):
    """Set ``total = factor * sum(gradients)`` over shards, added in their order.

    Parameters
    ----------
    first, last : int64
        The range to set.
    gradients : (n_shards, n) float32
    factor : float32
    total : (n,) float32, modified in place
    """
    for at in range(first, last):
        total[at] = gradients[0, at]
    for shard in range(1, gradients.shape[0]):
        for at in range(first, last):
            total[at] += gradients[shard, at]
    if factor != np.float32(1):
        for at in range(first, last):
            total[at] *= factor


@kernel(error_model="numpy")
def add_share(out, share, decays, value):
    """Set ``out += share * decays * value``: a penalty's gradient, or what weight decay takes.

    Parameters
    ----------
    out : (n,) float32, modified in place
    share : float32
    decays : (n,) float32
        1 or 0.
    value : (n,) float32
        May be `out`.
    """
    for at in range(len(out)):
        out[at] += share * decays[at] * value[at]


@kernel(error_model="numpy")
def adam_step(value, gradient, mean, square, beta1, beta2, rate, root, epsilon):
    """Take a step of Adam.

    ``mean += (1 - beta1) * (gradient - mean)``; ``square = beta2 * square + (1 - beta2) *
    gradient^2``; ``value -= rate * mean / (sqrt(square) * root + epsilon)``.

    Parameters
    ----------
    value, mean, square : (n,) float32, modified in place
    gradient : (n,) float32
    beta1, beta2 : float32
    rate : float32
        Learning rate over ``1 - beta1^t``.
    root : float32
        ``1 / sqrt(1 - beta2^t)``.
    epsilon : float32
    """
    one = np.float32(1)
    for at in range(len(value)):
        slope = large_or_zero(gradient[at], SMALL)
        new_mean = large_or_zero(mean[at] + (one - beta1) * (slope - mean[at]), SMALL)
        new_square = beta2 * square[at] + (one - beta2) * (slope * slope)
        new_square = large_or_zero(new_square, SMALL_SQUARE)
        distance = rate * new_mean / (math.sqrt(new_square) * root + epsilon)
        value[at] = large_or_zero(value[at] - distance, SMALL)
        mean[at], square[at] = new_mean, new_square


@kernel(error_model="numpy")
def adagrad_step(value, gradient, square, rate, epsilon):
    """Take a step of AdaGrad.

    ``square += gradient^2``; ``value -= rate * gradient / (sqrt(square) + epsilon)``.

    Parameters
    ----------
    value, square : (n,) float32, modified in place
    gradient : (n,) float32
    rate, epsilon : float32
    """
    for at in range(len(value)):
        slope = large_or_zero(gradient[at], SMALL)
        square[at] += slope * slope
        distance = rate * slope / (math.sqrt(square[at]) + epsilon)
        value[at] = large_or_zero(value[at] - distance, SMALL)


@kernel(error_model="numpy")
def momentum_step(value, gradient, velocity, nesterov, momentum, rate):
    """Take a step of gradient descent with momentum.

    ``velocity = momentum * velocity + gradient``; ``value -= rate * velocity``, or by Nesterov
    ``value -= rate * (gradient + momentum * velocity)``.

    Parameters
    ----------
    value, velocity : (n,) float32, modified in place
    gradient : (n,) float32
    nesterov : bool
    momentum, rate : float32
    """
    for at in range(len(value)):
        slope = gradient[at]
        speed = large_or_zero(momentum * velocity[at] + slope, SMALL)
        velocity[at] = speed
        distance = rate * (slope + momentum * speed if nesterov else speed)
        value[at] = large_or_zero(value[at] - distance, SMALL)


@kernel(error_model="numpy")
def rprop_step(value, gradient, previous, step, growth, shrinkage, smallest, largest):
    """Take a step of resilient backpropagation, without going back.

    Where the sign of the gradient stays, ``step *= growth``, up to `largest`; where it turns,
    ``step *= shrinkage``, down to `smallest`, and the gradient counts as 0 in this step and as the
    previous one of the next. Then ``value -= step * sign(gradient)``.

    Parameters
    ----------
    value, previous, step : (n,) float32, modified in place
    gradient : (n,) float32
    growth, shrinkage, smallest, largest : float32
    """
    zero = np.float32(0)
    for at in range(len(value)):
        slope = gradient[at]
        agreement = slope * previous[at]
        size = step[at]
        if agreement > zero:
            size = min(size * growth, largest)
        elif agreement < zero:
            size = max(size * shrinkage, smallest)
            slope = zero
        step[at] = size
        previous[at] = slope
        if slope > zero:
            value[at] -= size
        elif slope < zero:
            value[at] += size


class DenseState(NamedTuple):
    """What moves the parameters.

    Attributes
    ----------
    total, means, squares : (n,) float32
        Summed gradients, and the moments.
    decays : (n,) float32
        1 where regularization and weight decay apply, else 0.
    ranges : (n_ranges, 3) int64
        First, last, and whose parts; see `fastmf.kernels.networks.pair_steps.OF_USERS`.
    pull : float32
        The penalty's gradient is this times the parameter.
    """

    total: Any
    means: Any
    squares: Any
    decays: Any
    ranges: Any
    pull: Any


@kernel(error_model="numpy")
def step_of_range(
    dense,
    first,
    last,
    parts,
    parameters,
    beta1,
    beta2,
    rate,
    root,
    lost,
    epsilon,
):
    """Sum the gradients of a range of parameters over their parts, and take a step of Adam.

    Parameters
    ----------
    dense : DenseState
        Modified in the range.
    first, last : int64
    parts : (n_parts, n) float32
    parameters : (n,) float32, modified in place
    beta1, beta2, rate, root : float32
        See `adam_step`.
    lost : float32
        What weight decay adds to a parameter, as a share of it: not above 0.
    epsilon : float32
    """
    sum_shards(first, last, parts, np.float32(1), dense.total)
    some, total = parameters[first:last], dense.total[first:last]
    decays = dense.decays[first:last]
    if dense.pull != 0:
        add_share(total, dense.pull, decays, some)
    if lost != 0:
        add_share(some, lost, decays, some)
    means, squares = dense.means[first:last], dense.squares[first:last]
    adam_step(some, total, means, squares, beta1, beta2, rate, root, epsilon)
