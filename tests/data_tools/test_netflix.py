"""The command ``python -m data_tools.netflix``."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from data_tools.netflix import main
from fastmf.data.synthetic import generate

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def rows(path):
    return pq.read_table(path).to_pydict()


@pytest.fixture
def download(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "combined_data_1.txt").write_text("1:\n6,3,2005-09-06\n7,5,2005-05-13\n")
    (raw / "combined_data_2.txt").write_text("2:\n6,4,2003-01-01\n9,1,1999-11-11\n")
    (raw / "movie_titles.csv").write_bytes(
        "1,2003,Dinosaur Planet, Live\n2,NULL,Amélie\n".encode("latin-1")
    )
    (raw / "probe.txt").write_text("1:\n7\n2:\n9\n")
    (raw / "qualifying.txt").write_text("1:\n8,2005-05-13\n")
    (raw / "training_set.tar").write_bytes(b"left alone")
    return raw


def test_it_writes_ratings_movies_and_both_sides_of_the_probe(download, tmp_path):
    out = tmp_path / "new" / "out"
    result = run(download, out)
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        f"4 ratings, 3 users, 2 items\n{out / 'items.parquet'}: 2 rows\n"
        f"{out / 'ratings.parquet'}: 4 rows\n{out / 'train.parquet'}: 2 rows\n"
        f"{out / 'probe.parquet'}: 2 rows\n"
    )
    assert rows(out / "ratings.parquet") == {
        "user": [6, 7, 6, 9],
        "item": [1, 1, 2, 2],
        "rating": [3.0, 5.0, 4.0, 1.0],
        "timestamp": [1125964800, 1115942400, 1041379200, 942278400],
    }
    assert rows(out / "train.parquet")["user"] == [6, 6]
    assert rows(out / "probe.parquet")["user"] == [7, 9]
    assert rows(out / "probe.parquet")["item"] == [1, 2]
    items = rows(out / "items.parquet")
    assert items["id"] == [1, 2]
    assert items["title"] == ["Dinosaur Planet, Live", "Amélie"]
    assert items["year"] == [2003, None]


def test_a_folder_of_movies_without_companions(tmp_path):
    generate(tmp_path / "raw" / "training_set", 3000, layout="netflix-folder")
    generate(tmp_path / "same.parquet", 3000, order="item")
    result = run(tmp_path / "raw", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["ratings"] == 3000
    assert [Path(file["path"]).name for file in report["files"]] == ["ratings.parquet"]
    assert "no movie_titles.csv" in result.stderr
    found, same = rows(tmp_path / "out" / "ratings.parquet"), rows(tmp_path / "same.parquet")
    for name, expected in (("user", "user_id"), ("item", "item_id"), ("rating", "rating")):
        assert found[name] == same[expected]


def test_another_file_and_another_probe(download, tmp_path):
    (tmp_path / "list.txt").write_text("1:\n6\n8\n")
    result = run(
        download, tmp_path / "out", "--ratings", download / "combined_data_1.txt",
        "--probe", tmp_path / "list.txt",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "1 pair has no rating" in result.stderr
    assert rows(tmp_path / "out" / "probe.parquet")["user"] == [6]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (shutil.rmtree, "no such folder"),
        (
            lambda raw: [path.unlink() for path in raw.glob("comb*")],
            "unpack training_set.tar",
        ),
        (lambda raw: (raw / "combined_data_2.txt").write_text("2:\n6,4\n"), "line 2: 2 fields"),
        (lambda raw: (raw / "probe.txt").write_text("1:\nx\n"), "probe.txt"),
        (lambda raw: (raw / "probe.txt").write_text("5:\n6\n"), "none of 1 has a rating"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(download, tmp_path, change, says):
    change(download)
    result = run(download, tmp_path / "out")
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert not list(tmp_path.glob("out/*"))


def test_it_runs_as_a_module(download, tmp_path):
    command = [sys.executable, "-m", "data_tools.netflix", str(download), str(tmp_path / "out")]
    done = subprocess.run(
        [*command, "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 ratings" in done.stdout
