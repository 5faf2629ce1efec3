"""A random fraction, and folds."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf import Ratings, k_folds, random_split, read_ratings
from fastmf.errors import DataError, ParameterError
from tests.data.splits.parts import make_ratings, parted
from tests.data.tables import make_frame


def in_memory(n_rows=1000):
    frame = make_frame(n_rows)
    return Ratings.from_arrays(*(frame[name] for name in frame.columns))


@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.5, 0.777, 0.999])
def test_a_split_has_the_exact_size_and_every_row_once(fraction):
    ratings = in_memory()
    train, held_out = random_split(ratings, fraction)
    assert len(held_out) == round(fraction * 1000)
    both = np.concatenate([train.time, held_out.time])
    assert sorted(both) == sorted(ratings.time)
    assert not (train.selected_rows & held_out.selected_rows).any()


def test_the_seed_decides_the_split():
    ratings = in_memory()
    held_out = [random_split(ratings, 0.2, seed)[1].selected_rows for seed in (0, 0, 1)]
    np.testing.assert_array_equal(held_out[0], held_out[1])
    assert (held_out[0] != held_out[2]).any()
    by_generator = random_split(ratings, 0.2, np.random.default_rng(0))[1].selected_rows
    np.testing.assert_array_equal(held_out[0], by_generator)


def test_memory_and_store_split_alike(tmp_path):
    frame = make_frame(999)
    frame.to_parquet(tmp_path / "r.parquet")
    stored = random_split(read_ratings(tmp_path / "r.parquet"), 0.3, 7)
    memory = random_split(in_memory(999), 0.3, 7)
    for one, other in zip(stored, memory, strict=True):
        np.testing.assert_array_equal(one.selected_rows, other.selected_rows)
        np.testing.assert_array_equal(one.value, other.value)


def test_a_selection_splits_within_itself():
    train, held_out = random_split(in_memory(), 0.25)
    inner_train, inner = random_split(train, 0.2, 3)
    assert (len(inner_train), len(inner)) == (600, 150)
    assert not (inner.selected_rows & held_out.selected_rows).any()
    np.testing.assert_array_equal(
        inner.selected_rows | inner_train.selected_rows, train.selected_rows
    )


@pytest.mark.parametrize("fraction", [0, 1, 1.5, -0.1, float("nan")])
def test_a_fraction_outside_0_and_1_is_refused(fraction):
    with pytest.raises(ParameterError, match=f"is {fraction:g}, but it must lie between 0 and 1"):
        random_split(in_memory(), fraction)


@pytest.mark.parametrize(("fraction", "side"), [(0.01, "nothing"), (0.99, "everything")])
def test_a_split_with_an_empty_side_is_refused(fraction, side):
    with pytest.raises(ParameterError, match=f"of 20 ratings holds out {side}"):
        random_split(in_memory(20), fraction)


def test_a_negative_seed_is_refused():
    with pytest.raises(ParameterError, match="random_state is -1"):
        random_split(in_memory(), 0.1, -1)


def test_the_split_of_a_seed_stays_what_it_was():
    # Validation errors that were published with a seed must be found again.
    bits = random_split(in_memory(3000), 0.1, 42)[1].selected_rows.tobytes()
    assert hashlib.sha256(bits).hexdigest()[:16] == "25790630e492888f"


def test_known_users_and_items_only():
    ratings = make_ratings(400)
    plain_train, plain = random_split(ratings, 0.5)
    train, held_out = random_split(ratings, 0.5, keep_known=True)
    parted(ratings, train, held_out)
    assert set(held_out.user_index) <= set(plain_train.user_index)
    assert set(held_out.item_index) <= set(plain_train.item_index)
    known = np.isin(plain.user_index, plain_train.user_index) & np.isin(
        plain.item_index, plain_train.item_index
    )
    np.testing.assert_array_equal(held_out.time, plain.time[known])
    assert f"{len(held_out)} held out, {len(train)} left" in held_out.notes[-1]
    assert len(held_out) < len(plain)
    assert not ratings.notes


def test_known_ones_only_changes_nothing_where_all_are_known():
    ratings = make_ratings(3000, n_items=20)
    train, held_out = random_split(ratings, 0.05, keep_known=True)
    assert (len(held_out), held_out.notes) == (round(0.05 * len(ratings)), ())
    parted(ratings, train, held_out)


def test_a_split_of_unknown_ones_only_is_refused():
    ratings = Ratings.from_arrays([1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4])
    with pytest.raises(DataError, match=r"fraction of 0\.5: every rating held out has a user or"):
        random_split(ratings, 0.5, keep_known=True)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 300), st.integers(2, 12), st.integers(0, 99))
def test_folds_have_every_row_once_and_equal_sizes(n_rows, n_folds, seed):
    ratings = make_ratings(n_rows, seed=seed)
    if n_folds > len(ratings):
        with pytest.raises(ParameterError, match="choose fewer folds"):
            k_folds(ratings, n_folds)
        return
    folds = list(k_folds(ratings, n_folds, seed))
    assert len(folds) == n_folds
    for train, held_out in folds:
        parted(ratings, train, held_out)
    sizes = [len(held_out) for _, held_out in folds]
    assert max(sizes) - min(sizes) <= 1
    rows = sum(
        np.unpackbits(held_out.selected_rows, bitorder="little").astype(int)
        for _, held_out in folds
    )
    np.testing.assert_array_equal(rows[: len(ratings)], 1)


def test_every_row_is_in_each_fold_equally_often():
    ratings = make_ratings(10)
    in_fold = np.zeros((3, 10))
    for seed in range(1000):
        for fold, (_, held_out) in enumerate(k_folds(ratings, 3, seed)):
            in_fold[fold] += np.unpackbits(held_out.selected_rows, bitorder="little")[:10]
    # Sizes 4, 3 and 3 of 10: binomial, with standard deviations of at most 15.5.
    assert np.abs(in_fold - np.array([[400], [300], [300]])).max() < 5 * 15.5


def test_the_seed_decides_the_folds():
    ratings = make_ratings(500)

    def rows(seed):
        return [held_out.selected_rows.tolist() for _, held_out in k_folds(ratings, 4, seed)]

    assert rows(3) == rows(3) == rows(np.random.default_rng(3)) != rows(4)


def test_folds_of_known_ones_only():
    ratings = make_ratings(300)
    total = 0
    for train, held_out in k_folds(ratings, 3, keep_known=True):
        parted(ratings, train, held_out)
        assert set(held_out.item_index) <= set(train.item_index)
        total += len(held_out)
    assert total < len(ratings)


@pytest.mark.parametrize("n_folds", [1, 0, 2.5, "5", True])
def test_folds_that_mean_nothing_are_refused_at_once(n_folds):
    with pytest.raises(ParameterError, match=f"n_folds is {n_folds!r}, but must be a whole number"):
        k_folds(in_memory(20), n_folds)
