"""What networks take of memory."""

import gc
import tracemalloc

import numpy as np
import pytest

from fastmf import Ratings, RunSettings
from fastmf.errors import ParameterError
from fastmf.models.dot import BiasDot
from fastmf.models.hybrid import Hybrid
from fastmf.models.mlp import MLP, Residual
from fastmf.models.networks import memory
from tests.models.measures import is_one_line
from tests.models.tables import planted


def peak_of(train):
    """Bytes of arrays at the height of a call."""
    gc.collect()
    tracemalloc.start()
    try:
        train()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def ratings_of(n_users, n_items, n=6000):
    rng = np.random.default_rng(0)
    users, items = np.arange(n) % n_users, rng.integers(0, n_items, n)
    return Ratings.from_arrays(users, items, rng.integers(1, 6, n), duplicates="last")


BATCH = {"batch_size": 4096, "learning_rate": 1e-4}


@pytest.mark.parametrize(
    ("model", "n_users", "tables"),
    [
        (MLP(hidden=(1200, 800), **BATCH), 200, {}),
        (MLP(hidden=(1200, 800), activation="tanh", **BATCH), 200, {}),
        (MLP(hidden=(1200, 800), optimizer="sgd", batch_norm=True, **BATCH), 200, {}),
        (Residual(**BATCH), 200, {}),
        (MLP(200, hidden=(64,), **BATCH), 3000, {}),
        (BiasDot(400, optimizer="sgd", **BATCH), 3000, {}),
        (
            Hybrid(item_features=("kind:category",), level_factors=1000, hidden=(50,), **BATCH),
            200,
            {"levels": 1000},
        ),
    ],
    ids=lambda value: "",
)
def test_what_is_needed_is_about_what_is_taken(monkeypatch, model, n_users, tables):
    told = []
    monkeypatch.setattr(memory, "memory_beside", lambda _, needed, *more: told.append(needed))
    ratings = ratings_of(n_users, 3000)
    if tables:
        ids = ratings.items.ids.to_pylist()
        kinds = [f"kind {number % tables['levels']}" for number in range(len(ids))]
        tables = {"items": {"id": ids, "kind": kinds}}
    model.set_params(epochs=1)
    run = RunSettings(num_threads=1)
    taken = peak_of(lambda: model.fit(ratings, valid=0.1, run=run, **tables))
    assert taken / 1.4 < told[-1] < 1.4 * taken


@pytest.mark.parametrize("make", [MLP, Residual])
def test_layers_that_do_not_fit_are_refused_with_what_would_do(make):
    run = RunSettings(max_memory=1 << 30)
    with pytest.raises(ParameterError, match=r"hidden is \(20000, 20000\)") as raised:
        make(hidden=(20_000, 20_000)).fit(planted(200, 20, 15), run=run)
    assert is_one_line(raised)
    assert "max_memory is 1.00 GiB" in str(raised.value)
    assert "give max_memory" in str(raised.value)


def test_categories_that_do_not_fit_are_refused():
    ratings = ratings_of(20, 3000)
    ids = ratings.items.ids.to_pylist()
    table = {"id": ids, "kind": [f"kind {number % 1400}" for number in range(len(ids))]}
    model = Hybrid(
        epochs=1, hidden=(4,), level_factors=4000, batch_size=64, item_features=("kind:category",)
    )
    with pytest.raises(ParameterError, match="max_memory is") as raised:
        model.fit(ratings, items=table, run=RunSettings(max_memory=300 << 20))
    assert is_one_line(raised)
