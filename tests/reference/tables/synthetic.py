"""Slow, obvious twins of the kernels in fastmf/kernels/tables/synthetic.py."""

import numpy as np
from scipy import stats

from tests.reference.hashing import GOLDEN, mix

WORD = 1 << 64
LEVELS = np.arange(1, 6)


def uniform(key, counter):
    return ((mix(int(key) + int(counter) * GOLDEN) >> 11) + 1) / 2**53


def choose_items(first_user, last_user, starts, key, accept, alias, weights, dense_from):
    """The items of each user of the range: a list of lists."""
    chosen = []
    for user in range(first_user, last_user):
        count = int(starts[user + 1] - starts[user])
        state = mix(int(key) + user * GOLDEN)
        if count < dense_from:
            items = []
            while len(items) < count:
                state = (state + GOLDEN) % WORD
                high, low = divmod(mix(state), 2**32)
                item = high * len(weights) // 2**32
                item = item if low < accept[item] else int(alias[item])
                if item not in items:
                    items.append(item)
        else:
            rate_one = [-np.log(uniform(state, item)) for item in range(len(weights))]
            items = np.sort(np.argsort(np.array(rate_one) / weights)[:count]).tolist()
        chosen.append(items)
    return chosen


def shuffled_positions(first, n, side, keys, m):
    positions = []
    for row in range(first, first + m):
        position = row
        while True:
            left, right = divmod(position, side)
            for key in keys.tolist():
                step = (mix((right + 1) * GOLDEN + key) >> 32) * side >> 32
                left, right = right, (left + step) % side
            position = left * side + right
            if position < n:
                break
        positions.append(position)
    return np.array(positions)


def gather_cells(positions, users, items):
    return users[positions], items[positions].astype(np.int32)


def planted_means(users, items, mean, user_bias, item_bias, user_factors, item_factors):
    exact = np.float64
    dots = (user_factors[users].astype(exact) * item_factors[items].astype(exact)).sum(axis=1)
    return exact(mean) + user_bias[users].astype(exact) + item_bias[items].astype(exact) + dots


def draw_ratings(positions, means, key, noise, whole):
    radius = np.array([uniform(key, 2 * position) for position in positions])
    angle = np.array([uniform(key, 2 * position + 1) for position in positions])
    normal = np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * angle)
    ratings = means.astype(np.float64) + noise * normal
    if whole:
        ratings = np.floor(ratings + 0.5)
    return np.clip(ratings, 1, 5)


def draw_days(positions, users, items, user_days, item_days, last_day, key):
    share = np.array([1 - uniform(key, position) for position in positions])
    first = np.maximum(user_days[users], item_days[items])
    return first + np.floor(share * (last_day - first + 1)).astype(np.int64)


def level_probabilities(means, noise):
    """P(rating = 1..5) of whole ratings: (m, 5)."""
    edges = np.array([-np.inf, 1.5, 2.5, 3.5, 4.5, np.inf])
    return np.diff(stats.norm.cdf(edges, loc=means.astype(np.float64)[:, None], scale=noise))


def conditional_means(means, noise, whole):
    """By levels where whole, by numerical integration where not."""
    if whole:
        return level_probabilities(means, noise) @ LEVELS
    z = np.linspace(-9, 9, 20_001)
    density = stats.norm.pdf(z) * (z[1] - z[0])
    return np.array([np.clip(mean + noise * z, 1, 5) @ density for mean in means.astype(float)])


def positions_by_item(items):
    """Positions in the order of their items, those of one item as they are."""
    return np.argsort(items, kind="stable")
