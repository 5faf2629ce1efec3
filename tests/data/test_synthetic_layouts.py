"""Generated ratings in raw layouts: the same ratings, read back by the readers."""

from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from fastmf.data import read_ratings
from fastmf.data.synthetic import LAYOUTS, Plant, generate, layout_by_name
from fastmf.errors import DataError, ParameterError

N = 20_000
ENDINGS = {"parquet": ".parquet", "netflix-folder": ""}
NO_TIME = {"libmf"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write a layout once."""
    folder = tmp_path_factory.mktemp("layouts")

    @cache
    def write(layout, **options):
        name = "-".join([layout, *map(str, options.values())])
        path = folder / (name + ENDINGS.get(layout, ".txt"))
        return path, generate(path, N, layout=layout, rows_per_group=3000, seed=5, **options)

    return write


def rows_of(path):
    ratings = read_ratings(path)
    assert len(ratings) == N
    users = np.asarray(ratings.users.take(ratings.user_index), np.int64)
    items = np.asarray(ratings.items.take(ratings.item_index), np.int64)
    time = np.zeros(N, np.int64) if ratings.time is None else ratings.time
    return np.column_stack([users, items, np.asarray(ratings.value, np.int64), time])


def in_order(rows):
    return rows[np.lexsort(rows.T[:2])]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_reads_back_as_the_same_ratings(written, layout):
    expected = in_order(rows_of(written("parquet")[0]))
    found = in_order(rows_of(written(layout)[0]))
    if layout in NO_TIME:
        expected[:, 3] = 0
    np.testing.assert_array_equal(found, expected)


def test_the_summary_is_the_same_but_for_the_hold_out(written):
    (_, parquet), (_, netflix) = written("parquet"), written("netflix")
    assert netflix.global_mean == pytest.approx(parquet.global_mean)
    assert netflix.std == pytest.approx(parquet.std)
    assert netflix.floor_rows == parquet.floor_rows
    # All rows of a table this small count.
    assert netflix.floor_rmse == pytest.approx(parquet.floor_rmse)


def test_the_hold_out_of_another_order_is_as_large(tmp_path, monkeypatch):
    monkeypatch.setattr("fastmf.data.synthetic.generator.HOLD_OUT_ROWS", 700)
    for order in ("shuffled", "user", "item"):
        summary = generate(tmp_path / "a.parquet", N, order=order, rows_per_group=999)
        assert summary.floor_rows == 700
        assert summary.floor_rmse == pytest.approx(0.8, abs=0.08)


@pytest.mark.parametrize("order", ["user", "item"])
def test_rows_come_in_the_order_asked_for(tmp_path, order):
    generate(tmp_path / "a.parquet", N, order=order, rows_per_group=3000, num_threads=3)
    generate(tmp_path / "b.parquet", N, order=order, rows_per_group=3000, num_threads=1)
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.equals(pq.read_table(tmp_path / "b.parquet"))
    ids = table[f"{order}_id"].to_numpy()
    assert np.count_nonzero(np.diff(ids)) == np.unique(ids).size - 1


def test_a_folder_has_a_file_for_each_movie(written):
    path, summary = written("netflix-folder")
    files = sorted(file.name for file in path.iterdir())
    assert files == [f"mv_{movie:07d}.txt" for movie in range(1, summary.items + 1)]
    whole = written("netflix")[0].read_bytes()
    assert b"".join((path / file).read_bytes() for file in files) == whole


def test_real_ratings_keep_their_bits_in_text(tmp_path):
    for name in ("a.parquet", "a.csv"):
        layout = layout_by_name(tmp_path / name)
        generate(tmp_path / name, 3000, what=Plant(real_valued=True), layout=layout)
    one, other = (read_ratings(tmp_path / name).value for name in ("a.parquet", "a.csv"))
    np.testing.assert_array_equal(np.asarray(one).view(np.int32), np.asarray(other).view(np.int32))


def test_users_of_netflix_have_gaps_and_dates_its_years(written):
    batch = rows_of(written("netflix")[0])
    assert batch[:, 0].max() > 4 * np.unique(batch[:, 0]).size
    days = batch[:, 3].astype("datetime64[s]")
    assert days.min() >= np.datetime64("1999-11-11")
    assert days.max() <= np.datetime64("2005-12-31")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"layout": "excel"}, "layout is 'excel', but it must be one of parquet, netflix"),
        ({"order": "random"}, "order is 'random'"),
        ({"layout": "netflix", "order": "user"}, "goes item by item"),
        ({"layout": "netflix", "what": Plant(real_valued=True)}, "whole ratings from 1 to 5 only"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, options, says):
    with pytest.raises(ParameterError, match=says):
        generate(tmp_path / "a", 1000, **options)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_stays(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="it exists; give the name of a new folder"):
        generate(tmp_path / "a", 1000, layout="netflix-folder")
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "mine.txt"]


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("a.parquet", "parquet"), ("a", "parquet"), ("a.csv", "csv"), ("a.dat", "movielens"),
        ("u.data", "movielens-tab"), ("a.inter", "inter"), ("a.txt", None),
    ],
)  # fmt: skip
def test_names_tell_the_layout(tmp_path, name, layout):
    assert layout_by_name(tmp_path / name) == layout


def test_dates_stay_dates_in_csv(written):
    table = pa.csv.read_csv(written("csv")[0])
    assert table.schema.field("date").type == pa.date32()
    assert table.column_names == ["user_id", "item_id", "rating", "date"]
