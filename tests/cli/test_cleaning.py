"""Cleaning and ways of validation on the command line."""

import numpy as np
import pandas as pd
import pytest

import fastmf
from fastmf import BiasedMF, clean_ratings, load_model, read_ratings
from fastmf.data import open_store

SMALL = ("--factors", 4, "--epochs", 4, "--quiet")

OPTIONS = [
    (("--min-rating", 2), {"min_rating": 2}),
    (("--max-rating", 4), {"max_rating": 4}),
    (("--top-items", 20), {"top_items": 20}),
    (("--top-users", 30), {"top_users": 30}),
    (("--sample-users", 50, "--sample-seed", 3), {"sample_users": 50, "random_state": 3}),
    (("--sample", "0.5"), {"sample": 0.5}),
    (("--sample", "700"), {"sample": 700}),
    (("--min-user-ratings", 25), {"min_user_ratings": 25}),
    (("--min-item-ratings", 48), {"min_item_ratings": 48}),
    (("--min-user-ratings", 20, "--min-item-ratings", 30, "--until-stable"),
     {"min_user_ratings": 20, "min_item_ratings": 30, "until_stable": True}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "parameters"), OPTIONS, ids=str)
def test_convert_writes_what_is_left_and_says_what_is_not(run, ratings, options, parameters):
    cleaned = clean_ratings(read_ratings(ratings), **parameters)
    assert len(cleaned) < len(read_ratings(ratings))
    result = run("convert", ratings, "clean.store", *options)
    (note,) = cleaned.notes
    assert f"note: {note}" in result.stderr
    stored = open_store("clean.store")
    assert stored.users == cleaned.users
    assert stored.items == cleaned.items
    np.testing.assert_array_equal(stored.user_index, cleaned.user_index)
    np.testing.assert_array_equal(stored.value, cleaned.value)


def test_a_model_is_trained_on_what_is_left(run, ratings):
    run("train", ratings, *SMALL, "--min-user-ratings", 25, "--valid", 0.2, "--out", "m")
    cleaned = clean_ratings(read_ratings(ratings), min_user_ratings=25)
    in_python = BiasedMF(factors=4, epochs=4).fit(cleaned, valid=0.2)
    model = load_model("m")
    assert model.users_ == in_python.users_ == cleaned.users
    np.testing.assert_array_equal(model.user_factors_, in_python.user_factors_)
    assert model.valid_rmse_ == in_python.valid_rmse_


def test_the_second_training_finds_the_store_of_the_first(run, ratings, cache_folder):
    run("train", ratings, *SMALL, "--min-user-ratings", 25)
    stores = list((cache_folder / "stores").iterdir())
    run("train", ratings, *SMALL, "--min-user-ratings", 12, "--top-items", 30)
    assert list((cache_folder / "stores").iterdir()) == stores


def test_what_was_cleaned_away_counts_as_seen(run, run_json, ratings):
    # Of the training file, whose ratings are found again by themselves.
    run("train", ratings, *SMALL, "--min-rating", 4, "--min-user-ratings", 3, "--out", "m")
    model = load_model("m")
    user = int(model.users_.take([0])[0])
    shown = run("recommend", "m", "--user", user, "-n", 60)
    assert "may be among these" not in shown.stderr
    rows = run_json("recommend", "m", "--user", user, "-n", 60)
    table = pd.read_csv(ratings)
    seen = set(table.movieId[table.userId == user])
    low = set(table.movieId[(table.userId == user) & (table.rating < 4)])
    assert low
    found = {int(item["item"]) for item in _items(rows)}
    assert found
    assert not found & seen


def _items(document):
    """Find the recommended items in what `recommend --json` prints."""
    if isinstance(document, dict) and "item" in document:
        return [document]
    children = document.values() if isinstance(document, dict) else document
    return [item for child in children if isinstance(child, (dict, list)) for item in _items(child)]


@pytest.mark.parametrize(
    ("options", "split"),
    [
        (("--valid", "0.2", "--valid-by", "user"), lambda r: fastmf.user_split(r, 0.2)),
        (("--valid", "3", "--valid-by", "last"), lambda r: fastmf.last_split(r, 3)),
        (("--valid", "2", "--valid-by", "leave-n-out", "--seed", "5"),
         lambda r: fastmf.leave_n_out(r, 2, 5)),
        (("--valid", "0.3", "--valid-by", "time"), lambda r: fastmf.time_split(r, 0.3)),
        (("--valid", "0.6", "--known-only"),
         lambda r: fastmf.random_split(r, 0.6, keep_known=True)),
    ],
    ids=str,
)  # fmt: skip
def test_validation_on_any_split(run_json, ratings, options, split):
    train, held_out = split(read_ratings(ratings))
    report = run_json("train", ratings, *SMALL, *options, "--out", "m")
    assert report["n_valid"] == len(held_out)
    seed = report["hyperparameters"]["random_state"]
    in_python = BiasedMF(factors=4, epochs=4, random_state=seed).fit(train, held_out)
    assert report["valid_rmse"] == in_python.valid_rmse_


