"""Which items of a table of ratings are relevant to which of a model's users."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings
from fastmf.data.vocabulary import Vocabulary

__all__ = ["RelevantItems", "relevant_items"]


class RelevantItems(NamedTuple):
    """Relevant items of the users that have any."""

    users: NDArray[np.int32]  # (m,) the model's indices, rising
    starts: NDArray[np.int64]  # (m + 1,) where the items of each begin
    items: NDArray[np.int32]  # the model's indices, rising for each user
    n_rows: int  # of the table: those that are relevant
    n_unknown_rows: int  # of these: of users or items that the model does not know

    @property
    def counts(self) -> NDArray[np.int64]:
        """(m,) how many items are relevant to each user."""
        return np.diff(self.starts)

    def of_users_drawn(self, n: int) -> Self:
        """Return what is relevant to some users, drawn at random but always the same.

        Parameters
        ----------
        n : int
            How many; all where there are no more.

        Returns
        -------
        RelevantItems
        """
        if n >= len(self.users):
            return self
        return self.of_users(np.random.default_rng(0).choice(self.users, n, replace=False))

    def of_users(self, users: NDArray[np.int32]) -> Self:
        """Return what is relevant to some users.

        Parameters
        ----------
        users : (any,) int32
            The model's indices.

        Returns
        -------
        RelevantItems
            Of those among them that have any.
        """
        chosen, counts = np.isin(self.users, users), self.counts
        return self._replace(
            users=self.users[chosen],
            starts=np.concatenate([[0], np.cumsum(counts[chosen])]),
            items=self.items[np.repeat(chosen, counts)],
        )


def relevant_items(
    ratings: Ratings, users: Vocabulary, items: Vocabulary, above: float | None
) -> RelevantItems:
    """Gather the items that users have rated above a threshold, each once.

    Parameters
    ----------
    ratings : Ratings
        Streamed; 8 bytes are held for each relevant one.
    users, items : Vocabulary
        The model's; what they lack is counted and left out.
    above : float or None
        The threshold; None for all ratings.

    Returns
    -------
    RelevantItems
    """
    user_row, item_row = users.index_of(ratings.users), items.index_of(ratings.items)
    found, n_rows = [np.zeros(0, np.int64)], 0
    for chunk in ratings.chunks():
        wanted = slice(None) if above is None else np.flatnonzero(chunk.value > np.float32(above))
        user, item = user_row[chunk.user_index[wanted]], item_row[chunk.item_index[wanted]]
        known = (user >= 0) & (item >= 0)
        found.append(user[known].astype(np.int64) * len(items) + item[known])
        n_rows += len(user)
    cells = np.concatenate(found)
    n_unknown = n_rows - len(cells)
    of_user, item = np.divmod(np.unique(cells), len(items))
    rows, counts = np.unique(of_user, return_counts=True)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return RelevantItems(rows.astype(np.int32), starts, item.astype(np.int32), n_rows, n_unknown)
