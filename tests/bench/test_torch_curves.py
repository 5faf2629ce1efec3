"""Our loss curves are PyTorch's; and where they are not, the bench says so."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from bench import torch_curves
from bench.__main__ import main
from bench.process import BenchError

SMALL = ("--steps", 12, "--batch-size", 40, "--users", 60, "--items", 30, "--factors", 4)


@pytest.fixture
def run_curves(tmp_path, pytorch):
    def run(*arguments: object):
        everything = ("torch_curves", "--out", tmp_path / "out", *SMALL, *arguments)
        result = CliRunner().invoke(main, [str(one) for one in everything])
        (path,) = (tmp_path / "out").glob("*.json")
        return result, json.loads(path.read_text())["figures"]

    return run


@pytest.mark.parametrize("model", sorted({case.model for case in torch_curves.CASES}))
def test_the_curve_is_pytorch_s(model, run_curves):
    result, figures = run_curves("--model", model)
    assert result.exit_code == 0, result.output
    for by_optimizer in figures.values():
        assert set(by_optimizer) == set(torch_curves.OPTIMIZERS)
        for found in by_optimizer.values():
            assert len(found["losses"]) == 12
            assert found["difference"] < 2e-5
            assert found["rounding"] < 2e-5


def test_another_curve_ends_with_status_1(run_curves, monkeypatch):
    def compare(model, settings, ratings, threads):
        wrong = settings["optimizer"] == "sgd"
        return {"losses": [1.0, 0.5], "difference": 1e-3 if wrong else 1e-7, "rounding": 1e-7}

    monkeypatch.setattr(torch_curves, "compare", compare)
    result, _ = run_curves("--model", "bce-dot")
    assert result.exit_code == 1
    assert "not PyTorch's curve: bce-dot by sgd" in result.output
    assert "bce-dot by adam" not in result.output


def test_made_ratings_repeat_no_pair():
    ratings = torch_curves.made_ratings(50, 40, 900)
    assert len(ratings) == 900
    assert len(np.unique(ratings.user_index * 1000 + ratings.item_index)) == 900
    assert set(ratings.value) == {1, 2, 3, 4, 5}
    counts = np.bincount(ratings.user_index)
    assert counts.max() > 3 * counts.min()
    with pytest.raises(BenchError, match="900 ratings do not fit 30 users x 40 items"):
        torch_curves.made_ratings(30, 40, 900)


def test_largest_difference_is_relative():
    assert torch_curves.largest_difference([1.0, 2.2], [1.0, 2.0]) == pytest.approx(0.1)
