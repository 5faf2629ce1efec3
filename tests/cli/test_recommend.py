"""`fastmf recommend` and `fastmf similar`."""

import shutil

import numpy as np
import pandas as pd
import pytest

from fastmf import BiasedMF, load_model, read_ratings
from tests.cli.conftest import planted_rows


def items_of(user):
    users, items, _ = planted_rows()
    return set(items[users == user].tolist())


def test_seen_items_are_left_out_and_the_best_of_the_rest_come_first(run_json, model):
    (found,) = run_json("recommend", model, "--user", 1003, "-n", 5)["users"]
    assert found["user"] == 1003
    assert found["known"] is True
    fitted = load_model(model)
    rest = sorted(set(range(1, 61)) - items_of(1003))
    index = fitted.items_.lookup(rest)
    row = fitted.users_.lookup([1003])[0]
    scores = fitted.mean_ + fitted.user_bias_[row] + fitted.item_bias_[index]
    scores = scores + fitted.item_factors_[index] @ fitted.user_factors_[row]
    best = np.argsort(-scores)[:5]
    assert [entry["item"] for entry in found["items"]] == [rest[place] for place in best]
    np.testing.assert_allclose([e["score"] for e in found["items"]], scores[best], rtol=1e-5)


def test_titles_are_joined_and_missing_ones_shown_as_ids(run, run_json, model, titles):
    arguments = ("recommend", model, "--user", 1003, "-n", 60, "--items", titles)
    (found,) = run_json(*arguments)["users"]
    for entry in found["items"]:
        wanted = "1" if entry["item"] == 1 else f"Title {entry['item']}"
        assert entry["title"] == wanted
    shown = run(*arguments).stdout
    assert shown.startswith("User 1003\n")
    assert all(entry["title"] in shown for entry in found["items"])


def test_an_unknown_user_is_said_marked_and_gets_what_all_like(run, run_json, model):
    result = run("recommend", model, "--user", "nobody", "--user", 1003, "-n", 3)
    assert "1 of 2 users are not known" in result.stderr
    assert "User nobody (not known to the model: best liked by all)" in result.stdout
    first, second = run_json("recommend", model, "--user", 4, "--user", 1003, "-n", 3)["users"]
    assert (first["known"], second["known"]) == (False, True)
    fitted = load_model(model)
    best = fitted.items_.take(np.argsort(-fitted.item_bias_, kind="stable")[:3])
    assert [entry["item"] for entry in first["items"]] == best.tolist()


@pytest.mark.parametrize("out", ["all.parquet", "all.csv"])
def test_all_users_into_a_file(run, model, titles, workplace, out):
    result = run("recommend", model, "--all-users", "-n", 4, "--items", titles, "--out", out)
    assert result.stdout == ""
    assert "480 recommendations for 120 users" in result.stderr
    read = pd.read_parquet if out.endswith("parquet") else pd.read_csv
    table = read(workplace / out)
    assert list(table.columns) == ["user", "rank", "item", "title", "score", "known"]
    assert table["user"].nunique() == 120
    assert table["rank"].tolist() == [1, 2, 3, 4] * 120
    for user, rows in table.groupby("user"):
        assert not set(rows["item"]) & items_of(user)
        assert (np.diff(rows["score"]) <= 0).all()
    assert table["known"].all()


def test_users_who_have_seen_everything_get_nothing(run, model, workplace):
    everything = workplace / "everything.csv"
    rows = "".join(f"1003,{item},3\n" for item in range(1, 61))
    everything.write_text("user,item,rating\n" + rows)
    result = run("recommend", model, "--user", 1003, "--seen", everything)
    assert "no items left to recommend" in result.stdout
    run("recommend", model, "--user", 1003, "--seen", everything, "--out", "none.parquet")
    table = pd.read_parquet(workplace / "none.parquet")
    assert len(table) == 0
    assert list(table.columns) == ["user", "rank", "item", "score", "known"]


def test_without_the_training_ratings_it_says_so(run, run_json, model, ratings):
    ratings.unlink()
    result = run("recommend", model, "--user", 1003)
    assert "no longer there" in result.stderr
    assert "--seen" in result.stderr
    found = run_json("recommend", model, "--user", 1003, "-n", 60)["users"][0]["items"]
    assert len(found) == 60


