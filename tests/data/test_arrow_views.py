import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from fastmf.data.arrow_views import ARROW_TYPES, as_arrow, as_numpy


@pytest.mark.parametrize("kind", ARROW_TYPES, ids=str)
def test_numbers_are_viewed_either_way(kind):
    numbers = np.array([0, 7, 100, 3], kind)
    column = as_arrow(numbers)
    assert column.type == ARROW_TYPES[kind]
    assert column.to_pylist() == [0, 7, 100, 3]
    view = as_numpy(column)
    assert view.dtype == kind
    assert not view.flags.writeable
    assert np.shares_memory(view, numbers)
    assert as_numpy(column.slice(1, 2)).tolist() == [7, 100]
    assert len(as_numpy(column.slice(4))) == 0
    assert len(as_arrow(numbers[:0])) == 0


def test_what_nulls_hold_does_not_matter():
    assert as_numpy(pa.array([1, None, 3]))[[0, 2]].tolist() == [1, 3]
    assert as_arrow(np.arange(9)[::3]).to_pylist() == [0, 3, 6]


SCRIPT = """
import sys
from fastmf.data import read_ratings
for path in sys.argv[1:]:
    read_ratings(path)
    read_ratings(path)
print("pandas" in sys.modules)
"""


def test_reading_imports_no_pandas(tmp_path):
    from tests.data.tables import make_frame

    make_frame().to_parquet(tmp_path / "r.parquet", index=False)
    make_frame(text=True).to_parquet(tmp_path / "t.parquet", index=False)
    paths = str(tmp_path / "r.parquet"), str(tmp_path / "t.parquet")
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT, *paths], capture_output=True, text=True, check=False
    )
    assert finished.stdout.strip() == "False", finished.stderr
