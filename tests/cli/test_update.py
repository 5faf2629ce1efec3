"""`fastmf update`, `fastmf explain`, `recommend --ratings` and `predict --std`."""

import numpy as np
import pandas as pd
import pytest

from fastmf import load_model, read_ratings
from tests.cli.conftest import planted_rows


@pytest.fixture
def new(workplace):
    """Ratings of two new users, of known items and a new one."""
    path = workplace / "new.csv"
    rows = [(5001, 1, 5), (5001, 2, 1), (5001, 999, 4), (5002, 3, 2), (5002, 999, 5), (1003, 4, 1)]
    path.write_text("user,item,rating\n" + "".join(f"{u},{i},{r}\n" for u, i, r in rows))
    return path


def test_update_grows_a_model(run, run_json, model, new):
    found = run_json("update", model, new, "--out", "grown.model")
    assert found["n_new_ratings"] == 6
    assert (found["n_new_users"], found["n_new_items"]) == (2, 1)
    assert (found["n_users"], found["n_items"]) == (122, 61)
    grown, expected = load_model("grown.model"), load_model(model)
    expected.partial_fit(read_ratings(new))
    np.testing.assert_array_equal(grown.user_factors_, expected.user_factors_)
    (recommended,) = run_json("recommend", "grown.model", "--user", 5001, "-n", 60)["users"]
    assert recommended["known"] is True
    items = {entry["item"] for entry in recommended["items"]}
    assert items == set(range(3, 61))  # those of the update and of nothing else are left out
    users, items, _ = planted_rows()
    (of_old,) = run_json("recommend", "grown.model", "--user", 1003, "-n", 61)["users"]
    left = {*range(1, 61), 999} - set(items[users == 1003].tolist()) - {4}
    assert {entry["item"] for entry in of_old["items"]} == left


def test_update_in_place_twice_and_in_words(run, model, new):
    result = run("update", model, new, "--out", model, "--update", "both")
    assert "6 ratings taken in, with 2 new users and 1 new item" in result.stdout
    result = run("update", model, new, "--out", model)
    assert "0 new users and 0 new items" in result.stdout
    new.unlink()
    result = run("recommend", model, "--user", 5001)
    assert "new.csv are no longer there" in result.stderr


def test_an_update_of_text_ids_into_integers_is_refused(run, model, workplace):
    path = workplace / "text.csv"
    path.write_text("user,item,rating\nann,1,5\n")
    result = run("update", model, path, "--out", "grown.model", status=1)
    assert "'ann'" in result.stderr
    assert not (workplace / "grown.model").exists()


@pytest.mark.parametrize(
    "text",
    [
        "item,rating\n3,5\n4,1\n999,3\n",
        "movieId\trating\n3\t5\n4\t1\n999\t3\n",
        "3,5\n4,1\n999,3\n",
        "item,title,rating\n3,a,5\n4,b,1\n999,c,3\n",
        "user,item,rating\nyou,3,5\nyou,4,1\nyou,999,3\n",
        "3::5\n4::1\n999::3\n",
    ],
    ids=repr,
)
def test_recommendations_from_a_file_of_ratings(run, run_json, model, workplace, text):
    path = workplace / "mine.csv"
    path.write_text(text)
    (found,) = run_json("recommend", model, "--ratings", path, "-n", 60)["users"]
    assert found["user"] == "you"
    assert found["known"] is True
    assert {entry["item"] for entry in found["items"]} == set(range(1, 61)) - {3, 4}
    expected = load_model(model).recommend_for(([3, 4], [5.0, 1.0]), n=58)
    assert [entry["item"] for entry in found["items"]] == expected.item_ids[0].tolist()
    result = run("recommend", model, "--ratings", path)
    assert "does not know 1 of 3 items; 1 rating of these left out" in result.stderr
    assert result.stdout.startswith("User you\n")


