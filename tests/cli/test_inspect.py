"""`fastmf inspect`, `evaluate`, `convert` and `split`."""

import numpy as np
import pandas as pd
import pytest

from fastmf import evaluate, load_model, random_split, read_ratings
from fastmf.data import verify_store


def rows_of(ratings):
    """Return ratings as a sorted list of raw rows."""
    columns = (
        ratings.users.take(ratings.user_index).tolist(),
        ratings.items.take(ratings.item_index).tolist(),
        ratings.value.tolist(),
    )
    times = [None] * len(ratings) if ratings.time is None else ratings.time.tolist()
    return sorted(zip(*columns, times, strict=True))


def test_ratings_in_numbers(run, run_json, ratings):
    table = read_ratings(ratings)
    report = run_json("inspect", ratings)
    assert report["n_ratings"] == len(table)
    assert (report["n_users"], report["n_items"]) == (120, 60)
    assert report["mean"] == pytest.approx(table.value.mean())
    counts = {bar["low"]: bar["n_ratings"] for bar in report["histogram"]}
    values, wanted = np.unique(table.value, return_counts=True)
    assert counts == dict(zip(values.tolist(), wanted.tolist(), strict=True))
    assert report["ratings_a_user"]["0.5"] == np.median(np.bincount(table.user_index))
    shown = run("inspect", ratings).stdout
    assert "2001-09-09 to 2001-09-09" in shown
    assert f"{len(table):,}" in shown
    longest = max(shown.splitlines(), key=lambda line: line.count("█"))
    assert f"{max(counts.values()):,}" in longest


def test_a_model_in_numbers(run, run_json, model):
    fitted = load_model(model)
    report = run_json("inspect", model)
    assert report["model"] == "mf"
    assert report["hyperparameters"]["factors"] == 4
    assert (report["n_users"], report["n_items"]) == (120, 60)
    assert len(report["history"]) == report["epochs_run"] == 8
    assert report["train_rmse"] == fitted.train_rmse_
    assert report["bytes"] > fitted.user_factors_.nbytes
    shown = run("inspect", model).stdout
    assert "regularization" in shown
    assert "120" in shown


def test_a_histogram_of_many_values_has_ranges(run, workplace):
    rows = [f"{n % 50},{n // 50},{n / 100}\n" for n in range(1000)]
    (workplace / "real.csv").write_text("user,item,rating\n" + "".join(rows))
    assert "0.4995 to 0.999" in run("inspect", "real.csv").stdout


def test_what_is_neither_is_refused(run, workplace):
    assert "nowhere" in run("inspect", "nowhere", status=1).stderr
    (workplace / "empty").mkdir()
    assert "no parts" in run("inspect", "empty", status=1).stderr


def test_evaluate_shows_baselines_and_counts_the_unknown(run, run_json, model, workplace):
    rows = "1003,7,4\n1000,1,2\n77,7,3\n1003,777,1\n77,777,1\n"
    (workplace / "test.csv").write_text("user,item,rating\n" + rows)
    report = run_json("evaluate", model, "test.csv")
    wanted = evaluate(load_model(model), read_ratings("test.csv"))
    for name in ("rmse", "mae", "global_mean_rmse", "bias_only_mae"):
        assert report[name] == getattr(wanted, name)
    assert (report["n_unknown_users"], report["n_unknown_items"]) == (1, 1)
    assert report["n_unknown_rows"] == 3
    shown = run("evaluate", model, "test.csv").stdout
    for part in ("5 ratings", "RMSE", "global mean", "bias only", "3 of these ratings (60.0%)"):
        assert part in shown


def test_evaluate_takes_the_ratings_of_one_user(run_json, model, workplace):
    (workplace / "one.csv").write_text("user,item,rating\n1003,7,4\n")
    predicted = load_model(model).predict([1003], [7])[0]
    assert run_json("evaluate", model, "one.csv")["rmse"] == pytest.approx(abs(4 - predicted))


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.tsv", "out.store"])
def test_converted_ratings_are_the_same(run, ratings, name):
    assert run("convert", ratings, name).stdout == ""
    assert rows_of(read_ratings(name)) == rows_of(read_ratings(ratings))


def test_a_converted_store_is_sound_and_trains_to_the_same_bits(run, ratings):
    run("convert", ratings, "out.store")
    verify_store("out.store")
    small = ("--factors", 3, "--epochs", 2, "-q")
    run("train", "out.store", *small, "--out", "a")
    run("train", ratings, *small, "--out", "b")
    np.testing.assert_array_equal(load_model("a").user_factors_, load_model("b").user_factors_)


def test_convert_refuses_what_it_cannot_write(run, ratings, workplace):
    (workplace / "letters").mkdir()
    (workplace / "letters" / "a.txt").write_text("dear")
    assert "not a ratings store" in run("convert", ratings, "letters", status=1).stderr
    assert "make it first" in run("convert", ratings, "no/a.parquet", status=1).stderr


def test_split_holds_out_the_rows_that_train_holds_out(run, ratings):
    run(
        "split",
        ratings,
        "--valid",
        0.25,
        "--seed",
        5,
        "--out-train",
        "t.csv",
        "--out-valid",
        "v.pq",
    )
    train, held_out = random_split(read_ratings(ratings), 0.25, 5)
    assert rows_of(read_ratings("t.csv")) == rows_of(train)
    assert rows_of(read_ratings("v.pq")) == rows_of(held_out)
    assert list(pd.read_csv("t.csv").columns) == ["user", "item", "rating", "timestamp"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--valid", "1.5"), "takes a fraction between 0 and 1"),
        (("--valid", "0.00001"), "holds out nothing"),
        (("--seed", "-1"), "--seed is -1"),
        (("--out-valid", "t.csv"), "name two files"),
        (("--out-valid", "v.doc"), "ending"),
    ],
)
def test_split_refuses(run, ratings, workplace, options, complaint):
    arguments = ("--out-train", "t.csv", "--out-valid", "v.csv", *options)
    assert complaint in run("split", ratings, *arguments, status=1).stderr
    assert [file.name for file in workplace.iterdir()] == ["ratings.csv"]
