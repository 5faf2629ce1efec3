import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HERE = Path(__file__).parent


def executable(path: Path, script: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def fastmf_log(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "fastmf.log"
    monkeypatch.setenv("FAKE_FASTMF_LOG", str(path))
    return path


@pytest.fixture
def fake_fastmf(tmp_path, fastmf_log) -> str:
    return str(executable(tmp_path / "bin" / "fastmf", HERE / "fake_fastmf.py"))


@pytest.fixture
def fake_libmf(tmp_path):
    def build(name: str) -> Path:
        return executable(tmp_path / name / "mf-train", HERE / "fake_mf_train.py")

    return build


@pytest.fixture
def pytorch() -> None:
    """Skip where PyTorch is missing.

    These tests run PyTorch's side of a comparison. It is a bench extra of some hundred MB that
    fastmf never imports, so the test extra does not ask for it. What fastmf computes is checked
    against its formulas in tests/nn, tests/kernels and tests/models, with PyTorch or without.
    """
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")


def write_ratings(path: Path, n_ratings: int, *, seed: int = 0) -> Path:
    """Sparse integer users, string items, ratings in halves; no pair twice."""
    generator = np.random.default_rng(seed)
    n_users, n_items = 40, 50
    pairs = generator.choice(n_users * n_items, n_ratings, replace=False)
    table = pa.table(
        {
            "userId": pa.array(pairs // n_items * 1001 + 7),
            "movieId": pa.array([f"m{item}" for item in pairs % n_items]),
            "rating": pa.array(generator.integers(1, 11, n_ratings) / 2),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


@pytest.fixture
def ratings_file(tmp_path) -> Path:
    return write_ratings(tmp_path / "data" / "ratings.parquet", 1000)


@pytest.fixture(autouse=True)
def no_user_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert os.environ["XDG_CACHE_HOME"]
