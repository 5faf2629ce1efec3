"""`fastmf demo`: from nothing to titled recommendations."""

import re

import pytest

from fastmf import load_model
from fastmf.cli import demo


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(demo, "_RATINGS", 60_000)


def test_it_ends_with_a_good_model_and_titled_recommendations(run, workplace):
    result = run("demo", "--threads", 2)
    rmse = {
        name: float(re.search(rf"{name}\s+(\d\.\d+)", result.stdout)[1])
        for name in ("global mean", "bias only", "mf")
    }
    floor = float(re.search(r"noise floor: RMSE (\d\.\d+)", result.stdout)[1])
    assert floor < rmse["mf"] < rmse["bias only"] < rmse["global mean"]
    liked, recommended = result.stdout.split("Recommended to user")
    titled = re.compile(r"^ +\d+ +\d+  .+ \(\d{4}\) +\d\.\d+$", re.MULTILINE)
    assert len(titled.findall(recommended)) == 10
    assert len(re.findall(r"\(\d{4}\) +[45]$", liked, re.MULTILINE)) == 5
    items = re.compile(r"^ +(?:\d+ +)?(\d+)  .+ \(\d{4}\)", re.MULTILINE)
    assert not set(items.findall(liked)) & set(items.findall(recommended))
    assert load_model(workplace / "fastmf-demo" / "model").user_factors_.shape[1] == 50
    assert (workplace / "fastmf-demo" / "ratings.parquet").is_file()


def test_the_next_command_it_names_works(run):
    shown = run("demo", "--quiet").stdout
    command = re.search(r"^  fastmf (similar .*)$", shown, re.MULTILINE)[1].split()
    assert "similarity" in run(*command).stdout


def test_it_replaces_an_earlier_demo_only(run, workplace):
    run("demo")
    run("demo")
    (workplace / "fastmf-demo" / "letter.txt").touch()
    assert "letter.txt" in run("demo", status=1).stderr
    (workplace / "file").touch()
    assert "is a file" in run("demo", "--out", "file", status=1).stderr


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("where", ["fastmf.cli.demo.load_ratings", "fastmf.BiasedMF.save"])
def test_a_demo_that_fails_takes_away_what_it_made(run, workplace, monkeypatch, error, where):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(where, fail)
    run("demo", "--out", "new/kept", "-q", status=1)
    assert not list(workplace.iterdir())
    (workplace / "mine").mkdir()
    run("demo", "--out", "mine/kept", "-q", status=1)
    assert not list((workplace / "mine").iterdir())


def test_the_folder_of_an_earlier_demo_is_not_taken_away(run, workplace, monkeypatch):
    run("demo", "-q")
    monkeypatch.setattr("fastmf.cli.demo.load_ratings", lambda *_, **__: 1 / 0)
    run("demo", "-q", status=1)
    assert load_model(workplace / "fastmf-demo" / "model")
