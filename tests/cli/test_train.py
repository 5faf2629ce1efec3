"""`fastmf train`: its report, its options, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from fastmf import BiasedMF, load_model, read_ratings
from fastmf.cli.text_table import speed_text
from fastmf.cli.train import default_model_folder

SMALL = ("--factors", 4, "--epochs", 5)
ARRAYS = ("user_factors_", "item_factors_", "user_bias_", "item_bias_")


def same_bits(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ARRAYS)


def test_json_holds_what_the_contract_names(run_json, ratings):
    report = run_json("train", ratings, *SMALL, "--valid", 0.1, "--out", "m", "--threads", 2)
    assert report["model"] == "mf"
    assert report["factors"] == 4
    assert 1 <= report["best_epoch"] <= report["epochs_run"] == len(report["history"]) <= 5
    assert report["n_ratings"] + report["n_valid"] == len(read_ratings(ratings))
    assert (report["n_users"], report["n_items"]) == (120, 60)
    assert set(report["seconds"]) == {"read", "prepare", "compile", "train", "total"}
    assert report["seconds"]["total"] >= sum(
        report["seconds"][phase] for phase in ("read", "prepare", "compile", "train")
    )
    assert report["ratings_per_second"] == pytest.approx(
        report["n_ratings"] * report["epochs_run"] / report["seconds"]["train"]
    )
    assert report["peak_rss_bytes"] > 10 * 2**20
    assert report["model_path"] == "m"
    assert report["threads"] == 2
    assert report["hyperparameters"]["random_state"] == 0
    best = report["history"][report["best_epoch"] - 1]
    assert (
        best["valid_rmse"]
        == report["valid_rmse"]
        == min(epoch["valid_rmse"] for epoch in report["history"])
    )
    assert best["epoch"] == report["best_epoch"]
    stamps = [epoch["seconds"] for epoch in report["history"]]
    assert stamps == sorted(stamps)
    assert report["valid_rmse"] < report["baselines"]["bias_only"]["rmse"]
    assert report["baselines"]["bias_only"]["rmse"] < report["baselines"]["global_mean"]["rmse"]
    assert {"train_rmse", "valid_mae"} <= report.keys()


def test_without_validation(run, run_json, ratings):
    report = run_json("train", ratings, *SMALL)
    assert report["valid_rmse"] is report["valid_mae"] is report["n_valid"] is None
    assert report["baselines"] is None
    assert report["model_path"] == "ratings.model"
    assert "--valid 0.1" in run("train", ratings, *SMALL).stdout


def test_table_on_stdout_and_progress_on_stderr(run, ratings):
    result = run("train", ratings, *SMALL, "--valid", 0.1)
    for part in ("global mean", "bias only", "RMSE", "peak memory", "fastmf recommend"):
        assert part in result.stdout
    assert "epoch 1/5" in result.stderr
    assert "epoch 1/5" not in result.stdout


def test_quiet_leaves_stderr_empty(run, ratings):
    assert run("train", ratings, *SMALL, "--quiet").stderr == ""


def test_the_printed_next_command_works(run, ratings):
    shown = run("train", ratings, *SMALL, "--quiet").stdout
    command = shown.splitlines()[-1].removeprefix("Next: fastmf ").split()
    assert "User" in run(*command).stdout


def test_same_bits_for_any_number_of_threads_and_from_python(run, ratings, workplace):
    for threads in (1, 2, 5):
        run(
            *("train", ratings, *SMALL, "--seed", 3, "--valid", 0.2, "-q"),
            *("--threads", threads, "--out", f"m{threads}"),
        )
    models = [load_model(f"m{threads}") for threads in (1, 2, 5)]
    in_python = BiasedMF(factors=4, epochs=5, random_state=3).fit(read_ratings(ratings), valid=0.2)
    assert all(same_bits(model, in_python) for model in models)
    assert models[0].valid_rmse_ == in_python.valid_rmse_
    run("train", ratings, *SMALL, "--seed", 4, "--valid", 0.2, "-q", "--out", "other")
    assert not same_bits(load_model("other"), in_python)


def test_validation_ratings_from_a_file(run, run_json, ratings):
    run("split", ratings, "--valid", 0.2, "--out-train", "t.csv", "--out-valid", "v.parquet")
    report = run_json("train", "t.csv", *SMALL, "--valid", "v.parquet")
    assert report["n_valid"] == round(0.2 * len(read_ratings(ratings)))
    again = run_json("evaluate", "t.model", "v.parquet")
    assert again["rmse"] == pytest.approx(report["valid_rmse"], rel=1e-5)
    assert again["mae"] == pytest.approx(report["valid_mae"], rel=1e-5)


def test_patience_ends_training_early(run_json, ratings):
    wild = ("--factors", 16, "--epochs", 60, "--regularization", 0, "--learning-rate", 0.1)
    early = run_json("train", ratings, *wild, "--valid", 0.3, "--patience", 2)
    assert early["stopped"] == "patience"
    assert early["epochs_run"] == max(early["best_epoch"], 30) + 2
    every = run_json("train", ratings, *wild, "--valid", 0.3, "--patience", 0)
    assert every["epochs_run"] == 60


def test_duplicates_and_named_columns(run, run_json, workplace):
    file = workplace / "log.tsv"
    rows = [f"u{n % 7}\ti{n % 5}\t{n % 4 + 1}\n" for n in range(70)]
    file.write_text("who\twhat\tstars\n" + "".join(rows))
    columns = ("--user-column", "who", "--item-column", "what", "--rating-column", "stars")
    result = run("train", file, *columns, *SMALL)
    assert "35 duplicate" in result.stderr
    assert run_json("train", file, *columns, *SMALL, "-q")["n_ratings"] == 35
    refused = run("train", file, *columns, *SMALL, "--duplicates", "error", status=1)
    assert "35 duplicate" in refused.stderr


def test_no_cache_keeps_no_store(run, ratings, cache_folder):
    run("train", ratings, *SMALL, "--no-cache")
    assert not list(cache_folder.rglob("*.arrow"))
    run("train", ratings, *SMALL)
    assert list(cache_folder.rglob("*.arrow"))


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("a.csv", "a.model"),
        ("a.csv.gz", "a.model"),
        ("parts", "parts.model"),
        ("a.b.dat", "a.b.model"),
    ],
)
def test_default_folder(name, folder):
    assert str(default_model_folder(Path("somewhere") / name)) == folder


def test_a_model_is_replaced_and_anything_else_is_not(run, ratings, workplace):
    run("train", ratings, *SMALL, "--out", "m")
    run("train", ratings, *SMALL, "--out", "m", "--factors", 6)
    assert load_model("m").user_factors_.shape[1] == 6
    (workplace / "precious").mkdir()
    (workplace / "precious" / "letter.txt").write_text("keep me")
    refused = run("train", ratings, "--out", "precious", status=1)
    assert "not a saved model" in refused.stderr
    assert [file.name for file in (workplace / "precious").iterdir()] == ["letter.txt"]
    assert "is a file" in run("train", ratings, "--out", ratings, status=1).stderr


def test_the_place_of_the_model_is_checked_before_anything_is_read(run, workplace):
    (workplace / "file").touch()
    refused = run("train", "nowhere.csv", "--out", "file/model", status=1)
    assert "file/model: cannot be written" in refused.stderr


ROWS = "1,2,3\n1,3,4\n2,2,5\n"


@pytest.mark.parametrize(
    ("content", "options", "complaint"),
    [
        ("a,b,c\n1,2,3\n", (), "no user column; columns found: a, b, c"),
        ("user,userId,item,rating\n1,1,2,3\n", (), "could each be the user column"),
        ("", (), "empty"),
        ("user,item,rating\n", (), "no ratings in it"),
        ("user,item,rating\n1,2,3\n1,3,4\n", (), "one user"),
        (f"user,item,rating\n{ROWS}3,4,nan\n", (), "line 5"),
        (f"user,item,rating\n{ROWS}3,4,inf\n", (), "line 5"),
        (f"user,item,rating\n{ROWS}3,4,good\n", (), "line 5"),
        (f"user,item,rating\n{ROWS},4,5\n", (), "line 5"),
        (f"user,item,rating\n{ROWS}1,2,4\n", ("--duplicates", "error"), "1 duplicate"),
        (f"user,item,rating\n{ROWS}", ("--valid", "1.5"), "--valid is 1.5"),
        (f"user,item,rating\n{ROWS}", ("--valid", "0"), "--valid is 0"),
        (f"user,item,rating\n{ROWS}", ("--valid", "nan"), "--valid is nan"),
        (f"user,item,rating\n{ROWS}", ("--valid", "nowhere.csv"), "nowhere.csv: no such file"),
        (f"user,item,rating\n{ROWS}", ("--factors", "0"), "factors is 0"),
        (f"user,item,rating\n{ROWS}", ("--factors", "100000000000"), "GiB"),
        (f"user,item,rating\n{ROWS}", ("--epochs", "0"), "epochs is 0"),
        (f"user,item,rating\n{ROWS}", ("--learning-rate", "1e30"), "at most 10"),
        (f"user,item,rating\n{ROWS}", ("--initial-scale", "1e38"), "at most 10"),
        (f"user,item,rating\n{ROWS}", ("--regularization", "1e300"), "at most 10"),
        (f"user,item,rating\n{ROWS}", ("--learning-rate", "10"), "diverged"),
        (f"user,item,rating\n{ROWS}", ("--user-column", "nobody"), "no column 'nobody'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(run, workplace, content, options, complaint):
    (workplace / "bad.csv").write_text(content)
    result = run("train", "bad.csv", "--quiet", *options, status=1)
    assert result.stdout == ""
    assert result.stderr.startswith("fastmf: error: ")
    assert result.stderr.count("\n") == 1
    assert complaint in result.stderr
    assert [file.name for file in workplace.iterdir()] == ["bad.csv"]


def test_a_truncated_parquet_is_refused(run, ratings, workplace):
    run("convert", ratings, "whole.parquet")
    data = (workplace / "whole.parquet").read_bytes()
    (workplace / "cut.parquet").write_bytes(data[: len(data) // 2])
    assert "truncated" in run("train", "cut.parquet", status=1).stderr


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--n-neighbours", "3"), "No such option"),
        (("--hidden", "64"), "--hidden is an option of autorec, mlp, residual,"),
        (("--model", "als", "--no-batch-norm"), "multitask; als has none such"),
        (("--model", "autorec", "--factors=9"), "--factors is an option of mf, als, implicit-als,"),
        (("--factors", "many"), "not a valid integer"),
        (("--model", "oracle"), "no model 'oracle'; there are: mf"),
        (("--threads", "0"), "--threads"),
        (("--max-memory", "much"), "'much' is no size; write it like 1GiB"),
        (("--max-memory", "99999999999TiB"), "too much; no machine has 1,048,576TiB"),
        (("--duplicates", "first"), "--duplicates"),
    ],
)
def test_wrong_usage_is_status_2(run, ratings, options, complaint):
    assert complaint in run("train", ratings, *options, status=2).stderr


def test_a_disk_that_fills_up_leaves_nothing_behind(start, model, ratings, workplace):
    script = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
from fastmf.cli import main
main(sys.argv[1:])
"""
    before = sorted(workplace.rglob("*"))
    # The ratings are in the cache already: only the model has to be written.
    large = ("--factors", 4000, "--epochs", 1, "--out", "large", "--quiet")
    process = start("train", ratings, *large, script=script)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith("fastmf: error: cannot write the model to large")
    assert err.count("\n") == 1
    assert sorted(workplace.rglob("*")) == before