def test_training_ratings_that_cannot_be_read_any_more_are_said(run, model, ratings):
    result = run("recommend", model, "--user", 1003, "--user-column", "nothing")
    assert "no user column" in result.stderr or "no column" in result.stderr
    assert "User 1003" in result.stdout
    ratings.write_text("a,b,c\n1,2,3\n")
    refused = run("recommend", model, "--user", 1003, "--seen", ratings, status=1)
    assert "no user column" in refused.stderr


def swapped(workplace, name="swapped.data"):
    """Planted ratings without header, items first: only their numbers tell the columns."""
    users, items, values = planted_rows()
    rows = zip(items, users, values, strict=True)
    (workplace / name).write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return workplace / name


COLUMNS = ("--user-column", 2, "--item-column", 1, "--rating-column", 3)
SMALL = ("--factors", 4, "--epochs", 3)


def test_training_ratings_are_read_as_they_were_in_training(run, run_json, workplace):
    file = swapped(workplace)
    run("train", file, *COLUMNS, "--duplicates", "mean", *SMALL, "--out", "m")
    options = load_model("m").source_options_
    assert (options["user_column"], options["item_column"]) == ("2", "1")
    assert options["duplicates"] == "mean"
    for seen in ((), ("--seen", file.name)):
        arguments = ("recommend", "m", "--user", 1003, "-n", 60, *seen)
        assert "note:" not in run(*arguments).stderr
        found = {entry["item"] for entry in run_json(*arguments)["users"][0]["items"]}
        assert found == set(range(1, 61)) - items_of(1003)


def test_rows_without_a_rating_are_seen_where_training_kept_them(run, run_json, workplace):
    users, items, _ = planted_rows()
    lines = [
        f"{user},{item},-1" if item % 2 else f"{user},{item},7"
        for user, item in zip(users, items, strict=True)
    ]
    lines.insert(9, "of no use")
    (workplace / "anime.csv").write_text("\n".join(["user_id,anime_id,rating", *lines]))
    how = ("--unrated", "interactions", "--on-bad-rows", "skip")
    run("train", "anime.csv", *how, *SMALL, "--out", "m")
    arguments = ("recommend", "m", "--user", 1003, "-n", 60)
    assert "note:" not in run(*arguments).stderr
    found = {entry["item"] for entry in run_json(*arguments)["users"][0]["items"]}
    assert found == set(range(1, 61)) - items_of(1003)


def test_a_store_needs_neither_columns_nor_the_file_it_was_made_of(run, run_json, workplace):
    file = swapped(workplace)
    run("convert", file, "kept.store", *COLUMNS)
    file.unlink()
    run("train", "kept.store", *SMALL, "--out", "m", "-q")
    BiasedMF(4, epochs=2).fit("kept.store").save("n")
    for model in ("m", "n"):
        arguments = ("recommend", model, "--user", 1003, "-n", 60)
        assert "note:" not in run(*arguments).stderr
        found = {entry["item"] for entry in run_json(*arguments)["users"][0]["items"]}
        assert not found & items_of(1003)


def test_training_ratings_that_would_be_read_otherwise_remove_nothing(run, run_json, workplace):
    """A model fitted from Python does not know the columns that were named then."""
    ratings = read_ratings(swapped(workplace), user_column="2", item_column="1", rating_column="3")
    BiasedMF(4, epochs=2).fit(ratings).save("m")
    arguments = ("recommend", "m", "--user", 1003, "-n", 60)
    assert "do not hold the users and items of the model" in run(*arguments).stderr
    assert len(run_json(*arguments)["users"][0]["items"]) == 60
    assert "note:" not in run(*arguments, *COLUMNS).stderr
    found = {entry["item"] for entry in run_json(*arguments, *COLUMNS)["users"][0]["items"]}
    assert not found & items_of(1003)


@pytest.mark.parametrize("kind", ["file", "folder", "store"])
def test_training_ratings_that_have_changed_remove_nothing(run, run_json, workplace, ratings, kind):
    source, part = ratings, ratings
    if kind == "folder":
        source, part = workplace / "parts", workplace / "parts" / "a.csv"
        source.mkdir()
        ratings.rename(part)
    elif kind == "store":
        source = workplace / "kept.store"
        run("convert", ratings, source)
    run("train", source, *SMALL, "--out", "m", "-q")
    arguments = ("recommend", "m", "--user", 1003, "-n", 60)
    assert "note:" not in run(*arguments).stderr
    lines = part.read_text().splitlines(keepends=True)
    # The same users and items, of whom one has rated all the rest.
    rest = set(range(1, 61)) - items_of(1003)
    part.write_text("".join(lines) + "".join(f"1003,{item},3,1000000000\n" for item in rest))
    if kind == "store":
        shutil.rmtree(source)
        run("convert", ratings, source)
    changed = run(*arguments)
    assert "have changed since" in changed.stderr
    assert "--seen" in changed.stderr
    assert len(run_json(*arguments)["users"][0]["items"]) == 60


