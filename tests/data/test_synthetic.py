"""Generated tables: their shape, their planted truth, their order, their file."""

import json
import math
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.synthetic import METADATA_KEY, Plant, generate, item_titles
from fastmf.data.synthetic.cells import alias_table, draw_cells, drawing_weights
from fastmf.data.synthetic.generator import draw_table
from fastmf.data.synthetic.parquet import Rows, ratings_schema, ratings_writer, write_groups
from fastmf.data.synthetic.profile import Shape, item_targets, resolve_shape, user_counts
from fastmf.errors import DataError, ParameterError
from fastmf.kernels.tables.synthetic import choose_items
from fastmf.parallel import Team
from tests.reference.tables import synthetic as reference

N = 200_000


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("synthetic") / "ratings.parquet"
    summary = generate(path, N, rows_per_group=1 << 15)
    return summary, pq.read_table(path), path


def columns(table):
    return [column.to_numpy() for column in table.columns[:3]]


def pairs(table):
    user, item, _ = columns(table)
    return user.astype(np.int64) << 16 | item


def planted_means(table, what, seed=0):
    """The means of the rows of a file, from the truth behind it, by raw id."""
    user, item, _ = columns(table)
    shape = Shape(len(table), np.unique(user).size, np.unique(item).size)
    with Team(1) as team:
        truth = draw_table(what, shape, seed, team).truth
    order = np.argsort(truth.user_ids)
    users = order[np.searchsorted(truth.user_ids, user, sorter=order)]
    return reference.planted_means(
        users, item - 1, truth.mean, truth.user_bias, truth.item_bias,
        truth.user_factors, truth.item_factors,
    )  # fmt: skip


def rmse(errors):
    return math.sqrt(np.mean(np.square(errors)))


# --- shape -----------------------------------------------------------------------------------


def test_columns_ids_and_dates(table):
    summary, rows, path = table
    assert rows.schema.equals(ratings_schema(real_valued=False))
    assert rows.num_rows == summary.ratings == N
    user, item, rating = columns(rows)
    shape = resolve_shape(N)
    assert np.unique(user).size == summary.users == shape.n_users == 956
    assert np.array_equal(np.unique(item), np.arange(1, shape.n_items + 1))
    assert summary.items == shape.n_items
    assert user.min() >= 1 and 3 * shape.n_users < user.max() <= 5.6 * shape.n_users
    assert np.array_equal(np.unique(rating), [1, 2, 3, 4, 5])
    dates = rows["date"].to_numpy()
    assert date(1999, 11, 11) <= dates.min() < date(2001, 1, 1)
    assert date(2005, 12, 1) <= dates.max() <= date(2005, 12, 31)
    file = pq.ParquetFile(path)
    assert [file.metadata.row_group(group).num_rows for group in range(7)] == [32768] * 6 + [3392]


def test_no_pair_comes_twice(table):
    assert np.unique(pairs(table[1])).size == N


def test_tails_are_those_of_netflix():
    shape = resolve_shape(100_480_507)
    assert shape == Shape(100_480_507, 480_189, 17_770)
    rng = np.random.default_rng(0)
    counts = user_counts(shape, rng)
    assert counts.sum() == shape.n_ratings
    assert (counts.min(), np.median(counts)) == (1, pytest.approx(96, abs=3))
    assert 15_000 < counts.max() <= 17_770
    assert counts.std() == pytest.approx(302, rel=0.05)
    targets = item_targets(shape, rng)
    assert targets.sum() == pytest.approx(shape.n_ratings)
    assert (targets.min(), np.median(targets)) == (
        pytest.approx(3, abs=1),
        pytest.approx(561, rel=0.05),
    )
    assert targets.max() == pytest.approx(232_944, rel=0.05)
    assert targets.std() == pytest.approx(16_910, rel=0.05)


@pytest.mark.parametrize("n_ratings", [100_000, 10_000_000])
def test_the_ratings_a_user_keep_their_profile_at_every_size(n_ratings):
    shape = resolve_shape(n_ratings)
    counts = user_counts(shape, np.random.default_rng(0))
    assert counts.mean() == pytest.approx(209.25, rel=0.01)
    np.testing.assert_allclose(np.quantile(counts, [0.25, 0.5, 0.75]), [39, 96, 259], rtol=0.06)


