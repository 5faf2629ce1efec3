"""Published comparisons: their data, on a folder made up in their layouts, and the table."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from bench import seed_data, seed_training, seeds
from bench.__main__ import main
from bench.harness import Progress
from bench.peers import ModulePeer
from bench.seed_data import RECIPES, level_shares, write_features
from bench.seed_results import KeptScores, digest_of
from bench.seed_rows import LIKE_METRICS, RATING_METRICS, ROWS
from bench.seed_training import own_settings, same_settings
from fastmf.data.item_features import Features
from fastmf.models import MODELS, model_class

KINDS = ("TV", "Movie", "TV", "OVA")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Write 60 users and 40 items in the layouts of the real files."""
    monkeypatch.setenv("FASTMF_CACHE_DIR", str(tmp_path / "stores"))
    generator = np.random.default_rng(0)
    # The item of number 1 is a series and the most rated.
    users, items = np.nonzero(generator.random((60, 40)) < np.linspace(0.9, 0.3, 40))
    stars = generator.integers(1, 11, len(users))
    small = tmp_path / "data" / "ml-latest-small"
    anime = tmp_path / "data" / "anime-5k"
    for path in (small, anime):
        path.mkdir(parents=True)
    lines = [f"{u},{i},{s / 2}" for u, i, s in zip(users, items, stars, strict=True)]
    (small / "ratings.csv").write_text("\n".join(["userId,movieId,rating", *lines]) + "\n")
    lines = [f"{u + 1}\t{i + 1}\t{s}" for u, i, s in zip(users, items, stars, strict=True)]
    text = "\n".join(["User_ID\tAnime_ID\tFeedback", *lines]) + "\n"
    (anime / "anime_ratings.dat").write_text(text)
    head = "anime_ids\tname\tgenre\ttype\tepisodes\trating\tmembers"
    lines = [
        f"{i + 1}\tTitle {i}\t{'Drama, School' if i % 2 else 'Comedy'}\t{KINDS[i % 4]}\t{i + 1}"
        f"\t{7 + i / 100:.2f}\t{1000 + i}"
        for i in range(40)
    ]
    (anime / "anime_info.dat").write_text("\n".join([head, *lines]) + "\n")
    return tmp_path / "data"


def prepared(name, folder, tmp_path, seed=0):
    return seed_data.seed_data(name, folder, tmp_path / "cache", seed, Progress(quiet=True))


def test_every_row_names_data_models_and_settings_there_are():
    for row in ROWS:
        assert row.data in RECIPES
        assert row.model in MODELS
        split = SimpleNamespace(n_users=600, n_items=400)
        settings = same_settings(row, SimpleNamespace(split=split), epochs=7)
        for ours in (settings, own_settings(row)):
            model_class(row.model).hyperparameters(**ours)
        # Nothing holds the network but what its system says.
        assert settings["regularization"] == pytest.approx(1000 * row.settings.get("l2", 0))
        assert settings["dropout"] == row.settings.get("dropout", 0)
        # Of published networks with dense layers, only one has a dot product beside them.
        assert settings.get("biased_dot", False) == (row.model == "residual")
        known = {*RATING_METRICS, *LIKE_METRICS}
        assert set(row.published) <= set(row.metrics) <= known


