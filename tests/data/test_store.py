import errno
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fastmf.data import (
    Ratings,
    Vocabulary,
    fingerprint,
    open_store,
    read_ratings,
    store,
    store_writer,
    verify_store,
    write_store,
)
from fastmf.data.column_writers import ValueWriter
from fastmf.data.sinks import FileSink
from fastmf.data.store_header import header_checksum, read_header
from fastmf.errors import DataError
from tests.data.tables import assert_same, make_frame


@pytest.fixture(params=[False, True], ids=["int ids", "text ids"])
def frame(request):
    return make_frame(text=request.param)


@pytest.fixture
def path(tmp_path, frame):
    ratings = Ratings.from_arrays(*(frame[name] for name in frame.columns))
    write_store(ratings, tmp_path / "store")
    return tmp_path / "store"


def rewrite_header(path, **changes):
    """Change the header as someone would who knows the checksum."""
    header = json.loads((path / "store.json").read_text()) | changes
    header["checksum"] = header_checksum(header)
    (path / "store.json").write_text(json.dumps(header))


def test_a_store_holds_what_was_written(path, frame):
    assert_same(open_store(path), frame)
    assert_same(read_ratings(path), frame)
    verify_store(path)
    assert sorted(file.name for file in path.iterdir()) == [
        "items.arrow", "ratings.arrow", "store.json", "users.arrow"
    ]  # fmt: skip


def test_the_file_is_one_uncompressed_record_batch_that_arrow_maps(path, frame):
    reader = pa.ipc.open_file(pa.memory_map(str(path / "ratings.arrow")))
    assert reader.num_record_batches == 1
    assert reader.schema == pa.schema(
        {"user_index": pa.int32(), "item_index": pa.uint16(), "value": pa.uint8(),
           "time": pa.uint32()}
    )  # fmt: skip
    users, items, codes, times = reader.get_batch(0).columns
    ratings = open_store(path)
    np.testing.assert_array_equal(users.to_numpy(zero_copy_only=True), ratings.user_index)
    np.testing.assert_array_equal(items.to_numpy(zero_copy_only=True), ratings.item_index)
    np.testing.assert_array_equal(times.to_numpy(zero_copy_only=True), ratings.time)
    levels = np.array(read_header(path)["levels"], np.float32)
    assert levels.tolist() == list(dict.fromkeys(frame["rating"]))
    np.testing.assert_array_equal(levels[codes.to_numpy(zero_copy_only=True)], ratings.value)
    assert not ratings.user_index.flags.owndata


def test_a_rating_with_its_day_takes_nine_bytes(tmp_path):
    generator = np.random.default_rng(0)
    cells = generator.choice(2000 * 5000, 200_000, replace=False)
    columns = cells // 5000, cells % 5000, generator.integers(1, 6, len(cells))
    for name, times, size in (("a", None, 7), ("b", 86_400 * (12_000 + cells % 900), 9)):
        write_store(Ratings.from_arrays(*columns, times), tmp_path / name)
        taken = (tmp_path / name / "ratings.arrow").stat().st_size
        assert taken / len(cells) == pytest.approx(size, rel=0.01)
        np.testing.assert_array_equal(open_store(tmp_path / name).value, columns[2])
        assert times is None or open_store(tmp_path / name).time.tolist() == times.tolist()


def test_the_header_tells_what_is_inside(path, frame):
    header = read_header(path)
    assert (header["n_ratings"], header["n_users"], header["n_items"]) == (
        500, frame["userId"].nunique(), frame["movieId"].nunique()
    )  # fmt: skip
    assert header["rating_range"] == [frame["rating"].min(), frame["rating"].max()]
    assert header["has_time"] is True
    assert {name: (path / name).stat().st_size for name in header["files"]} == {
        name: file["size"] for name, file in header["files"].items()
    }


def test_a_selection_is_stored_as_its_rows(tmp_path, path):
    whole = open_store(path)
    view = whole.select(np.full(63, 0b01010101, np.uint8))
    write_store(view, tmp_path / "part")
    again = open_store(tmp_path / "part")
    np.testing.assert_array_equal(again.value, whole.value[::2])
    np.testing.assert_array_equal(again.time, whole.time[::2])
    assert again.users == whole.users


def test_a_store_without_times_has_no_such_column(tmp_path):
    write_store(Ratings.from_arrays([1, 2], [3, 4], [5, 6]), tmp_path / "s")
    assert open_store(tmp_path / "s").time is None