def test_items_get_the_ratings_they_should():
    shape, rng = resolve_shape(100_480_507), np.random.default_rng(0)
    per_user, per_item = user_counts(shape, rng), item_targets(shape, rng)
    weights = drawing_weights(per_user, per_item)
    # One user in fifty draws: a fiftieth of every item's ratings, give or take chance.
    some = per_user[::50]
    starts = np.concatenate([[0], np.cumsum(some)])
    items = np.empty(starts[-1], dtype=np.uint16)
    taken = np.zeros(shape.n_items, dtype=np.uint8)
    choose_items(
        0, some.size, starts, np.uint64(1), *alias_table(weights), weights, shape.n_items // 8,
        taken, np.empty(shape.n_items), np.empty(shape.n_items), items,
    )  # fmt: skip
    expected = per_item * (some.sum() / shape.n_ratings)
    deviation = (np.bincount(items, minlength=shape.n_items) - expected) / np.sqrt(expected)
    well_known = expected > 50
    assert np.abs(deviation[well_known]).max() < 5
    assert abs(deviation[well_known].mean()) < 0.1


def test_in_a_small_table_popularity_is_met_about():
    shape, rng = resolve_shape(1_000_000), np.random.default_rng(0)
    per_user, per_item = user_counts(shape, rng), item_targets(shape, rng)
    with Team() as team:
        items = draw_cells(per_user, per_item, np.uint64(1), rng, team).items
    counts = np.bincount(items, minlength=shape.n_items)
    assert counts.min() >= 1
    popular = per_item > 500
    np.testing.assert_allclose(counts[popular], per_item[popular], rtol=0.25)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 1000))
def test_any_possible_table_is_exact(data, seed):
    n_users, n_items = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    fewest, most = max(10, n_users, n_items), n_users * n_items // 2
    if fewest > most:
        with pytest.raises(ParameterError):
            resolve_shape(fewest, n_users, n_items)
        return
    shape = resolve_shape(data.draw(st.integers(fewest, most)), n_users, n_items)
    with Team(1) as team:
        cells = draw_table(Plant(rank=2), shape, seed, team).cells
    assert cells.users.size == cells.items.size == shape.n_ratings
    assert np.unique(cells.users.astype(np.int64) * 100 + cells.items).size == shape.n_ratings
    assert np.unique(cells.users).size == n_users
    assert np.unique(cells.items).size == n_items


@given(n_ratings=st.integers(10, 100_480_507))
def test_every_size_has_a_shape(n_ratings):
    shape = resolve_shape(n_ratings)
    assert max(shape.n_users, shape.n_items) <= n_ratings <= shape.n_users * shape.n_items // 2


# --- truth -----------------------------------------------------------------------------------


def test_the_floor_is_the_error_of_the_true_model(table):
    summary, rows, _ = table
    means = planted_means(rows, Plant())
    rating = columns(rows)[2]
    probabilities = reference.level_probabilities(means, summary.noise)
    expected = probabilities @ reference.LEVELS
    assert summary.floor_rows == N
    assert summary.floor_rmse == pytest.approx(rmse(rating - expected), abs=1e-6)
    # ... and what the noise, rounding and clipping must make of it in the long run.
    variance = probabilities @ reference.LEVELS**2 - expected**2
    assert summary.floor_rmse == pytest.approx(math.sqrt(variance.mean()), rel=0.005)
    assert 0.78 < summary.floor_rmse < 0.85
    # Nothing simple does better: not the planted mean itself, not any shift or stretch of it.
    clipped = np.clip(means, 1, 5)
    assert rmse(rating - clipped) > summary.floor_rmse
    assert rmse(rating - np.polyval(np.polyfit(expected, rating, 3), expected)) == pytest.approx(
        summary.floor_rmse, rel=1e-3
    )
    # The levels come as often as the model says.
    share = np.bincount(rating, minlength=6)[1:] / N
    np.testing.assert_allclose(share, probabilities.mean(axis=0), atol=0.004)


