"""Kernels that draw Netflix-shaped ratings: who rated what, in which order, how high and when.

Every random number is a hash of a key and a counter (SplitMix64), so that a value depends on
where it stands and never on which thread drew it or what was drawn before.

References
----------
G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

from __future__ import annotations

import math

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.hashing import GOLDEN, mix

__all__ = [
    "FEISTEL_ROUNDS",
    "choose_items",
    "conditional_means",
    "draw_days",
    "draw_ratings",
    "gather_cells",
    "planted_means",
    "positions_by_item",
    "shuffled_positions",
]

FEISTEL_ROUNDS = 6
"""Rounds of `shuffled_positions`; its `keys` hold one 64-bit key a round."""

LOW_32 = np.uint64(0xFFFFFFFF)
S11, S32 = np.uint64(11), np.uint64(32)
ONE = np.uint64(1)
UNIT = 2.0**-53
INVERSE_SQRT_2 = math.sqrt(0.5)
INVERSE_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)


@kernel(inline="always")
def uniform(key, counter):
    """Return the `counter`-th number of stream `key`: float64 in (0, 1], 53 bits."""
    return np.float64((mix(key + counter * GOLDEN) >> S11) + ONE) * UNIT


@kernel
def choose_items(
    first_user,
    last_user,
    starts,
    key,
    accept,
    alias,
    weights,
    dense_from,
    taken,
    times,
    order,
    items,
):
    """Choose distinct items for a range of users, by popularity.

    Each user's items are drawn one after another, an item with probability proportional to its
    weight among those not yet taken. A user of fewer than `dense_from` ratings draws from an alias
    table and redraws what was taken; a heavier one gives every item an exponential arrival time
    of rate `weights[i]` and takes the earliest, which is the same distribution (Efraimidis and
    Spirakis 2006) at a cost that does not grow as the shelf empties.

    Parameters
    ----------
    first_user, last_user : int
        The users of this call, half open.
    starts : int64 (n_users + 1,)
        User u owns ``items[starts[u]:starts[u + 1]]``; no user owns more than n_items.
    key : uint64
        Names the random stream.
    accept : uint32 (n_items,), alias : uint16 (n_items,)
        Alias table: item i stays i where 32 random bits are below ``accept[i]``, else becomes
        ``alias[i]`` (Walker 1977).
    weights : float64 (n_items,)
        The popularity behind the alias table, above 0.
    dense_from : int
        Number of ratings from which arrival times are used.
    taken : uint8 (n_items,)
        Work array, all 0 on entry and on exit.
    times, order : float64 (n_items,)
        Work arrays.
    items : uint16 (n_ratings,)
        Modified: the chosen item indices of these users. Calls over disjoint ranges of users with
        work arrays of their own write disjoint slices, hence no races.
    """
    n_items = np.uint64(weights.size)
    for user in range(first_user, last_user):
        start, stop = starts[user], starts[user + 1]
        state = mix(key + np.uint64(user) * GOLDEN)
        position = start
        if stop - start < dense_from:
            while position < stop:
                state += GOLDEN
                bits = mix(state)
                item = np.int64(((bits >> S32) * n_items) >> S32)
                if (bits & LOW_32) >= np.uint64(accept[item]):
                    item = np.int64(alias[item])
                if taken[item] == 0:
                    taken[item] = 1
                    items[position] = item
                    position += 1
            for position in range(start, stop):
                taken[items[position]] = 0
        else:
            for arrival in range(weights.size):
                times[arrival] = -math.log(uniform(state, np.uint64(arrival))) / weights[arrival]
                order[arrival] = times[arrival]
            order.sort()
            latest = order[stop - start - 1]
            for arrival in range(weights.size):
                if times[arrival] <= latest and position < stop:
                    items[position] = arrival
                    position += 1


@kernel
def shuffled_positions(first, n, side, keys, positions):
    """Write where rows `first`, `first` + 1, ... of a shuffled table of `n` rows come from.

    A pseudo-random permutation of [0, n) that needs no memory and gives any stretch of itself: a
    balanced Feistel network on pairs of digits to the base `side`, walked until it lands inside
    (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002).

    Parameters
    ----------
    first, n : int
        First row of the stretch; rows of the table.
    side : uint64
        Smallest integer with ``side ** 2 >= n``; below 2 ** 32.
    keys : uint64 (FEISTEL_ROUNDS,)
        Round keys.
    positions : int64 (m,)
        Modified. Rows are independent of each other, hence no races between stretches.
    """
    for offset in range(positions.size):
        left = np.uint64(first + offset) // side
        right = np.uint64(first + offset) % side
        inside = False
        while not inside:
            for turn in range(keys.size):
                step = ((mix((right + ONE) * GOLDEN + keys[turn]) >> S32) * side) >> S32
                mixed = left + step
                if mixed >= side:
                    mixed -= side
                left = right
                right = mixed
            position = np.int64(left * side + right)
            inside = position < n
        positions[offset] = position


@kernel
def positions_by_item(items, starts, positions):
    """Order positions by their item, those of one item as they are.

    Parameters
    ----------
    items : uint16 (n,)
    starts : int64 (n_items,)
        Number of positions whose item is smaller; modified: each becomes the next item's.
    positions : uint32 (n,)
        Modified.
    """
    for position in range(items.size):
        item = items[position]
        positions[starts[item]] = np.uint32(position)
        starts[item] += 1


@kernel
def gather_cells(positions, users, items, cell_users, cell_items):
    """Look up the user and the item of some positions.

    ``cell_users = users[positions]`` and ``cell_items = items[positions]``.

    Parameters
    ----------
    positions : int64 (m,)
    users : int32 (n_ratings,), items : uint16 (n_ratings,)
    cell_users, cell_items : int32 (m,)
        Modified.
    """
    for row in range(positions.size):
        position = positions[row]
        cell_users[row] = users[position]
        cell_items[row] = items[position]


@kernel
def planted_means(users, items, mean, user_bias, item_bias, user_factors, item_factors, means):
    """Compute what the planted model says before noise.

    ``means[r] = mean + user_bias[u] + item_bias[i] + user_factors[u] . item_factors[i]`` for
    row r of user u and item i.

    Parameters
    ----------
    users, items : int32 (m,)
    mean : float32
    user_bias : float32 (n_users,), item_bias : float32 (n_items,)
    user_factors : float32 (n_users, rank), item_factors : float32 (n_items, rank)
    means : float32 (m,)
        Modified. Rows are independent of each other, hence no races between stretches.
    """
    for row in range(users.size):
        user, item = users[row], items[row]
        total = mean + user_bias[user] + item_bias[item]
        for factor in range(user_factors.shape[1]):
            total += user_factors[user, factor] * item_factors[item, factor]
        means[row] = total


@kernel
def draw_ratings(positions, means, key, noise, whole, ratings):
    """Draw ratings around their means.

    ``clip(means + noise * z, 1, 5)``, rounded to the nearest whole number where `whole`; z is
    standard normal (Box and Muller 1958).

    Parameters
    ----------
    positions : int64 (m,)
        Counters of the random numbers: one position has one z.
    means : float32 (m,)
    key : uint64
        Names the random stream.
    noise : float64
        Standard deviation, at least 0.
    whole : bool
    ratings : float32 (m,)
        Modified. Rows are independent of each other, hence no races between stretches.
    """
    for row in range(positions.size):
        counter = np.uint64(positions[row]) * np.uint64(2)
        radius = math.sqrt(-2.0 * math.log(uniform(key, counter)))
        normal = radius * math.cos(2.0 * math.pi * uniform(key, counter + ONE))
        rating = np.float64(means[row]) + noise * normal
        if whole:
            rating = math.floor(rating + 0.5)
        ratings[row] = min(max(rating, 1.0), 5.0)


@kernel
def draw_days(positions, users, items, user_days, item_days, last_day, key, days):
    """Draw the day of each rating, evenly from the first day on which it was possible.

    That day is the later of the user's first and the item's first.

    Parameters
    ----------
    positions : int64 (m,)
        Counters of the random numbers.
    users, items : int32 (m,)
    user_days : int32 (n_users,), item_days : int32 (n_items,)
        First days, at most `last_day`.
    last_day : int
    key : uint64
        Names the random stream.
    days : int32 (m,)
        Modified. Rows are independent of each other, hence no races between stretches.
    """
    for row in range(positions.size):
        first = max(user_days[users[row]], item_days[items[row]])
        share = 1.0 - uniform(key, np.uint64(positions[row]))
        days[row] = first + np.int32(share * (last_day - first + 1))


@kernel(inline="always")
def normal_cdf(z):
    """Return the standard normal distribution function of a float64."""
    return 0.5 * math.erfc(-z * INVERSE_SQRT_2)


@kernel
def conditional_means(means, noise, whole, expected):
    """Compute the expected rating of each planted mean: no predictor has a smaller RMSE.

    Whole ratings: ``1 + sum over t in {1.5, 2.5, 3.5, 4.5} of P(x > t)``. Real ones: the mean of a
    normal variable censored at 1 and 5. Here x is normal with the planted mean and `noise`.

    Parameters
    ----------
    means : float32 (m,)
    noise : float64
        At least 0; 0 gives the rating itself.
    whole : bool
    expected : float64 (m,)
        Modified. Rows are independent of each other, hence no races between stretches.
    """
    for row in range(means.size):
        mean = np.float64(means[row])
        if noise == 0.0:
            certain = math.floor(mean + 0.5) if whole else mean
            expected[row] = min(max(certain, 1.0), 5.0)
        elif whole:
            total = 1.0
            for level in range(1, 5):
                total += normal_cdf((mean - level - 0.5) / noise)
            expected[row] = total
        else:
            low, high = (1.0 - mean) / noise, (5.0 - mean) / noise
            below, above = normal_cdf(low), normal_cdf(-high)
            slope = INVERSE_SQRT_2PI * (math.exp(-0.5 * low * low) - math.exp(-0.5 * high * high))
            expected[row] = below + 5.0 * above + mean * (1.0 - below - above) + noise * slope
