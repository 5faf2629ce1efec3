"""Slow, obvious twins of fastmf.kernels.networks.step_history: sums over steps in float64."""

import numpy as np


def adam_distance(mean, square, before, rates, kept, beta1, beta2, epsilon):
    """Return how far Adam moves an element without gradients, step by step.

    `rates` and `kept` are of the steps ``before + 1, before + 2 ...``.
    """
    distance = 0.0
    for gap, (rate, keep) in enumerate(zip(rates, kept, strict=True), 1):
        taken = before + gap
        unbiased = beta1**gap * mean / (1 - beta1**taken)
        root = np.sqrt(beta2**gap * square / (1 - beta2**taken))
        distance = keep * distance + rate * unbiased / (root + epsilon)
    return distance


def momentum_distance(rates, kept, momentum):
    """Return how far a velocity of one moves an element without gradients."""
    distance = 0.0
    for gap, (rate, keep) in enumerate(zip(rates, kept, strict=True), 1):
        distance = keep * distance + rate * momentum**gap
    return distance


def fades(kept):
    """Return what decay has multiplied a value by since each step, the first one included."""
    return np.array([np.prod(kept[step:]) for step in range(len(kept) + 1)])
