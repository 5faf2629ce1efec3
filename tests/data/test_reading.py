import errno
import multiprocessing
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fastmf.data import (
    open_store,
    random_split,
    read_ratings,
    store_cache_folder,
    store_cache_size,
    write_store,
)
from fastmf.data.fingerprint import describe_file
from fastmf.data.pair_files import read_pairs
from fastmf.data.source_store import _make_store
from fastmf.errors import DataError, ParameterError
from tests.data.tables import assert_same, make_frame

spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def reads(monkeypatch):
    """Record the stores that are made."""
    made = []

    def make(store, *rest):
        made.append(store)
        _make_store(store, *rest)

    monkeypatch.setattr("fastmf.data.source_store._make_store", make)
    return made


@pytest.fixture
def path(tmp_path):
    make_frame().to_parquet(tmp_path / "r.parquet", index=False)
    return tmp_path / "r.parquet"


def stores():
    return sorted(store_cache_folder().iterdir())


def test_the_second_reading_opens_the_store_of_the_first(path, reads):
    first, second = read_ratings(path), read_ratings(str(path))
    assert len(reads) == 1
    assert stores() == reads
    assert reads[0].name.startswith("r.parquet-")
    assert first.source == second.source == str(path)
    assert_same(second, make_frame())


def test_notes_are_told_again_at_the_second_reading(tmp_path, reads):
    (tmp_path / "r.csv").write_text("1,2,3\n1,3,4\n2,2,4\n1,2,5\n")
    first, second = read_ratings(tmp_path / "r.csv"), read_ratings(tmp_path / "r.csv")
    assert len(reads) == 1
    assert first.notes == second.notes
    assert ["columns taken" in first.notes[0], "1 duplicate" in first.notes[1]] == [True, True]


@pytest.mark.parametrize("change", ["size", "content", "time"])
def test_a_changed_source_is_read_again(path, reads, change):
    read_ratings(path)
    before = path.stat()
    frame = make_frame(500 if change != "size" else 400, seed=1 if change != "time" else 0)
    if change == "time":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    else:
        frame.to_parquet(path, index=False)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    ratings = read_ratings(path)
    assert len(reads) == 2
    assert len(stores()) == 1
    assert_same(ratings, frame)


