"""Slow, obvious twins of kernels.networks.dense_steps, by the formulas in the papers, in float64.

They return what the kernels assign: the values, and the state.
"""

import numpy as np


def sum_shards(gradients, factor):
    return factor * gradients.sum(axis=0)


def add_share(out, share, decays, value):
    return out + share * decays * value


def adam(value, gradients, rate, beta1, beta2, epsilon):
    """Return the values after a step with each gradient; Kingma and Ba (2015), algorithm 1."""
    mean, square = np.zeros((2, len(value)))
    for t, gradient in enumerate(gradients, 1):
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
        corrected = mean / (1 - beta1**t), square / (1 - beta2**t)
        value = value - rate * corrected[0] / (np.sqrt(corrected[1]) + epsilon)
    return value


def adagrad(value, gradients, rate, initial_sum, epsilon):
    squares = np.full(len(value), initial_sum)
    for gradient in gradients:
        squares = squares + gradient**2
        value = value - rate * gradient / (np.sqrt(squares) + epsilon)
    return value


def momentum(value, gradients, rate, momentum, nesterov):
    velocity = np.zeros(len(value))
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        value = value - rate * (gradient + momentum * velocity if nesterov else velocity)
    return value


def rprop(value, gradients, rate, growth, shrinkage, smallest, largest):
    step, previous = np.full(len(value), rate), np.zeros(len(value))
    for given in gradients:
        agreement = given * previous
        step = np.where(agreement > 0, np.minimum(step * growth, largest), step)
        step = np.where(agreement < 0, np.maximum(step * shrinkage, smallest), step)
        gradient = np.where(agreement < 0, 0, given)
        value = value - step * np.sign(gradient)
        previous = gradient
    return value
