"""Interactions have a user and an item, and need no rating."""

import gzip

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from fastmf.data import Ratings, read_ratings
from fastmf.errors import DataError
from tests.data.tables import make_frame

ROWS = [("a", 7), ("b", 7), ("b", 9), ("c", 12)]
FRAME = pd.DataFrame(ROWS, columns=["user_id", "item_id"])


def pairs_of(ratings: Ratings) -> list[tuple[object, object]]:
    users = ratings.users.take(ratings.user_index).tolist()
    return list(zip(users, ratings.items.take(ratings.item_index).tolist(), strict=True))


def text_of(separator: str, header: str | None = "user_id{}item_id") -> str:
    lines = [f"{user}{separator}{item}\n" for user, item in ROWS]
    return "".join(lines if header is None else [header.format(separator) + "\n", *lines])


@pytest.mark.parametrize("on_bad_rows", ["error", "skip"])
@pytest.mark.parametrize("separator", [",", "\t", ";", "|", "::", " "])
def test_two_columns_of_text_are_interactions(tmp_path, separator, on_bad_rows):
    path = tmp_path / "r.csv"
    path.write_text(text_of(separator))
    ratings = read_ratings(path, unrated="interactions", on_bad_rows=on_bad_rows)
    assert pairs_of(ratings) == ROWS
    assert ratings.value.tolist() == [1, 1, 1, 1]
    assert ratings.notes == (f"{path}: 4 rows taken as interactions of value 1, rated or not",)


def test_two_columns_without_a_header_are_users_and_items(tmp_path):
    path = tmp_path / "r.tsv"
    path.write_text("3\t7\n4\t7\n4\t9\n")
    ratings = read_ratings(path, unrated="interactions")
    assert pairs_of(ratings) == [(3, 7), (4, 7), (4, 9)]
    assert ratings.notes[0] == f"{path}: no header: columns taken as user, item"


def test_a_single_interaction_is_one_row(tmp_path):
    (tmp_path / "r.csv").write_text("user,item\na,7\n")
    ratings = read_ratings(tmp_path / "r.csv", unrated="interactions", trainable=False)
    assert ratings.notes[0].endswith("r.csv: 1 row taken as interactions of value 1, rated or not")


def test_a_third_column_can_be_the_time(tmp_path):
    path = tmp_path / "r.tsv"
    path.write_text("3\t7\t1000000000\n4\t7\t1000000001\n4\t9\t1000000002\n")
    ratings = read_ratings(path, unrated="interactions", time_column="3")
    assert pairs_of(ratings) == [(3, 7), (4, 7), (4, 9)]
    assert ratings.time is not None
    assert ratings.time.tolist() == [1000000000, 1000000001, 1000000002]
    with pytest.raises(DataError, match="no rating column; columns found: 1, 2, 3;"):
        read_ratings(path, time_column="3")


def test_quoted_text_and_atomic_files_are_read(tmp_path):
    quoted, atomic = tmp_path / "r.csv", tmp_path / "r.inter.gz"
    quoted.write_text('user_id,note,item_id\n"a","x, y",7\nb,,7\nb,"",9\nc,"""",12\n')
    atomic.write_bytes(gzip.compress(text_of("\t", "user_id:token{}item_id:token").encode()))
    for path in (quoted, atomic):
        assert pairs_of(read_ratings(path, unrated="interactions")) == ROWS


def test_bad_rows_are_named_or_left_out(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text(text_of(",") + "d,\nd,12\n,7\ne,1,2\n")
    with pytest.raises(DataError, match=r"r\.csv, line 6: the item id is missing"):
        read_ratings(path, unrated="interactions")
    ratings = read_ratings(path, unrated="interactions", on_bad_rows="skip")
    assert pairs_of(ratings) == [*ROWS, ("d", 12)]
    assert "3 rows left out that cannot be used: line 6: the item id" in ratings.notes[0]


WAYS = {
    "pandas": lambda path: FRAME,
    "polars": lambda path: pl.from_pandas(FRAME),
    "arrays": lambda path: (FRAME["user_id"].tolist(), FRAME["item_id"].to_numpy()),
    "parquet": lambda path: pq.write_table(pa.Table.from_pandas(FRAME), path) or path,
    "feather": lambda path: pyarrow.feather.write_feather(FRAME, path) or path,
}


@pytest.mark.parametrize("way", WAYS)
def test_other_tables_need_no_rating_either(tmp_path, way):
    ratings = read_ratings(WAYS[way](tmp_path / way), unrated="interactions")
    assert pairs_of(ratings) == ROWS
    assert ratings.value.tolist() == [1, 1, 1, 1]
    if way != "arrays":
        with pytest.raises(DataError, match=r"no rating column; .* --unrated interactions"):
            read_ratings(WAYS[way](tmp_path / way))


def test_many_blocks_of_text_are_read(tmp_path):
    frame = make_frame(3000, text=True)[["userId", "movieId"]]
    path = tmp_path / "r.csv"
    frame.to_csv(path, index=False)
    ratings = read_ratings(path, unrated="interactions")
    assert pairs_of(ratings) == list(frame.itertuples(index=False, name=None))


def test_plays_of_a_pair_are_added_up(tmp_path):
    path = tmp_path / "plays.csv"
    path.write_text("user,item,value\n1,10,2\n2,10,1\n1,10,5\n1,11,1\n")
    ratings = read_ratings(path, duplicates="sum")
    assert pairs_of(ratings) == [(2, 10), (1, 10), (1, 11)]
    np.testing.assert_array_equal(ratings.value, np.array([1, 7, 1], np.float32))
    assert ratings.rating_range == (1, 7)
    assert "kept the sum of each (--duplicates last, mean or error" in ratings.notes[0]


def test_repeated_interactions_can_be_counted():
    source = ([1, 1, 1, 2], [5, 5, 6, 5])
    ratings = read_ratings(source, unrated="interactions", duplicates="sum")
    assert dict(zip(pairs_of(ratings), ratings.value.tolist(), strict=True)) == {
        (1, 5): 2,
        (1, 6): 1,
        (2, 5): 1,
    }


def test_a_sum_that_single_precision_cannot_hold_is_refused():
    source = ([1, 1, 2], [5, 5, 6], [3e38, 3e38, 1])
    with pytest.raises(DataError, match=r"the sum of the ratings of a .* too large"):
        read_ratings(source, duplicates="sum")