@pytest.mark.parametrize("by", [(), ("--valid-by", "pairs")])
def test_a_probe_list_is_held_out_of_training(run, run_json, ratings, workplace, by):
    table = pd.read_csv(ratings).iloc[::9]
    lines = [
        f"{item}:\n" + "".join(f"{user}\n" for user in group.userId)
        for item, group in table.groupby("movieId")
    ]
    (workplace / "probe.txt").write_text("".join(lines) + "1:\n77\n")
    report = run_json("train", ratings, *SMALL, "--valid", "probe.txt", *by)
    assert report["n_valid"] == len(table)
    assert report["n_ratings"] == len(read_ratings(ratings)) - len(table)
    loud = run("train", ratings, *SMALL[:-1], "--valid", "probe.txt", *by)
    assert "note: the pairs of probe.txt: 1 pair has no rating" in loud.stderr


def test_a_validation_file_is_not_cleaned(run, run_json, ratings):
    run("split", ratings, "--out-train", "t.csv", "--out-valid", "v.csv")
    report = run_json("train", "t.csv", *SMALL, "--valid", "v.csv", "--min-rating", 3)
    assert report["n_valid"] == len(read_ratings("v.csv"))
    assert report["n_ratings"] == len(clean_ratings(read_ratings("t.csv"), min_rating=3))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--min-user-ratings", "9999"), "no user has 9,999 ratings"),
        (("--min-rating", "9"), "no ratings of at least 9: they lie between 1 and 5"),
        (("--min-rating", "4", "--max-rating", "3"), "min_rating is 4 and max_rating 3"),
        (("--min-rating", "nan"), "min_rating is nan"),
        (("--sample", "1.5"), "sample is 1.5, but must be a whole number from 1, or a fraction"),
        (("--sample-users", "0"), "sample_users is 0"),
        (("--until-stable",), "until_stable repeats min_user_ratings and min_item_ratings"),
        (("--sample-seed", "-1"), "random_state is -1"),
        (("--valid-by", "user"), "--valid-by says how to hold ratings out; add --valid"),
        (("--known-only",), "--known-only says how to hold ratings out; add --valid"),
        (("--valid", "ratings.csv", "--known-only"), "--known-only is for ratings held out of"),
        (("--valid", "5"), "anything else is the name of a file, or needs --valid-by"),
        (("--valid", "5", "--valid-by", "user"), "holding out by user takes a fraction"),
        (("--valid", "soon", "--valid-by", "time"), "'soon' is no date"),
    ],
    ids=str,
)
def test_what_means_nothing_is_one_line(run, ratings, workplace, options, complaint):
    result = run("train", ratings, "--quiet", *options, status=1)
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
    assert [file.name for file in workplace.iterdir()] == ["ratings.csv"]


def test_a_sample_that_is_no_number_is_wrong_usage(run, ratings):
    assert "'many' is no number" in run("train", ratings, "--sample", "many", status=2).stderr


@pytest.mark.parametrize("command", ["train", "split", "convert"])
def test_the_help_groups_its_options(run, command):
    text = run(command, "--help").stdout
    places = [
        text.index(part) for part in ("\nOptions:", "--help", "\nReading:", "--user-column",
                                      "\nCleaning, in this order:", "--min-rating",
                                      "--min-user-ratings", "--until-stable")
    ]  # fmt: skip
    assert places == sorted(places)


def test_ratings_are_described_and_models_measured_on_what_is_left(run, run_json, ratings):
    cleaned = clean_ratings(read_ratings(ratings), min_rating=2, top_items=20)
    described = run_json("inspect", ratings, "--min-rating", 2, "--top-items", 20)
    assert described["n_ratings"] == len(cleaned)
    assert described["n_items"] == 20
    run("train", ratings, *SMALL, "--out", "m")
    measured = run_json("evaluate", "m", ratings, "--min-rating", 2, "--top-items", 20)
    assert measured["n_ratings"] == len(cleaned)
