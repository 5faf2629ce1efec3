"""A small network without anything clever, to try the learner with: a table updated row by row."""

from typing import NamedTuple

import numpy as np

from fastmf.metrics import RatingErrors
from fastmf.nn import EmbeddingNetwork, Lookup, dense_stack
from fastmf.nn.losses import loss_named
from fastmf.nn.tape import Tape

N_USERS, N_ITEMS, WIDTH = 30, 20, 4
TABLE_RATE = 100  # over the rate of dense parameters: a row is in few ratings of a batch


class Batch(NamedTuple):
    user_index: np.ndarray
    item_index: np.ndarray
    value: np.ndarray


class Batches:
    """Ratings of a made-up taste, in a shuffled order."""

    def __init__(self, n_ratings=1200, batch_size=100):
        rng = np.random.default_rng(0)
        taste = rng.standard_normal((N_USERS, 2)) @ rng.standard_normal((2, N_ITEMS))
        users, items = rng.integers(0, (N_USERS, N_ITEMS), (n_ratings, 2)).T.astype(np.int32)
        self.all = Batch(users, items, taste[users, items].astype(np.float32))
        self.batch_size = batch_size
        self.n_batches = -(-n_ratings // batch_size)

    def epoch(self, number, team):
        order = np.random.default_rng([1, number]).permutation(len(self.all.value))
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            yield Batch(*(column[rows] for column in self.all))


class PlainTable:
    """Rows that plain gradient descent moves at once."""

    width, dtype = WIDTH, np.dtype(np.float32)

    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.rows = (0.5 * rng.standard_normal((n, WIDTH))).astype(np.float32)

    def gather(self, index, out, column):
        out[:, column : column + WIDTH] = self.rows[index]


class PlainGroup:
    """Tables that plain gradient descent moves, whatever the optimizer."""

    def __init__(self, tables, l2):
        self.tables, self.l2 = tables, l2
        self.finished = 0

    def begin(self, indices, team):
        self.indices = indices

    def sums(self, gradients):
        """Yield each table and the sum of its gradients, in float64."""
        for table, index, (array, column) in zip(self.tables, self.indices, gradients, strict=True):
            sums = np.zeros(table.rows.shape)
            own = array[:, column : column + WIDTH]
            np.add.at(sums, index, own + 2 * self.l2 / len(index) * table.rows[index])
            yield table, sums

    def squared_norm(self, gradients, team):
        return float(sum((sums**2).sum() for _, sums in self.sums(gradients)))

    def step(self, gradients, learning_rate, team, scale=1.0):
        for table, sums in self.sums(gradients):
            table.rows -= (TABLE_RATE * learning_rate * scale * sums).astype(np.float32)

    def finish(self, team):
        self.finished += 1

    def keep(self):
        self.kept = [table.rows.copy() for table in self.tables]

    def restore(self):
        for table, rows in zip(self.tables, self.kept, strict=True):
            table.rows[...] = rows


class PlainNetwork(EmbeddingNetwork):
    """A dot product of users and items, and a dense stack beside it."""

    def __init__(self, loss="mse", regularization=0.0, **settings):
        self.users, self.items = PlainTable(N_USERS, 1), PlainTable(N_ITEMS, 2)
        lookups = (
            Lookup(self.users, lambda batch: batch.user_index),
            Lookup(self.items, lambda batch: batch.item_index),
        )
        settings = {"hidden": (16, 8), "generator": np.random.default_rng(0), **settings}
        super().__init__(lookups, dense_stack(2 * WIDTH, **settings), loss_named(loss))
        self.group = PlainGroup((self.users, self.items), regularization)

    def embedding_group(self, optimizer):
        return self.group

    def prediction(self, output, rows, batch, tape):
        user, item = (rows[:, columns] for columns in self.columns)
        return output[:, 0] + (user * item).sum(axis=1)

    def head(self, output, rows, gradients, batch, tape):
        target = batch.value[tape.rows]
        predicted = self.prediction(output, rows, batch, tape)
        dy = tape.buffer(self, "dy", output.shape)
        slope = dy[:, 0]
        loss = self.loss.value_and_gradient(predicted, target, tape.n_batch, slope)
        tape.record(loss, np.square(predicted - target).sum(), len(target))
        user, item = self.columns
        gradients[:, user] = slope[:, None] * rows[:, item]
        gradients[:, item] = slope[:, None] * rows[:, user]
        return dy

    def take_input_gradient(self, dx, gradients, tape):
        gradients += dx


def errors_of(network, batch):
    """Return the errors of a network's predictions."""
    n = len(batch.value)
    found = network.predict(batch, Tape(slice(0, n), n, training=False))
    errors = (found - batch.value).astype(np.float64)
    mse = float((errors**2).mean())
    return RatingErrors(mse**0.5, float(np.abs(errors).mean()), mse, n)
