import errno
import os

import numpy as np
import pytest

from fastmf.data import open_store, read_ratings, store_cache_folder
from fastmf.data.sinks import FileSink, GrowingSink
from tests.data.tables import assert_same, make_frame


def make_file_sink(folder, n_rows):
    return FileSink(folder, n_rows, has_time=True)


def make_growing_sink(folder, n_rows):
    return GrowingSink(folder)


@pytest.mark.parametrize("make", [make_file_sink, make_growing_sink])
def test_rows_come_back_in_order_and_writable(tmp_path, make):
    generator = np.random.default_rng(0)
    wanted = [
        generator.integers(0, 9, 50_000).astype(kind)
        for kind in (np.int32, np.int32, np.float32, np.int64)
    ]
    sink = make(tmp_path, 50_000)
    waiting = []
    for start in range(0, 50_000, 7000):
        room = sink.room(min(7000, 50_000 - start))
        for column, whole in zip(room, wanted, strict=True):
            column[:] = whole[start : start + 7000]
        # Room is handed out ahead of what is taken back.
        waiting.append(room)
        if len(waiting) == 3:
            sink.put(waiting.pop(0))
    for room in waiting:
        sink.put(room)
    columns = sink.finish()
    for column, whole in zip(columns, wanted, strict=True):
        assert column.dtype == whole.dtype
        np.testing.assert_array_equal(column, whole)
    columns.value[0] = 7
    sink.discard()
    assert list(tmp_path.iterdir()) == []


def test_times_left_out_midway_leave_no_column(tmp_path):
    sink = GrowingSink(tmp_path)
    for time in (np.zeros(2, np.int64), None):
        room = sink.room(2)
        for column in room:
            column[:] = 1
        sink.put(room._replace(time=time))
    assert sink.finish().time is None
    sink.discard()


@pytest.fixture
def path(tmp_path):
    make_frame().to_parquet(tmp_path / "r.parquet", index=False)
    return tmp_path / "r.parquet"


def test_without_room_for_what_a_file_promises_columns_grow(path, monkeypatch):
    made = []

    class Recorded(GrowingSink):
        def __init__(self, folder):
            made.append(list(folder.iterdir()))
            super().__init__(folder)

    def fail(*arguments):
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    monkeypatch.setattr("fastmf.data.reading.GrowingSink", Recorded)
    assert_same(read_ratings(path, cache=False), make_frame())
    assert made == []
    monkeypatch.setattr(os, "posix_fallocate", fail, raising=False)
    if hasattr(os, "SEEK_HOLE"):
        monkeypatch.setattr("fastmf.data.column_file._CAN_RESERVE", True)
    with pytest.raises(Exception, match="cannot be written: "):
        read_ratings(path)
    assert [[file.name for file in files] for files in made] == [["lock"]]


def test_where_no_room_can_be_reserved_zeros_are_written(path, monkeypatch):
    monkeypatch.setattr("fastmf.data.column_file._CAN_RESERVE", False)
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    assert_same(read_ratings(path), make_frame())
    (store,) = store_cache_folder().iterdir()
    assert sorted(file.name for file in store.iterdir()) == [
        "items.arrow", "ratings.arrow", "store.json", "users.arrow"
    ]  # fmt: skip
    assert_same(open_store(store), make_frame())