def test_a_store_is_replaced_but_nothing_else(tmp_path, path):
    other = Ratings.from_arrays([1, 2], [3, 4], [5, 6])
    write_store(other, path)
    assert open_store(path).value.tolist() == [5, 6]
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("more of it")
    for taken in ("folder", "file"):
        with pytest.raises(DataError, match="exists and is not a ratings store"):
            write_store(other, tmp_path / taken)
    assert (tmp_path / "folder" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("name", ["ratings.arrow", "users.arrow", "items.arrow", "store.json"])
@pytest.mark.parametrize("damage", ["cut", "empty", "missing", "flipped", "longer"])
def test_a_damaged_store_is_refused_in_one_line(path, name, damage):
    file = path / name
    data = bytearray(file.read_bytes())
    match damage:
        case "cut":
            file.write_bytes(data[: len(data) * 2 // 3])
        case "empty":
            file.write_bytes(b"")
        case "missing":
            file.unlink()
        case "flipped":
            data[len(data) // 2] ^= 4
            file.write_bytes(data)
        case "longer":
            file.write_bytes(data + b"xxxxxxxx")
    with pytest.raises(DataError) as caught:
        open_store(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", range(30))
def test_a_store_with_any_bit_flipped_is_refused_or_means_the_same(path, frame, seed):
    generator = np.random.default_rng(seed)
    file = path / sorted(p.name for p in path.iterdir())[seed % 4]
    data = bytearray(file.read_bytes())
    data[generator.integers(len(data))] ^= 1 << generator.integers(8)
    file.write_bytes(data)
    # White space of the header is all that may change.
    try:
        assert_same(open_store(path), frame)
    except DataError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"version": 3},
            "written by a newer fastmf .store version 3, this one reads 2.; upgrade fastmf",
        ),
        (
            {"version": 1},
            "written by an older fastmf .store version 1, this one reads 2.; delete the store and",
        ),
        ({"version": 0}, "names no version"),
        ({"levels": [1.0] * 257}, "this store is damaged"),
        ({"levels": None}, "this store is damaged"),
        ({"version": "1"}, "names no version"),
        ({"format": "something else"}, "not a ratings store"),
        ({"n_ratings": 499}, "its counts do not match"),
        ({"n_users": 10**9}, "its counts do not match"),
        ({"files": {}}, "this store is damaged"),
        ({"rating_range": None}, "this store is damaged"),
    ],
)
def test_headers_that_do_not_fit_are_refused(path, changes, message):
    rewrite_header(path, **changes)
    with pytest.raises(DataError, match=message):
        open_store(path)


def test_an_edited_header_is_refused(path):
    text = (path / "store.json").read_text()
    (path / "store.json").write_text(text.replace('"n_users": ', '"n_users": 1'))
    with pytest.raises(DataError, match=r"store\.json was altered; delete the store and read"):
        open_store(path)


def copied_columns(path):
    ratings = open_store(path)
    names = ("user_index", "item_index", "value", "time")
    return {name: getattr(ratings, name).copy() for name in names}


def write_table(path, columns, batches=1):
    """Put other columns into a store, with a header that fits."""
    table = pa.table(columns)
    with pa.ipc.new_file(str(path / "ratings.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=-(-len(table) // batches))
    files = read_header(path)["files"]
    file = path / "ratings.arrow"
    files["ratings.arrow"] = {
        "size": file.stat().st_size, "fingerprint": store.fingerprint(file)
    }  # fmt: skip
    rewrite_header(path, files=files)


def test_several_record_batches_are_refused(path):
    columns = copied_columns(path)
    write_table(path, columns)
    open_store(path)
    write_table(path, columns, batches=2)
    with pytest.raises(DataError, match="this store is damaged"):
        open_store(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user_index", -1),
        ("user_index", 10**6),
        ("item_index", 50),
        ("value", 99),
        ("value", np.nan),
    ],
)
def test_verifying_finds_values_out_of_range(path, name, value):
    columns = copied_columns(path)
    columns[name][77] = value
    write_table(path, columns)
    with pytest.raises(DataError, match="its ratings are damaged"):
        verify_store(path)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full; free some space there, or choose another disk"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EIO, "cannot be written: "),
    ],
)
def test_a_disk_that_fails_leaves_one_line_and_no_files(tmp_path, monkeypatch, number, message):
    ratings = Ratings.from_arrays([1, 2], [3, 4], [5, 6])

    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError, match=message):
        write_store(ratings, tmp_path / "out" / "store")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_in_mid_reading_leaves_nothing(tmp_path, monkeypatch, cache_folder):
    frame = make_frame(2000)
    frame.to_csv(tmp_path / "r.csv", index=False)

    class FullWriter(ValueWriter):
        def begin(self, path=None, offset=0):
            waiting, self._waiting = self._waiting, []
            super().begin(path, offset)
            self._file.close()
            self._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - closed by it
            for rows in waiting:
                self._file.write(rows.data)

    monkeypatch.setattr("fastmf.data.sinks.ValueWriter", FullWriter)
    with pytest.raises(DataError, match="the disk is full"):
        read_ratings(tmp_path / "r.csv")
    assert list((cache_folder / "stores").iterdir()) == []


