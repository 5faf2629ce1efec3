"""Numbers that describe ratings, against their plain NumPy definitions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data import Ratings, random_split, read_ratings
from fastmf.data.histogram import MOST_BARS
from fastmf.data.summary import PASSES, QUANTILES, repeated_pairs, summarize_ratings
from fastmf.errors import DataError

rows = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 20), st.integers(-5, 25)),
    min_size=1,
    max_size=200,
    unique_by=lambda row: row[:2],
)


@settings(deadline=None, max_examples=50)
@given(rows)
def test_counts_and_moments(table):
    users, items, values = (np.array(column) for column in zip(*table, strict=True))
    summary = summarize_ratings(Ratings.from_arrays(users, items, values))
    of_user = np.unique(users, return_counts=True)[1]
    of_item = np.unique(items, return_counts=True)[1]
    assert summary.n_ratings == len(table)
    assert (summary.n_users, summary.n_items) == (len(of_user), len(of_item))
    assert summary.density == pytest.approx(len(table) / (len(of_user) * len(of_item)))
    assert summary.mean == pytest.approx(values.mean(), abs=1e-9)
    assert summary.std == pytest.approx(values.std(), abs=1e-6)
    assert summary.user_quantiles == pytest.approx(np.quantile(of_user, QUANTILES))
    assert summary.item_quantiles == pytest.approx(np.quantile(of_item, QUANTILES))
    assert sum(bar.n_ratings for bar in summary.histogram) == len(table)


def test_few_values_have_a_bar_each():
    values = np.repeat([0.5, 1.0, 5.0], [3, 2, 1])
    summary = summarize_ratings(Ratings.from_arrays(np.arange(6), np.arange(6) % 2, values))
    assert summary.histogram == ((0.5, 0.5, 3), (1.0, 1.0, 2), (5.0, 5.0, 1))


def test_many_values_share_bars_even_when_they_appear_late():
    # The first chunk of rows has one value only; the bars must count its rows all the same.
    n = (1 << 20) + 1000
    values = np.full(n, 3.0, np.float32)
    values[-1000:] = np.linspace(0, 10, 1000)
    ratings = Ratings.from_arrays(np.arange(n), np.arange(n) % 7, values)
    bars = summarize_ratings(ratings).histogram
    counts, edges = np.histogram(values, np.linspace(0, 10, 21))
    assert [bar.n_ratings for bar in bars] == counts.tolist()
    assert [bar.low for bar in bars] == edges[:-1].tolist()
    assert bars[-1].high == 10.0


def test_a_selection_counts_its_own_users_items_and_times():
    n = 1000
    time = np.arange(n) + 10**9
    ratings = Ratings.from_arrays(np.arange(n), np.arange(n) % 10, np.arange(n) % 5, time)
    _, part = random_split(ratings, 0.01)
    summary = summarize_ratings(part)
    assert (summary.n_ratings, summary.n_users) == (10, 10)
    assert (summary.first_time, summary.last_time) == (part.time.min(), part.time.max())


def test_without_times():
    summary = summarize_ratings(Ratings.from_arrays([1, 2], [1, 2], [3, 4]))
    assert summary.first_time is None
    assert summary.last_time is None
    assert summary.timeline is None


def generated(n=700_000):
    """Ratings of several ranges of rows, with more values than have a bar each."""
    rng = np.random.default_rng(3)
    cells = rng.choice(3000 * 500, n, replace=False)
    values = rng.normal(3, 1, n).astype(np.float32)
    return Ratings.from_arrays(cells // 500, cells % 500, values, 10**9 + cells)


def numbers(summary):
    """Return everything a summary says as plain lists."""
    crosstab, timeline = summary.crosstab, summary.timeline
    arrays = (summary.user_counts, summary.item_counts, timeline.starts, timeline.n_ratings)
    arrays += (crosstab.users, crosstab.items, crosstab.user_means, crosstab.item_means)
    plain = summary.mean, summary.std, summary.histogram, summary.first_time, summary.last_time
    return plain, [array.tolist() for array in arrays], crosstab.cells.tobytes()


def test_the_same_bits_for_any_number_of_threads():
    ratings = generated()
    assert len(ratings.ranges()) > 3
    one, two, five = (numbers(summarize_ratings(ratings, num_threads=n)) for n in (1, 2, 5))
    assert one == two == five


def test_threads_that_would_take_too_much_memory_are_left_out(monkeypatch):
    monkeypatch.setattr("fastmf.data.summary._TALLY_BYTES", 1)
    ratings = generated(100_000)
    assert numbers(summarize_ratings(ratings, num_threads=4)) == numbers(summarize_ratings(ratings))


def test_progress_counts_every_pass():
    ratings, done = generated(300_000), []
    summarize_ratings(ratings, progress=done.append, num_threads=1)
    assert sum(done) == PASSES * len(ratings)


def test_pairs_that_were_repeated_are_told_by_what_reading_said(tmp_path):
    file = tmp_path / "ratings.csv"
    file.write_text("user,item,rating\n1,1,3\n1,1,4\n2,1,5\n2,1,5\n2,1,1\n3,2,2\n")
    for duplicates in ("last", "mean"):
        assert summarize_ratings(read_ratings(file, duplicates=duplicates)).n_repeated == 2
        # Also when they come out of the cache.
        assert summarize_ratings(read_ratings(file, duplicates=duplicates)).n_repeated == 2
    file.write_text("user,item,rating\n1,1,3\n1,1,4\n2,2,2\n")
    assert summarize_ratings(read_ratings(file)).n_repeated == 1
    assert repeated_pairs(("1,234 duplicate (user, item) pairs: kept", "3 rows")) == 1234
    assert repeated_pairs(()) == 0


def test_nothing_to_describe():
    ratings = Ratings.from_arrays([1, 2], [1, 2], [3, 4])
    with pytest.raises(DataError, match="no ratings"):
        summarize_ratings(ratings.select(np.zeros(1, np.uint8)))


def table_of_netflix(file):
    rows, movie = [], 0
    for line in file.read_text().split():
        if line.endswith(":"):
            movie = int(line[:-1])
        else:
            user, rating, date = line.split(",")
            rows.append((int(user), movie, float(rating), date))
    table = pd.DataFrame(rows, columns=["user", "item", "rating", "time"])
    table["time"] = pd.to_datetime(table["time"]).astype("datetime64[s]").astype(np.int64)
    return table


def real_table(folder, name):
    """Return a published table as pandas reads it, and its file."""
    names = ["user", "item", "rating", "time"]
    file = folder / name
    if name.startswith("netflix"):
        return table_of_netflix(file), file
    if name == "ml-100k/u.data":
        return pd.read_csv(file, sep="\t", names=names), file
    table = pd.read_csv(file)
    return table.set_axis(names[: table.shape[1]], axis=1).query("rating >= 0"), file


@pytest.mark.parametrize(
    "name",
    [
        "ml-100k/u.data",
        "ml-1m/ratings.csv",
        "ml-latest-small/ratings.csv",
        "anime/rating_tail.csv",
        "netflix/combined_subset_derived.txt",
    ],
)
def test_real_ratings_have_the_numbers_that_pandas_finds(real_data, name):
    table, file = real_table(real_data, name)
    ratings = read_ratings(file)
    summary = summarize_ratings(ratings)
    assert summary.n_repeated == table.duplicated(["user", "item"]).sum() == 0
    assert summary.n_ratings == len(table)
    assert summary.mean == pytest.approx(table["rating"].mean(), rel=1e-9)
    assert summary.std == pytest.approx(table["rating"].std(ddof=0), rel=1e-9)
    levels = table["rating"].value_counts().sort_index()
    assert len(levels) <= MOST_BARS
    assert [(bar.low, bar.n_ratings) for bar in summary.histogram] == list(levels.items())
    crosstab = summary.crosstab
    for role, vocabulary, counts, top in (
        ("user", ratings.users, summary.user_counts, crosstab.user_counts),
        ("item", ratings.items, summary.item_counts, crosstab.item_counts),
    ):
        wanted = table[role].value_counts()
        ids = vocabulary.take(np.arange(len(vocabulary)))
        assert dict(zip(ids.tolist(), counts.tolist(), strict=True)) == wanted.to_dict()
        assert top.tolist() == wanted.iloc[:15].tolist()
    users, items = ratings.users.take(crosstab.users), ratings.items.take(crosstab.items)
    most = table[table["user"].isin(users) & table["item"].isin(items)]
    cells = most.pivot(index="user", columns="item", values="rating").reindex(users, columns=items)
    np.testing.assert_array_equal(crosstab.cells, cells.to_numpy())
    if "time" in table:
        assert (summary.first_time, summary.last_time) == (table["time"].min(), table["time"].max())
        unit = {"day": "D", "week": "W-SUN", "month": "M"}[summary.timeline.unit]
        periods = pd.to_datetime(table["time"], unit="s").dt.to_period(unit).value_counts()
        assert [
            n for n in summary.timeline.n_ratings.tolist() if n
        ] == periods.sort_index().tolist()
