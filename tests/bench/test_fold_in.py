"""The bench case of folding in, on a small table."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.fold_in import cut
from bench.process import BenchError
from tests.bench.conftest import write_ratings


def test_the_parts_are_all_ratings_and_newcomers_are_in_two_of_them(ratings_file):
    parts = cut(ratings_file, 10, 0.2, seed=1)
    sizes = [len(part[2]) for part in (parts.others, parts.given, parts.rest)]
    assert sum(sizes) == 1000
    others, given, rest = (
        set(part[0].to_pylist()) for part in (parts.others, parts.given, parts.rest)
    )
    assert len(given | rest) == 10
    assert not others & (given | rest)
    assert 0.1 < sizes[2] / (sizes[1] + sizes[2]) < 0.3
    again = cut(ratings_file, 10, 0.2, seed=1)
    np.testing.assert_array_equal(again.rest[2], parts.rest[2])
    with pytest.raises(BenchError, match="40 users"):
        cut(ratings_file, 40, 0.2, seed=1)


def test_the_case_runs_and_reports(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTMF_CACHE_DIR", str(tmp_path / "stores"))
    data = write_ratings(tmp_path / "data" / "ratings.parquet", 1500)
    arguments = ["fold_in", "--data", data, "--newcomers", 8, "--factors", 3, "--seeds", 2]
    arguments += ["--cache", tmp_path / "cache", "--out", tmp_path / "out"]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    (path,) = (tmp_path / "out").glob("*.json")
    figures = json.loads(path.read_text())["figures"]
    for kind in ("mf", "als"):
        for name in ("retrained", "folded", "grown", "unknown"):
            assert len(figures[kind][name]) == 2
            assert 0 < min(figures[kind][name]) <= max(figures[kind][name]) < 5
        assert max(figures[kind]["bulk_ms_a_user"]) < max(figures[kind]["one_user_ms"])
