import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

from fastmf.data import Ratings, read_ratings
from fastmf.errors import DataError
from tests.data.tables import assert_same, make_frame


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize(
    "convert",
    [
        lambda frame: frame,
        lambda frame: frame.set_index(frame.index[::-1]),
        lambda frame: frame.astype({"userId": "category", "movieId": "category"}),
        pl.from_pandas,
        pa.Table.from_pandas,
        lambda frame: pa.Table.from_pandas(frame).to_batches()[0],
        lambda frame: tuple(frame[name] for name in frame.columns),
        lambda frame: tuple(frame[name].tolist() for name in frame.columns),
    ],
    ids=["pandas", "index", "category", "polars", "table", "batch", "series", "lists"],
)
def test_tables_in_memory_are_read(convert, text):
    frame = make_frame(text=text)
    assert_same(read_ratings(convert(frame)), frame)


def test_object_columns_of_text_are_read():
    frame = make_frame(text=True).astype({"userId": object})
    assert_same(read_ratings(frame), frame)


def test_pandas_columns_in_pieces_are_read():
    frame = make_frame(text=True)
    pieces = pd.concat([frame[:100], frame[100:]])
    assert_same(read_ratings(pieces), frame)
    assert_same(read_ratings(tuple(pieces[name] for name in pieces.columns)), frame)


def test_times_of_pandas_are_read():
    frame = make_frame()
    dated = frame.assign(timestamp=pd.to_datetime(frame["timestamp"], unit="s"))
    assert_same(read_ratings(dated), frame)
    arrays = tuple(dated[name].to_numpy() for name in dated.columns)
    assert_same(read_ratings(arrays), frame)


def test_reading_changes_nothing_in_the_callers_arrays():
    users, items = np.array([1, 1, 2], np.int32), np.array([1, 1, 2], np.int64)
    values = np.array([1, 2, 3], np.float32)
    ratings = read_ratings((users, items, values), duplicates="mean")
    assert ratings.value.tolist() == [1.5, 3]
    assert values.tolist() == [1, 2, 3]
    values[:] = 0
    assert ratings.value.tolist() == [1.5, 3]


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_matrix, sp.coo_matrix, sp.csr_array])
def test_sparse_matrices_are_read(kind):
    dense = np.array([[0, 2, 0], [0, 0, 0], [4.5, 0, 1]])
    ratings = read_ratings(kind(dense))
    assert ratings.users.take(ratings.user_index).tolist() == [0, 2, 2]
    assert ratings.items.take(ratings.item_index).tolist() == [1, 0, 2]
    assert ratings.value.tolist() == [2, 4.5, 1]


def test_cells_stored_twice_add_up_and_the_matrix_stays():
    matrix = sp.coo_matrix(([1.0, 2.0, 4.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    ratings = read_ratings(matrix, duplicates="error")
    assert ratings.value.tolist() == [3, 4]
    assert matrix.nnz == 3


def test_stored_zeros_are_ratings():
    matrix = sp.csr_matrix(([0.0, 2.0], ([0, 1], [1, 0])), shape=(2, 2))
    assert read_ratings(matrix).value.tolist() == [0, 2]


def test_ratings_are_returned_as_they_are():
    ratings = Ratings.from_arrays([1, 2], [3, 4], [5, 6])
    assert read_ratings(ratings) is ratings


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (17, "cannot read ratings from int; give a path"),
        ([1, 2, 3], "cannot read ratings from list"),
        (([1], [2]), "cannot read ratings from tuple"),
        (pd.DataFrame({"a": [1]}), "the DataFrame: no user column; columns found: a"),
        (pd.DataFrame({"user": [1, None], "item": [1, 2], "rating": [1, 2]}),
         "DataFrame, row 2: the user id is missing"),
        (pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": [1, np.nan]}),
         "DataFrame, row 2: the rating is missing"),
        (pd.DataFrame({"user": [1, "b"], "item": [1, 2], "rating": [1, 2]}),
         "column 'user' must be of one type: 1 comes first"),
        (pl.DataFrame({"user": [1], "item": [1], "rating": ["x"]}), "holds .*, not numbers"),
        (sp.csr_matrix((3, 3)), "no ratings"),
    ],
    ids=range(9),
)  # fmt: skip
def test_what_is_no_table_of_ratings_is_refused(source, message):
    with pytest.raises(DataError, match=message):
        read_ratings(source)


def test_a_column_of_mixed_types_names_the_first_that_differs():
    frame = make_frame().astype({"userId": object})
    frame.loc[7, "userId"] = "seven"
    with pytest.raises(DataError, match=r"'userId' must be of one type: \d+ .* row 8 'seven'"):
        read_ratings(frame)


def test_masked_entries_are_missing():
    values = np.ma.masked_array([5.0, 4.0, 3.0], [False, True, False])
    with pytest.raises(DataError, match="row 2: the rating is missing"):
        read_ratings((np.arange(3), np.arange(3), values))


def test_arrays_are_read_without_pandas():
    code = (
        "import sys, numpy as np, fastmf; ids = np.arange(9);"
        "fastmf.read_ratings((ids, ids[::-1], np.ones(9)));"
        "assert 'pandas' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
