"""Slow, obvious twins of fastmf.kernels.sgd, written from the formulas: factors and biases apart.

No rows, no padding and no codes: a model is four arrays, a batch is a user and up to four
(item, rating) pairs. Everything is computed in the dtype of the arrays, float32 or float64.
"""

from typing import NamedTuple

import numpy as np

from tests.reference.links import sigmoid


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


class Kind(NamedTuple):
    """A loss, a floor or none, and what the sigmoid is moved and stretched by."""

    loss: str = "squared"
    non_negative: bool = False
    offset: float = 0.0
    scale: float = 1.0
    span: float = 1.0
    bottom: float = 0.0

    def cast(self, dtype):
        return self._replace(**{name: dtype(getattr(self, name)) for name in self._fields[2:]})


def predict(model, user, item):
    dot = sum(
        p * q for p, q in zip(model.user_factors[user], model.item_factors[item], strict=True)
    )
    return model.user_bias[user] + model.item_bias[item] + dot


def chance_of(kind, product):
    return sigmoid(kind.offset + kind.scale * product)


def loss(kind, rating, product):
    """Return the loss of one rating, without regularization."""
    chance = chance_of(kind, product)
    match kind.loss:
        case "squared":
            return (rating - product) ** 2
        case "absolute":
            return 2 * abs(rating - product)
        case "logistic":
            target = (rating - kind.bottom) / kind.span
            entropy = -(target * np.log(chance) + (1 - target) * np.log(1 - chance))
            return 2 * kind.span / kind.scale * entropy
        case "sigmoid":
            return (rating - kind.bottom - kind.span * chance) ** 2


def error_and_step(kind, rating, product):
    """Return the error of one rating, and minus half the derivative of its loss."""
    chance = chance_of(kind, product)
    error = rating - kind.bottom - kind.span * chance
    match kind.loss:
        case "squared":
            return rating - product, rating - product
        case "absolute":
            return rating - product, np.sign(rating - product)
        case "logistic":
            return error, error
        case "sigmoid":
            return error, error * kind.span * kind.scale * chance * (1 - chance)


def update_batch(model, user, items, ratings, rates, kind=Kind()):  # noqa: B008 - immutable
    """Take one step in place for the ratings of one user; return the sum of squared errors."""
    dtype = model.user_bias.dtype.type
    rate, bias_rate, reg, bias_reg = (dtype(number) for number in rates)
    kind = kind.cast(dtype)
    before = model.copy()
    squared = 0.0
    for item, rating in zip(items, ratings, strict=True):
        error, step = error_and_step(kind, rating, predict(before, user, item))
        squared += np.float64(error) ** 2
        p, q = before.user_factors[user], before.item_factors[item]
        model.item_factors[item] = q + rate * (step * p - reg * q)
        model.user_factors[user] += rate * (step * q - reg * p)
        b, c = before.user_bias[user], before.item_bias[item]
        model.item_bias[item] = c + bias_rate * (step - bias_reg * c)
        model.user_bias[user] += bias_rate * (step - bias_reg * b)
    if kind.non_negative:
        for factors in (model.user_factors[user], *(model.item_factors[item] for item in items)):
            factors[factors < 0] = 0
    return float(squared)


def update_block(model, batches, rates, kind=Kind()):  # noqa: B008 - immutable
    """Take the steps of batches ``(user, items, ratings)`` in place, one after the other."""
    return sum(update_batch(model, *batch, rates, kind) for batch in batches)


def batch_loss(model, user, items, ratings, rates, kind=Kind()):  # noqa: B008 - immutable
    """Return what a batch's step descends on: the objective's terms of its ratings."""
    return sum(
        loss(kind, r, predict(model, user, i))
        + rates.regularization
        * (sum(model.user_factors[user] ** 2) + sum(model.item_factors[i] ** 2))
        + rates.bias_regularization * (model.user_bias[user] ** 2 + model.item_bias[i] ** 2)
        for i, r in zip(items, ratings, strict=True)
    )
