"""Cleaning against pandas, one step after the other."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf import Ratings, clean_ratings, random_split, read_ratings
from fastmf.data import open_store, row_passes, verify_store, write_store
from fastmf.data.reindexed import ReindexedRatings
from fastmf.errors import DataError, ParameterError

COLUMNS = ["user", "item", "rating", "time"]


def make_table(n_rows=3000, n_users=150, n_items=80, seed=0):
    """Skewed ratings of unique pairs."""
    generator = np.random.default_rng(seed)
    users = (n_users * generator.random(4 * n_rows) ** 3).astype(int)
    items = (n_items * generator.random(4 * n_rows) ** 2).astype(int)
    table = pd.DataFrame({"user": users * 7 + 1, "item": [f"i{item}" for item in items]})
    table = table.drop_duplicates().iloc[:n_rows].reset_index(drop=True)
    table["rating"] = generator.integers(1, 11, len(table)) / 2
    table["time"] = generator.integers(1_000_000_000, 1_000_100_000, len(table))
    return table


def ratings_of(table):
    return Ratings.from_arrays(*(table[name].to_numpy() for name in COLUMNS))


def table_of(ratings):
    return pd.DataFrame(
        {
            "user": ratings.users.take(ratings.user_index),
            "item": ratings.items.take(ratings.item_index),
            "rating": ratings.value.astype(float),
            "time": ratings.time,
        }
    )


def enough(table, column, least):
    return table[table.groupby(column)[column].transform("size") >= least]


def most_rated(table, column, n, whole=None):
    appeared = pd.unique((table if whole is None else whole)[column])
    counts = table[column].value_counts().reindex(appeared, fill_value=0)
    return table[table[column].isin(counts.sort_values(ascending=False, kind="stable").index[:n])]


def slowly_cleaned(table, **options):
    whole = table
    table = table[table.rating >= options.get("min_rating", -np.inf)]
    table = table[table.rating <= options.get("max_rating", np.inf)]
    if "top_items" in options:
        table = most_rated(table, "item", options["top_items"], whole)
    if "top_users" in options:
        table = most_rated(table, "user", options["top_users"], whole)
    while True:
        before = len(table)
        table = enough(table, "user", options.get("min_user_ratings", 0))
        table = enough(table, "item", options.get("min_item_ratings", 0))
        if not options.get("until_stable") or len(table) == before:
            return table


def assert_cleaned(cleaned, expected):
    """The rows in order, and vocabularies as a file of these rows alone would have."""
    pd.testing.assert_frame_equal(
        table_of(cleaned), expected.reset_index(drop=True), check_dtype=False
    )
    assert cleaned.users.take(range(cleaned.n_users)).tolist() == list(expected.user.unique())
    assert cleaned.items.take(range(cleaned.n_items)).tolist() == list(expected.item.unique())
    assert cleaned.rating_range == (expected.rating.min(), expected.rating.max())


CASES = [
    {"min_rating": 3},
    {"max_rating": 2.5},
    {"min_rating": 2, "max_rating": 4},
    {"top_items": 10},
    {"top_users": 20},
    {"min_user_ratings": 15},
    {"min_item_ratings": 40},
    {"min_user_ratings": 20, "min_item_ratings": 15},
    {"min_user_ratings": 20, "min_item_ratings": 15, "until_stable": True},
    {"min_user_ratings": 22, "until_stable": True},
    {"min_rating": 1.5, "top_items": 50, "top_users": 100, "min_user_ratings": 5,
     "min_item_ratings": 9, "until_stable": True},
]  # fmt: skip


@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize("options", CASES, ids=str)
def test_every_step_is_that_of_pandas(options, num_threads):
    table = make_table()
    expected = slowly_cleaned(table, **options)
    assert 0 < len(expected) < len(table)
    cleaned = clean_ratings(ratings_of(table), **options, num_threads=num_threads)
    assert_cleaned(cleaned, expected)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 12), st.integers(1, 12))
def test_a_core_is_that_of_repeated_filters(seed, least_of_user, least_of_item):
    table = make_table(150, 30, 20, seed)
    options = {
        "min_user_ratings": least_of_user,
        "min_item_ratings": least_of_item,
        "until_stable": True,
    }
    expected = slowly_cleaned(table, **options)
    if len(expected) == 0:
        with pytest.raises(DataError, match="nothing would be left"):
            clean_ratings(ratings_of(table), **options)
        return
    cleaned = clean_ratings(ratings_of(table), **options)
    assert_cleaned(cleaned, expected)
    again = clean_ratings(cleaned, **options)
    assert len(again) == len(cleaned)


def test_more_rows_than_a_range_and_little_room_for_counts(monkeypatch):
    monkeypatch.setattr(row_passes, "_COUNT_BYTES", 1)
    table = make_table(300_000, 3000, 1200)
    options = {"min_rating": 2, "min_user_ratings": 50, "min_item_ratings": 60}
    cleaned = clean_ratings(ratings_of(table), **options, until_stable=True, num_threads=2)
    assert_cleaned(cleaned, slowly_cleaned(table, **options, until_stable=True))


@pytest.mark.parametrize(
    ("sample", "n"), [(500, 500), (0.25, 750), (np.int64(7), 7), (10**9, 3000)]
)
def test_a_sample_has_the_size_asked_for(sample, n):
    table = make_table()
    cleaned = clean_ratings(ratings_of(table), sample=sample)
    drawn = table_of(cleaned)
    assert len(drawn) == n
    rows = table.reset_index().merge(drawn)["index"]  # merge keeps the order of the table
    assert rows.is_unique
    assert_cleaned(cleaned, table.loc[rows])


@pytest.mark.parametrize(("sample", "share"), [(30, None), (0.25, 0.25)])
def test_a_sample_of_users_takes_all_they_rated(sample, share):
    table = make_table()
    n_users = table.user.nunique()
    cleaned = clean_ratings(ratings_of(table), sample_users=sample)
    assert cleaned.n_users == (sample if share is None else round(share * n_users))
    drawn = cleaned.users.take(range(cleaned.n_users))
    assert_cleaned(cleaned, table[table.user.isin(drawn)])


def test_the_seed_decides_the_samples():
    ratings = ratings_of(make_table())

    def drawn(**options):
        return clean_ratings(ratings, **options).selected_rows

    for option in ({"sample": 0.3}, {"sample_users": 40}):
        np.testing.assert_array_equal(
            drawn(**option, random_state=5, num_threads=1),
            drawn(**option, random_state=5, num_threads=3),
        )
        assert (drawn(**option, random_state=5) != drawn(**option, random_state=6)).any()


def test_users_are_sampled_alike_with_and_without_a_sample_of_ratings():
    ratings = ratings_of(make_table())
    users = clean_ratings(ratings, sample_users=40)
    both = clean_ratings(ratings, sample_users=40, sample=0.9)
    known = users.users.take(range(users.n_users))
    assert set(both.users.take(range(both.n_users))) <= set(known)


def test_equally_popular_items_that_appear_first_stay():
    ratings = Ratings.from_arrays([1, 1, 2, 2, 3], ["b", "a", "a", "b", "c"], [1, 2, 3, 4, 5])
    cleaned = clean_ratings(ratings, top_items=1)
    assert cleaned.items.take([0]).tolist() == ["b"]
    assert cleaned.value.tolist() == [1, 4]


def test_every_step_says_what_it_took_away():
    table = make_table()
    cleaned = clean_ratings(
        ratings_of(table), min_rating=2, top_items=40, min_user_ratings=1, sample=10**6
    )
    values = table[table.rating >= 2]
    popular = most_rated(values, "item", 40)
    gone = [
        (len(a) - len(b), a.user.nunique() - b.user.nunique(), a.item.nunique() - b.item.nunique())
        for a, b in ((table, values), (values, popular))
    ]
    texts = [f"{r:,} ratings, {u:,} users and {i:,} items taken away" for r, u, i in gone]
    for text in texts:  # one of a thing is named so
        assert " 1 ratings" not in text
    assert cleaned.notes == (
        f"kept ratings of at least 2: {texts[0].replace(' 1 users', ' 1 user')}",
        f"kept the 40 most rated items: {texts[1].replace(' 1 users', ' 1 user')}",
        f"kept {len(popular):,} ratings at random: nothing was taken away",
        "kept users with at least 1 ratings: nothing was taken away",
    )


def test_notes_of_reading_stay_in_front(tmp_path):
    table = make_table(300)
    pd.concat([table, table.iloc[:1]]).to_csv(tmp_path / "r.csv", index=False)
    ratings = read_ratings(tmp_path / "r.csv")
    (about_duplicates,) = ratings.notes
    cleaned = clean_ratings(ratings, min_rating=2)
    assert cleaned.notes[0] == about_duplicates
    assert len(cleaned.notes) == 2
    assert cleaned.source == ratings.source
    assert ratings.notes == (about_duplicates,)


def test_with_nothing_to_take_away_the_columns_are_those_given():
    ratings = ratings_of(make_table())
    assert clean_ratings(ratings) is ratings
    kept = clean_ratings(ratings, min_rating=0)
    assert kept.users is ratings.users
    assert np.shares_memory(kept.value, ratings.value)
    assert kept.notes
    assert not ratings.notes


def test_a_selection_is_cleaned_within_itself():
    table = make_table()
    train, _ = random_split(ratings_of(table), 0.7)
    cleaned = clean_ratings(train, min_user_ratings=6)
    assert_cleaned(cleaned, slowly_cleaned(table_of(train), min_user_ratings=6))
    # Users of whom the selection has nothing go even where no rating does.
    small, _ = random_split(ratings_of(table), 0.99)
    assert clean_ratings(small, min_rating=0).n_users == table_of(small).user.nunique() < 150


def test_what_was_cleaned_can_be_cleaned_split_and_selected_again():
    table = make_table()
    once = clean_ratings(ratings_of(table), min_rating=2)
    twice = clean_ratings(once, top_items=20)
    expected = most_rated(table[table.rating >= 2], "item", 20)
    assert_cleaned(twice, expected)
    train, held_out = random_split(twice, 0.2)
    assert isinstance(train, ReindexedRatings)
    both = pd.concat([table_of(train), table_of(held_out)])
    pd.testing.assert_frame_equal(
        both.sort_values(["user", "item"]).reset_index(drop=True),
        expected.sort_values(["user", "item"]).reset_index(drop=True),
        check_dtype=False,
    )
    assert len(twice.chunk(100, 100).value) == 0
    with pytest.raises(IndexError):
        twice.chunk(0, twice.n_rows + 1)


def test_a_store_of_cleaned_ratings_is_that_of_a_cleaned_file(tmp_path):
    table = make_table()
    expected = slowly_cleaned(table, min_user_ratings=20)
    expected.to_csv(tmp_path / "clean.csv", index=False)
    from_file = read_ratings(tmp_path / "clean.csv")
    cleaned = clean_ratings(ratings_of(table), min_user_ratings=20)
    write_store(cleaned, tmp_path / "clean.store")
    verify_store(tmp_path / "clean.store")
    stored = open_store(tmp_path / "clean.store")
    assert stored.notes == cleaned.notes
    for ratings in (cleaned, stored):
        assert ratings.users == from_file.users
        assert ratings.items == from_file.items
        for one, other in zip(ratings.chunks(), from_file.chunks(), strict=False):
            for column, wanted in zip(one, other, strict=True):
                np.testing.assert_array_equal(column, wanted)
        np.testing.assert_array_equal(ratings.time, from_file.time)


def test_a_store_of_all_rows_and_fewer_ids_has_the_new_indices(tmp_path):
    # The store holds ids without ratings, as one of a selection does.
    table = make_table(500)
    train, _ = random_split(ratings_of(table), 0.5)
    write_store(train, tmp_path / "train.store")
    cleaned = clean_ratings(open_store(tmp_path / "train.store"), min_rating=0)
    assert cleaned.n_items < train.n_items
    assert len(cleaned) == cleaned.n_rows
    write_store(cleaned, tmp_path / "clean.store")
    assert_cleaned(open_store(tmp_path / "clean.store"), table_of(train))


def test_single_precision_limits_hold_what_was_read_from_the_same_text():
    ratings = Ratings.from_arrays([1, 2, 3], [1, 2, 3], [0.1, 0.2, 0.3])
    assert len(clean_ratings(ratings, min_rating=0.1, max_rating=0.2)) == 2


def test_progress_counts_the_rows_of_every_pass():
    done = []
    clean_ratings(ratings_of(make_table()), min_rating=2, progress=done.append)
    assert sum(done) == 2 * 3000


def test_real_ratings_have_the_core_that_pandas_finds(real_data):
    path = real_data / "ml-100k" / "u.data"
    table = pd.read_csv(path, sep="\t", names=COLUMNS)
    options = {"min_user_ratings": 40, "min_item_ratings": 60, "until_stable": True}
    cleaned = clean_ratings(read_ratings(path), **options)
    assert_cleaned(cleaned, slowly_cleaned(table, **options))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"min_rating": 6}, r"no ratings of at least 6: they lie between 0\.5 and 5; choose"),
        ({"max_rating": 0}, "no ratings of at most 0"),
        ({"min_rating": 2.1, "max_rating": 2.4}, r"no ratings from 2\.1 to 2\.4"),
        ({"min_user_ratings": 81}, r"no user has 81 ratings, \d+ at most.*--min-user-ratings"),
        ({"min_item_ratings": 999}, r"no item has 999 ratings, \d+ at most.*--min-item-ratings"),
        ({"min_user_ratings": 60, "min_item_ratings": 60, "until_stable": True}, "by then"),
        ({"sample": 0.0001}, r"0\.0001 of 3,000 ratings is none; .*--sample\b"),
        ({"sample_users": 0.0001}, r"of \d+ users is none; .*--sample-users"),
    ],
    ids=str,
)
def test_taking_everything_away_is_refused(options, complaint):
    with pytest.raises(DataError, match=complaint):
        clean_ratings(ratings_of(make_table()), **options)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"min_rating": float("nan")}, "min_rating is nan, but must be a finite number"),
        ({"max_rating": "5"}, "max_rating is '5', but must be a finite number"),
        ({"min_rating": 4, "max_rating": 3}, "min_rating is 4 and max_rating 3"),
        ({"top_items": 0}, "top_items is 0, but must be a whole number from 1"),
        ({"top_users": 2.5}, r"top_users is 2\.5, but"),
        ({"min_user_ratings": -1}, "min_user_ratings is -1, but"),
        ({"min_item_ratings": True}, "min_item_ratings is True, but"),
        ({"sample": 0}, "sample is 0, but must be a whole number from 1, or a fraction"),
        ({"sample": 1.5}, r"sample is 1\.5, but"),
        ({"sample_users": float("nan")}, "sample_users is nan, but"),
        ({"sample": "10%"}, "sample is '10%', but"),
        ({"until_stable": True}, "until_stable repeats min_user_ratings and min_item_ratings"),
        ({"sample": 5, "random_state": -1}, "random_state is -1"),
        ({"sample": 5, "random_state": 1.5}, r"random_state is 1\.5"),
    ],
    ids=str,
)
def test_options_that_mean_nothing_are_refused(options, complaint):
    with pytest.raises(ParameterError, match=complaint):
        clean_ratings(ratings_of(make_table(30)), **options)
