"""Cleaning ratings: value ranges, popular subsets, samples, minimum counts.

Every step is a pass or two over the table; what they leave is a view of it (see
`fastmf.data.reindexed`), so nothing is copied and a hundred million ratings take seconds.
"""

from __future__ import annotations

from copy import copy
from functools import partial

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.data.cleaning_options import Cleaning
from fastmf.data.ratings import RatingChunk, Ratings
from fastmf.data.reindexed import reindexed
from fastmf.data.row_passes import Census, Choose, Progress, choose_known, take_census
from fastmf.data.seeds import draw_keys
from fastmf.errors import DataError
from fastmf.kernels.tables.sampling import sample_rows

__all__ = ["apply_cleaning", "clean_ratings"]


def clean_ratings(
    ratings: Ratings,
    *,
    min_rating: float | None = None,
    max_rating: float | None = None,
    top_items: int | None = None,
    top_users: int | None = None,
    sample_users: float | None = None,
    sample: float | None = None,
    min_user_ratings: int | None = None,
    min_item_ratings: int | None = None,
    until_stable: bool = False,
    random_state: int = 0,
    num_threads: int | None = None,
    progress: Progress | None = None,
) -> Ratings:
    """Take away ratings, users and items that are not wanted.

    The steps follow each other in the order of the parameters, each on what the last one left:
    the range of ratings, the most rated items, the most active users, a sample of users, a sample
    of ratings, the minimum counts of users, then those of items.

    Parameters
    ----------
    ratings : Ratings
        What to clean; may be a selection.
    min_rating, max_rating : float, optional
        Keep ratings of at least and at most this value.
    top_items, top_users : int, optional
        Keep as many items with the most ratings, users likewise; of equals those that appear
        first in the table.
    sample_users, sample : int or float, optional
        Keep as many users, or ratings, drawn at random: a number from 1, or a fraction below 1.
    min_user_ratings, min_item_ratings : int, optional
        Keep users with at least so many ratings, then items with at least so many.
    until_stable : bool, optional
        Repeat the minimum counts until all users and items that are left have enough. With the
        same number k for both this leaves the k-core.
    random_state : int, optional
        Seed of the samples.
    num_threads : int, optional
        Default all processors; the result does not depend on it.
    progress : callable, optional
        Called with the rows done since the last call; every step does all rows once or more.

    Returns
    -------
    Ratings
        A view of the columns of `ratings`, in their order, whose vocabularies hold the users and
        items that are left, by first appearance. Its `notes` say what each step took away.

    Raises
    ------
    ParameterError
        If a parameter is outside its limits.
    DataError
        If nothing would be left.
    """
    cleaning = Cleaning(
        min_rating=min_rating,
        max_rating=max_rating,
        top_items=top_items,
        top_users=top_users,
        sample_users=sample_users,
        sample=sample,
        min_user_ratings=min_user_ratings,
        min_item_ratings=min_item_ratings,
        until_stable=until_stable,
        random_state=random_state,
    )
    return apply_cleaning(ratings, cleaning, num_threads=num_threads, progress=progress)


def apply_cleaning(
    ratings: Ratings,
    cleaning: Cleaning,
    *,
    num_threads: int | None = None,
    progress: Progress | None = None,
) -> Ratings:
    """Take away what is not wanted; see `clean_ratings`.

    Parameters
    ----------
    ratings : Ratings
        What to clean; may be a selection.
    cleaning : Cleaning
        What to take away.
    num_threads, progress
        As in `clean_ratings`.

    Returns
    -------
    Ratings

    Raises
    ------
    DataError
        If nothing would be left.
    """
    if not cleaning.wanted:
        return ratings
    return _Cleaner(ratings, cleaning, num_threads, progress).run()


