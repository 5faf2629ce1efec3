"""Splits at random: a fraction of all ratings, and k folds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.data.ratings import Ratings
from fastmf.data.seeds import draw_keys
from fastmf.data.splits.views import check_fraction, check_whole, two_views
from fastmf.errors import ParameterError
from fastmf.kernels.tables.sampling import sample_rows

__all__ = ["k_folds", "random_split"]


def random_split(
    ratings: Ratings,
    fraction: float,
    random_state: int | np.random.Generator = 0,
    *,
    keep_known: bool = False,
    num_threads: int | None = None,
) -> tuple[Ratings, Ratings]:
    """Hold out a random fraction of the ratings.

    Selection sampling with a counter-based generator (see
    `fastmf.kernels.tables.sampling.sample_rows`): the size is exact, and the same ratings and seed
    give the same split, in memory or memory-mapped.

    Parameters
    ----------
    ratings : Ratings
        What to split; may itself be a selection.
    fraction : float
        Part to hold out, between 0 and 1.
    random_state : int or numpy.random.Generator, optional
        Seed; a generator is advanced by one draw.
    keep_known : bool, optional
        Whether ratings whose user or item would be in the held-out part only go back to the
        training part.
    num_threads : int, optional
        Default all processors; the result does not depend on it.

    Returns
    -------
    train, held_out : Ratings
        Two views; ``len(held_out) == round(fraction * len(ratings))``, less what went back, which
        `notes` tell.

    Raises
    ------
    ParameterError
        If the fraction is not between 0 and 1, or leaves one side empty.
    DataError
        If all that was held out would go back.
    """
    check_fraction(fraction)
    (key,) = draw_keys(random_state)
    bitmap = _sample(ratings, ratings.selected_rows, round(fraction * len(ratings)), key)
    return two_views(
        ratings,
        bitmap,
        how=f"a fraction of {fraction:g}",
        keep_known=keep_known,
        num_threads=num_threads,
    )


def k_folds(
    ratings: Ratings,
    n_folds: int = 5,
    random_state: int | np.random.Generator = 0,
    *,
    keep_known: bool = False,
    num_threads: int | None = None,
) -> Iterator[tuple[Ratings, Ratings]]:
    """Hold out one part of the ratings after the other, for cross-validation.

    Parameters
    ----------
    ratings : Ratings
        What to split; may itself be a selection.
    n_folds : int, optional
        Number of parts, at least 2. Their sizes differ by one rating at most.
    random_state : int or numpy.random.Generator, optional
        Seed; a generator is advanced by one draw for each fold but the last.
    keep_known : bool, optional
        As in `random_split`: ratings that go back are never held out.
    num_threads : int, optional
        Default all processors; the result does not depend on it.

    Yields
    ------
    train, held_out : Ratings
        Two views; every rating is held out once.

    Raises
    ------
    ParameterError
        If there are fewer ratings than folds, or fewer than two folds.
    DataError
        If all that was held out would go back.
    """
    check_whole("n_folds", n_folds, 2)
    if n_folds > len(ratings):
        raise ParameterError(
            f"n_folds is {n_folds:,}, but there are {len(ratings):,} ratings; choose fewer folds"
        )
    keys = draw_keys(random_state, n_folds - 1)
    return _folds(ratings, keys, keep_known, num_threads)


def _folds(
    ratings: Ratings, keys: list[np.uint64], keep_known: bool, num_threads: int | None
) -> Iterator[tuple[Ratings, Ratings]]:
    n_folds = len(keys) + 1
    least, more = divmod(len(ratings), n_folds)
    left = ratings.selected_rows
    for fold in range(n_folds):
        size = least + (fold < more)
        # What earlier folds left is as likely in one of the later ones as in another.
        bitmap = left if fold == n_folds - 1 else _sample(ratings, left, size, keys[fold])
        left = frozen(left & ~bitmap)
        yield two_views(
            ratings,
            bitmap,
            how=f"fold {fold + 1} of {n_folds}",
            keep_known=keep_known,
            num_threads=num_threads,
        )


def _sample(ratings: Ratings, candidates: Array, size: int, key: np.uint64) -> Array:
    """Draw rows from the candidates."""
    chosen = np.empty_like(candidates)
    n_candidates = int(np.bitwise_count(candidates).sum(dtype=np.int64))
    sample_rows(
        candidates, np.int64(ratings.n_rows), np.int64(n_candidates), np.int64(size), key, chosen
    )
    return frozen(chosen)