def test_seen_ratings_of_others_than_the_model_knows_are_counted(run, model, workplace):
    strangers = workplace / "strangers.csv"
    strangers.write_text("user,item,rating\n1,901,3\n2,902,3\n1003,10,4\n")
    note = run("recommend", model, "--user", 1003, "--seen", strangers).stderr
    assert "does not know 2 of 3 users and 2 of 3 items in" in note
    assert "--user-column" not in note
    strangers.write_text("user,item,rating\n1,901,3\n2,902,3\n")
    note = run("recommend", model, "--user", 1003, "--seen", strangers).stderr
    assert "2 of 2 users and 2 of 2 items" in note
    assert "--user-column" in note


def test_who_must_be_said_once(run, model):
    for arguments in ((), ("--user", 1, "--all-users")):
        assert "--all-users" in run("recommend", model, *arguments, status=2).stderr
    assert "-n" in run("recommend", model, "--all-users", "-n", 0, status=2).stderr


def test_bad_outputs_are_refused_first(run, model):
    assert "ending" in run("recommend", "no.model", "--all-users", "--out", "a.b", status=1).stderr
    missing = run("recommend", model, "--all-users", "--items", "no.csv", status=1)
    assert "no.csv: titles cannot be read" in missing.stderr


def test_text_ids(run, run_json, workplace):
    rows = [f"user{u},item {i},{(u + i) % 5 + 1}\n" for u in range(9) for i in range(9) if u != i]
    (workplace / "text.csv").write_text("user,item,rating\n" + "".join(rows))
    run("train", "text.csv", "--factors", 2, "--epochs", 3, "-q")
    (found,) = run_json("recommend", "text.model", "--user", "user4")["users"]
    assert [entry["item"] for entry in found["items"]] == ["item 4"]
    run("recommend", "text.model", "--all-users", "--out", "all.csv")
    table = pd.read_csv(workplace / "all.csv")
    pairs = set(zip(table["user"], table["item"], strict=True))
    assert pairs == {(f"user{n}", f"item {n}") for n in range(9)}


@pytest.mark.parametrize("n", [60, 10**9, 10**30])
def test_no_more_items_than_there_are(run_json, model, workplace, n):
    (workplace / "one.csv").write_text("movieId,rating\n1,3\n")
    (found,) = run_json("recommend", model, "--user", 1003, "-n", n)["users"]
    assert len(found["items"]) == 60 - len(items_of(1003))
    (found,) = run_json("recommend", model, "--ratings", "one.csv", "-n", n)["users"]
    assert len(found["items"]) == 59
    assert len(run_json("similar", model, "--item", 10, "-n", n)["items"]) == 59


def test_similar_items(run, run_json, model, titles):
    found = run_json("similar", model, "--item", 10, "-n", 3, "--items", titles)
    fitted = load_model(model)
    factors = fitted.item_factors_ / np.linalg.norm(fitted.item_factors_, axis=1)[:, None]
    itself = fitted.items_.lookup([10])[0]
    cosine = factors @ factors[itself]
    cosine[itself] = -2
    best = np.argsort(-cosine)[:3]
    assert found["item"] == 10
    assert [entry["item"] for entry in found["items"]] == fitted.items_.take(best).tolist()
    similarity = [entry["similarity"] for entry in found["items"]]
    np.testing.assert_allclose(similarity, cosine[best], rtol=1e-5)
    shown = run("similar", model, "--item", 10, "-n", 3, "--items", titles).stdout
    assert shown.startswith("Similar to 10 (Title 10)")
    assert run("similar", model, "--item", 10, "-q").stderr == ""


def test_an_unknown_item_is_refused(run, model):
    assert "does not know item '999'" in run("similar", model, "--item", 999, status=1).stderr
    assert "--item" in run("similar", model, status=2).stderr
