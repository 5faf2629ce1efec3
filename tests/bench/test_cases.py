import json

import numpy as np
import pytest
from click import BadParameter
from click.testing import CliRunner
from safetensors.numpy import save_file

from bench.__main__ import main
from bench.accuracy import parse_seeds
from bench.command import hash_of_factors
from bench.factors import padded
from bench.memory import disk_rate, parse_size
from tests.bench.conftest import write_ratings


@pytest.fixture
def run_case(fake_fastmf, tmp_path):
    def run(case: str, *arguments: object):
        common = ["--fastmf", fake_fastmf, "--cache", tmp_path / "cache", "--out", tmp_path / "out"]
        everything = [case, *common, *arguments]
        return CliRunner().invoke(main, [str(argument) for argument in everything])

    return run


def record_of(tmp_path):
    (path,) = (tmp_path / "out").glob("*.json")
    return json.loads(path.read_text())


def calls_of(log):
    return [json.loads(line)["given"] for line in log.read_text().splitlines()]


def test_accuracy_over_seeds_with_libmf(run_case, ratings_file, fake_libmf, fastmf_log, tmp_path):
    build = fake_libmf("sse")
    result = run_case("accuracy", "--ml-1m", ratings_file, "--seeds", "0-2", "--libmf", build)
    assert result.exit_code == 0, result.output
    calls = calls_of(fastmf_log)
    assert [call["--seed"] for call in calls] == ["0", "1", "2"]
    assert not any("--epochs" in call for call in calls)
    assert len({call["--valid"] for call in calls}) == 3
    record = record_of(tmp_path)
    assert record["figures"]["fastmf"]["rmse"] == [0.7] * 3
    runs = record["figures"]["sse"]["runs"]
    assert record["figures"]["sse"]["settings"] == {"iterations": 20, "regularization": 0.05}
    scores = [run["rmse"] for run in runs]
    assert len(scores) == 3
    assert f"| {np.mean(scores):.4f} | {np.mean(np.square(scores)):.4f} |" in result.stdout
    assert "| fastmf | defaults | 0.7000 | 0.4900 | 0.7000-0.7000 |" in result.stdout


def test_accuracy_on_published_folds(run_case, fastmf_log, tmp_path):
    folds = []
    for number in (1, 2):
        train, valid = tmp_path / f"u{number}.base", tmp_path / f"u{number}.test"
        train.write_text("1\t10\t5\n2\t20\t3\n")
        valid.write_text("2\t10\t4\n")
        folds += ["--fold", train, valid]
    result = run_case("accuracy", *folds, "--factors", 8)
    assert result.exit_code == 0, result.output
    assert len(calls_of(fastmf_log)) == 2
    assert record_of(tmp_path)["settings"]["splits"] == "u1.test, u2.test"


def test_accuracy_tunes_peers_on_the_first_split(
    run_case, ratings_file, fake_libmf, tmp_path, monkeypatch
):
    grid = ({"iterations": 1, "regularization": 0.1}, {"iterations": 2, "regularization": 0.05})
    monkeypatch.setattr("bench.peers.libmf.Libmf.grid", grid)
    scores = iter([0.9, 0.8, 0.81, 0.83])
    monkeypatch.setattr("bench.peers.libmf.clipped_rmse", lambda *_: next(scores))
    options = ["--libmf", fake_libmf("sse"), "--tune", "--seeds", "3,5", "--per-user"]
    result = run_case("accuracy", "--data", ratings_file, *options)
    assert result.exit_code == 0, result.output
    found = record_of(tmp_path)["figures"]["sse"]
    assert found["settings"] == grid[1]
    assert [run["rmse"] for run in found["runs"]] == [0.81, 0.83]


def test_accuracy_wants_data_or_folds(run_case):
    result = run_case("accuracy")
    assert result.exit_code == 2
    assert "give either --data FILE" in result.stderr


def test_seeds():
    assert parse_seeds("0-4") == (0, 1, 2, 3, 4)
    assert parse_seeds("7") == (7,)
    assert parse_seeds("0,2, 5-6,2") == (0, 2, 5, 6)
    for wrong in ("", "4-0", "a", "1-", "-1"):
        with pytest.raises(BadParameter):
            parse_seeds(wrong)


