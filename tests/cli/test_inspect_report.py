"""`fastmf inspect`: everything it says of ratings, and the page that it writes."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from fastmf import read_ratings
from tests.report.conftest import check_page


def test_a_document_with_every_number(run_json, ratings, workplace):
    rows = "".join(f"{item},Title {item} ({1990 + item % 7}),A|B\n" for item in range(2, 61))
    (workplace / "items.csv").write_text("movieId,title,genres\n" + rows)
    report = run_json("inspect", ratings, "--items", "items.csv")
    table = pd.read_csv(ratings)
    assert report["n_repeated"] == 0
    for role, column in (("users", "userId"), ("items", "movieId")):
        bars = report[f"{role}_by_ratings"]
        assert sum(bar[f"n_{role}"] for bar in bars) == table[column].nunique()
        assert sum(bar["n_ratings"] for bar in bars) == len(table)
    assert report["timeline"]["unit"] == "hour"
    assert [p["n_ratings"] for p in report["timeline"]["periods"]] == [len(table)]
    assert report["n_items_unknown"] == 1
    years = {year["year"]: year["n_items"] for year in report["items_by_year"]}
    assert years == pd.Series([1990 + item % 7 for item in range(2, 61)]).value_counts().to_dict()
    known = int((table["movieId"] > 1).sum())
    assert report["items_by_genre"] == [
        {"genre": genre, "n_items": 59, "n_ratings": known} for genre in "AB"
    ]
    crosstab = report["crosstab"]
    cells = table.set_index(["userId", "movieId"])["rating"].to_dict()
    assert len(crosstab["users"]) == len(crosstab["items"]) == 15
    for user, row in zip(crosstab["users"], crosstab["ratings"], strict=True):
        assert user["n_ratings"] == (table["userId"] == user["user"]).sum()
        for item, rating in zip(crosstab["items"], row, strict=True):
            assert rating == cells.get((user["user"], item["item"]))
            assert item["item"] == 1 or item["title"].startswith(f"Title {item['item']} ")


def test_text_fits_80_columns(run, workplace):
    rng = np.random.default_rng(0)
    users = [f"somebody with a very long name {n}" for n in rng.integers(0, 40, 3000)]
    items = rng.integers(0, 90, 3000)
    time = 10**9 + rng.integers(0, 10**8, 3000)
    values = rng.random(3000).round(4)
    table = pd.DataFrame({"user": users, "item": items, "rating": values, "timestamp": time})
    table.to_csv("long.csv", index=False)
    names = [f"日本語の長い長い題名 {item} {'x' * 60}" for item in range(90)]
    known = pd.DataFrame({"item": range(90), "title": names, "genres": ["Drama" * 9] * 90})
    known["year"] = 1900 + known["item"]
    known.to_csv("items.csv", index=False)
    shown = run("inspect", "long.csv", "--items", "items.csv", "--duplicates", "mean").stdout
    wide = [
        line for line in shown.splitlines()
        if len(line) + sum("\u3000" < letter < "\uff00" for letter in line) > 80
    ]  # fmt: skip
    assert not wide
    assert "more than once in the source" in shown
    for part in ("Ratings by week", "Items by year, 1900 to 1989", "DramaDrama", "日本語"):
        assert part in shown


def test_duplicates_are_told_also_where_they_were_read_before(run, run_json, workplace):
    (workplace / "twice.csv").write_text("user,item,rating\n1,1,3\n1,1,4\n2,2,5\n")
    for _ in range(2):
        assert run_json("inspect", "twice.csv")["n_repeated"] == 1
        assert "1 (user, item) pair more than once" in run("inspect", "twice.csv").stdout
    run("convert", "twice.csv", "once.parquet")
    assert "duplicates  none" in run("inspect", "once.parquet").stdout


def test_a_page_of_ratings(run, ratings, titles, workplace):
    pytest.importorskip("matplotlib")
    shown = run("inspect", ratings, "--items", titles, "--html", "report.html")
    assert "120" in shown.stdout
    assert "report.html" in shown.stderr
    text = (workplace / "report.html").read_text()
    page = check_page(text)
    assert "Ratings in ratings.csv" in page.text
    assert "Title 7" in page.text
    # Over an earlier report, with any number of threads: the same bytes. JSON at the same time.
    again = run(
        "inspect", ratings, "--items", titles, "--html", "report.html", "--threads", 1, "--json"
    )
    assert json.loads(again.stdout)["n_users"] == 120
    assert (workplace / "report.html").read_text() == text


def test_a_page_of_a_model(run, model, workplace):
    pytest.importorskip("matplotlib")
    run("inspect", model, "--html", "model.html", "--quiet")
    assert "Error by epoch" in check_page((workplace / "model.html").read_text()).text


def test_pages_are_not_written_over_other_things(run, ratings, model, titles, workplace):
    (workplace / "folder.html").mkdir()
    ratings.rename("ratings.html")
    for target, complaint in (
        ("ratings.html", "this is what is read"),
        ("titles.csv", "this is what is read"),
        ("folder.html", "is a folder"),
        ("report.txt", "ends in .html"),
        ("nowhere/report.html", "make it first"),
        (f"{model}/report.html", "lies in"),
    ):
        before = sorted(workplace.rglob("*"))
        refused = run("inspect", "ratings.html", "--items", titles, "--html", target, status=1)
        assert complaint in refused.stderr
        assert sorted(workplace.rglob("*")) == before


def test_without_matplotlib_nothing_is_read(run, ratings, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    refused = run("inspect", ratings, "--html", "report.html", status=1)
    assert 'pip install "fastmf[plot]"' in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert run("inspect", ratings).stdout  # text needs none


def test_a_hostile_file_name_is_only_shown(run, ratings, workplace):
    pytest.importorskip("matplotlib")
    name = "<script>alert(1)<'script>.csv"
    ratings.rename(name)
    run("inspect", name, "--html", "report.html")
    text = (workplace / "report.html").read_text()
    assert "<script" not in text
    assert name in check_page(text).text


def test_names_cannot_steer_the_terminal(run, workplace):
    rows = "".join(f"\x1b[31mred{n},i{n % 2},3\n" for n in range(4))
    (workplace / "red.csv").write_text("user,item,rating\n" + rows)
    assert "\x1b" not in run("inspect", "red.csv").stdout


@pytest.mark.parametrize(
    ("ratings_file", "items_file", "first_year", "genre"),
    [
        ("ml-100k/u.data", "ml-100k/u.item", 1922, "Drama"),
        ("ml-1m/ratings.csv", "ml-1m/movies.dat", 1919, "Comedy"),
        ("ml-latest-small/ratings.csv", "ml-latest-small/movies.csv", 1902, "Drama"),
        ("anime/rating_tail.csv", "anime/anime.csv", None, "Comedy"),
        ("netflix/combined_subset_derived.txt", "netflix/movie_titles.csv", 1947, None),
    ],
)
def test_real_ratings_and_items(
    run_json, real_data, workplace, ratings_file, items_file, first_year, genre
):
    pytest.importorskip("matplotlib")
    ratings, items = real_data / ratings_file, real_data / items_file
    report = run_json("inspect", ratings, "--items", items, "--html", "report.html")
    assert report["n_items"] == len(read_ratings(ratings).items)
    assert report["n_items_unknown"] <= 0.01 * report["n_items"]
    years = report["items_by_year"]
    assert (years[0]["year"] if first_year else None) == first_year
    genres = report["items_by_genre"]
    assert (genres[0]["genre"] if genre else None) == genre
    if genre and not ratings_file.startswith("anime"):
        assert sum(year["n_ratings"] for year in years) > 0.99 * report["n_ratings"]
    check_page((workplace / "report.html").read_text())
