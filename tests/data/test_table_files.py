"""Tables: laid out as text, and written to files that appear whole or not at all."""

import numpy as np
import pandas as pd
import pytest

from fastmf.cli.text_table import bytes_text, seconds_text, table
from fastmf.data.table_files import table_writer
from fastmf.errors import DataError


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.tsv"])
def test_pieces_make_one_table(tmp_path, name):
    with table_writer(tmp_path / name) as writer:
        for start in (0, 3):
            writer.write({"id": np.arange(start, start + 3), "title": ["a,b", 'c"d', "e\tf"]})
    read = {"t.parquet": pd.read_parquet, "t.csv": pd.read_csv, "t.tsv": pd.read_table}[name]
    found = read(tmp_path / name)
    assert found["id"].tolist() == [0, 1, 2, 3, 4, 5]
    assert found["title"].tolist() == ["a,b", 'c"d', "e\tf"] * 2


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path, name):
    (tmp_path / name).write_text("old")
    with pytest.raises(RuntimeError), table_writer(tmp_path / name) as writer:
        writer.write({"id": np.arange(3)})
        raise RuntimeError
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"


def test_a_folder_that_vanishes_is_one_line(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    with (
        pytest.raises(DataError, match=r"t\.csv: cannot be written: No such file"),
        table_writer(folder / "t.csv") as writer,
    ):
        folder.rmdir()
        writer.write({"id": np.arange(3)})


def test_columns_are_aligned_by_what_a_terminal_shows():
    text = table([("", "title", "n"), ("1", "日本", "10"), ("22", "abcdef", "5")], right=(0, 2))
    assert text.splitlines() == ["      title    n", "   1  日本    10", "  22  abcdef   5"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (5 << 20, "5.0 MiB"),
        (3 << 40, "3072.00 GiB"),
    ],
)
def test_bytes(count, text):
    assert bytes_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.314, "0.31 s"), (12.34, "12.3 s"), (200.4, "3 min 20 s")]
)
def test_seconds(seconds, text):
    assert seconds_text(seconds) == text
