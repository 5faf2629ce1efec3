import numpy as np
import pyarrow as pa
import pytest

from fastmf.data import column_file
from fastmf.data.column_file import create_column_file, release_pages


@pytest.mark.parametrize("reserves", [True, False])
@pytest.mark.parametrize("has_time", [True, False])
@pytest.mark.parametrize("n_rows", [1, 7, 4096, 100_001])
def test_what_is_filled_in_is_an_arrow_file(tmp_path, monkeypatch, n_rows, has_time, reserves):
    if not reserves:
        monkeypatch.setattr(column_file, "_CAN_RESERVE", False)
    columns = create_column_file(tmp_path / "c.arrow", n_rows, has_time=has_time)
    assert (columns.time is not None) == has_time
    present = [column for column in columns if column is not None]
    for number, column in enumerate(present, 1):
        column[:] = np.arange(n_rows) * number
    reader = pa.ipc.open_file(str(tmp_path / "c.arrow"))
    assert reader.num_record_batches == 1
    batch = reader.get_batch(0)
    batch.validate(full=True)
    assert batch.schema == pa.schema(list(column_file.COLUMN_TYPES.items())[: len(present)])
    for number, column in enumerate(batch.columns, 1):
        np.testing.assert_array_equal(column.to_numpy(), np.arange(n_rows) * number)


def test_more_rows_than_any_disk_holds_are_refused_at_once(tmp_path):
    with pytest.raises(OSError, match=r"\[Errno"):
        create_column_file(tmp_path / "c.arrow", 1 << 50, has_time=True)


@pytest.mark.parametrize("part", [slice(None), slice(1000, 3000), slice(5, 5), slice(-1, None)])
def test_released_pages_keep_their_content(tmp_path, part):
    columns = create_column_file(tmp_path / "c.arrow", 50_000, has_time=True)
    columns.time[:] = np.arange(50_000)
    release_pages(columns.time[part])
    np.testing.assert_array_equal(columns.time, np.arange(50_000))


def test_arrays_in_memory_are_left_alone():
    array = np.arange(5000)
    release_pages(array)
    assert array.tolist() == list(range(5000))
