"""Splits within every user: a fraction or a number of their ratings, at random or the latest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.data.ratings import Ratings
from fastmf.data.row_passes import take_census
from fastmf.data.seeds import draw_keys
from fastmf.data.splits.latest import latest_of_users
from fastmf.data.splits.views import check_fraction, check_whole, two_views
from fastmf.errors import ParameterError
from fastmf.kernels.tables import user_splits as kernels
from fastmf.kernels.tables.row_choice import place_choice

__all__ = ["last_split", "leave_n_out", "user_split"]


def user_split(
    ratings: Ratings,
    fraction: float,
    random_state: int | np.random.Generator = 0,
    *,
    keep_known: bool = False,
    num_threads: int | None = None,
) -> tuple[Ratings, Ratings]:
    """Hold out a random fraction of every user's ratings.

    Of n ratings of a user, ``fraction * n`` are held out, rounded to the nearest whole number
    (halves up), but never all: a user with one rating stays in the training part.

    Parameters
    ----------
    ratings : Ratings
        What to split; may itself be a selection.
    fraction : float
        Part of each user's ratings to hold out, between 0 and 1.
    random_state : int or numpy.random.Generator, optional
        Seed; a generator is advanced by one draw.
    keep_known : bool, optional
        Whether ratings whose item would be in the held-out part only go back to the training part.
    num_threads : int, optional
        Default all processors; the result does not depend on it.

    Returns
    -------
    train, held_out : Ratings
        Two views.

    Raises
    ------
    ParameterError
        If the fraction is not between 0 and 1, or nothing would be held out.
    DataError
        If all that was held out would go back.
    """
    check_fraction(fraction)
    (key,) = draw_keys(random_state)
    counts = _ratings_of_users(ratings, num_threads)
    wanted = _fractions(counts, fraction)
    how = f"a fraction of {fraction:g} of every user's ratings"
    _check_any(wanted, counts, how)
    bitmap = _sample_of_users(ratings, counts, wanted, key)
    return two_views(ratings, bitmap, how=how, keep_known=keep_known, num_threads=num_threads)


def leave_n_out(
    ratings: Ratings,
    n: int = 1,
    random_state: int | np.random.Generator = 0,
    *,
    keep_known: bool = False,
    num_threads: int | None = None,
) -> tuple[Ratings, Ratings]:
    """Hold out the same number of every user's ratings, drawn at random.

    Users with `n` ratings or fewer stay in the training part, so that every user of the held-out
    part has exactly `n` ratings there.

    Parameters
    ----------
    ratings : Ratings
        What to split; may itself be a selection.
    n : int, optional
        Ratings of each user to hold out.
    random_state, keep_known, num_threads
        As in `user_split`.

    Returns
    -------
    train, held_out : Ratings
        Two views; `notes` tell how many users had too few ratings.

    Raises
    ------
    ParameterError
        If `n` is no whole number from 1, or no user has more ratings.
    DataError
        If all that was held out would go back.
    """
    check_whole("n", n, 1)
    (key,) = draw_keys(random_state)
    counts = _ratings_of_users(ratings, num_threads)
    wanted = _those_with_more(counts, n)
    how = f"{n:,} of every user's ratings"
    _check_any(wanted, counts, how)
    bitmap = _sample_of_users(ratings, counts, wanted, key)
    return two_views(
        ratings,
        bitmap,
        how=how,
        keep_known=keep_known,
        notes=_too_few(counts, n),
        num_threads=num_threads,
    )


def last_split(
    ratings: Ratings,
    n: int | None = None,
    *,
    fraction: float | None = None,
    keep_known: bool = False,
    num_threads: int | None = None,
) -> tuple[Ratings, Ratings]:
    """Hold out the last ratings of every user.

    The last ones by time, of equal times those that come last in the table. Without times those
    that come last in the table, which `notes` say.

    Parameters
    ----------
    ratings : Ratings
        What to split; may itself be a selection.
    n : int, optional
        Ratings of each user to hold out; users with `n` ratings or fewer stay in the training
        part. Give this or `fraction`.
    fraction : float, optional
        Part of each user's ratings to hold out, rounded as in `user_split`.
    keep_known, num_threads
        As in `user_split`.

    Returns
    -------
    train, held_out : Ratings
        Two views.

    Raises
    ------
    ParameterError
        If `n` or `fraction` is outside its limits, none or both are given, or nothing would be
        held out.
    DataError
        If all that was held out would go back.
    """
    if (n is None) == (fraction is None):
        raise ParameterError("give either n or fraction: how many ratings of a user to hold out")
    if fraction is None:
        check_whole("n", n, 1)
    else:
        check_fraction(fraction)
    counts = _ratings_of_users(ratings, num_threads)
    notes: tuple[str, ...] = ()
    if fraction is not None:
        wanted = _fractions(counts, fraction)
        how = f"the last fraction of {fraction:g} of every user's ratings"
    else:
        wanted = _those_with_more(counts, n or 0)
        notes, how = _too_few(counts, n or 0), f"the last {n:,} of every user's ratings"
    _check_any(wanted, counts, how)
    if ratings.has_time:
        bitmap = latest_of_users(ratings, counts, frozen(wanted), num_threads)
    else:
        bitmap = _last_in_table(ratings, frozen(counts - wanted))
        notes += ("no times: the last ratings of a user are those that come last in the table",)
    return two_views(
        ratings, bitmap, how=how, keep_known=keep_known, notes=notes, num_threads=num_threads
    )


def _ratings_of_users(ratings: Ratings, num_threads: int | None) -> Array:
    return frozen(take_census(ratings, num_threads=num_threads).of_user)


def _fractions(counts: Array, fraction: float) -> Array:
    """Return how many of each user's ratings a fraction is."""
    nearest = np.floor(fraction * counts + 0.5).astype(np.int64)
    return np.clip(nearest, 0, np.maximum(counts - 1, 0))