def test_content_alone_tells_a_changed_source(tmp_path, reads):
    path = tmp_path / "r.csv"
    path.write_text("1,2,3\n2,3,4\n")
    before = path.stat()
    read_ratings(path)
    path.write_text("1,2,3\n2,3,5\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert read_ratings(path).value.tolist() == [3, 5]
    assert len(reads) == 2


# A file name that is not UTF-8: only POSIX takes any bytes for a name.
@pytest.mark.skipif(os.name != "posix", reason="other systems have no such names")
def test_a_name_that_is_no_text_is_kept_and_found_again(tmp_path, reads):
    path = tmp_path / os.fsdecode(b"caf\xe9.csv")
    path.write_text("1,2,3\n2,3,4\n")
    for _ in range(2):
        ratings = read_ratings(path)
        assert ratings.source == str(path)
        assert ratings.value.tolist() == [3, 4]
    assert len(reads) == 1


def test_options_have_stores_of_their_own(path, reads):
    read_ratings(path)
    swapped = read_ratings(path, user_column="movieId", item_column="userId")
    assert swapped.users.take([0])[0] == make_frame()["movieId"][0]
    read_ratings(path, duplicates="mean")
    assert len(reads) == len(set(reads)) == 3
    read_ratings(path, user_column="movieId", item_column="userId")
    assert len(reads) == 3


def test_a_damaged_store_in_the_cache_is_made_again(path, reads):
    read_ratings(path)
    (reads[0] / "ratings.arrow").write_bytes(b"ARROW1")
    assert_same(read_ratings(path), make_frame())
    (reads[0] / "store.json").write_text("{}")
    assert_same(read_ratings(path), make_frame())
    assert len(reads) == 3


def test_a_folder_of_parts_is_one_table(tmp_path, reads):
    frame = make_frame()
    folder = tmp_path / "parts"
    (folder / "deep").mkdir(parents=True)
    frame[:200].to_parquet(folder / "a.parquet", index=False)
    frame[200:350].to_parquet(folder / "b.parquet", index=False)
    frame[350:][frame.columns[::-1]].to_parquet(folder / "deep" / "c.parquet", index=False)
    (folder / "_SUCCESS").write_text("")
    (folder / ".hidden.parquet").write_text("")
    assert_same(read_ratings(folder), frame)
    read_ratings(folder)
    assert len(reads) == 1
    (folder / "deep" / "c.parquet").unlink()
    assert_same(read_ratings(folder), frame[:350])
    frame[350:].to_parquet(folder / "d.parquet", index=False)
    assert_same(read_ratings(folder), frame)
    assert len(reads) == 3


def test_parts_of_text_agree_on_the_type_of_ids(tmp_path):
    (tmp_path / "1.csv").write_text("user,item,rating\n1,7,3\n2,8,4\n")
    (tmp_path / "2.csv").write_text("user,item,rating\nx,7,3\n2,08,4\n")
    ratings = read_ratings(tmp_path)
    assert ratings.users.take(ratings.user_index).tolist() == ["1", "2", "x", "2"]
    assert ratings.items.take(ratings.item_index).tolist() == ["7", "8", "7", "08"]


def test_a_bad_row_of_a_part_names_the_part(tmp_path):
    frame = make_frame(20)
    frame.to_parquet(tmp_path / "1.parquet")
    frame.loc[7, "rating"] = np.inf
    frame.to_parquet(tmp_path / "2.parquet")
    with pytest.raises(DataError, match=r"2.parquet, row 8: the rating is inf"):
        read_ratings(tmp_path)


def test_duplicates_across_parts_name_both(tmp_path):
    frame = make_frame(20)
    frame.to_parquet(tmp_path / "1.parquet")
    frame[4:5].to_parquet(tmp_path / "2.parquet")
    with pytest.raises(DataError, match=r"2.parquet, row 1, repeats .*1.parquet, row 5;"):
        read_ratings(tmp_path, duplicates="error")


def test_parts_of_which_one_has_no_times_have_none(tmp_path):
    frame = make_frame(40)
    frame[:20].to_parquet(tmp_path / "1.parquet", index=False)
    frame[20:].drop(columns="timestamp").to_parquet(tmp_path / "2.parquet", index=False)
    ratings = read_ratings(tmp_path)
    assert_same(ratings, frame, time=False)
    assert ratings.notes == (f"times left out: {tmp_path / '2.parquet'} has none",)


def test_parts_whose_ids_differ_in_type_are_refused(tmp_path):
    make_frame(20).to_parquet(tmp_path / "1.parquet")
    make_frame(20, text=True).to_parquet(tmp_path / "2.parquet")
    with pytest.raises(DataError, match=r"2\.parquet: the user ids are text here and in"):
        read_ratings(tmp_path)


def test_without_the_cache_nothing_is_kept(path, reads):
    assert_same(read_ratings(path, cache=False), make_frame())
    read_ratings(path, cache=False)
    assert len(reads) == 2
    assert not store_cache_folder().exists()
    script = (
        "import sys, fastmf, fastmf.data.source_store as s; made = []; make = s._make_store\n"
        "s._make_store = lambda store, *rest: (made.append(store), make(store, *rest))\n"
        "print(len(fastmf.read_ratings(sys.argv[1], cache=False)), made[0].parent)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, path], check=True, capture_output=True, text=True
    )
    rows, folder = done.stdout.split()
    assert rows == "500"
    assert not Path(folder).exists()


def test_a_cache_that_cannot_be_written_is_done_without(path, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FASTMF_CACHE_DIR", str(tmp_path / "file"))
    ratings = read_ratings(path)
    assert_same(ratings, make_frame())
    assert "cannot be written: this file will be read again next time" in ratings.notes[-1]


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path, path):
    assert store_cache_size() == 0
    read_ratings(path)
    assert store_cache_size() == sum(f.stat().st_size for f in stores()[0].iterdir())
    monkeypatch.delenv("FASTMF_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert store_cache_folder() == tmp_path / "xdg" / "fastmf" / "stores"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store_cache_folder() == tmp_path / ".cache" / "fastmf" / "stores"


def test_a_prepared_store_is_a_source(path, tmp_path, reads):
    write_store(read_ratings(path), tmp_path / "prepared")
    ratings = read_ratings(tmp_path / "prepared")
    assert_same(ratings, make_frame())
    assert len(reads) == 1


def test_a_source_that_changes_while_it_is_read_is_refused(path, cache_folder):
    def touch(rows):
        os.utime(path, ns=(0, 0))

    with pytest.raises(DataError, match="changed while it was being read"):
        read_ratings(path, progress=touch)
    assert stores() == []


def read_in_process(path, start, results):
    start.wait()
    try:
        ratings = read_ratings(path)
        results.put((len(ratings), float(ratings.value.sum())))
    except BaseException as error:
        results.put(repr(error))


def test_processes_that_read_at_the_same_time_do_not_trip(path):
    start, results = spawn.Event(), spawn.Queue()
    readers = [spawn.Process(target=read_in_process, args=(path, start, results)) for _ in range(4)]
    for reader in readers:
        reader.start()
    start.set()
    expected = (500, float(make_frame()["rating"].sum()))
    assert [results.get(timeout=60) for _ in readers] == [expected] * 4
    for reader in readers:
        reader.join()
    assert len(stores()) == 1
    open_store(stores()[0])


def read_slowly(path, begun):
    def wait(rows):
        begun.set()
        time.sleep(60)

    read_ratings(path, progress=wait)


# Elsewhere leftovers are told by their age (fastmf.data.folders), a day, and not at once.
@pytest.mark.skipif(os.name != "posix", reason="locks that end with a process are POSIX's")
def test_a_killed_reader_leaves_no_half_store(path):
    begun = spawn.Event()
    reader = spawn.Process(target=read_slowly, args=(path, begun))
    reader.start()
    assert begun.wait(60)
    reader.kill()
    reader.join()
    (unfinished,) = stores()
    assert unfinished.name.startswith(".")
    assert_same(read_ratings(path), make_frame())
    assert [store.name[0] for store in stores()] == ["r"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("r.parkuet", "no such file; did you mean r.parquet?"),
        ("zzz", "no such file$"),
        ("no/r.parquet", "no such file, and no folder .*no"),
        ("empty", "no parts in this folder; looked for names ending in .parquet"),
        ("mixed", r"files of several kinds in this folder \(.csv, .parquet\)"),
    ],
)
def test_what_is_not_there_is_said(path, name, message):
    (path.parent / "empty").mkdir()
    (path.parent / "mixed").mkdir()
    for part in ("a.csv", "b.parquet"):
        (path.parent / "mixed" / part).write_text("x")
    with pytest.raises(DataError, match=message):
        read_ratings(path.parent / name)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said(path):
    path.chmod(stat.S_IWUSR)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        read_ratings(path)


@pytest.mark.parametrize(("rows", "role"), [("1,2,3\n1,3,4\n", "user"), ("1,2,3\n2,2,4\n", "item")])
def test_one_user_or_one_item_is_nothing_to_train_on(tmp_path, rows, role):
    (tmp_path / "r.csv").write_text(rows)
    with pytest.raises(DataError, match=f"r.csv: all 2 ratings are of one {role} .*{role}-column"):
        read_ratings(tmp_path / "r.csv")
    assert len(read_ratings(tmp_path / "r.csv", trainable=False)) == 2


def test_an_unknown_way_with_duplicates_is_refused_before_reading(tmp_path):
    with pytest.raises(ParameterError, match="duplicates is 'none'"):
        read_ratings(tmp_path / "nowhere.csv", duplicates="none")


def test_a_change_that_hides_its_time_and_lies_between_the_samples_is_seen(tmp_path, reads):
    path = tmp_path / "r.csv"
    row = b"%6d,%3d,3\n"
    path.write_bytes(b"user,item,rating\n" + b"".join(row % (n, n % 7) for n in range(150_000)))
    before = path.stat()
    assert before.st_size > 1 << 20
    read_ratings(path)
    with path.open("r+b") as file:
        file.seek(17 + 13 * 6000 + 11)
        assert file.read(1) == b"3"
        file.seek(-1, os.SEEK_CUR)
        file.write(b"5")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    described = describe_file(path)
    assert (described["size"], described["mtime_ns"]) == (before.st_size, before.st_mtime_ns)
    assert read_ratings(path).value[6000] == 5
    assert len(reads) == 2


def test_a_file_put_in_the_place_of_another_is_seen(tmp_path):
    (tmp_path / "a").write_text("1,2,3\n")
    (tmp_path / "b").write_text("1,2,3\n")
    one = describe_file(tmp_path / "a")
    (tmp_path / "b").replace(tmp_path / "a")
    assert describe_file(tmp_path / "a")["inode"] != one["inode"]


# Made by os.mkfifo, which only POSIX systems have, and /dev/zero.
@pytest.mark.skipif(os.name != "posix", reason="other systems have no such files")
def test_what_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DataError, match=f"{path}: not a regular file; write it to a file"):
            read_ratings(path)
        with pytest.raises(DataError, match="not a regular file"):
            next(read_pairs(path, None, None))