def test_report_is_valid_json_when_ids_are_text(run, workplace):
    (workplace / "t.csv").write_text("user,item,rating\nann,x,1\nbob,x,2\nann,y,3\nbob,z,5\n")
    report = json.loads(run("train", "t.csv", *SMALL, "--json").stdout)
    assert report["n_users"] == 2
    assert "--user ann" in run("train", "t.csv", *SMALL).stdout


def test_validation_ratings_of_one_user_are_no_fault(run_json, ratings, workplace):
    (workplace / "one.csv").write_text("userId,movieId,rating\n1003,1,3\n1003,2,4\n")
    report = run_json("train", ratings, *SMALL, "--valid", "one.csv")
    assert report["n_valid"] == 2
    assert report["valid_rmse"] > 0


def test_one_of_a_thing_is_named_so(run, ratings, workplace):
    (workplace / "one.csv").write_text("userId,movieId,rating\n1003,1,3\n")
    shown = run("train", ratings, *SMALL, "--threads", 1, "--valid", "one.csv").stdout
    assert "1 validation rating " in shown
    assert "on 1 thread\n" in shown


@pytest.mark.parametrize(
    ("speed", "text"),
    [
        (71_543_210.0, "71.5 million ratings/s"),
        (1e5, "0.1 million ratings/s"),
        (99_999.0, "100,000 ratings/s"),
        (38_412.3, "38,000 ratings/s"),
        (7.25, "7 ratings/s"),
    ],
)
def test_a_speed_is_not_rounded_to_nothing(speed, text):
    assert speed_text(speed) == text


def test_the_next_command_takes_a_path_like_an_option(run, ratings):
    shown = run("train", ratings, *SMALL, "--out", "./-m").stdout
    assert "fastmf recommend ./-m --user" in shown


def test_more_threads_than_any_machine_has_are_refused(run, ratings):
    assert "1024" in run("train", ratings, "--threads", 100_000, status=2).stderr
