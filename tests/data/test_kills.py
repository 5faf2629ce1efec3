"""Processes killed between any two steps in the file system, alone and beside others."""

import os
import signal
import subprocess
import sys

import pytest

from fastmf.data import read_ratings, store_cache_folder, verify_store, write_store
from fastmf.data.folders import remove_stale_folders
from tests.data.tables import assert_same, make_frame

# SIGKILL is what these tests are about, and what is left behind is told by POSIX locks.
if os.name != "posix":
    pytest.skip("kills take a system with signals", allow_module_level=True)

SCRIPT = """
import os, signal, sys
from fastmf.data import read_ratings, write_store

steps, (source, target, root, last) = 0, sys.argv[1:]
WATCHED = "open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "shutil.rmtree"

def count(event, arguments):
    global steps
    if event in WATCHED and root in str(arguments[0]):
        steps += 1
        if steps == int(last):
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
write_store(read_ratings(source), target)
print(steps)
"""


@pytest.fixture
def folder(tmp_path, cache_folder):
    """Return a folder with a source, whose store it is killed over; the cache is beside."""
    make_frame(2000).to_parquet(tmp_path / "r.parquet", index=False)
    return tmp_path


def begin(folder, last=0):
    """Start a process that reads, caches and converts, and is killed at a step."""
    command = [sys.executable, "-c", SCRIPT, str(folder / "r.parquet"), str(folder / "out.store")]
    # The cache and the target are both somewhere in there; the source's own steps count too.
    root = os.path.commonpath([folder, store_cache_folder()])
    return subprocess.Popen([*command, root, str(last)], stdout=subprocess.PIPE, text=True)


def end(process):
    output, _ = process.communicate(timeout=120)
    return process.returncode, output.strip()


def content(store):
    return {path.name: path.read_bytes() for path in sorted(store.iterdir())}


def assert_next_run_is_right(folder):
    """Whatever was left: what has a final name is whole, and the next run leaves nothing else."""
    for store in (folder / "out.store", *store_cache_folder().glob("[!.]*")):
        if store.exists():
            verify_store(store)
    ratings = read_ratings(folder / "r.parquet")
    write_store(ratings, folder / "out.store")
    assert_same(ratings, make_frame(2000))
    verify_store(folder / "out.store")
    write_store(ratings, folder / "again.store")
    assert content(folder / "out.store") == content(folder / "again.store")
    for parent in (folder, store_cache_folder()):
        # A run that finds its store writes nothing, and leaves this to the next that does.
        remove_stale_folders(parent)
        assert not [path.name for path in parent.iterdir() if path.name.startswith(".")]


def test_a_killed_process_leaves_the_right_store_to_the_next(folder):
    returncode, n_steps = end(begin(folder))
    assert returncode == 0
    expected = content(folder / "out.store")
    n_steps = int(n_steps)
    assert n_steps > 30
    for kill in range(3):
        for path in (folder / "out.store", *store_cache_folder().iterdir()):
            subprocess.run(["rm", "-rf", str(path)], check=True)
        assert end(begin(folder, 1 + n_steps * kill // 3))[0] == -signal.SIGKILL
        assert_next_run_is_right(folder)
        assert content(folder / "out.store") == expected


def test_processes_killed_beside_others_do_not_trip_them(folder):
    _, n_steps = end(begin(folder))
    for path in (folder / "out.store", *store_cache_folder().iterdir()):
        subprocess.run(["rm", "-rf", str(path)], check=True)
    killed = [begin(folder, int(n_steps) * part // 3) for part in (1, 2)]
    others = [begin(folder)]
    assert [end(process)[0] for process in others] == [0]
    for process in killed:
        # One that finds the store made by another has fewer steps to go, and may finish.
        assert end(process)[0] in (-signal.SIGKILL, 0)
    assert_next_run_is_right(folder)


def test_a_store_of_the_version_before_is_made_again_silently(folder):
    ratings = read_ratings(folder / "r.parquet")
    (store,) = store_cache_folder().iterdir()
    header = (store / "store.json").read_text()
    (store / "store.json").write_text(header.replace('"version": 2', '"version": 1'))
    again = read_ratings(folder / "r.parquet")
    assert_same(again, make_frame(2000))
    assert again.notes == ratings.notes
    assert (store / "store.json").read_text() == header