def _those_with_more(counts: Array, n: int) -> Array:
    """Return `n` for each user with more ratings, 0 for the others."""
    return np.where(counts > n, np.int64(n), np.int64(0))


def _check_any(wanted: Array, counts: Array, how: str) -> None:
    if not wanted.any():
        raise ParameterError(
            f"{how}: nothing would be held out, for no user has more than {counts.max():,} "
            "ratings; choose another"
        )


def _too_few(counts: Array, n: int) -> tuple[str, ...]:
    few = int(np.count_nonzero((counts > 0) & (counts <= n)))
    if few == 0:
        return ()
    users = "1 user" if few == 1 else f"{few:,} users"
    noun = "rating" if n == 1 else "ratings or fewer"
    return (f"{users} with {n:,} {noun}: nothing of theirs is held out",)


def _sample_of_users(ratings: Ratings, counts: Array, wanted: Array, key: np.uint64) -> Array:
    seen, left = np.zeros_like(counts), wanted.copy()

    def choices() -> Iterator[tuple[tuple[int, int], Array]]:
        for rows in ratings.ranges():
            users = ratings.chunk(*rows).user_index
            chosen = np.empty(len(users), np.uint8)
            kernels.sample_of_users(users, counts, key, seen, left, chosen)
            yield rows, chosen

    return _placed(ratings, choices())


def _last_in_table(ratings: Ratings, n_before: Array) -> Array:
    seen = np.zeros(len(n_before), np.int64)

    def choices() -> Iterator[tuple[tuple[int, int], Array]]:
        for rows in ratings.ranges():
            users = ratings.chunk(*rows).user_index
            chosen = np.empty(len(users), np.uint8)
            kernels.choose_last(users, n_before, seen, chosen)
            yield rows, chosen

    return _placed(ratings, choices())


def _placed(ratings: Ratings, choices: Iterator[tuple[tuple[int, int], Array]]) -> Array:
    """Return the bitmap of choices made range by range."""
    selected = ratings.selected_rows
    bitmap = np.empty_like(selected)
    for rows, chosen in choices:
        place_choice(selected, *map(np.int64, rows), frozen(chosen), bitmap)
    return bitmap