def test_an_unwritable_place_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="store: cannot be written: "):
        write_store(Ratings.from_arrays([1, 2], [3, 4], [5, 6]), tmp_path / "file" / "store")


@pytest.fixture
def large(tmp_path):
    """Return a folder with a store of several MB, written as the cache does."""
    generator = np.random.default_rng(0)
    cells = generator.choice(1000 * 1000, 400_000, replace=False)
    ratings = Ratings.from_arrays(
        cells // 1000, cells % 1000, generator.integers(1, 6, 400_000), cells + 10**9
    )
    (tmp_path / "large").mkdir()
    store_writer.write_store_files(tmp_path / "large", ratings, synced=False)
    return tmp_path / "large"


@pytest.mark.parametrize("where", np.linspace(0, 1, 12))
def test_a_stretch_of_zeros_is_noticed_on_opening(large, where):
    file = large / "ratings.arrow"
    data = bytearray(file.read_bytes())
    length = len(data) // 60
    begin = int((len(data) - length) * where)
    data[begin : begin + length] = bytes(length)
    file.write_bytes(data)
    with pytest.raises(DataError, match="was altered"):
        open_store(large)


def test_one_page_that_never_reached_the_disk_is_noticed(large, monkeypatch):
    file = large / "ratings.arrow"
    data = file.read_bytes()
    before = open_store(large).user_index.copy()
    sampled = store.fingerprint(file)
    # As after a crash: the room is there, a page of it was never written.
    page = 5 * 4096
    with file.open("wb") as sparse:
        sparse.write(data[: 40 * page])
        sparse.seek(page, os.SEEK_CUR)
        sparse.write(data[41 * page :])
        if sparse.truncate() != len(data) or sparse.seek(0, os.SEEK_HOLE) == len(data):
            pytest.skip("this file system makes no holes")
    assert store.fingerprint(file) == sampled
    assert not np.array_equal(open_store(large).user_index, before)
    monkeypatch.setattr(fingerprint, "_machine_started", lambda: file.stat().st_mtime + 60)
    with pytest.raises(DataError, match=r"ratings.arrow was not yet on the disk when the machine"):
        open_store(large)
    rewrite_header(large, synced=True)
    open_store(large)


def test_the_machine_was_started_some_time_ago():
    started = fingerprint._machine_started()
    if started is None:
        pytest.skip("this system does not say when it was started")
    assert started < time.time()


def test_a_store_in_place_is_moved_not_copied(tmp_path):
    sink = FileSink(tmp_path, 3, has_time=False)
    numbers = np.arange(3, dtype=np.int32)
    sink.take(numbers, numbers, numbers.astype(np.float32), None)
    columns = sink.finish(has_time=False)
    file = sink.file_of(columns)
    assert sink.file_of(columns._replace()) is None
    inode = file.stat().st_ino
    ids = Vocabulary.from_ids([7, 8, 9])
    ratings = Ratings(columns, ids, ids, (0, 2))
    store_writer.write_store_files(tmp_path, ratings, columns_in=file)
    assert (tmp_path / "ratings.arrow").stat().st_ino == inode
    assert open_store(tmp_path).value.tolist() == [0, 1, 2]
    assert open_store(tmp_path).time is None
    verify_store(tmp_path)


def test_a_store_is_copied_byte_by_byte(path, tmp_path, monkeypatch):
    monkeypatch.setattr(store_writer, "_COPIED_BYTES", 4096)
    write_store(open_store(path), tmp_path / "copy")
    verify_store(tmp_path / "copy")
    for name in ("ratings.arrow", "users.arrow", "items.arrow"):
        assert (tmp_path / "copy" / name).read_bytes() == (path / name).read_bytes()


def test_a_code_without_a_level_is_found(path):
    levels = read_header(path)["levels"]
    rewrite_header(path, levels=levels[:-1], rating_range=[0, 9])
    open_store(path)
    with pytest.raises(DataError, match="its ratings are damaged"):
        verify_store(path)


def test_only_what_is_kept_for_good_waits_for_the_disk(tmp_path, monkeypatch, frame):
    waited = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (waited.append(number), fsync(number)))
    frame.to_parquet(tmp_path / "r.parquet", index=False)
    ratings = read_ratings(tmp_path / "r.parquet")
    assert waited == []
    write_store(ratings, tmp_path / "store")
    assert len(waited) == 6
    assert read_header(tmp_path / "store")["synced"] is True


def test_a_store_can_be_removed_while_it_is_open(path, frame):
    ratings = open_store(path)
    shutil.rmtree(path)
    assert_same(ratings, frame)