def test_the_signal_is_realistic(table):
    summary, rows, _ = table
    assert summary.std == pytest.approx(1.08, abs=0.03)
    assert summary.global_mean == pytest.approx(3.6, abs=0.1)
    rating = columns(rows)[2]
    assert summary.global_mean == pytest.approx(rating.mean())
    assert summary.std == pytest.approx(rating.std())
    with Team(1) as team:
        shape = resolve_shape(N)
        table_of_seed = draw_table(Plant(), shape, 0, team)
        cells, truth = table_of_seed.cells, table_of_seed.truth
    factors = np.einsum(
        "rk,rk->r", truth.user_factors[cells.users], truth.item_factors[cells.items]
    )
    assert factors.std() == pytest.approx(0.5, abs=0.05)
    assert abs(factors.mean()) < 0.02
    assert truth.user_bias.std() == pytest.approx(0.42, abs=0.04)
    assert truth.item_bias.std() == pytest.approx(0.5, abs=0.04)
    # Knowing the biases alone is clearly worse than knowing all.
    biases = truth.mean + truth.user_bias[cells.users] + truth.item_bias[cells.items]
    assert rmse(factors) / rmse(biases - biases.mean()) > 0.5


def test_real_valued_ratings_have_their_own_floor(tmp_path):
    path = tmp_path / "real.parquet"
    what = Plant(real_valued=True)
    summary = generate(path, 50_000, what=what)
    rows = pq.read_table(path)
    assert rows.schema.equals(ratings_schema(real_valued=True))
    rating = columns(rows)[2]
    assert rating.min() == 1 and rating.max() == 5
    assert np.unique(rating).size > 30_000
    some = slice(0, 4000)
    means = planted_means(rows, what)[some]
    expected = reference.conditional_means(means, summary.noise, whole=False)
    assert rmse(rating[some] - expected) == pytest.approx(summary.floor_rmse, rel=0.03)
    assert 0.78 < summary.floor_rmse < 0.85


def test_without_noise_the_floor_is_zero(tmp_path):
    assert generate(tmp_path / "a.parquet", 5000, what=Plant(noise=0)).floor_rmse == 0


# --- order -----------------------------------------------------------------------------------


def test_any_stretch_of_rows_is_a_random_sample(table):
    _, rows, path = table
    user, item, rating = columns(rows)
    user_count = np.bincount(user)[user].astype(float)
    item_count = np.bincount(item)[item].astype(float)
    day = rows["date"].to_numpy().astype("datetime64[D]").astype(float)
    groups = pq.ParquetFile(path).metadata.num_row_groups
    for column in (user_count, item_count, rating.astype(float), day, user.astype(float)):
        spread = column.std()
        for group in (0, groups - 2):
            part = column[group << 15 : (group + 1) << 15]
            error = spread / math.sqrt(part.size) * math.sqrt(1 - part.size / N)
            assert abs(part.mean() - column.mean()) < 4.5 * error
        lag_one = np.corrcoef(column[:-1], column[1:])[0, 1]
        assert abs(lag_one) < 4.5 / math.sqrt(N)


# --- sameness --------------------------------------------------------------------------------


def test_the_file_is_the_same_for_any_number_of_threads(tmp_path):
    for threads in (1, 2, 5):
        generate(
            tmp_path / f"{threads}.parquet",
            60_000,
            seed=7,
            num_threads=threads,
            rows_per_group=9999,
        )
    first = (tmp_path / "1.parquet").read_bytes()
    assert (tmp_path / "2.parquet").read_bytes() == first
    assert (tmp_path / "5.parquet").read_bytes() == first


def test_the_rows_do_not_depend_on_the_row_groups(table, tmp_path):
    summary = generate(tmp_path / "a.parquet", N)
    assert pq.read_table(tmp_path / "a.parquet").equals(table[1])
    assert summary.floor_rmse == pytest.approx(table[0].floor_rmse, rel=1e-12)


def test_another_seed_gives_another_table(table, tmp_path):
    generate(tmp_path / "a.parquet", N, seed=1)
    other = pq.read_table(tmp_path / "a.parquet")
    assert np.mean(other["rating"].to_numpy() == table[1]["rating"].to_numpy()) < 0.5
    assert np.intersect1d(pairs(other), pairs(table[1])).size < N // 10


