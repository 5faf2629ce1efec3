import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from bench.dataset import published_split, random_split
from bench.harness import Progress
from bench.peers.triples import read_triples
from bench.process import BenchError
from bench.source import count_rows, generate
from tests.bench.conftest import write_ratings

QUIET = Progress(quiet=True)


def rows_of(path):
    table = pq.read_table(path)
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_split_is_a_partition_in_file_order(ratings_file, tmp_path):
    split = random_split(ratings_file, tmp_path / "cache", QUIET, fraction=0.1)
    source, train, valid = rows_of(ratings_file), rows_of(split.train), rows_of(split.valid)
    assert sorted(train + valid) == sorted(source)
    position = {row[:2]: number for number, row in enumerate(source)}
    for part in (train, valid):
        numbers = [position[row[:2]] for row in part]
        assert numbers == sorted(numbers)
    assert (split.n_train, split.n_valid) == (len(train), len(valid))
    assert 60 <= split.n_valid <= 140
    assert (split.n_users, split.n_items) == (40, 50)
    assert (split.rating_minimum, split.rating_maximum) == (0.5, 5.0)


def test_text_holds_the_same_rows_with_dense_indices(ratings_file, tmp_path):
    split = random_split(ratings_file, tmp_path / "cache", QUIET, fraction=0.1)
    user_of, item_of = {}, {}
    for parquet, text in ((split.train, split.train_text), (split.valid, split.valid_text)):
        triples = read_triples(text)
        rows = rows_of(parquet)
        assert len(triples.value) == len(rows)
        for (user, item, value), u, i, v in zip(rows, *triples, strict=True):
            assert user_of.setdefault(u, user) == user
            assert item_of.setdefault(i, item) == item
            assert v == np.float32(value)
    assert sorted(user_of) == list(range(40))
    assert sorted(item_of) == list(range(50))
    assert len(set(user_of.values())) == 40
    first = split.train_text.read_text().splitlines()[0].split(" ")
    assert len(first) == 3


def test_split_is_kept_and_made_again_for_a_changed_file_or_seed(ratings_file, tmp_path):
    cache = tmp_path / "cache"
    one = random_split(ratings_file, cache, QUIET, fraction=0.1)
    written = one.train.stat().st_mtime_ns
    assert random_split(ratings_file, cache, QUIET, fraction=0.1) == one
    assert one.train.stat().st_mtime_ns == written
    other = random_split(ratings_file, cache, QUIET, fraction=0.1, seed=1)
    assert other.folder != one.folder
    assert rows_of(other.valid) != rows_of(one.valid)
    write_ratings(ratings_file, 900)
    changed = random_split(ratings_file, cache, QUIET, fraction=0.1)
    assert changed.n_train + changed.n_valid == 900
    assert not [path.name for path in cache.iterdir() if path.name.startswith("partial")]


def test_per_user_split_takes_the_share_of_each_user(ratings_file, tmp_path):
    split = random_split(ratings_file, tmp_path / "cache", QUIET, fraction=0.2, per_user=True)
    of_user = np.bincount(read_triples(split.train_text).user_index, minlength=40)
    held_out = np.bincount(read_triples(split.valid_text).user_index, minlength=40)
    np.testing.assert_array_equal(held_out, np.rint(0.2 * (of_user + held_out)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ratings.csv", "userId,movieId,rating\n5,9,3\n5,8,4.5\n6,9,1\n"),
        ("u.data", "5\t9\t3\t881250949\n5\t8\t4.5\t881250949\n6\t9\t1\t881250949\n"),
        ("info.dat", "User_ID\tAnime_ID\tFeedback\n5\t9\t3\n5\t8\t4.5\n6\t9\t1\n"),
    ],
)
def test_delimited_text_with_and_without_a_header(tmp_path, name, text):
    source = tmp_path / name
    source.write_text(text)
    assert count_rows(source) == 3
    split = published_split(source, source, tmp_path / "cache", QUIET)
    assert rows_of(split.train) == [(5, 9, 3.0), (5, 8, 4.5), (6, 9, 1.0)]
    assert split.valid_text.read_text() == "0 0 3\n0 1 4.5\n1 0 1\n"


def test_published_fold_shares_the_indices(tmp_path):
    train, valid = tmp_path / "u1.base", tmp_path / "u1.test"
    train.write_text("1\t10\t5\n2\t20\t3\n")
    valid.write_text("2\t10\t4\n3\t20\t1\n")
    split = published_split(train, valid, tmp_path / "cache", QUIET)
    assert split.train_text.read_text() == "0 0 5\n1 1 3\n"
    assert split.valid_text.read_text() == "1 0 4\n2 1 1\n"
    assert (split.n_users, split.n_items, split.n_train, split.n_valid) == (3, 2, 2, 2)


def test_bad_sources_are_said_and_leave_nothing(tmp_path):
    cache = tmp_path / "cache"
    with pytest.raises(BenchError, match=r"cannot read .*missing.csv: No such file"):
        random_split(tmp_path / "missing.csv", cache, QUIET, fraction=0.1)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 not really")
    with pytest.raises(BenchError, match=r"cannot read .*broken\.parquet"):
        random_split(broken, cache, QUIET, fraction=0.1)
    text = tmp_path / "text.csv"
    text.write_text("user,item,rating\n1,2,good\n")
    with pytest.raises(BenchError, match=r"cannot read .*text\.csv"):
        random_split(text, cache, QUIET, fraction=0.1)
    one = tmp_path / "one.csv"
    one.write_text("user,item,rating\n1,2,3\n")
    with pytest.raises(BenchError, match="left one part without ratings"):
        random_split(one, cache, QUIET, fraction=0.1)
    assert not cache.exists() or not list(cache.iterdir())


def test_generated_data_is_made_once(tmp_path):
    cache = tmp_path / "cache"
    path = generate(cache, 20_000, QUIET)
    assert count_rows(path) == 20_000
    assert isinstance(json.loads(path.with_suffix(".json").read_text()), dict)
    written = path.stat().st_mtime_ns
    assert generate(cache, 20_000, QUIET) == path
    assert path.stat().st_mtime_ns == written