class _Cleaner:
    """The steps of one cleaning, and what is left after each."""

    def __init__(
        self,
        ratings: Ratings,
        wants: Cleaning,
        num_threads: int | None,
        progress: Progress | None,
    ) -> None:
        self._ratings = ratings
        self._wants = wants
        self._num_threads = num_threads
        self._progress = progress
        self._notes: list[str] = []
        self._now = self._census(ratings, None)

    def run(self) -> Ratings:
        """Take all steps and return what is left."""
        wants, at_first = self._wants, self._now
        user_key, row_key = draw_keys(wants.random_state, 2)
        if wants.min_rating is not None or wants.max_rating is not None:
            self._keep_values()
        if wants.top_items is not None:
            kept = _most_rated(self._now.of_item, wants.top_items)
            self._keep(f"the {wants.top_items:,} most rated items", items=kept)
        if wants.top_users is not None:
            kept = _most_rated(self._now.of_user, wants.top_users)
            self._keep(f"the {wants.top_users:,} most active users", users=kept)
        if wants.sample_users is not None:
            n = _sample_size(wants.sample_users, self._now.n_users, "users")
            kept = _sampled(self._now.of_user > 0, n, user_key)
            self._keep(f"{n:,} users at random", users=kept)
        if wants.sample is not None:
            self._sample_ratings(wants.sample, row_key)
        if wants.min_user_ratings is not None or wants.min_item_ratings is not None:
            self._keep_active()
        return self._finished(at_first)

    def _finished(self, at_first: Census) -> Ratings:
        now = self._now
        unused = (
            at_first.n_users < self._ratings.n_users or at_first.n_items < self._ratings.n_items
        )
        if len(now.ratings) < len(at_first.ratings) or unused:
            left = reindexed(now.ratings, now.n_users, now.n_items, num_threads=self._num_threads)
        else:
            left = copy(self._ratings)  # the notes are its own
        left.notes = (*self._ratings.notes, *self._notes)
        return left

    def _census(self, ratings: Ratings, choose: Choose | None) -> Census:
        return take_census(ratings, choose, num_threads=self._num_threads, progress=self._progress)

    def _keep(self, what: str, *, users: Array | None = None, items: Array | None = None) -> None:
        """Keep the rows of these users and items."""
        self._done(self._of_these(self._now, users, items), what)

    def _of_these(self, census: Census, users: Array | None, items: Array | None) -> Census:
        choose = choose_known(
            np.ones(len(census.of_user), bool) if users is None else users,
            np.ones(len(census.of_item), bool) if items is None else items,
        )
        return self._census(census.ratings, choose)

    def _done(self, left: Census, what: str) -> None:
        """Note what a step took away."""
        self._notes.append(f"kept {what}: {_taken(self._now, left)}")
        self._now = left

    def _keep_values(self) -> None:
        low, high = self._wants.min_rating, self._wants.max_rating
        left = self._census(self._now.ratings, partial(_choose_values, low, high))
        what = _range_text(low, high)
        if len(left.ratings) == 0:
            least, most = self._ratings.rating_range
            raise DataError(
                f"there are no {what}: they lie between {least:g} and {most:g}; choose another "
                "min_rating or max_rating (--min-rating, --max-rating)"
            )
        self._done(left, what)

    def _sample_ratings(self, wanted: float, key: np.uint64) -> None:
        ratings = self._now.ratings
        n = _sample_size(wanted, len(ratings), "ratings")
        candidates = ratings.selected_rows
        chosen = np.empty_like(candidates)
        n_rows, n_candidates = np.int64(ratings.n_rows), np.int64(len(ratings))
        sample_rows(candidates, n_rows, n_candidates, np.int64(n), key, chosen)
        self._done(self._census(ratings.select(chosen), None), f"{n:,} ratings at random")

    def _keep_active(self) -> None:
        """Keep users and items with enough ratings, once or until nothing changes."""
        wants = self._wants
        now, rounds = self._now, 0
        while True:
            begin = now
            now = self._enough(now, "user", wants.min_user_ratings)
            now = self._enough(now, "item", wants.min_item_ratings)
            rounds += now is not begin
            if now is begin or not wants.until_stable:
                break
        fewest = (("users", wants.min_user_ratings), ("items", wants.min_item_ratings))
        what = " and ".join(f"{them} with at least {n:,}" for them, n in fewest if n is not None)
        after = "1 round" if rounds == 1 else f"{rounds} rounds"
        stable = f", stable after {after}" if wants.until_stable else ""
        self._done(now, f"{what} ratings{stable}")

    def _enough(self, census: Census, role: str, least: int | None) -> Census:
        """Keep the users, or the items, with at least so many ratings."""
        counts = census.of_user if role == "user" else census.of_item
        if least is None or not ((counts > 0) & (counts < least)).any():
            return census
        most = int(counts.max())
        if most < least:
            by_now = " by then" if census is not self._now else ""
            raise DataError(
                f"no {role} has {least:,} ratings{by_now}, {most:,} at most: nothing would be "
                f"left; choose a smaller min_{role}_ratings (--min-{role}-ratings)"
            )
        enough = counts >= least
        if role == "user":
            return self._of_these(census, enough, None)
        return self._of_these(census, None, enough)


def _choose_values(low: float | None, high: float | None, chunk: RatingChunk) -> Array:
    # In single precision, as the ratings are: a rating read from 0.1 is at least 0.1.
    chosen = np.ones(len(chunk.value), bool)
    if low is not None:
        chosen &= chunk.value >= np.float32(low)
    if high is not None:
        chosen &= chunk.value <= np.float32(high)
    return chosen.view(np.uint8)


def _range_text(low: float | None, high: float | None) -> str:
    if high is None:
        return f"ratings of at least {low:g}"
    if low is None:
        return f"ratings of at most {high:g}"
    return f"ratings from {low:g} to {high:g}"


def _most_rated(counts: Array, n: int) -> Array:
    """Mark those with the most ratings; of equals the first."""
    kept = np.zeros(len(counts), bool)
    kept[np.argsort(-counts, kind="stable")[:n]] = True
    return kept


def _sample_size(wanted: float, n: int, what: str) -> int:
    """Return how many of `n` a number or a fraction means."""
    size = min(int(wanted), n) if wanted >= 1 else round(wanted * n)
    if size == 0:
        option = "--sample-users" if what == "users" else "--sample"
        raise DataError(f"{wanted:g} of {n:,} {what} is none; ask for a larger sample ({option})")
    return size


def _sampled(present: Array, n: int, key: np.uint64) -> Array:
    """Mark `n` of those present, at random."""
    candidates = frozen(np.packbits(present, bitorder="little"))
    chosen = np.empty_like(candidates)
    n_rows, n_present = np.int64(len(present)), np.int64(np.count_nonzero(present))
    sample_rows(candidates, n_rows, n_present, np.int64(n), key, chosen)
    return np.unpackbits(chosen, count=len(present), bitorder="little").astype(bool)


def _taken(before: Census, after: Census) -> str:
    """Say how much is gone."""
    rows = len(before.ratings) - len(after.ratings)
    if rows == 0:
        return "nothing was taken away"
    gone = (
        (rows, "rating"),
        (before.n_users - after.n_users, "user"),
        (before.n_items - after.n_items, "item"),
    )
    texts = [f"{count:,} {what}" if count == 1 else f"{count:,} {what}s" for count, what in gone]
    return f"{texts[0]}, {texts[1]} and {texts[2]} taken away"
