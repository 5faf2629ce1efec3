"""Scoring every item for a block of users at a time, and keeping the best.

Scoring and selection run in the threads of a `fastmf.parallel.Team`; no BLAS is called, so there
are no other threads to collide with.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fastmf.errors import ParameterError
from fastmf.kernels.topn import TILE, score_rows, select_top_n
from fastmf.parallel import Team
from fastmf.recommend.seen_items import SeenItems

__all__ = ["FactorScorer", "ItemScorer", "TopN", "empty_top_n", "fill_top_n"]

# Users scored at once: 2.3 MB of scores for 17,770 items. On one thread 16 were 5 to 10% slower and
# 64 about 30%, on a busy machine.
_USERS_PER_BLOCK = 32

# Limit of one thread's block of scores; only catalogues above half a million items reach it.
_BLOCK_BYTES = 64 << 20

Float32Array = NDArray[np.float32]
Int32Array = NDArray[np.int32]


class ItemScorer(Protocol):
    """Scores every item for a few users. Called from several threads at once."""

    def __call__(self, user_index: Int32Array, scores: Float32Array) -> None:
        """Write the score of every item for each user.

        Parameters
        ----------
        user_index : int32 (m,)
            Dense indices; -1 for a user that the model does not know, who gets the scores that
            items have without one (most liked items first).
        scores : float32 (m, n_items)
            Written. Higher is better; not clipped, since clipping would tie the best items.
        """


class TopN(NamedTuple):
    """Best items by dense index, best first; of equal scores the lower index first."""

    item_index: Int32Array  # (m, n), -1 where fewer than n items were left
    score: Float32Array  # (m, n), NaN where item_index is -1


class FactorScorer:
    """Scores items by ``offset + user_bias + item_bias + user_factors . item_factors``.

    Parameters
    ----------
    user_factors, item_factors : float32 (n_users, k), (n_items, k)
        Factors. Those of the items are copied, transposed in tiles.
    user_bias, item_bias : float32 (n_users,), (n_items,)
        Biases.
    offset : float
        The score of a pair whose biases and factors are zero.
    unknown_user : float32 (k,), optional
        Factors of a user of index -1; default zeros.
    unknown_user_bias : float, optional
        Bias of such a user.

    Notes
    -----
    An item's score for a user is computed by the same operations in the same order in any
    company, so its bits are the same for any block of users and any number of threads.
    """

    def __init__(
        self,
        user_factors: Float32Array,
        item_factors: Float32Array,
        user_bias: Float32Array,
        item_bias: Float32Array,
        offset: float,
        *,
        unknown_user: Float32Array | None = None,
        unknown_user_bias: float = 0.0,
    ) -> None:
        self._user_factors = user_factors
        self._user_bias = user_bias
        self._item_bias = np.ascontiguousarray(item_bias, np.float32)
        self._item_tiles = _in_tiles(item_factors)
        self._offset = np.float32(offset)
        k = user_factors.shape[1]
        self._unknown_user = np.zeros(k, np.float32) if unknown_user is None else unknown_user
        self._unknown_user_bias = np.float32(unknown_user_bias)

    def __call__(self, user_index: Int32Array, scores: Float32Array) -> None:
        """Write the score of every item for each user; see `ItemScorer`."""
        rows = np.tile(self._unknown_user, (len(user_index), 1))
        bias = np.full(len(user_index), self._offset + self._unknown_user_bias)
        known = user_index >= 0
        rows[known] = self._user_factors[user_index[known]]
        bias[known] = self._offset + self._user_bias[user_index[known]]
        score_rows(rows, bias, self._item_tiles, self._item_bias, scores)


def _in_tiles(item_factors: Float32Array) -> Float32Array:
    """Return item factors as (tiles, k, TILE), the last tile padded with zeros."""
    n_items, k = item_factors.shape
    tiles = np.zeros((-(-n_items // TILE), k, TILE), np.float32)
    whole = n_items // TILE
    tiles[:whole] = item_factors[: whole * TILE].reshape(whole, TILE, k).transpose(0, 2, 1)
    if whole < len(tiles):
        tiles[whole, :, : n_items - whole * TILE] = item_factors[whole * TILE :].T
    return tiles


def empty_top_n(m: int, n: int) -> TopN:
    """Return arrays for `n` items of each of `m` rows.

    Parameters
    ----------
    m, n : int

    Returns
    -------
    TopN
        Not yet filled.

    Raises
    ------
    ParameterError
        If `n` is no whole number of at least 1.
    """
    if not hasattr(n, "__index__") or isinstance(n, bool):
        raise ParameterError(f"n is {n!r}, but it must be a whole number of items")
    if n < 1:
        raise ParameterError(f"n is {n}, but at least 1 item must be asked for")
    return TopN(np.empty((m, n), np.int32), np.empty((m, n), np.float32))


def fill_top_n(
    scorer: ItemScorer,
    n_items: int,
    rows: Int32Array,
    hidden: SeenItems,
    top: TopN,
    *,
    team: Team,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Score and select block by block; each block writes its own rows of `top`.

    Parameters
    ----------
    scorer : ItemScorer
    n_items : int
    rows : (m,) int32
        Users to score items for, -1 for the unknown.
    hidden : SeenItems
        Items to leave out of each row.
    top : TopN
        Filled: m rows.
    team : Team
    progress : callable, optional
        Called with the number of rows done since the last call.
    """
    block = max(1, min(_USERS_PER_BLOCK, _BLOCK_BYTES // (4 * max(n_items, 1))))
    # As many work arrays as threads: fresh ones would cost a page fault for every 4 kB, each time.
    idle: SimpleQueue[Float32Array] = SimpleQueue()
    for _ in range(min(team.num_threads, -(-len(rows) // block))):
        idle.put(np.empty((block, n_items), np.float32))

    def fill(start: int) -> int:
        part = slice(start, min(start + block, len(rows)))
        work = idle.get()
        try:
            scores = work[: part.stop - start]
            scorer(rows[part], scores)
            select_top_n(
                scores,
                hidden.start[part],
                hidden.stop[part],
                hidden.items,
                top.item_index[part],
                top.score[part],
            )
        finally:
            idle.put(work)
        return part.stop - start

    for done in team.map(fill, range(0, len(rows), block)):
        if progress is not None:
            progress(done)