# --- file ------------------------------------------------------------------------------------


def test_the_summary_is_in_the_metadata(table):
    summary, _, path = table
    stored = json.loads(pq.ParquetFile(path).metadata.metadata[METADATA_KEY])
    assert stored == summary.__dict__
    assert stored["floor_rmse"] == summary.floor_rmse and stored["rank"] == 20


def test_drawing_never_runs_far_ahead_of_writing(tmp_path):
    schema = ratings_schema(real_valued=False)
    batch = pa.RecordBatch.from_pylist(
        [{"user_id": 1, "item_id": 1, "rating": 1, "date": date(2000, 1, 1)}], schema=schema
    )
    drawn, written, ahead = 0, 0, []

    def groups():
        nonlocal drawn
        for _ in range(50):
            drawn += 1
            ahead.append(drawn - written)
            yield [Rows(batch, np.array([2.0, 3.0, 4.0]))]

    def wrote(rows):
        nonlocal written
        written += rows

    with ratings_writer(tmp_path / "a.parquet", real_valued=False) as writer:
        assert write_groups(writer.write_batch, groups(), wrote) == (100.0, 150.0, 200.0)
    assert written == 50
    assert max(ahead) <= 3  # one being drawn, one drawn, one being written


def test_progress_counts_every_row(tmp_path):
    seen = []
    generate(tmp_path / "a.parquet", 5000, rows_per_group=1500, progress=seen.append)
    assert seen == [1500, 1500, 1500, 500]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"n_ratings": 9}, "ratings is 9, but must lie between 10 and 100,480,507"),
        ({"n_ratings": 100_480_508}, "must lie between 10 and 100,480,507"),
        ({"n_users": 0}, "users is 0"),
        ({"n_items": 17_771}, "items is 17,771"),
        ({"n_users": 100, "n_items": 19}, "more than half of the 100 x 19 cells"),
        ({"n_users": 1001}, "too few for 1,001 users"),
        ({"seed": -1}, "seed is -1"),
        ({"rows_per_group": 0}, "rows_per_group is 0"),
        ({"num_threads": 0}, "num_threads is 0"),
    ],
)
def test_what_cannot_be_made_is_refused(tmp_path, arguments, says):
    with pytest.raises(ParameterError, match=says):
        generate(tmp_path / "a.parquet", **{"n_ratings": 1000, **arguments})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "values",
    [
        {"rank": 0},
        {"rank": 257},
        {"noise": -0.1},
        {"noise": math.nan},
        {"factor_std": math.inf},
        {"factor_decay": 0.0},
        {"mean": 6.0},
    ],
)
def test_what_cannot_be_planted_is_refused(values):
    with pytest.raises(ParameterError, match=f"{next(iter(values))} is"):
        Plant(**values)


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(
        DataError, match=r"cannot write .*missing/a\.parquet: No such file"
    ) as error:
        generate(tmp_path / "missing" / "a.parquet", 1000)
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="it is a folder"):
        generate(tmp_path, 1000)
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_text("old")

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(path, 5000, rows_per_group=1000, progress=stop)
    assert [child.name for child in tmp_path.iterdir()] == ["a.parquet"]
    assert path.read_text() == "old"


# --- titles ----------------------------------------------------------------------------------


def test_titles_are_distinct_and_the_first_of_more():
    titles = item_titles(17_770, seed=3)
    names = {title[: title.rindex(" (")] for title in titles}
    assert len(titles) == len(names) == 17_770
    assert item_titles(50, seed=3) == titles[:50]
    assert item_titles(50, seed=4) != titles[:50]
    years = [int(title[-5:-1]) for title in titles]
    assert min(years) > 1920 and max(years) == 2005
    assert item_titles(0) == []


@pytest.mark.parametrize(("n", "seed"), [(-1, 0), (65_537, 0), (5, -1)])
def test_titles_have_limits(n, seed):
    with pytest.raises(ParameterError):
        item_titles(n, seed)
