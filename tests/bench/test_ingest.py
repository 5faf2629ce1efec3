"""The ingest bench, at a size where everything is quick."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.harness import Progress
from bench.ingest_children import ROOT, Runner
from bench.ingest_sources import raw_ratings, string_ratings
from bench.process import BenchError, run_killed

QUIET = Progress(quiet=True)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def runner(tmp_path, compiled):
    return Runner(tmp_path / "stores", compiled, 2)


def test_it_measures_all_there_is(tmp_path, runner):
    arguments = ["--ratings", 20000, "--repeats", 1, "--strings", "--kills", 2]
    arguments += ["--kill-ratings", 20000, "--cache", tmp_path / "cache", "--out", tmp_path / "out"]
    result = CliRunner().invoke(main, ["ingest", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    (path,) = (tmp_path / "out").glob("*.json")
    figures = json.loads(path.read_text())["figures"]
    assert set(figures["text"]) == {"store", "csv-table", "csv-stream"}
    assert set(figures["parquet"]) == {"store", "parquet-table", "parquet-batches"}
    assert all(run["seconds"][0] > 0 for run in (*figures["text"].values(),))
    for layout in ("netflix", "parquet"):
        assert figures[f"memory {layout}"]["outcome"] == "same bits"
        assert figures[f"memory {layout}"]["peak_anonymous_bytes"] > 10e6
    for command in ("convert", "train"):
        kills = figures[f"kills {command}"]
        assert kills == {"kills": 2, "late": kills["late"], "right": 2}
    assert figures["strings"]["rows"] == 20000
    assert "| pyarrow.csv.read_csv | synthetic-csv-20000.csv |" in result.stdout


def test_text_and_csv_hold_the_same_rows(tmp_path):
    text = raw_ratings(tmp_path, 5000, "netflix", QUIET).read_text()
    csv = raw_ratings(tmp_path, 5000, "csv", QUIET).read_text()
    rows, movie = [], None
    for line in text.splitlines():
        if line.endswith(":"):
            movie = line[:-1]
        else:
            user, rest = line.split(",", 1)
            rows.append(f"{user},{movie},{rest}")
    assert csv.splitlines()[1:] == rows


def test_users_named_by_text_are_all_there_and_no_pair_twice(tmp_path):
    table = pq.read_table(string_ratings(tmp_path, 5000, QUIET))
    users, items = (table[name].to_pylist() for name in ("user", "item"))
    assert len(table) == 5000
    assert len(set(users)) == 500
    assert len(set(zip(users, items, strict=True))) == 5000
    assert np.unique(users[:500]).size == 500


def test_a_limit_of_memory_is_enforced(tmp_path, runner):
    source = raw_ratings(tmp_path, 20000, "netflix", QUIET)
    with pytest.raises(BenchError):
        runner.cold("store", source, "--data-limit", str(20 << 20))


def test_the_checksum_tells_ratings_apart(tmp_path, runner):
    source = raw_ratings(tmp_path, 20000, "netflix", QUIET)
    one = runner.cold("store", source, "--checksum").checksum
    assert runner.run("open", runner.store(), "--checksum").checksum == one
    text = source.read_text()
    place = text.rindex(",3,")
    source.write_text(text[:place] + ",4," + text[place + 3 :])
    assert runner.cold("store", source, "--checksum").checksum != one


def test_commands_are_killed_in_time_or_end_by_themselves():
    assert run_killed([sys.executable, "-c", "import time; time.sleep(60)"], 0.2)
    assert not run_killed([sys.executable, "-c", ""], 60)


def test_runs_start_from_anywhere(tmp_path, compiled):
    source = raw_ratings(tmp_path, 5000, "csv", QUIET)
    done = subprocess.run(
        [sys.executable, "-m", "bench.ingest_runs", "csv-table", str(source)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["rows"] == 5000
