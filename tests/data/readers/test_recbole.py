import gzip

import pandas as pd
import pytest

from fastmf.data import read_ratings
from fastmf.data.readers import open_part
from fastmf.data.readers.part import ReadOptions
from fastmf.data.readers.recbole import RecBolePart
from fastmf.errors import DataError
from tests.data.tables import assert_same, make_frame

TYPES = {
    "userId": "user_id:token",
    "movieId": "item_id:token",
    "rating": "rating:float",
    "timestamp": "timestamp:float",
}


def write_atomic(path, frame, separator="\t"):
    path.write_text(frame.rename(columns=TYPES).to_csv(index=False, sep=separator))
    return path


@pytest.mark.parametrize("name", ["a.inter", "ratings.txt"])
@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("separator", ["\t", ","])
def test_atomic_files_are_read_whatever_their_name(tmp_path, name, text, separator):
    frame = make_frame(text=text)
    assert_same(read_ratings(write_atomic(tmp_path / name, frame, separator)), frame)


def test_tokens_that_are_integers_stay_integers_and_others_do_not(tmp_path):
    path = tmp_path / "a.inter"
    path.write_text("user_id:token\titem_id:token\trating:float\n7\tB01\t3.5\n12\tB02\t1\n")
    ratings = read_ratings(path)
    assert ratings.users.take([0, 1]).tolist() == [7, 12]
    assert ratings.items.take([0, 1]).tolist() == ["B01", "B02"]


def test_columns_of_sequences_and_features_are_passed_over(tmp_path):
    path = tmp_path / "a.inter"
    path.write_text(
        "item_id:token\tgenres:token_seq\trating:float\tuser_id:token\tvector:float_seq\n"
        "5\tdrama war\t3.5\t1\t0.5 0.25\n6\t\t2\t2\t1 2\n"
    )
    ratings = read_ratings(path)
    assert ratings.users.take(ratings.user_index).tolist() == [1, 2]
    assert ratings.items.take(ratings.item_index).tolist() == [5, 6]
    assert ratings.value.tolist() == [3.5, 2]


def test_compressed_atomic_files_are_read(tmp_path):
    frame = make_frame()
    plain = write_atomic(tmp_path / "a.inter", frame)
    (tmp_path / "a.inter.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert_same(read_ratings(tmp_path / "a.inter.gz"), frame)


@pytest.mark.parametrize("name", ["label", "label:float"])
def test_columns_are_named_with_or_without_their_type(tmp_path, name):
    path = tmp_path / "a.inter"
    path.write_text("user_id:token\titem_id:token\tlabel:float\n1\t5\t0.5\n2\t6\t1\n")
    assert read_ratings(path, rating_column=name).value.tolist() == [0.5, 1]
    with pytest.raises(DataError, match=r"no rating column; columns found: user_id, item_id"):
        read_ratings(path)


def test_a_folder_of_atomic_files_is_one_table(tmp_path):
    frame = make_frame()
    write_atomic(tmp_path / "a.inter", frame.iloc[:300])
    write_atomic(tmp_path / "b.inter", frame.iloc[300:])
    assert_same(read_ratings(tmp_path), frame)


@pytest.mark.parametrize(
    ("content", "recbole"),
    [
        ("user_id:token\titem_id:token\trating:float\n1\t2\t3\n", True),
        ("\ufeffuser_id:token,item_id:token,rating:float\r\n1,2,3\n", True),
        ("user\titem\trating\n1\t2\t3\n", False),
        ("user_id:token\titem_id:token\trating\n1\t2\t3\n", False),
        ("user:a\titem:b\trating:c\n1\t2\t3\n", False),
    ],
)
def test_the_header_tells_an_atomic_file(tmp_path, content, recbole):
    (tmp_path / "r.txt").write_text(content)
    try:
        part = open_part(tmp_path / "r.txt", ReadOptions())
    except DataError as error:
        assert not recbole, error
    else:
        assert isinstance(part, RecBolePart) == recbole


def test_published_ratings_written_as_an_atomic_file_read_the_same(real_data, tmp_path):
    frame = pd.read_csv(real_data / "ml-latest-small" / "ratings.csv")
    assert_same(read_ratings(write_atomic(tmp_path / "ml.inter", frame)), frame)
