"""Holding out some ratings of every user, against pandas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf import Ratings, last_split, leave_n_out, random_split, user_split
from fastmf.data.splits import latest
from fastmf.errors import DataError, ParameterError
from tests.data.splits.parts import frame_of, make_ratings, parted


def held_of_users(ratings, held_out):
    """Return ratings and held-out ratings of each user."""
    counts = np.bincount(ratings.user_index, minlength=ratings.n_users)
    return counts, np.bincount(held_out.user_index, minlength=ratings.n_users)


def rounded(fraction, counts):
    return np.minimum(np.floor(fraction * counts + 0.5), counts - 1).astype(int)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 99), st.integers(2, 400), st.floats(0.01, 0.99), st.booleans())
def test_every_user_has_the_rounded_fraction_held_out(seed, n_rows, fraction, latest_ones):
    ratings = make_ratings(n_rows, seed=seed)
    counts = np.bincount(ratings.user_index)
    split = (
        (lambda: last_split(ratings, fraction=fraction))
        if latest_ones
        else (lambda: user_split(ratings, fraction, seed))
    )
    if not rounded(fraction, counts).any():
        with pytest.raises(ParameterError, match="nothing would be held out"):
            split()
        return
    train, held_out = split()
    parted(ratings, train, held_out)
    np.testing.assert_array_equal(held_of_users(ratings, held_out)[1], rounded(fraction, counts))


@pytest.mark.parametrize("split", [user_split, leave_n_out])
def test_the_seed_decides_and_threads_do_not(split):
    ratings = make_ratings(2000)
    amount = 0.3 if split is user_split else 3

    def rows(seed, threads):
        return split(ratings, amount, seed, num_threads=threads)[1].selected_rows

    np.testing.assert_array_equal(rows(1, 1), rows(1, 3))
    np.testing.assert_array_equal(rows(1, 1), rows(np.random.default_rng(1), 2))
    assert (rows(1, 1) != rows(2, 1)).any()


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("split", [last_split, leave_n_out])
def test_every_user_has_n_ratings_held_out_or_none(split, n):
    ratings = make_ratings(200)
    train, held_out = split(ratings, n)
    parted(ratings, train, held_out)
    counts, held = held_of_users(ratings, held_out)
    np.testing.assert_array_equal(held, np.where(counts > n, n, 0))
    few = (counts <= n).sum()
    assert few > 1
    noun = "rating" if n == 1 else "ratings or fewer"
    assert held_out.notes == train.notes
    assert held_out.notes == (f"{few} users with {n} {noun}: nothing of theirs is held out",)


def test_a_sample_differs_from_the_last():
    ratings = make_ratings(600)
    drawn, last = leave_n_out(ratings, 3)[1], last_split(ratings, 3)[1]
    assert (drawn.selected_rows != last.selected_rows).any()


def slowly_last(frame, n):
    """Return the rows of the latest n of each user, of equal times the last in the table."""
    ordered = frame.reset_index().sort_values(["time", "index"])
    ranked = ordered.groupby("user").cumcount(ascending=False)
    size = ordered.groupby("user")["user"].transform("size")
    return set(ordered["index"][(ranked < n) & (size > n)])


@pytest.mark.parametrize("at_once", [1, 100, None])
@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize("n_times", [1, 3, 10**6])
def test_the_last_ratings_are_those_of_pandas(n_times, num_threads, at_once, monkeypatch):
    if at_once is not None:
        monkeypatch.setattr(latest, "_ROWS_AT_ONCE", at_once)
    ratings = make_ratings(1500, n_times=n_times)
    _, held_out = last_split(ratings, 2, num_threads=num_threads)
    rows = np.flatnonzero(np.unpackbits(held_out.selected_rows, bitorder="little"))
    assert set(rows) == slowly_last(frame_of(ratings), 2)


def test_without_times_the_last_in_the_table_are_held_out_and_that_is_said():
    ratings = Ratings.from_arrays([1, 1, 2, 1, 2, 2], range(6), [1, 2, 3, 4, 5, 6])
    _, held_out = last_split(ratings, fraction=0.4)
    assert held_out.value.tolist() == [4, 6]
    assert held_out.notes == (
        "no times: the last ratings of a user are those that come last in the table",
    )


def test_more_rows_than_a_range(monkeypatch):
    monkeypatch.setattr(latest, "_ROWS_AT_ONCE", 200_000)
    ratings = make_ratings(300_000, n_users=5000, n_items=4000, n_times=10**9)
    frame = frame_of(ratings)
    train, held_out = last_split(ratings, 7)
    parted(ratings, train, held_out)
    expected = slowly_last(frame, 7)
    rows = np.flatnonzero(np.unpackbits(held_out.selected_rows, bitorder="little"))
    assert set(rows) == expected
    counts = np.bincount(ratings.user_index)
    drawn = user_split(ratings, 0.1)[1]
    np.testing.assert_array_equal(held_of_users(ratings, drawn)[1], rounded(0.1, counts))


@pytest.mark.parametrize(
    "split",
    [
        lambda table: user_split(table, 0.2, 3),
        lambda table: leave_n_out(table, 2, 3),
        lambda table: last_split(table, 2),
        lambda table: last_split(table, fraction=0.2),
    ],
)
def test_a_selection_is_split_within_itself(split):
    whole = make_ratings(1000)
    chosen, others = random_split(whole, 0.4)
    train, held_out = split(chosen)
    parted(chosen, train, held_out)
    assert not (held_out.selected_rows & others.selected_rows).any()
    assert (held_of_users(chosen, held_out)[1] < held_of_users(chosen, chosen)[1]).all()


def test_the_last_ratings_of_a_selection_are_those_of_pandas():
    chosen, _ = random_split(make_ratings(1000, n_times=5), 0.4)
    rows = np.flatnonzero(np.unpackbits(chosen.selected_rows, bitorder="little"))
    _, held_out = last_split(chosen, 2)
    held = np.flatnonzero(np.unpackbits(held_out.selected_rows, bitorder="little"))
    assert set(held) == set(rows[list(slowly_last(frame_of(chosen), 2))])


def test_no_item_is_in_the_held_out_part_only():
    ratings = make_ratings(400)
    train, held_out = user_split(ratings, 0.5, keep_known=True)
    parted(ratings, train, held_out)
    assert set(held_out.item_index) <= set(train.item_index)
    plain_train, plain = user_split(ratings, 0.5)
    lonely = set(plain.item_index) - set(plain_train.item_index)
    assert lonely
    back = sum(item in lonely for item in plain.item_index)
    assert len(held_out) == len(plain) - back
    noun = f"{back} ratings" if back > 1 else "1 rating"
    assert held_out.notes == (
        f"{noun} of users or items that the rest does not have went back to it: "
        f"{len(held_out)} held out, {len(train)} left",
    )


@pytest.mark.parametrize(
    ("split", "complaint"),
    [
        (lambda r: user_split(r, 1.5), r"is 1\.5, but it must lie between 0 and 1"),
        (lambda r: user_split(r, "0.1"), r"is '0\.1', but must be a number"),
        (lambda r: user_split(r, 0.1, -1), "random_state is -1"),
        (lambda r: user_split(r, 0.001), "every user's ratings: nothing would be held out, for no"),
        (lambda r: leave_n_out(r, 0), "n is 0, but must be a whole number from 1"),
        (lambda r: leave_n_out(r, 0.1), r"n is 0\.1, but"),
        (lambda r: leave_n_out(r, 10**6), "no user has more than [0-9]+ ratings"),
        (last_split, "give either n or fraction"),
        (lambda r: last_split(r, 1, fraction=0.1), "give either n or fraction"),
        (lambda r: last_split(r, -2), "n is -2"),
        (lambda r: last_split(r, fraction=0), "is 0, but it must lie"),
    ],
)
def test_what_means_nothing_is_refused(split, complaint):
    with pytest.raises(ParameterError, match=complaint):
        split(make_ratings(200))


def test_a_split_of_which_all_would_go_back_is_refused():
    ratings = Ratings.from_arrays([1, 1], [1, 2], [3, 4])
    with pytest.raises(DataError, match="every rating held out has a user or an item that the"):
        leave_n_out(ratings, keep_known=True)
    assert len(leave_n_out(ratings)[1]) == 1
