"""Slow twins of kernels.networks.norm_tiles on matrices; they return what kernels assign."""

import numpy as np

from tests.reference.networks.dropout import drop


def moments(x):
    """Return the sums of the columns, and of their squares."""
    return x.sum(axis=0), (x**2).sum(axis=0)


def activate(x, factors, shifts, key, first_row, threshold):
    """Return activations, and where they are not zero by rectifier or dropout."""
    y = x * factors + shifts
    kept = ~(y <= 0) & (drop(np.ones_like(x), key, first_row, threshold, 1.0) == 1)
    return np.where(kept, y, 0), kept


def activation_gradient(slopes, x, kept, scale, means):
    """Return the gradient by the norm's outputs, its sums, and those of its products."""
    passed = np.where(kept, scale * slopes, 0)
    return passed, passed.sum(axis=0), (passed * (x - means)).sum(axis=0)


def output_gradient(errors, weights, y, x, kept, scale, means):
    """Return what `activation_gradient` does, and the gradient of the weights."""
    slopes = errors[:, np.newaxis] * weights
    return *activation_gradient(slopes, x, kept, scale, means), errors @ y


def derive(slopes, x, by_slope, by_x, by_one):
    return by_slope * slopes + by_x * x + by_one
