"""Slow, obvious twins of fastmf.kernels.sgd, written from the formula: factors and biases apart.

No rows, no padding and no codes: a model is four arrays, a batch is a user and up to four
(item, rating) pairs. Everything is computed in the dtype of the arrays, float32 or float64.
"""

from typing import NamedTuple

import numpy as np


class Model(NamedTuple):
    user_factors: np.ndarray  # (n_users, k)
    item_factors: np.ndarray  # (n_items, k)
    user_bias: np.ndarray  # (n_users,)
    item_bias: np.ndarray  # (n_items,)

    def copy(self):
        return Model(*(array.copy() for array in self))


class Rates(NamedTuple):
    learning_rate: float
    bias_learning_rate: float
    regularization: float
    bias_regularization: float


def predict(model, user, item):
    dot = sum(
        p * q for p, q in zip(model.user_factors[user], model.item_factors[item], strict=True)
    )
    return model.user_bias[user] + model.item_bias[item] + dot


def update_batch(model, user, items, ratings, rates):
    """Take one step in place for the ratings of one user; return the sum of squared errors."""
    kind = model.user_bias.dtype.type
    rate, bias_rate, reg, bias_reg = (kind(number) for number in rates)
    before = model.copy()
    errors = [r - predict(before, user, i) for i, r in zip(items, ratings, strict=True)]
    for item, error in zip(items, errors, strict=True):
        p, q = before.user_factors[user], before.item_factors[item]
        model.item_factors[item] = q + rate * (error * p - reg * q)
        model.user_factors[user] += rate * (error * q - reg * p)
        b, c = before.user_bias[user], before.item_bias[item]
        model.item_bias[item] = c + bias_rate * (error - bias_reg * c)
        model.user_bias[user] += bias_rate * (error - bias_reg * b)
    return float(sum(np.float64(error) ** 2 for error in errors))


def update_block(model, batches, rates):
    """Take the steps of batches ``(user, items, ratings)`` in place, one after the other."""
    return sum(update_batch(model, *batch, rates) for batch in batches)


def batch_loss(model, user, items, ratings, regularization, bias_regularization):
    """Return what a batch's step descends on: the objective's terms of its ratings."""
    return sum(
        (r - predict(model, user, i)) ** 2
        + regularization * (sum(model.user_factors[user] ** 2) + sum(model.item_factors[i] ** 2))
        + bias_regularization * (model.user_bias[user] ** 2 + model.item_bias[i] ** 2)
        for i, r in zip(items, ratings, strict=True)
    )


def pair_errors(model, users, items, ratings, mean, scale, low, high):
    """Return the sums of squared and of absolute errors of clipped predictions."""
    errors = []
    for user, item, rating in zip(users, items, ratings, strict=True):
        errors.append(rating - np.clip(mean + scale * predict(model, user, item), low, high))
    return np.array([np.sum(np.square(errors)), np.sum(np.abs(errors))], np.float64)
