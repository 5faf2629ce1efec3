import errno
import os

import numpy as np
import pytest

from fastmf.data import open_store, read_ratings, store_cache_folder
from fastmf.data.arrays import Columns
from fastmf.data.column_file import create_column_file
from fastmf.data.sinks import FileSink, GrowingSink
from tests.data.tables import assert_same, make_frame

KINDS = np.int32, np.int32, np.float32, np.int64


def make_file_sink(folder, n_rows):
    return FileSink(folder, n_rows, has_time=True)


def make_growing_sink(folder, n_rows):
    return GrowingSink(folder)


def random_rows(n_rows, limits=(9, 9, 9, 9)):
    generator = np.random.default_rng(0)
    columns = zip(KINDS, limits, strict=True)
    return [generator.integers(0, limit, n_rows).astype(kind) for kind, limit in columns]


def assert_holds(columns, wanted):
    n_rows = len(wanted[0])
    np.testing.assert_array_equal(columns.user_index, wanted[0])
    np.testing.assert_array_equal(columns.items(0, n_rows), wanted[1])
    np.testing.assert_array_equal(columns.values(0, n_rows), wanted[2])
    if columns.time is not None:
        np.testing.assert_array_equal(columns.seconds(0, n_rows), wanted[3])


def fill(sink, wanted, rows=7000):
    for start in range(0, len(wanted[0]), rows):
        sink.take(*(column[start : start + rows] for column in wanted))


# What makes which column wider, after it began narrow.
WIDER = {
    "none": {},
    "item": {1: 70_000},
    "value": {2: 1.5e9},
    "time": {3: 10**9 + 1},
    "time before 1970": {3: -1},
    "all": {1: 1 << 20, 2: 0.25, 3: 10**12},
}


@pytest.mark.parametrize("wider", WIDER, ids=str)
@pytest.mark.parametrize("make", [make_file_sink, make_growing_sink])
def test_rows_come_back_in_order_whatever_becomes_wider(tmp_path, make, wider):
    wanted = random_rows(50_000, (9, 65_536, 256, 40_000))
    wanted[3] *= 86_400
    for column, value in WIDER[wider].items():
        wanted[column][33_333] = value
    sink = make(tmp_path, 50_000)
    fill(sink, wanted)
    columns = sink.finish(has_time=True)
    assert_holds(columns, wanted)
    assert (columns.item_index.dtype == np.int32) == (1 in WIDER[wider])
    assert (columns.value.dtype == np.float32) == (2 in WIDER[wider])
    assert (columns.time.dtype == np.uint16) == (3 not in WIDER[wider])
    assert [file.name for file in tmp_path.iterdir()] == [sink.file_of(columns).name]
    sink.discard()
    assert list(tmp_path.iterdir()) == []
    assert_holds(columns, wanted)


@pytest.mark.parametrize("make", [make_file_sink, make_growing_sink])
def test_columns_may_arrive_at_their_own_pace(tmp_path, make):
    wanted = random_rows(20_000)
    sink = make(tmp_path, 20_000)
    sink.settle()
    sink.users.append(wanted[0][:5])
    sink.values.append(wanted[2])
    sink.settle()
    sink.items.append(wanted[1])
    sink.times.append(wanted[3])
    sink.users.append(wanted[0][5:])
    assert_holds(sink.finish(has_time=True), wanted)


@pytest.mark.parametrize("make", [make_file_sink, make_growing_sink])
def test_times_left_out_midway_leave_no_column(tmp_path, make):
    wanted = random_rows(1000)
    sink = make(tmp_path, 1000)
    sink.take(*(column[:600] for column in wanted))
    sink.take(*(column[600:] for column in wanted[:3]), None)
    columns = sink.finish(has_time=False)
    assert columns.time is None
    assert_holds(columns, wanted)


@pytest.mark.parametrize("make", [make_file_sink, make_growing_sink])
def test_without_rows_there_is_no_file(tmp_path, make):
    sink = make(tmp_path, 1)
    assert len(sink.finish(has_time=True).value) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("has_time", [True, False])
def test_rows_are_made_wide_and_replaced(tmp_path, has_time):
    wanted = random_rows(9000)
    sink = make_growing_sink(tmp_path, 9000)
    fill(sink, wanted)
    wide = sink.wide(sink.finish(has_time=has_time))
    assert [None if c is None else c.dtype for c in wide[:3]] == list(KINDS[:3])
    assert (wide.time is not None) == has_time
    wide.value[77] = 0.5
    fewer = [column[:8000] for column in wide if column is not None]
    columns = sink.rewrite(Columns(*fewer) if has_time else Columns(*fewer, None))
    wanted[2][77] = 0.5
    assert_holds(columns, [column[:8000] for column in wanted])
    assert [file.name for file in tmp_path.iterdir()] == [sink.file_of(columns).name]


def test_copying_to_one_file_takes_any_number_of_threads(tmp_path, monkeypatch):
    monkeypatch.setattr("fastmf.data.sinks._BYTES_OF_TASK", 1000)
    monkeypatch.setattr("fastmf.data.sinks._COPIED_BYTES", 300)
    wanted = random_rows(30_001, (9, 70_000, 9, 9))
    contents = set()
    for threads in (1, 2, 5):
        sink = GrowingSink(tmp_path)
        fill(sink, wanted)
        columns = sink.finish(has_time=True, num_threads=threads)
        assert_holds(columns, wanted)
        contents.add(sink.file_of(columns).read_bytes())
        sink.discard()
    assert len(contents) == 1


@pytest.fixture
def path(tmp_path):
    make_frame().to_parquet(tmp_path / "r.parquet", index=False)
    return tmp_path / "r.parquet"


def test_without_room_for_what_a_file_promises_columns_grow(path, monkeypatch):
    made = []

    def fail_at_first(target, n_rows, kinds):
        made.append(target)
        if len(made) == 1:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return create_column_file(target, n_rows, kinds)

    monkeypatch.setattr("fastmf.data.sinks.create_column_file", fail_at_first)
    assert_same(read_ratings(path), make_frame())
    assert [target.suffix for target in made] == [".arrow", ".joined"]


def test_a_store_of_the_cache_holds_its_four_files(path):
    assert_same(read_ratings(path), make_frame())
    (store,) = store_cache_folder().iterdir()
    assert sorted(file.name for file in store.iterdir()) == [
        "items.arrow", "ratings.arrow", "store.json", "users.arrow"
    ]  # fmt: skip
    assert_same(open_store(store), make_frame())