def test_factors_table(run_case, ratings_file, fastmf_log, tmp_path):
    options = ["--factors", 50, "--factors", 8, "--factors", 64, "--repeats", 2]
    result = run_case("factors", "--data", ratings_file, *options)
    assert result.exit_code == 0, result.output
    order = [call["--factors"] for call in calls_of(fastmf_log)]
    assert order == ["8", "8", "50", "64", "8", "50", "64"]
    figures = record_of(tmp_path)["figures"]
    assert list(figures) == ["8", "50", "64"]
    # the stand-in takes one millisecond a padded factor for its 1000 ratings
    assert figures["8"]["nanoseconds_per_rating"] == pytest.approx([16_000] * 2)
    assert figures["50"]["nanoseconds_per_rating"] == pytest.approx([64_000] * 2)
    assert figures["50"]["million_ratings_per_second"] == pytest.approx([1 / 64] * 2)
    assert figures["50"]["growth"] == pytest.approx([1.0] * 2)
    assert figures["8"]["growth"] is None
    assert [padded(k) for k in (1, 14, 16, 48, 50, 100, 256)] == [16, 16, 32, 64, 64, 112, 272]


def test_scaling(run_case, fastmf_log, tmp_path):
    for size in (500, 1000):
        write_ratings(tmp_path / "cache" / f"synthetic-{size}.parquet", size)
    options = ["--sizes", 1000, "--sizes", 500, "--ratings", 1000, "--repeats", 2]
    result = run_case("scaling", *options)
    assert result.exit_code == 0, result.output
    figures = record_of(tmp_path)["figures"]
    # the stand-in's epoch takes 64 ms whatever the size: half the ratings, twice the time of one
    assert figures["sizes"]["500"] == pytest.approx([128_000] * 2)
    assert figures["sizes"]["1000"] == pytest.approx([64_000] * 2)
    assert figures["largest_over_smallest"] == pytest.approx(2.0)
    assert figures["threads"]["2"]["speedup"] == pytest.approx([2.0] * 2)
    assert set(figures["hashes"]) == {"1", "2", "3", "8"}
    assert len(set(figures["hashes"].values())) == 1
    assert "all equal" in result.stdout


def test_scaling_fails_where_the_factors_differ(run_case, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_FASTMF_RACE", "1")
    write_ratings(tmp_path / "cache" / "synthetic-500.parquet", 500)
    result = run_case("scaling", "--sizes", 500, "--ratings", 500, "--repeats", 1)
    assert result.exit_code == 1
    assert "the factors differ with the number of threads" in result.stderr
    assert len(set(record_of(tmp_path)["figures"]["hashes"].values())) == 4


def test_hash_sees_every_bit_and_the_names(tmp_path):
    def write(**arrays):
        save_file(arrays, tmp_path / "arrays.safetensors")
        return hash_of_factors(tmp_path)

    zeros = np.zeros((2, 3), dtype=np.float32)
    negative = zeros.copy()
    negative[1, 2] = -0.0
    hashes = [
        write(a=zeros, b=zeros),
        write(a=zeros, b=negative),
        write(a=zeros, c=zeros),
        write(a=zeros, b=zeros.reshape(3, 2)),
    ]
    assert len(set(hashes)) == 4
    assert write(b=zeros, a=zeros) == hashes[0]


def test_startup_empties_both_caches_for_the_first(run_case, ratings_file, tmp_path):
    result = run_case("startup", "--data", ratings_file, "--repeats", 2)
    assert result.exit_code == 0, result.output
    figures = record_of(tmp_path)["figures"]
    assert figures["first"]["compile"] == [5.0, 5.0]
    assert figures["second"]["compile"] == [0.0, 0.0]
    assert figures["second"]["read"] == [0.0, 0.0]
    assert all(seconds > 0 for seconds in figures["second"]["all but training"])


def test_memory_compares_hashes_and_runs_under_the_command(
    run_case, ratings_file, fastmf_log, tmp_path
):
    under = tmp_path / "bin" / "limit"
    under.parent.mkdir(exist_ok=True)
    under.write_text(f'#!/bin/sh\necho "$1" >> "{tmp_path}/limits"\nshift\nexec "$@"\n')
    under.chmod(0o755)
    options = ["--cap", "1GiB", "--repeats", 2, "--under", f"{under} {{bytes}}"]
    result = run_case("memory", "--data", ratings_file, *options)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "limits").read_text() == "1073741824\n" * 2
    capped = [call.get("--max-memory") for call in calls_of(fastmf_log)]
    assert capped == [None, None, "1GiB", None, "1GiB"]
    figures = record_of(tmp_path)["figures"]
    assert figures["1GiB"]["hashes"] == figures["uncapped"]["hashes"]
    assert figures["grid_bytes"] == 5_000


def test_sizes_of_caps():
    assert parse_size("1GiB") == 2**30
    assert parse_size("1.5MiB") == 3 * 2**19
    for wrong in ("1GB", "GiB", "-1GiB", "1"):
        with pytest.raises(BadParameter):
            parse_size(wrong)


def test_disk_rate_reads_the_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10_000_000)
    assert disk_rate(path) > 1e6