def test_popular_series(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(seed_data, "POPULAR", 5)
    data = prepared("anime series", folder, tmp_path)
    parts = [pq.read_table(path) for path in (data.split.train, data.split.valid)]
    items = {one for part in parts for one in part["item_id"].to_pylist()}
    assert len(items) == 5
    assert all(KINDS[(item - 1) % 4] == "TV" for item in items)
    n_rows = sum(len(part) for part in parts)
    assert len(parts[1]) == round(n_rows / 10)


def test_a_tenth_of_every_user(folder, tmp_path):
    split = prepared("anime by user", folder, tmp_path).split
    train, valid = (pq.read_table(path) for path in (split.train, split.valid))
    counts = [np.bincount(part["user_id"].to_numpy(), minlength=61) for part in (train, valid)]
    assert (np.abs(counts[1] - 0.1 * (counts[0] + counts[1])) <= 0.5).all()
    again = prepared("anime by user", folder, tmp_path).split
    assert again == split
    other = prepared("anime by user", folder, tmp_path, seed=1).split
    assert not pq.read_table(other.train).equals(train)


def test_missing_data_is_one_line(tmp_path):
    (tmp_path / "data").mkdir()
    arguments = ["seeds", "--data", str(tmp_path / "data"), "--only", "latest-small"]
    result = CliRunner().invoke(main, [*arguments, "--cache", str(tmp_path / "cache")])
    assert result.exit_code == 1
    assert "ratings.csv is missing; --data names the folder that holds it" in result.output


def test_shares_of_levels():
    numbers = np.zeros((2, 0), np.float32)
    # Two columns: the first row has levels 0 and 1, then 3; the second row 2, then none.
    starts, levels = np.array([0, 2, 3, 4, 4]), np.array([0, 1, 3, 2], np.int32)
    shares = level_shares(Features(numbers, starts, levels, 2, 4))
    assert shares[0].tolist() == [[0.5, 0.5, 0, 0], [0, 0, 1, 0]]
    assert shares[1].tolist() == [[0, 0, 0, 1], [0, 0, 0, 0]]


def test_features_are_in_the_order_of_the_split(folder, tmp_path):
    data = prepared("anime", folder, tmp_path)
    write_features(data, tmp_path / "features.npz")
    rows = np.loadtxt(data.split.train_text)
    raw = pq.read_table(data.split.train)["item_id"].to_numpy()
    with np.load(tmp_path / "features.npz") as file:
        numbers, texts = file["numbers"], file["texts"]
    assert len(numbers) == texts.shape[1] == data.split.n_items
    # Members rise with the raw ids, and so does some column of numbers.
    item = dict(zip(rows[:, 1].astype(int).tolist(), raw.tolist(), strict=True))
    order = sorted(item, key=item.__getitem__)
    rising = (np.diff(numbers[order], axis=0) > 0).all(axis=0)
    assert rising.any()


@pytest.fixture
def run_seeds(folder, tmp_path):
    def run(*arguments: object):
        common = ["--data", folder, "--cache", tmp_path / "cache", "--out", tmp_path / "out"]
        result = CliRunner().invoke(main, [str(one) for one in ("seeds", *common, *arguments)])
        assert result.exit_code == 0, result.output
        path = max((tmp_path / "out").glob("*.json"), key=lambda one: one.stat().st_mtime_ns)
        return json.loads(path.read_text()), result.stdout

    return run


def test_rows_beside_what_was_published(run_seeds, monkeypatch):
    absent = ModulePeer("PyTorch", "no-such-package", "no_such_library", "x", ({},), 10**9, 8)
    monkeypatch.setattr(seeds, "TORCH", absent)
    record, text = run_seeds("--only", "latest-small", "--epochs", 2, "--model", "bias-dot")
    assert record["skipped"] == {"PyTorch": "not installed (pip install no-such-package)"}
    (row,) = record["figures"]["rows"]
    (found,) = row["found"]["same"]
    # Ratings by chance, uniform over .5 to 5: their variance is 2.06.
    assert 1.5 < found["mse"] < 3
    assert found["mse"] == pytest.approx(found["rmse"] ** 2)
    assert f"| MSE 0.760 | skipped | MSE {found['mse']:.3f} |" in text
    assert text.count("| neither |") == 2


@pytest.mark.usefixtures("pytorch")
def test_pytorch_as_keras_trains_all_models(run_seeds):
    models = "hybrid", "classify", "multitask", "interaction"
    record, _ = run_seeds("--epochs", 2, *(one for model in models for one in ("--model", model)))
    rows = {row["model"]: row["found"] for row in record["figures"]["rows"]}
    assert set(rows) == set(models)
    for model, found in rows.items():
        for scores in (*found["PyTorch"], *found["same"]):
            if model != "interaction":
                assert 2 < scores["rmse"] < 8  # chance has 2.87
            if model in {"interaction", "multitask"}:
                assert 0.3 < scores["accuracy"] < 0.7
                assert 0 <= scores["recall"] <= 1


def test_several_seeds_and_what_is_kept(run_seeds, monkeypatch):
    absent = ModulePeer("PyTorch", "no-such-package", "no_such_library", "x", ({},), 10**9, 8)
    monkeypatch.setattr(seeds, "TORCH", absent)
    arguments = "--only", "latest-small", "--epochs", 2, "--model", "bias-dot", "--seeds", "0-1"
    record, text = run_seeds(*arguments)
    first, second = record["figures"]["rows"][0]["found"]["same"]
    assert first["mse"] != second["mse"]
    low, high = sorted((first["mse"], second["mse"]))
    assert f"MSE {(low + high) / 2:.3f} ({low:.3f}-{high:.3f})" in text
    trained = []
    real = seed_training._fitted_scores
    monkeypatch.setattr(
        seed_training, "_fitted_scores", lambda *given: trained.append(1) or real(*given)
    )
    again, _ = run_seeds(*arguments)
    assert again["figures"] == record["figures"]
    assert not trained
    run_seeds(*arguments, "--again")
    assert len(trained) == 4  # two seeds, the same settings and the defaults


def test_scores_are_kept_by_the_whole_job(tmp_path):
    kept = KeptScores(tmp_path / "scores")
    runs = []

    def train():
        runs.append(1)
        return {"rmse": float(len(runs))}

    assert kept.of({"a": 1, "b": [2]}, train, again=False) == {"rmse": 1}
    assert kept.of({"b": [2], "a": 1}, train, again=False) == {"rmse": 1}
    assert kept.of({"a": 1, "b": [3]}, train, again=False) == {"rmse": 2}
    assert kept.of({"a": 1, "b": [2]}, train, again=True) == {"rmse": 3}
    assert kept.of({"a": 1, "b": [2]}, train, again=False) == {"rmse": 3}


def test_digest_of_sources(tmp_path):
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("two")
    both = digest_of(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b").write_text("three")
    assert digest_of(tmp_path / "a", tmp_path / "b") != both


def test_what_is_at_least_as_good():
    assert seeds.at_least_as_good({"mse": 0.7601}, {"mse": 0.76})
    assert not seeds.at_least_as_good({"mse": 0.761}, {"mse": 0.76})
    assert seeds.at_least_as_good({"accuracy": 0.9}, {"accuracy": 0.8})
    assert not seeds.at_least_as_good({"accuracy": 0.7}, {"accuracy": 0.8})
    assert not seeds.at_least_as_good({"accuracy": 0.7}, {})
