"""The command ``python -m data_tools.synthetic``."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from data_tools.synthetic import main

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "data_tools.synthetic"]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_it_prints_the_noise_floor(tmp_path):
    result = run(tmp_path / "a.parquet", "--ratings", 5000)
    assert result.exit_code == 0
    assert "5,000 ratings, 24 users, 654 items" in result.stdout
    floor = re.search(
        r"^noise floor \(RMSE of the true model on a hold-out\): (0\.\d{4})$", result.stdout, re.M
    )
    assert 0.75 < float(floor[1]) < 0.88
    assert pq.read_metadata(tmp_path / "a.parquet").num_rows == 5000


def test_json_is_one_object_on_stdout(tmp_path):
    result = run(tmp_path / "a.parquet", "--ratings", 5000, "--seed", 3, "--rank", 4, "--json")
    report = json.loads(result.stdout)
    assert (report["ratings"], report["users"], report["items"]) == (5000, 24, 654)
    assert (report["rank"], report["seed"]) == (4, 3)
    assert report["path"] == str(tmp_path / "a.parquet")
    assert 3 < report["global_mean"] < 4
    assert 0.9 < report["std"] < 1.2
    assert report["seconds"] > 0
    assert report["peak_rss_bytes"] > 50e6
    assert "floor_rmse" in report


def test_options_reach_the_generator(tmp_path):
    result = run(
        tmp_path / "a.parquet", "--ratings", 4000, "--users", 100, "--items", 90, "--noise", 0,
        "--factor-std", 0, "--real-valued", "--threads", 1, "--quiet", "--json",
    )  # fmt: skip
    report = json.loads(result.stdout)
    assert (report["users"], report["items"], report["floor_rmse"]) == (100, 90, 0)
    assert report["real_valued"] is True
    assert result.stderr == ""
    # Without factors and noise, ratings are biases alone.
    assert 0.5 < report["std"] < 0.75


def test_titles_go_to_a_csv_file(tmp_path):
    assert (
        run(tmp_path / "a.parquet", "--ratings", 5000, "--titles", tmp_path / "t.csv").exit_code
        == 0
    )
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["item_id", "title"]
    assert [int(item) for item, _ in rows] == list(range(1, 655))
    assert len({title for _, title in rows}) == 654
    assert len(list(tmp_path.iterdir())) == 2


def test_a_layout_by_its_name_and_by_the_ending(tmp_path):
    raw = tmp_path / "combined_data_1.txt"
    result = run(raw, "--layout", "netflix", "--ratings", 5000, "--json")
    assert json.loads(result.stdout)["layout"] == "netflix"
    assert raw.read_text().startswith("1:\n")
    assert run(tmp_path / "a.inter", "--ratings", 5000, "--order", "user").exit_code == 0
    assert (tmp_path / "a.inter").read_text().startswith("user_id:token\titem_id:token")
    assert run(tmp_path / "set", "--layout", "netflix-folder", "--ratings", 5000).exit_code == 0
    assert len(list((tmp_path / "set").iterdir())) == 654


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--ratings", "9"], 1, "ratings is 9"),
        (["--users", "0"], 1, "users is 0"),
        (["--ratings", "1000", "--users", "10", "--items", "100"], 1, "more than half"),
        (["--noise", "-1"], 1, "noise is -1"),
        (["--seed", "-1"], 1, "seed is -1"),
        (["--threads", "0"], 1, "num_threads is 0"),
        (["--titles", "no/such/folder.csv"], 1, "cannot write no/such/folder.csv"),
        (["--ratings", "many"], 2, "'many' is not a valid integer"),
        (["--titles", "a.parquet"], 2, "same file"),
        (["--colour", "red"], 2, "No such option"),
        (["--layout", "netflix", "--order", "user"], 1, "goes item by item"),
        (["--layout", "excel"], 2, "'excel' is not one of"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, monkeypatch, arguments, status, says):
    monkeypatch.chdir(tmp_path)
    result = run("a.parquet", *arguments)
    assert result.exit_code == status
    assert says in result.stderr
    if status == 1:
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert not list(tmp_path.iterdir())


def test_memory_hardly_grows_with_the_ratings(tmp_path):
    def peak(n_ratings):
        arguments = [str(tmp_path / "a.parquet"), "--ratings", str(n_ratings), "--json", "--quiet"]
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=ROOT, check=True, capture_output=True, timeout=120
        )
        return json.loads(done.stdout)["peak_rss_bytes"]

    # 6 bytes a rating stay in memory; the rows themselves, 13 bytes each, must not.
    assert peak(12_000_000) - peak(3_000_000) < 14 * 9_000_000


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_leaves_nothing(tmp_path):
    process = subprocess.Popen(
        [*COMMAND, str(tmp_path / "a.parquet"), "--ratings", "100480507", "--titles",
         str(tmp_path / "t.csv"), "--quiet"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "Traceback" not in stderr
    assert stdout == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX file size limits")
def test_a_full_disk_leaves_nothing(tmp_path):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    # The limit would also hit the compiled kernels' cache, so that is made before.
    assert run(tmp_path / "warm.parquet", "--ratings", 1000).exit_code == 0
    (tmp_path / "warm.parquet").unlink()
    done = subprocess.run(
        [*COMMAND, str(tmp_path / "a.parquet"), "--ratings", "500000", "--quiet"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, preexec_fn=limit, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"Error: cannot write {tmp_path}/a.parquet: File too large"]
    assert not list(tmp_path.iterdir())
