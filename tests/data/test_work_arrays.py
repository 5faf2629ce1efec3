"""Large arrays in memory or in files without a name."""

import errno
import os

import numpy as np
import pytest

from fastmf.data.work_arrays import WorkArrays
from fastmf.errors import DataError


@pytest.mark.parametrize("mapped", [False, True])
def test_arrays_hold_what_is_written_and_leave_nothing_behind(tmp_path, mapped):
    folder = tmp_path / "work" / "deep"
    work_arrays = WorkArrays(folder if mapped else None)
    assert work_arrays.mapped is mapped
    first = work_arrays.empty(100_000, np.uint32)
    second = work_arrays.empty(50_000, np.float32)
    first[:] = np.arange(100_000)
    second[:] = np.arange(50_000) / 2
    for array in (first, second):
        for start, stop in ((0, 10), (5000, 20_000), (17, 17), (49_000, 50_000)):
            work_arrays.will_need(array, start, stop)
            work_arrays.release(array, start, stop)
        work_arrays.release(array)
    np.testing.assert_array_equal(first, np.arange(100_000))
    np.testing.assert_array_equal(second, np.arange(50_000) / 2)
    assert first.flags.writeable
    assert folder.exists() is mapped
    assert not mapped or not list(folder.iterdir())


def test_an_array_outlives_what_made_it(tmp_path):
    array = WorkArrays(tmp_path).empty(10_000, np.int64)
    array[:] = 7
    assert (array == 7).all()


def test_empty_arrays_need_no_file(tmp_path):
    assert WorkArrays(tmp_path / "work").empty(0, np.float32).shape == (0,)
    assert not (tmp_path / "work").exists()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no reservation of room here")
def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(descriptor, offset, length):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"No space left.*FASTMF_CACHE_DIR") as raised:
        WorkArrays(tmp_path).empty(1 << 28, np.uint32)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())