def test_recommendations_from_a_parquet_file_of_several_people(run, run_json, model, workplace):
    one = pd.DataFrame({"item": [3, 4], "rating": [5.0, 1.0]})
    one.to_parquet(workplace / "mine.parquet")
    (found,) = run_json("recommend", model, "--ratings", "mine.parquet")["users"]
    assert found["user"] == "you"
    pd.DataFrame({"user": ["a", "b"], "item": [3, 998], "rating": [5, 1]}).to_csv(
        workplace / "two.csv", index=False
    )
    first, second = run_json("recommend", model, "--ratings", "two.csv", "-n", 3)["users"]
    assert (first["user"], first["known"]) == ("a", True)
    assert (second["user"], second["known"]) == ("b", False)
    run("recommend", model, "--ratings", "two.csv", "--out", "all.csv")
    assert set(pd.read_csv(workplace / "all.csv")["user"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "mine.csv: no item column; columns found: a, b;"),
        ("a,b,c\n1,2,3\n", "no user column"),
        ("item,rating\n3,much\n", "rating"),
        ("item,rating\n3,\n", "rating"),
        ("item,rating\n3,1e30\n", "another scale"),
        ("item,rating\n", "no ratings"),
        ("", "empty"),
    ],
)
def test_bad_files_of_ratings_are_one_line(run, model, workplace, text, message):
    path = workplace / "mine.csv"
    path.write_text(text)
    result = run("recommend", model, "--ratings", path, status=1)
    assert message in result.stderr
    assert result.stderr.strip().count("\n") == 0
    assert "unexpected" not in result.stderr


def test_ways_of_asking_that_exclude_each_other(run, model, ratings):
    run("recommend", model, "--ratings", ratings, "--user", 1003, status=2)
    run("recommend", model, "--ratings", ratings, "--seen", ratings, status=2)
    run("recommend", model, status=2)
    run("explain", model, "--item", 3, status=2)
    run("predict", model, ratings, "--out", "p.csv", "--seen", ratings, status=2)


def test_explain_adds_up(run, run_json, model, titles, ratings):
    arguments = ("explain", model, "--user", 1003, "--item", 7, "--items", titles)
    found = run_json(*arguments, "-n", 3)
    parts = found["baseline"] + found["others"] + found["remainder"]
    parts += sum(row["contribution"] for row in found["ratings"])
    assert parts == pytest.approx(found["score"], abs=1e-9)
    assert len(found["ratings"]) == 3
    assert found["title"] == "Title 7"
    expected = load_model(model).explain(1003, 7, 3, seen=ratings)
    assert found["prediction"] == pytest.approx(expected.prediction)
    result = run(*arguments)
    assert result.stdout.startswith("User 1003, item 7 (Title 7): predicted ")
    assert "without the user's ratings" in result.stdout
    ratings.unlink()
    refused = run("explain", model, "--user", 1003, "--item", 7, status=1)
    assert "no longer there" in refused.stderr
    assert "--ratings" in refused.stderr


def test_explain_from_a_file_of_ratings(run_json, run, model, workplace):
    (workplace / "mine.csv").write_text("item,rating\n3,5\n4,1\n")
    found = run_json("explain", model, "--ratings", "mine.csv", "--item", 9)
    assert found["known"] is False
    assert found["n_ratings"] == 2
    refused = run("explain", model, "--ratings", "mine.csv", "--item", 12345, status=1)
    assert "does not know item" in refused.stderr


def test_predict_with_standard_deviations(run, model, ratings, workplace):
    pairs = workplace / "pairs.csv"
    pairs.write_text("user,item\n1003,3\n1004,9\n77,3\n")
    run("predict", model, pairs, "--out", "p.csv", "--std")
    table = pd.read_csv(workplace / "p.csv")
    assert list(table.columns) == ["user", "item", "prediction", "std", "known"]
    _, expected = load_model(model).predict(
        [1003, 1004, 77], [3, 9, 3], return_std=True, seen=ratings
    )
    np.testing.assert_allclose(table["std"], expected, rtol=1e-5)
    moved = ratings.rename(workplace / "moved.csv")
    refused = run("predict", model, pairs, "--out", "q.csv", "--std", status=1)
    assert "--seen" in refused.stderr
    assert not (workplace / "q.csv").exists()
    run("predict", model, pairs, "--out", "q.csv", "--std", "--seen", moved)
    pd.testing.assert_frame_equal(pd.read_csv(workplace / "q.csv"), table)
