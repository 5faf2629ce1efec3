import gzip
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from fastmf.data import read_ratings
from fastmf.errors import DataError
from tests.data.tables import assert_same, make_frame


class Input:
    """Stands for `sys.stdin`."""

    closed = False

    def __init__(self, data):
        self.buffer = io.BytesIO(data)


@pytest.fixture
def pipe(monkeypatch, tmp_path):
    """Return a function that puts bytes into standard input; files go to a folder of the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return lambda data: monkeypatch.setattr(sys, "stdin", Input(data))


def as_parquet(frame):
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


def as_arrow_stream(frame):
    table = pa.Table.from_pandas(frame)
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def as_csv(frame):
    return frame.to_csv(index=False).encode()


@pytest.mark.parametrize(
    "written",
    [as_csv, as_parquet, as_arrow_stream, lambda frame: gzip.compress(as_csv(frame))],
    ids=["csv", "parquet", "arrow", "gzip"],
)
def test_what_is_piped_in_is_told_by_its_content(pipe, written):
    frame = make_frame()
    pipe(written(frame))
    ratings = read_ratings("-")
    assert_same(ratings, frame)
    assert ratings.source is None


def test_nothing_is_cached_and_the_copy_is_gone(pipe, tmp_path, cache_folder):
    pipe(as_csv(make_frame()))
    read_ratings(Path("-"))
    assert not list(cache_folder.rglob("*"))
    assert not list(tmp_path.rglob("standard input"))
    pipe(as_csv(make_frame(seed=1)))
    assert_same(read_ratings("-"), make_frame(seed=1))


def test_messages_and_notes_speak_of_standard_input(pipe, tmp_path):
    pipe(b"1,2,3\n2,3,4\n")
    note = "standard input: no header: columns taken as user, item, rating"
    assert read_ratings("-").notes == (note,)
    pipe(b"user,item,rating\n1,2,3\n2,3,x\n")
    with pytest.raises(DataError, match=r"^standard input, line 3: the rating is 'x'"):
        read_ratings("-")
    pipe(b"")
    with pytest.raises(DataError, match=r"^standard input: the file is empty"):
        read_ratings("-")
    assert not list(tmp_path.rglob("standard input"))


@pytest.mark.parametrize("closed", [None, Input(b"")])
def test_a_closed_standard_input_is_said(monkeypatch, closed):
    monkeypatch.setattr(Input, "closed", True)
    monkeypatch.setattr(sys, "stdin", closed)
    with pytest.raises(DataError, match="standard input: it is closed"):
        read_ratings("-")


def test_a_command_reads_what_is_piped_into_it(tmp_path):
    frame = make_frame()
    out = tmp_path / "out.parquet"
    command = [sys.executable, "-m", "fastmf", "convert", "-", str(out), "--quiet"]
    finished = subprocess.run(command, input=as_csv(frame), capture_output=True, check=False)
    assert finished.returncode == 0, finished.stderr
    written = pd.read_parquet(out)
    assert len(written) == len(frame)
    assert sorted(written["user"]) == sorted(frame["userId"])
