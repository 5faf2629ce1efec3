"""The case of AutoRec on a few ratings, with a stand-in for PyTorch's time."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import fastmf
from bench import autorec, autorec_epochs
from bench.__main__ import main
from bench.autorec_epochs import made_up


def run(tmp_path, *arguments):
    common = ["--cache", tmp_path / "cache", "--out", tmp_path / "out", "--quiet"]
    small = ["--hidden", 4, "--rounds", 1, "--epochs", 1, "--threads", 1]
    words = [str(one) for one in ("autorec", *common, *small, *arguments)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    (path,) = (tmp_path / "out").glob("*.json")
    return json.loads(path.read_text())


@pytest.mark.parametrize("density", [0.5, 0.1, 0.01])
def test_made_up_ratings_have_the_density_and_no_pair_twice(density):
    ratings = made_up(20_000, density, 211)
    assert len(ratings) == pytest.approx(20_000, rel=0.05)
    cells = ratings.user_index.astype(np.int64) * 211 + ratings.item_index
    assert len(np.unique(cells)) == len(cells)
    each = np.bincount(ratings.user_index)
    assert (each == each[0]).all()
    assert each[0] / 211 == pytest.approx(density, rel=0.3)


def test_epochs_are_compared_round_by_round(ratings_file, tmp_path, monkeypatch):
    seconds = {"fastmf": 0.5, "pytorch": 2.0}

    def stand_in(plan, **job):
        run = {"epoch_seconds": [seconds[job["run"]]], "part": 1, "peak_rss_bytes": 2**20}
        return {**run, "n_ratings": 10, "n_users": 3, "n_items": 4, "batch_size": 2}

    monkeypatch.setattr(autorec.Plan, "run", stand_in)
    monkeypatch.setattr(autorec, "has_pytorch", lambda record: True)
    found = run(tmp_path, "--data", ratings_file)["figures"][ratings_file.name]
    assert found["PyTorch, dense"]["times_fastmf"] == [4]
    assert found["fastmf"]["times_fastmf"] == [1]


def test_one_epoch_from_end_to_end(ratings_file, tmp_path):
    found = run(tmp_path, "--whole", ratings_file)["figures"]["whole"]
    assert found["peak_rss_bytes"] > 2**20
    assert found["train_seconds"] > 0
    assert np.isfinite(found["train_rmse"])


@pytest.mark.usefixtures("pytorch")
def test_both_learn_the_same(ratings_file, tmp_path):
    job = {"train": str(ratings_file), "valid": str(ratings_file), "base": "user", "epochs": 25}
    settings = {"hidden": [8], "learning_rate": 0.01, "regularization": 0.0}
    job |= {"settings": {**settings, **autorec.PLAIN}, "threads": 1, "batch_size": 16}
    theirs = autorec_epochs.theirs({**job, "decay": 0.0})["curve"]
    job["settings"]["batch_size"] = 16
    ours = autorec_epochs.ours(job)["curve"]
    assert ours[-1] < ours[0]
    assert ours[-1] == pytest.approx(theirs[-1], rel=0.1)


@pytest.mark.usefixtures("pytorch")
@pytest.mark.parametrize("refeeding", [False, True])
def test_both_learn_the_same_by_descent_and_from_their_own_outputs(ratings_file, refeeding):
    job = {"train": str(ratings_file), "valid": str(ratings_file), "base": "user", "epochs": 25}
    settings = {"hidden": [8], "activation": "selu", "dropout": 0.0, "regularization": 0.0}
    settings |= {"optimizer": "sgd", "refeeding": refeeding, **autorec.PLAIN}
    job |= {"threads": 1, "batch_size": 16, "decay": 0.0}
    theirs = autorec_epochs.theirs({**job, "settings": {**settings, "learning_rate": 0.05}})
    ratings = fastmf.read_ratings(ratings_file)
    # Of a sum over the ratings of a row instead of a mean over all ratings.
    rate = 0.05 * ratings.n_users / len(ratings)
    own = {**settings, "learning_rate": rate, "batch_size": 16, "schedule": "constant"}
    ours = autorec_epochs.ours({**job, "settings": own})
    assert ours["curve"][-1] < ours["curve"][0]
    assert ours["curve"][-1] == pytest.approx(theirs["curve"][-1], rel=0.1)
