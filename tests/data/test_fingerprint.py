import os
import time

import pytest

from fastmf.data.fingerprint import describe_file, describe_files

MANY = 257


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"mv_{number:07}.txt" for number in range(MANY)]
    for path in paths:
        path.write_text(f"{path.name}:\n1,2,2005-09-06\n")
    return paths


def test_a_few_files_are_described_each(files):
    assert describe_files(files[:256]) == [describe_file(path) for path in files[:256]]


def test_many_files_are_described_together(files):
    (together,) = describe_files(files)
    assert together["path"] == str(files[0].parent)
    assert together["size"] == sum(path.stat().st_size for path in files)
    assert describe_files(files) == [together]


def edit(path):
    path.write_text(path.read_text().replace("2005", "1999"))


def edit_and_put_the_time_back(path):
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    edit(path)
    os.utime(path, ns=times)


def replace(path):
    fresh = path.with_name("fresh")
    fresh.write_bytes(path.read_bytes())
    os.utime(fresh, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    fresh.replace(path)


def rename(path):
    path.rename(path.with_name("mv_9999999.txt"))


@pytest.mark.parametrize("change", [edit, edit_and_put_the_time_back, replace, rename])
def test_a_change_of_one_of_many_files_shows(files, change):
    before = describe_files(files)
    time.sleep(0.02)  # times of files may advance in steps
    change(files[100])
    assert describe_files(sorted(files[0].parent.iterdir())) != before


def test_a_file_less_or_more_shows(files):
    before = describe_files(files)
    (files[0].parent / "mv_9999999.txt").write_text("9999999:\n1,2,2005-09-06\n")
    assert describe_files(sorted(files[0].parent.iterdir())) != before
