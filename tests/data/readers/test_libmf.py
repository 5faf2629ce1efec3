"""LIBMF's text, "user item rating" apart by spaces: delimited text without a header."""

import numpy as np
import pandas as pd
import pytest

from fastmf.data import read_ratings
from fastmf.errors import DataError
from tests.data.tables import assert_same, make_frame


def write_libmf(path, frame):
    users, items, values = (frame.iloc[:, column] for column in range(3))
    rows = zip(users, items, values, strict=True)
    path.write_text("".join(f"{user} {item} {value:g}\n" for user, item, value in rows))
    return path


@pytest.mark.parametrize("name", ["real_matrix.tr.txt", "ratings"])
def test_its_indices_become_ids(tmp_path, name):
    frame = make_frame()
    ratings = read_ratings(write_libmf(tmp_path / name, frame))
    assert_same(ratings, frame, time=False)
    assert ratings.users.kind == ratings.items.kind == "int"
    assert ratings.notes == (f"{tmp_path / name}: no header: columns taken as user, item, rating",)


@pytest.mark.parametrize("separator", [" ", "\t", "  ", " \t "])
def test_any_blanks_part_its_columns(tmp_path, separator):
    (tmp_path / "r.txt").write_text(
        separator.join("012") + "\n" + separator.join(("5", "7", "-1e-1")) + "\n"
    )
    ratings = read_ratings(tmp_path / "r.txt")
    assert ratings.users.take([0, 1]).tolist() == [0, 5]
    assert ratings.items.take([0, 1]).tolist() == [1, 7]
    assert ratings.value.tolist() == [2, np.float32(-0.1)]


def test_a_row_without_a_rating_is_named(tmp_path):
    (tmp_path / "r.txt").write_text("0 1 2\n0 2 3\n1 3\n")
    with pytest.raises(DataError, match=r"r\.txt, line 3: 2 fields, where the lines before have 3"):
        read_ratings(tmp_path / "r.txt")


def test_published_ratings_written_for_libmf_read_the_same(real_data, tmp_path):
    frame = pd.read_csv(real_data / "ml-latest-small" / "ratings.csv")
    assert_same(read_ratings(write_libmf(tmp_path / "ml.txt", frame)), frame, time=False)
