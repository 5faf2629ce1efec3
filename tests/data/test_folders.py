import multiprocessing
import os
import signal
import threading
import time

import pytest

from fastmf.data import folders
from fastmf.data.folders import new_folder, remove_stale_folders

spawn = multiprocessing.get_context("spawn")


def fill(folder, text):
    for name in ("a", "b"):
        (folder / name).write_text(text)


def hold(path, begun):
    """Begin a folder and never finish it."""
    with new_folder(path) as folder:
        fill(folder, "half")
        begun.set()
        time.sleep(60)


def test_a_folder_appears_whole(tmp_path):
    with new_folder(tmp_path / "deep" / "f") as folder:
        fill(folder, "x")
        assert not (tmp_path / "deep" / "f").exists()
    assert sorted(p.name for p in (tmp_path / "deep" / "f").iterdir()) == ["a", "b"]
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["f"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_body_that_raises_leaves_nothing_and_keeps_the_old(tmp_path, error):
    with new_folder(tmp_path / "f") as folder:
        fill(folder, "old")
    with pytest.raises(error), new_folder(tmp_path / "f") as folder:
        fill(folder, "new")
        raise error
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f" / "a").read_text() == "old"


def test_the_old_folder_is_replaced_or_kept_as_asked(tmp_path):
    for text, replace in (("1", True), ("2", True), ("3", False)):
        with new_folder(tmp_path / "f", replace=lambda path, r=replace: r) as folder:
            fill(folder, text)
    assert (tmp_path / "f" / "a").read_text() == "2"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


# Elsewhere leftovers are told by their age (fastmf.data.folders), a day, and not at once.
@pytest.mark.skipif(os.name != "posix", reason="locks that end with a process are POSIX's")
def test_a_killed_writer_leaves_no_folder_and_the_next_one_cleans_up(tmp_path):
    begun = spawn.Event()
    writer = spawn.Process(target=hold, args=(tmp_path / "f", begun))
    writer.start()
    assert begun.wait(30)
    remove_stale_folders(tmp_path)
    (unfinished,) = tmp_path.iterdir()  # its writer lives
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert not (tmp_path / "f").exists()
    assert (unfinished / "a").exists()
    with new_folder(tmp_path / "f") as folder:
        fill(folder, "x")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


# As above: elsewhere what nobody holds stays for a day, which the next test shows.
@pytest.mark.skipif(os.name != "posix", reason="locks that end with a process are POSIX's")
def test_what_nobody_holds_goes_at_once(tmp_path):
    for name in (".f.unfinished-1", "store"):
        (tmp_path / name).mkdir()
    remove_stale_folders(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_without_locks_folders_go_by_their_age(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_locks", None)
    old, young, other = (tmp_path / n for n in (".f.unfinished-1", ".f.unfinished-2", "store"))
    for folder in (old, young, other):
        folder.mkdir()
        os.utime(folder, (0, 0) if folder is not young else None)
    remove_stale_folders(tmp_path)
    assert not old.exists()
    assert young.exists()
    assert other.exists()


def test_many_writers_of_one_name_leave_one_whole_folder(tmp_path):
    errors, texts = [], [str(number) * 100 for number in range(8)]

    def write(text):
        try:
            for _ in range(15):
                with new_folder(tmp_path / "f") as folder:
                    fill(folder, text)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        # Whoever looks meanwhile sees a whole folder or none.
        try:
            descriptor = os.open(tmp_path / "f", os.O_RDONLY)
        except FileNotFoundError:
            continue
        names = os.listdir(descriptor)  # noqa: PTH208 - the folder, whatever its name is by now
        os.close(descriptor)
        assert sorted(names) in (["a", "b"], ["a"], ["b"], [])  # whole, or just being removed
    for thread in threads:
        thread.join()
    assert errors == []
    assert (tmp_path / "f" / "a").read_text() == (tmp_path / "f" / "b").read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_folder_that_cannot_be_moved_raises(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_ATTEMPTS", 2)
    (tmp_path / "f").write_text("a file of that name")
    with pytest.raises(OSError), new_folder(tmp_path / "f") as folder:
        fill(folder, "x")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
