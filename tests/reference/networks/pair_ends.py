"""Slow, obvious twins of fastmf.kernels.networks.pair_ends, pair by pair in float64."""

import numpy as np


def join_halves(of_users, of_items, bias=None, rectified=False):
    """Return the first layer's output for pairs of halves."""
    total = of_users.astype(np.float64) + of_items
    if bias is None:
        return total
    return np.maximum(total + bias, 0) if rectified else total + bias


def scores(output, users, items, factors, biased):
    """Return the scores of pairs of rows; users' biases stand in front, items' behind."""
    found = output.astype(np.float64).copy()
    if biased:
        for k, (user, item) in enumerate(zip(users, items, strict=True)):
            found[k] += user[0] + item[factors] + user[1 : factors + 1] @ item[:factors]
    return found


def lose_squares(scores, targets):
    """Return the sum of squared errors, and the gradient of their mean."""
    errors = scores - targets
    return float((errors**2).sum()), 2 * errors / len(errors)
