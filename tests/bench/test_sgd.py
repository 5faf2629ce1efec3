import json

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.command import Epoch, TrainRun, parse_report
from bench.peers import PeerRun
from bench.peers.libmf import Timing
from bench.process import BenchError
from bench.sgd_tables import Measurements, throughput, time_to_rmse, whole_command

SECONDS = {"read": 1.0, "prepare": 2.0, "compile": 4.0, "train": 3.0, "total": 10.0}


def fastmf_run(one: float, *, scores=(0.9, 0.8, 0.7), wall=10.0) -> TrainRun:
    history = tuple(
        Epoch(number, one * number, score) for number, score in enumerate(scores, start=1)
    )
    return TrainRun(history, SECONDS, scores[-1], {}, wall, 100)


def libmf_run(one: float, *, setup=1.0, wall=20.0) -> Timing:
    return Timing(5.0, setup, (99.0, one, one), wall, None, 200)


def measured(fastmf, fast, slow, commands=None) -> Measurements:
    commands = commands or fastmf
    return Measurements(
        n_train=8_000_000,
        threads=(1,),
        builds=("sse", "avx"),
        command_epochs=3,
        regularizations={"sse": 0.05, "avx": 0.1},
        targets={"sse": 0.8, "avx": 0.75},
        clipped_targets={"sse": 0.8, "avx": 0.6},
        runs={
            "fastmf, 1 threads": fastmf,
            "sse, 1 threads": fast,
            "avx, 1 threads": slow,
            "command first, 1 threads": commands,
            "command second, 1 threads": commands,
        },
        peers={},
    )


def test_an_epoch_is_the_median_without_the_first():
    history = tuple(Epoch(n, s, None) for n, s in ((1, 9.0), (2, 10.0), (3, 12.0), (4, 13.0)))
    assert TrainRun(history, SECONDS, None, {}, 1.0, 1).epoch_seconds == 1.0
    assert TrainRun(history[:1], SECONDS, None, {}, 1.0, 1).epoch_seconds == 9.0


def test_time_to_a_target_is_the_end_of_the_first_epoch_at_or_below_it():
    run = fastmf_run(0.5)
    assert run.seconds_to(0.8) == 2.0 + 1.0
    assert run.seconds_to(0.79) == 2.0 + 1.5  # nothing between the epochs
    assert run.seconds_to(0.95) == 2.0 + 0.5
    assert run.seconds_to(0.69) is None
    assert (run.epochs_to(0.8), run.epochs_to(0.69)) == (2, None)


def test_throughput_is_against_the_best_build_of_each_round():
    runs = measured(
        [fastmf_run(0.1), fastmf_run(0.2)],
        [libmf_run(0.4), libmf_run(0.8)],
        [libmf_run(0.5), libmf_run(0.4)],
    )
    found = throughput(runs, 1)
    assert found.fastmf.values == pytest.approx((80.0, 40.0))
    assert found.libmf.values == pytest.approx((20.0, 20.0))
    assert found.ratio.values == pytest.approx((4.0, 2.0))
    assert found.ratio.median == pytest.approx(3.0)


def test_time_to_rmse_races_each_build_to_its_own_rmse():
    runs = measured(
        [fastmf_run(0.5), fastmf_run(0.5)],
        [libmf_run(1.0), libmf_run(1.0, setup=28.0)],
        [libmf_run(2.0), libmf_run(2.0)],
    )
    found = time_to_rmse(runs, 1, runs.targets)
    # sse: .8 after 2 epochs = 3.0 s against 102 and 129; avx: .75 after 3 = 3.5 s against 104
    assert found.ratio.values == pytest.approx((104 / 3.5, 104 / 3.5))
    assert found.fastmf.values == (3.5, 3.5)
    assert found.libmf.values == (104.0, 104.0)
    assert time_to_rmse(runs, 1, runs.clipped_targets) is None


def test_whole_command_is_against_the_fastest_build_of_each_round():
    runs = measured(
        [fastmf_run(0.5)] * 2,
        [libmf_run(1.0, wall=20.0), libmf_run(1.0, wall=33.0)],
        [libmf_run(1.0, wall=24.0), libmf_run(1.0, wall=30.0)],
        [fastmf_run(0.5, wall=5.0), fastmf_run(0.5, wall=10.0)],
    )
    found = whole_command(runs, 1, "first")
    assert found.libmf.values == (20.0, 30.0)
    assert found.ratio.values == (4.0, 3.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no report"),
        ("[]", "no report"),
        ('{"seconds": {}}', "no report"),
        ('{"history": [], "seconds": {"read": 1}}', "lacks compile, prepare, total, train"),
        (json.dumps({"history": [], "seconds": SECONDS}), "lacks history"),
    ],
)
def test_a_broken_report_is_refused(text, message):
    with pytest.raises(BenchError, match=message):
        parse_report(text, 1.0, 1)


