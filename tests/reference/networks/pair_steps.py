"""Slow, obvious twin of kernels.networks.pair_steps: dense Adam of everything, in float64."""

from functools import partial

import numpy as np

from tests.reference.networks import pair_ends, pair_rows, pair_shards


class Network:
    """Rows of users and items, and layers, moved by Adam.

    `kinds` has a word for each layer: ``dense`` (weights and bias), ``plain`` (weights alone),
    ``norm``, ``relu`` or ``drop``; `parameters` are those of all layers, in order.
    """

    def __init__(self, kinds, parameters, users, items, factors, biased, penalty=0.0):
        self.kinds, self.factors, self.biased, self.penalty = kinds, factors, biased, penalty
        given = [users, items, *parameters]
        self.values = [value.astype(np.float64) for value in given]
        self.means = [np.zeros_like(value) for value in self.values]
        self.squares = [np.zeros_like(value) for value in self.values]
        self.n_steps = 0

    def layers(self, kept):
        """Return the layers; `kept` has what each dropout multiplies by."""
        left, masks, found = list(self.values[2:]), list(kept), []
        for kind in self.kinds:
            if kind == "dense":
                weights, bias = left.pop(0), left.pop(0)
                found.append(partial(pair_shards.dense, weights=weights, bias=bias))
            elif kind == "plain":
                found.append(partial(pair_shards.dense, weights=left.pop(0)))
            elif kind == "norm":
                scale, shift = left.pop(0), left.pop(0)
                found.append(partial(pair_shards.normalize, scale=scale, shift=shift))
            elif kind == "drop":
                found.append(partial(pair_shards.drop, kept=masks.pop(0)))
            else:
                found.append(pair_shards.rectify)
        return found

    def loss_and_gradients(self, user_index, item_index, targets, kept=()):
        """Return the mean squared error, and the gradients of all values."""
        users, items = self.values[:2]
        rows, k = (users[user_index], items[item_index]), self.factors
        at = int(self.biased)
        inner = rows[0][:, at : at + k], rows[1][:, :k]
        output, back = pair_shards.run(self.layers(kept), np.concatenate(inner, axis=1))
        scores = pair_ends.scores(output[:, 0], *rows, k, self.biased)
        total, errors = pair_ends.lose_squares(scores, targets)
        gradients, by_inner = back(errors[:, np.newaxis])
        by_rows = [np.zeros_like(one) for one in rows]
        by_rows[0][:, at : at + k], by_rows[1][:, :k] = by_inner[:, :k], by_inner[:, k:]
        if self.biased:
            by_rows[0][:, 0] += errors
            by_rows[1][:, k] += errors
            by_rows[0][:, 1:] += errors[:, np.newaxis] * inner[1]
            by_rows[1][:, :k] += errors[:, np.newaxis] * inner[0]
        for number, row in enumerate(rows):
            by_rows[number] += 2 * self.penalty / len(targets) * row
        index = user_index, item_index
        summed = [
            pair_rows.by_row(of, by_row, len(table))
            for of, by_row, table in zip(index, by_rows, (users, items), strict=True)
        ]
        return total / len(targets), [*summed, *gradients]

    def step(self, gradients, rate, decays=None, weight_decay=0.0):
        """Take a step of Adam with all values; `decays` tells where weight decay applies."""
        self.n_steps += 1
        for k, gradient in enumerate(gradients):
            mean, square = self.means[k], self.squares[k]
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient**2 - square)
            if weight_decay:
                self.values[k] -= rate * weight_decay * decays[k] * self.values[k]
            unbiased = mean / (1 - 0.9**self.n_steps), square / (1 - 0.999**self.n_steps)
            self.values[k] -= rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