def test_an_empty_path_is_not_the_current_folder(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    with pytest.raises(DataError, match="the path of the ratings is empty"):
        read_ratings("")


def test_a_saved_model_is_told_from_ratings(tmp_path):
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(DataError, match="this is a saved model; give the ratings"):
        read_ratings(tmp_path)


@pytest.mark.parametrize(("cache", "variable"), [(True, "FASTMF_CACHE_DIR"), (False, "TMPDIR")])
def test_a_full_disk_names_the_variable_that_helps(path, monkeypatch, cache, variable):
    def fill(*rest):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("fastmf.data.source_store._fill_store", fill)
    with pytest.raises(DataError, match=f"the disk is full; .* another folder by {variable}"):
        read_ratings(path, cache=cache)


# Elsewhere leftovers are told by their age (fastmf.data.folders), a day, and not at once.
@pytest.mark.skipif(os.name != "posix", reason="locks that end with a process are POSIX's")
def test_the_folder_of_a_killed_process_goes_at_the_next_use(path, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    script = (
        "import os, signal, sys, fastmf\n"
        "ratings = fastmf.read_ratings(sys.argv[1], cache=False)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"TMPDIR": str(folder)}
    subprocess.run([sys.executable, "-c", script, path], check=False, env=environment)
    (left,) = folder.iterdir()
    assert stat.S_IMODE(left.stat().st_mode) == 0o700
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    first = read_ratings(path, cache=False)
    assert not left.exists()
    second = read_ratings(path, cache=False)
    assert len(list(folder.iterdir())) == 2  # both are in use
    assert_same(first, make_frame())
    view = random_split(second, 0.5)[0]
    del first, second
    assert len(list(folder.iterdir())) == 1  # the view's
    del view
    assert not list(folder.iterdir())
