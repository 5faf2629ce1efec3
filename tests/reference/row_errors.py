"""Slow, obvious twins of fastmf.kernels.row_errors: factors and biases apart, no codes."""

import numpy as np

from tests.reference import links, sgd


def pair_errors(model, users, items, ratings, scale, link):
    """Return the sums of squared and of absolute errors of clipped predictions."""
    errors = []
    for user, item, rating in zip(users, items, ratings, strict=True):
        score = link.offset + scale * sgd.predict(model, user, item)
        errors.append(rating - links.rating_of(score, link))
    return np.array([np.sum(np.square(errors)), np.sum(np.abs(errors))], np.float64)


def block_errors(model, batches, scale, link, mean, spread):
    """Return the same for batches ``(user, items, centred ratings)``."""
    sums = np.zeros(2)
    for user, items, centred in batches:
        sums += pair_errors(model, [user] * len(items), items, mean + spread * centred, scale, link)
    return sums
