import mmap

import numpy as np
import pyarrow as pa
import pytest

from fastmf.data.column_file import create_column_file, map_record_batch, write_record_batch
from fastmf.data.stored_columns import KINDS

NARROW = {name: kinds[0] for name, kinds in KINDS.items()}
WIDE = {name: kinds[-1] for name, kinds in KINDS.items() if name != "time"}


@pytest.mark.parametrize("anonymous", [True, False])
@pytest.mark.parametrize("kinds", [NARROW, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("n_rows", [1, 7, 4096, 100_001])
def test_what_is_filled_in_is_an_arrow_file(tmp_path, monkeypatch, n_rows, kinds, anonymous):
    if not anonymous:
        monkeypatch.delattr(mmap, "MAP_ANONYMOUS", raising=False)
    path = tmp_path / "c.arrow"
    columns = {name: np.arange(n_rows).astype(kind) for name, kind in kinds.items()}
    offsets = create_column_file(path, n_rows, kinds)
    with path.open("r+b") as file:
        for name, column in columns.items():
            file.seek(offsets[name])
            file.write(column.data)
    reader = pa.ipc.open_file(str(path))
    assert reader.num_record_batches == 1
    batch = reader.get_batch(0)
    batch.validate(full=True)
    assert batch.schema.names == list(kinds)
    for name, column in columns.items():
        found = batch.column(name).to_numpy()
        assert found.dtype == column.dtype
        np.testing.assert_array_equal(found, column)


def test_more_rows_than_any_disk_holds_are_refused_at_once(tmp_path):
    with pytest.raises(OSError, match=r"\[Errno"):
        create_column_file(tmp_path / "c.arrow", 1 << 50, NARROW)


def test_a_file_is_mapped_not_copied(tmp_path):
    path = tmp_path / "c.arrow"
    with path.open("wb") as file:
        write_record_batch(file, pa.record_batch([pa.array(range(1000))], names=["id"]))
    before = pa.total_allocated_bytes()
    mapped = map_record_batch(path)
    assert pa.total_allocated_bytes() - before < 1000
    assert mapped.batch.column("id").to_pylist() == list(range(1000))
    assert len(mapped.file) == path.stat().st_size


def test_nulls_are_refused(tmp_path):
    with (tmp_path / "c.arrow").open("wb") as file:
        write_record_batch(file, pa.record_batch([pa.array([1, None])], names=["id"]))
    with pytest.raises(ValueError, match="1 nulls"):
        map_record_batch(tmp_path / "c.arrow")
