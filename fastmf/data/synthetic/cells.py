"""Which user rated which item: every user's items, drawn by popularity, no pair twice."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.tables.synthetic import choose_items
from fastmf.parallel import Team

__all__ = ["Cells", "alias_table", "draw_cells", "drawing_weights"]

USERS_PER_TASK = 4096
# Up to an eighth of all items, redrawing what is taken already is cheaper than sorting arrivals.
DENSE_SHARE = 8
USER_CLASSES = 32
ROUNDS = 12


class Cells(NamedTuple):
    """Who rated what, by user: position p is a rating of item ``items[p]`` by ``users[p]``.

    Attributes
    ----------
    users : numpy.ndarray of int32 (n_ratings,)
    items : numpy.ndarray of uint16 (n_ratings,)
    """

    users: NDArray[np.int32]
    items: NDArray[np.uint16]


def draw_cells(
    ratings_per_user: NDArray[np.int64],
    ratings_per_item: NDArray[np.float64],
    key: np.uint64,
    rng: np.random.Generator,
    team: Team,
) -> Cells:
    """Draw every user's items.

    Parameters
    ----------
    ratings_per_user : numpy.ndarray of int64 (n_users,)
        Met exactly; from 1 to n_items.
    ratings_per_item : numpy.ndarray of float64 (n_items,)
        Met on average as far as `drawing_weights` can, but no item is left without a rating.
    key : numpy.uint64
        Names the random stream of the draws.
    rng : numpy.random.Generator
        Used for items nobody chose.
    team : Team
        Users are drawn independently of each other, so any number of threads gives the same.

    Returns
    -------
    Cells
    """
    n_users, n_items = ratings_per_user.size, ratings_per_item.size
    starts = np.concatenate([[0], np.cumsum(ratings_per_user)])
    weights = drawing_weights(ratings_per_user, ratings_per_item)
    accept, alias = alias_table(weights)
    items = np.empty(starts[-1], dtype=np.uint16)

    def choose(first: int) -> None:
        last = min(first + USERS_PER_TASK, n_users)
        taken = np.zeros(n_items, dtype=np.uint8)
        times, order = np.empty(n_items), np.empty(n_items)
        choose_items(
            first, last, starts, key, accept, alias, weights, n_items // DENSE_SHARE,
            taken, times, order, items,
        )  # fmt: skip

    for _ in team.map(choose, range(0, n_users, USERS_PER_TASK)):
        pass
    _give_every_item_a_rating(items, n_items, rng)
    return Cells(np.repeat(np.arange(n_users, dtype=np.int32), ratings_per_user), items)


def drawing_weights(
    ratings_per_user: NDArray[np.int64], ratings_per_item: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Find the weights under which items, drawn without replacement, get the ratings they should.

    Drawing n of the items in turn is taking the n earliest of exponential arrivals, so a user of
    n ratings holds item i with probability ``1 - exp(-w_i t_n)``, where ``t_n`` is about the time
    by which n have come. Times and weights are fitted in turn, for users in a few classes of size.
    At Netflix's size that meets the wanted ratings to 0.2 %. In a small table no weights can, since
    light users cannot hold everything popular; there the fit stops some 15 % short at the top.

    Parameters
    ----------
    ratings_per_user : numpy.ndarray of int64 (n_users,)
    ratings_per_item : numpy.ndarray of float64 (n_items,)
        Above 0, below n_users.

    Returns
    -------
    numpy.ndarray of float64 (n_items,)
        Above 0; the sum is 1.

    References
    ----------
    P. S. Efraimidis, P. G. Spirakis, "Weighted random sampling with a reservoir", Information
    Processing Letters 97 (2006).
    """
    ascending = np.sort(ratings_per_user)
    ends = np.searchsorted(np.cumsum(ascending), np.linspace(0, ascending.sum(), USER_CLASSES + 1))
    edges = np.unique(np.append(ends[:-1], ascending.size))
    users = np.diff(edges)
    # A full shelf takes for ever; the few users near it are fitted as if they left a tenth of it.
    size = np.minimum(np.add.reduceat(ascending, edges[:-1]) / users, 0.9 * ratings_per_item.size)
    weights: NDArray[np.float64] = ratings_per_item / ratings_per_item.sum()
    for _ in range(ROUNDS):
        times = size / weights.sum()
        for _ in range(ROUNDS):  # Newton's method from the left of a concave function
            missing = np.exp(-np.outer(times, weights))
            times += (size - (1.0 - missing).sum(axis=1)) / (missing * weights).sum(axis=1)
        arrived = 1.0 - np.exp(-np.outer(times, weights))
        expected = (users[:, None] * arrived).sum(axis=0)  # BLAS sums would depend on its threads
        weights *= ratings_per_item / expected
        weights /= weights.sum()
    return weights


def alias_table(weights: NDArray[np.float64]) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
    """Build the table from which one of n things is drawn by weight in constant time.

    Parameters
    ----------
    weights : numpy.ndarray of float64 (n,)
        Above 0; n is at most 65,536.

    Returns
    -------
    accept : numpy.ndarray of uint32 (n,)
        A slot drawn evenly keeps its own number where 32 random bits are below this.
    alias : numpy.ndarray of uint16 (n,)
        The number it gets otherwise.

    References
    ----------
    M. D. Vose, "A linear algorithm for generating random numbers with a given distribution",
    IEEE Transactions on Software Engineering 17 (1991).
    """
    share = (weights * (weights.size / weights.sum())).tolist()
    alias = list(range(len(share)))
    small = [slot for slot, value in enumerate(share) if value < 1.0]
    large = [slot for slot, value in enumerate(share) if value >= 1.0]
    while small and large:
        slot, donor = small.pop(), large[-1]
        alias[slot] = donor
        share[donor] -= 1.0 - share[slot]
        if share[donor] < 1.0:
            small.append(large.pop())
    accept = np.minimum(np.array(share) * 2.0**32, 2.0**32 - 1).astype(np.uint32)
    return accept, np.array(alias, dtype=np.uint16)


def _give_every_item_a_rating(
    items: NDArray[np.uint16], n_items: int, rng: np.random.Generator
) -> None:
    """Hand each item that nobody chose one rating of an item that has several, in place.

    Nobody holds the new item yet, so no pair can come up twice.
    """
    counts = np.zeros(n_items, dtype=np.int64)
    step = 1 << 20  # bincount makes an int64 copy of its argument
    for start in range(0, items.size, step):
        counts += np.bincount(items[start : start + step], minlength=n_items)
    for item in np.flatnonzero(counts == 0):
        spare = np.maximum(counts - 1, 0)
        donor = rng.choice(n_items, p=spare / spare.sum())
        items[rng.choice(np.flatnonzero(items == donor))] = item
        counts[donor] -= 1
        counts[item] += 1
