"""The command ``python -m data_tools.movielens``."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from data_tools.movielens import main

ROOT = Path(__file__).parents[2]
COLUMNS = ["user", "item", "rating", "timestamp"]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def release(tmp_path):
    """Folder of a small release as it is unpacked."""
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,10,4.0,964982703\n1,20,3.5,964982704\n"
        "2,10,5.0,964982705\n"
    )
    (raw / "movies.csv").write_text(
        'movieId,title,genres\n10,"Heat, The (1995)",Action|Crime\n20,Gold,(no genres listed)\n'
    )
    return raw


def test_it_writes_two_parquet_files(release, tmp_path):
    out = tmp_path / "new" / "out"
    result = run(release, out)
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        f"{out / 'ratings.parquet'}: 3 ratings, 2 users, 2 items\n"
        f"{out / 'items.parquet'}: 2 items\n"
    )
    assert sorted(path.name for path in out.iterdir()) == ["items.parquet", "ratings.parquet"]
    ratings = pq.read_table(out / "ratings.parquet").to_pydict()
    assert ratings == {
        "user": [1, 1, 2],
        "item": [10, 20, 10],
        "rating": [4.0, 3.5, 5.0],
        "timestamp": [964982703, 964982704, 964982705],
    }
    items = pq.read_table(out / "items.parquet").to_pydict()
    assert items == {
        "id": [10, 20],
        "title": ["Heat, The (1995)", "Gold"],
        "genres": [["Action", "Crime"], []],
        "year": [1995, None],
    }


def test_an_unpacked_folder_in_the_folder_is_found(release, tmp_path):
    outer = tmp_path / "download"
    outer.mkdir()
    release.rename(outer / "ml-latest")
    assert run(outer, tmp_path / "out").exit_code == 0


def test_json_is_one_object_on_stdout(release, tmp_path):
    (release / "movies.csv").write_text("movieId,title,genres\n10,A,B\n")
    report = json.loads(run(release, tmp_path / "out", "--json", "--quiet").stdout)
    assert (report["ratings"], report["users"], report["items"]) == (3, 2, 2)
    assert report["items_described"] == 1
    assert report["notes"] == ["1 of 2 rated items are not described"]


def test_other_files_can_be_named(release, tmp_path):
    (release / "fold.base").write_text("5\t6\t1\t9\n7\t8\t2\t9\n")
    result = run(release, tmp_path / "out", "--ratings", release / "fold.base")
    assert result.exit_code == 0, result.output
    assert pq.read_table(tmp_path / "out" / "ratings.parquet")["user"].to_pylist() == [5, 7]


def test_without_movies_the_ratings_are_written(release, tmp_path):
    (release / "movies.csv").unlink()
    result = run(release, tmp_path / "out")
    assert result.exit_code == 0
    assert "no table of items" in result.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ratings.parquet"]


def test_failures_are_one_line_and_leave_nothing(release, tmp_path):
    (release / "ratings.csv").write_text("userId,movieId,rating\n1,10,4\n2,20,four\n")
    result = run(release, tmp_path / "out", "--quiet")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "line 3" in result.stderr
    assert result.stderr.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_bad_rows_can_be_left_out(release, tmp_path):
    with (release / "ratings.csv").open("a") as file:
        file.write("3,,4.0,964982703\n")
    assert run(release, tmp_path / "out").exit_code == 1
    result = run(release, tmp_path / "out", "--on-bad-rows", "skip")
    assert result.exit_code == 0, result.output
    assert "1 row left out that cannot be used: line 5" in result.stderr


@pytest.mark.parametrize(
    ("raw", "complaint"), [("nowhere", "no such folder"), ("empty", "no ratings of MovieLens here")]
)
def test_folders_without_ratings_are_refused(tmp_path, raw, complaint):
    (tmp_path / "empty").mkdir()
    result = run(tmp_path / raw, tmp_path / "out")
    assert result.exit_code == 1
    assert complaint in result.stderr


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "data_tools.movielens", "--help"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Examples:" in finished.stdout


@pytest.mark.parametrize(
    ("name", "file", "options"),
    [
        ("ml-100k", "u.data", {"sep": "\t", "header": None}),
        ("ml-1m", "ratings.csv", {}),
        ("ml-latest-small", "ratings.csv", {}),
    ],
)
def test_published_releases(real_data, tmp_path, name, file, options):
    result = run(real_data / name, tmp_path, "--quiet")
    assert result.exit_code == 0, result.output
    frame = pd.read_csv(real_data / name / file, **options)
    frame.columns = COLUMNS[: frame.shape[1]]
    written = pd.read_parquet(tmp_path / "ratings.parquet")
    pd.testing.assert_frame_equal(written, frame.astype({"rating": "float32"}))
    items = pq.read_table(tmp_path / "items.parquet")
    assert items.column_names == ["id", "title", "genres", "year"]
    assert set(frame["item"]) <= set(items["id"].to_pylist())


def test_double_colons_of_an_original_release(real_data, tmp_path):
    raw = real_data / "ml-1m"
    sample = raw / "sample_100k_with_timestamps.dat"
    result = run(raw, tmp_path, "--ratings", sample, "--quiet")
    assert result.exit_code == 0, result.output
    frame = pd.read_csv(sample, sep="::", header=None, names=COLUMNS, engine="python")
    written = pd.read_parquet(tmp_path / "ratings.parquet")
    pd.testing.assert_frame_equal(written, frame.astype({"rating": "float32"}))