def run_case(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def sgd(ratings_file, fake_fastmf, tmp_path, *more: object):
    return run_case(
        "sgd",
        "--data",
        ratings_file,
        "--fastmf",
        fake_fastmf,
        "--cache",
        tmp_path / "cache",
        "--out",
        tmp_path / "results",
        *more,
    )


def record_of(tmp_path):
    (path,) = (tmp_path / "results").glob("*.json")
    return json.loads(path.read_text())


def test_whole_case_with_two_builds(
    *, ratings_file, fake_fastmf, fake_libmf, fastmf_log, tmp_path, monkeypatch
):
    peer_run = PeerRun(
        iterations=20, iteration_seconds=0.5, train_seconds=10.0, rmse=0.9, peak_rss_bytes=1
    )

    def fit(self, split, **settings):
        assert split.n_train > split.n_valid
        assert settings["factors"] == 40
        return peer_run

    monkeypatch.setattr("bench.peers.ModulePeer.fit", fit)
    monkeypatch.setattr(
        "bench.peers.ModulePeer.unavailable",
        lambda self: None if self.package == "scikit-surprise" else "not installed",
    )
    builds = ["--libmf", fake_libmf("sse"), "--libmf", fake_libmf("avx")]
    options = ["--factors", 40, "--repeats", 2]
    result = sgd(ratings_file, fake_fastmf, tmp_path, *builds, *options)
    assert result.exit_code == 0, result.output
    record = record_of(tmp_path)
    figures = record["figures"]
    assert figures["regularizations"] == {"sse": 0.05, "avx": 0.05}
    assert figures["targets"] == {"sse": 0.80, "avx": 0.80}
    assert figures["command_epochs"] == 4  # 1 - 4 * 0.05 = 0.80
    n_train = 1000 - len(_valid_rows(tmp_path))
    for threads, one in ((1, 0.048), (2, 0.024)):
        found = figures["throughput"][threads - 1]
        assert found["threads"] == threads
        assert found["fastmf"]["median"] == pytest.approx(n_train / one / 1e6, rel=1e-3)
        assert found["libmf"]["median"] < n_train / 0.019 / 1e6
        reached = figures["time_to_rmse"][threads - 1]
        assert reached["fastmf"]["values"] == pytest.approx([0.125 + 4 * one] * 2)
        # setup 0.1 s and ten times 0.02 s
        assert 0.28 < reached["libmf"]["median"] < 5.0
        assert len(figures["command_first"][threads - 1]["ratio"]["values"]) == 2
    assert record["versions"]["fastmf"] == "9.9"
    assert record["versions"]["LIBMF (sse)"].startswith("sha256 ")
    assert figures["peers"]["Surprise SVD, 1 threads"]["rmse"] == 0.9
    assert record["skipped"]["Surprise SVD, 2 threads"] == "it has 1 thread only"
    assert record["skipped"]["cmfrec ALS CG, 1 threads"] == "not installed"
    assert str(tmp_path) not in json.dumps(record)
    assert "| 1 | " in result.stdout
    assert "the fewest whose full run ends at or below LIBMF's RMSE" in result.stdout
    assert "round 2: command second, 2 threads" in result.stderr
    _check_calls(fastmf_log)
    assert not list((tmp_path / "cache").glob("run-*"))


def _valid_rows(tmp_path):
    (path,) = (tmp_path / "cache").glob("*/valid.txt")
    return path.read_text().splitlines()


def _check_calls(log):
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    validated = [call["given"]["--epochs"] for call in calls if "--valid" in call["given"]]
    commands = [call for call in calls if "--valid" not in call["given"]]
    # Down to one epoch too few, then as many as do for each number of threads and round.
    assert validated == ["10", "9", "8", "7", "6", "5", "4", "3"] + ["4"] * 4
    # for each number of threads and round a first and a second command, never validated
    assert [call["is_first"] for call in commands] == [True, False] * 4
    assert {call["given"]["--epochs"] for call in commands} == {"4"}


def test_without_peers_fastmf_is_measured_alone_and_the_gap_is_said(
    ratings_file, fake_fastmf, tmp_path
):
    options = ["--no-peers", "--threads", 1, "--repeats", 1, "--epochs", 3, "--quiet"]
    result = sgd(ratings_file, fake_fastmf, tmp_path, *options)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    record = record_of(tmp_path)
    assert record["skipped"] == {"LIBMF": "no --libmf PATH-TO-mf-train was given"}
    assert record["figures"]["throughput"][0]["ratio"] is None
    assert "time_to_rmse" not in record["figures"]
    assert "- LIBMF: no --libmf" in result.stdout


def test_target_that_is_not_reached_is_said(ratings_file, fake_fastmf, fake_libmf, tmp_path):
    build = ["--libmf", fake_libmf("sse"), "--libmf", tmp_path / "nowhere" / "mf-train"]
    options = ["--no-peers", "--threads", 1, "--repeats", 1, "--epochs", 3]
    result = sgd(ratings_file, fake_fastmf, tmp_path, *build, *options)
    assert result.exit_code == 0, result.output
    record = record_of(tmp_path)
    assert record["figures"]["time_to_rmse"] == [None]
    assert record["figures"]["command_epochs"] == 3
    assert "not reached" in result.stdout
    assert "do not reach LIBMF's RMSE" in result.stdout
    assert "there is no mf-train" in record["skipped"]["LIBMF (nowhere)"]


def test_failure_is_one_line_and_leaves_nothing(ratings_file, tmp_path):
    result = sgd(ratings_file, "/nowhere/fastmf", tmp_path, "--no-peers")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "Error: cannot run /nowhere/fastmf: No such file or directory"
    )
    assert not (tmp_path / "results").exists()
    assert not list((tmp_path / "cache").glob("run-*"))


def test_help_lists_the_cases():
    result = run_case("--help")
    for case in ("sgd", "accuracy", "factors", "scaling", "startup", "memory"):
        assert f"\n  {case} " in result.stdout
        assert run_case(case, "--help").exit_code == 0
