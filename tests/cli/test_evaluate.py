"""`fastmf evaluate --top`, and what training tells of recommendations."""

from pathlib import Path

import pytest

from fastmf import evaluate_ranking, load_model, read_ratings
from fastmf.metrics import RankingScores

SMALL = ("--factors", 4, "--epochs", 3, "--quiet")


@pytest.fixture
def parts(run, ratings):
    run("split", ratings, "--valid", 0.2, "--out-train", "t.csv", "--out-valid", "v.csv")
    return read_ratings("t.csv"), read_ratings("v.csv", trainable=False)


def of_json(document):
    return tuple(document[name] for name in RankingScores._fields)


def test_recommendations_are_measured_beside_errors(run, run_json, parts):
    train, valid = parts
    run("train", "t.csv", *SMALL, "--out", "m")
    report = run_json("evaluate", "m", "v.csv", "--top", 5, "--like-above", 3)
    expected = evaluate_ranking(load_model("m"), valid, 5, train, like_above=3)
    assert of_json(report["ranking"]) == expected.scores
    assert of_json(report["ranking"]["popular"]) == expected.popular
    assert report["ranking"]["n_users"] == expected.n_users
    assert report["rmse"] == run_json("evaluate", "m", "v.csv")["rmse"]
    assert "ranking" not in run_json("evaluate", "m", "v.csv")
    shown = run("evaluate", "m", "v.csv", "--top", 5).stdout
    for part in ("RMSE", "bias only", "most rated", "NDCG@5", "hit rate@5", "rated above"):
        assert part in shown


def test_models_of_preferences_have_recommendations_alone(run, run_json, parts):
    train, valid = parts
    run("train", "t.csv", *SMALL, "--model", "implicit-als", "--out", "m")
    report = run_json("evaluate", "m", "v.csv")
    assert of_json(report["ranking"]) == evaluate_ranking(load_model("m"), valid, 10, train).scores
    assert report["ranking"]["like_above"] is None
    assert "rmse" not in report
    shown = run("evaluate", "m", "v.csv").stdout
    assert "MAP@10" in shown
    assert "RMSE" not in shown


def test_without_the_training_ratings_nothing_is_seen_and_that_is_said(run, run_json, parts):
    train, valid = parts
    run("train", "t.csv", *SMALL, "--out", "m")
    named = run_json("evaluate", "m", "v.csv", "--top", 3, "--seen", "t.csv")
    with Path("t.csv").open("a") as file:
        file.write("1,1,1\n")
    result = run("evaluate", "m", "v.csv", "--top", 3)
    assert "--seen names them" in result.stderr
    assert "most rated" not in result.stdout
    assert of_json(named["ranking"]) == evaluate_ranking(load_model("m"), valid, 3, train).scores


def test_options_of_recommendations_need_them(run, parts):
    run("train", "t.csv", *SMALL, "--out", "m")
    assert "add --top 10" in run("evaluate", "m", "v.csv", "--like-above", 3, status=2).stderr
    assert "--top" in run("evaluate", "m", "v.csv", "--top", 0, status=2).stderr
    refused = run("evaluate", "m", "v.csv", "--top", 3, "--like-above", 99, status=1).stderr
    assert refused.count("\n") == 1
    assert "so no item is relevant; set like_above (--like-above) lower" in refused


def test_training_on_preferences_tells_of_recommendations(run, run_json, parts):
    train, valid = parts
    how = (*SMALL, "--model", "implicit-als", "--valid", "v.csv")
    report = run_json("train", "t.csv", *how)
    model = load_model(report["model_path"])
    assert of_json(report["ranking"]) == evaluate_ranking(model, valid, 10, train).scores
    assert "NDCG@10" in run("train", "t.csv", *how).stdout
    assert run_json("train", "t.csv", *SMALL, "--valid", "v.csv")["ranking"] is None


def test_training_ends_well_though_nobody_held_out_is_known(run_json, parts):
    Path("w.csv").write_text("user,item,rating\n-7,-7,5\n-8,-9,4\n")
    report = run_json("train", "t.csv", *SMALL, "--model", "implicit-als", "--valid", "w.csv")
    assert report["ranking"] is None
    assert report["n_valid"] == 2


@pytest.mark.parametrize("kind", ["interaction", "multitask"])
def test_likes_are_measured_where_a_model_tells_them(run, run_json, parts, kind):
    run("train", "t.csv", *SMALL, "--model", kind, "--hidden", 4, "--out", "m")
    report = run_json("evaluate", "m", "v.csv")
    assert report["likes"] == load_model("m").evaluate_likes(parts[1])._asdict()
    assert "likes: accuracy" in run("evaluate", "m", "v.csv").stdout
    assert ("rmse" in report) == (kind == "multitask")


def test_catalogues_smaller_than_a_usual_list(run, run_json):
    rows = [(user, item) for user in range(12) for item in range(4) if (user + item) % 3]
    lines = [f"{user},{item},1" for user, item in rows]
    Path("few.csv").write_text("\n".join(["user,item,rating", *lines, ""]))
    how = (*SMALL, "--model", "implicit-als", "--valid", 0.2, "--out", "m")
    assert run_json("train", "few.csv", *how)["ranking"]["n"] == 4
    assert run_json("evaluate", "m", "few.csv")["ranking"]["n"] == 4
    refused = run("evaluate", "m", "few.csv", "--top", 10**12, status=1).stderr
    assert "n is 1000000000000, but it must be at most 4" in refused
