"""Splits by a list of pairs: the ratings of given users and items, such as the Netflix probe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.data.pair_files import read_pairs
from fastmf.data.ratings import RatingChunk, Ratings
from fastmf.data.readers.netflix_lines import HEAD_BYTES, is_pair_list
from fastmf.data.readers.netflix_lists import read_pair_list
from fastmf.data.row_passes import choose_rows
from fastmf.data.splits.views import two_views
from fastmf.errors import DataError
from fastmf.kernels.tables.row_choice import choose_pairs

__all__ = ["is_list_of_pairs", "pairs_split"]


def pairs_split(
    ratings: Ratings,
    pairs: Any,
    *,
    user_column: str | None = None,
    item_column: str | None = None,
    keep_known: bool = False,
    num_threads: int | None = None,
) -> tuple[Ratings, Ratings]:
    """Hold out the ratings of given pairs of a user and an item.

    Parameters
    ----------
    ratings : Ratings
        What to split; may itself be a selection.
    pairs : str, path, Ratings or pair of arrays
        A file: a list of users under movies as ``probe.txt`` of the Netflix Prize, or a table
        with a column of users and one of items (Parquet, Arrow, delimited text); or ratings,
        whose values do not matter; or the raw ids of users and those of items, (m,) each.
    user_column, item_column : str, optional
        Columns of a table; by default they are found by their usual names.
    keep_known : bool, optional
        Whether ratings whose user or item would be in the held-out part only go back to the
        training part.
    num_threads : int, optional
        Default all processors; the result does not depend on it.

    Returns
    -------
    train, held_out : Ratings
        Two views; `notes` tell how many pairs have no rating.

    Raises
    ------
    DataError
        If the pairs cannot be read, or none has a rating, or all that was held out would go back.
    ParameterError
        If every rating is of one of the pairs.
    """
    dense = _dense_pairs(ratings, _raw_pairs(pairs, user_column, item_column))
    listed = np.unique(np.concatenate([key for key, _ in dense] or [np.empty(0, np.int64)]))
    n_unknown = sum(unknown for _, unknown in dense)
    users, items = np.divmod(listed, np.int64(ratings.n_items))
    offsets = np.searchsorted(users, np.arange(ratings.n_users + 1)).astype(np.int64)
    choose = partial(_choose_pairs, frozen(offsets), frozen(items, np.int32))
    bitmap = choose_rows(ratings, choose, num_threads=num_threads)
    n_found = len(ratings.select(frozen(bitmap)))
    name = f"the pairs of {pairs}" if isinstance(pairs, (str, os.PathLike)) else "the pairs given"
    if n_found == 0:
        raise DataError(
            f"{name}: none of {len(listed) + n_unknown:,} has a rating; do they hold the same ids "
            "as the ratings, users and items the right way round?"
        )
    n_without = len(listed) - n_found + n_unknown
    noun = "1 pair has" if n_without == 1 else f"{n_without:,} pairs have"
    notes = (f"{name}: {noun} no rating, {n_found:,} held out",) if n_without else ()
    return two_views(
        ratings, bitmap, how=name, keep_known=keep_known, notes=notes, num_threads=num_threads
    )


def is_list_of_pairs(path: Path) -> bool:
    """Whether a file lists users under movies, without ratings, as the Netflix probe does.

    Parameters
    ----------
    path : pathlib.Path
        Any path.

    Returns
    -------
    bool
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False  # whoever reads it says what is wrong with it
    return is_pair_list(path, head)


def _raw_pairs(
    pairs: Any, user_column: str | None, item_column: str | None
) -> Iterator[tuple[Any, Any]]:
    """Yield the raw ids of users and items, a piece at a time."""
    if isinstance(pairs, (str, os.PathLike)):
        path = Path(pairs).expanduser()
        if is_list_of_pairs(path):
            yield read_pair_list(path)
        else:
            yield from read_pairs(path, user_column, item_column)
    elif isinstance(pairs, Ratings):
        for chunk in pairs.chunks():
            yield pairs.users.take(chunk.user_index), pairs.items.take(chunk.item_index)
    else:
        if not isinstance(pairs, (tuple, list)) or len(pairs) != 2:
            raise DataError(
                f"pairs are {type(pairs).__name__}, but must be a path, Ratings, or two arrays of "
                "ids: users and items"
            )
        if len(pairs[0]) != len(pairs[1]):
            raise DataError(f"pairs are of {len(pairs[0]):,} users and {len(pairs[1]):,} items")
        yield pairs[0], pairs[1]


def _dense_pairs(ratings: Ratings, pieces: Iterator[tuple[Any, Any]]) -> list[tuple[Array, int]]:
    """Return one number a known pair, ``user * n_items + item``, and how many are unknown."""
    dense = []
    for users, items in pieces:
        user_index = ratings.users.lookup(users).astype(np.int64)
        item_index = ratings.items.lookup(items).astype(np.int64)
        known = (user_index >= 0) & (item_index >= 0)
        keys = user_index[known] * np.int64(ratings.n_items) + item_index[known]
        dense.append((keys, int(np.count_nonzero(~known))))
    return dense


def _choose_pairs(offsets: Array, items: Array, chunk: RatingChunk) -> Array:
    chosen = np.empty(len(chunk.value), np.uint8)
    choose_pairs(chunk.user_index, chunk.item_index, offsets, items, chosen)
    return chosen
