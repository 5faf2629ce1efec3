"""Models and batches for the tests of kernels that read padded rows."""

import numpy as np

from fastmf.data.arrays import frozen
from fastmf.kernels.grid import PADDING_CODE
from fastmf.kernels.sgd import BATCH, BATCH_WORDS, row_length
from tests.reference import sgd as reference

N_USERS, N_ITEMS = 5, 9


def random_model(rng, k, dtype=np.float32):
    shapes = (N_USERS, k), (N_ITEMS, k), N_USERS, N_ITEMS
    return reference.Model(*(rng.normal(0, 0.4, shape).astype(dtype) for shape in shapes))


def random_batches(rng, n):
    """Return batches of one user and one to four items; ratings from a few levels."""
    batches = []
    for _ in range(n):
        count = rng.integers(1, BATCH + 1)
        items = rng.choice(N_ITEMS, count, replace=False)
        batches.append((int(rng.integers(N_USERS)), items, rng.integers(0, 10, count)))
    return batches


def levels_of(rng):
    levels = np.zeros(256, np.float32)
    levels[:10] = np.sort(rng.normal(size=10))
    return levels


def rated(batches, levels):
    """Put ratings in the place of their codes."""
    return [(user, items, levels[codes]) for user, items, codes in batches]


def rows_of(model, k):
    """Lay a model out in padded rows, with a spare item row of zeros at the end."""
    users = np.zeros((N_USERS, row_length(k)), np.float32)
    items = np.zeros((N_ITEMS + 1, row_length(k)), np.float32)
    users[:, :k], users[:, -2], users[:, -1] = model.user_factors, model.user_bias, 1
    items[:-1, :k], items[:-1, -2], items[:-1, -1] = model.item_factors, 1, model.item_bias
    return users, items


def model_of(users, items, k):
    return reference.Model(users[:, :k], items[:-1, :k], users[:, -2], items[:-1, -1])


def packed(batches, levels, *, coded):
    """Write batches as `update_block` documents them."""
    words = np.empty((len(batches), BATCH_WORDS), np.uint32)
    values = np.zeros((len(batches), BATCH), np.float32)
    words[:, 1:] = N_ITEMS | (PADDING_CODE << 24 if coded else 0)
    for number, (user, items, codes) in enumerate(batches):
        words[number, 0] = user | (len(items) - 1) << 30
        for slot, (item, code) in enumerate(zip(items, codes, strict=True)):
            words[number, 1 + slot] = int(item) | (int(code) << 24 if coded else 0)
            values[number, slot] = levels[code]
    return frozen(words.reshape(-1)), frozen(values.reshape(-1) if not coded else values[:0, 0])
