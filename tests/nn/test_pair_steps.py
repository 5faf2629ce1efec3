"""Which networks compiled steps take, and that they learn the same as layer by layer."""

import numpy as np
import pytest

from fastmf.data import Ratings
from fastmf.kernels.products import panels_size
from fastmf.models.mlp import MLP, Residual
from fastmf.nn import Dense, dense_stack
from fastmf.nn.activations import RELU, TANH, Activate
from fastmf.nn.dropout import Dropout
from fastmf.nn.layers import Layer
from fastmf.nn.normalization import BatchNorm
from fastmf.nn.pair_layers import PairLayers
from fastmf.nn.pair_steps import PairSteps
from fastmf.nn.parameters import FlatParameters
from fastmf.training import RunSettings


def dense(n_inputs, n_outputs, activation=RELU, **more):
    generator = np.random.default_rng(0)
    return Dense(n_inputs, n_outputs, generator=generator, activation=activation, **more)


def taken(layers: list[Layer]) -> bool:
    flat = FlatParameters([one for layer in layers for one in layer.parameters])
    return PairLayers.of(layers, 6, flat.starts) is not None


STACKS = {
    "plain": {},
    "dropout": {"dropout": 0.2},
    "norms": {"batch_norm": True},
    "norms and dropout": {"batch_norm": True, "dropout": 0.2},
}


@pytest.mark.parametrize("name", STACKS)
def test_stacks_that_are_taken(name):
    stack = dense_stack(6, (5, 4), generator=np.random.default_rng(0), **STACKS[name])
    assert taken(list(stack.layers))


OTHERS = {
    "no layers": [],
    "dropout in front": [Dropout(0.5), dense(6, 5), dense(5, 1)],
    "tanh": [dense(6, 5, TANH), dense(5, 1)],
    "tanh behind": [dense(6, 5), dense(5, 4, TANH), dense(4, 1)],
    "one layer": [dense(6, 1)],
    "two outputs": [dense(6, 5), dense(5, 2)],
    "no output layer": [dense(6, 5), dense(5, 1), Dropout(0.5)],
    "another width": [dense(4, 5), dense(5, 1)],
    "tanh behind a norm": [dense(6, 5, bias=False), BatchNorm(5), Activate(TANH), dense(5, 1)],
    "norm in the middle": [dense(6, 5), dense(5, 4), BatchNorm(4), Activate(RELU), dense(4, 1)],
}


@pytest.mark.parametrize("name", OTHERS)
def test_layers_that_are_not(name):
    assert not taken(OTHERS[name])


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(("n_inputs", "hidden"), [(400, (20,)), (512, (3, 2)), (6, (200,))])
def test_the_first_layer_s_weights_fit_into_scratch_memory(n_inputs, hidden, batch_norm):
    """They are laid out in panels there, with far more room than numbers where units are few."""
    generator = np.random.default_rng(0)
    stack = dense_stack(n_inputs, hidden, generator=generator, batch_norm=batch_norm)
    flat = FlatParameters([one for layer in stack.layers for one in layer.parameters])
    layers = PairLayers.of(list(stack.layers), n_inputs, flat.starts)
    assert layers.n_scratch(1) >= panels_size.py_func(n_inputs // 2, hidden[0])


def test_few_units_behind_wide_embeddings_learn_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 300, 2000), rng.integers(0, 200, 2000)
    ratings = Ratings.from_arrays(users, items, rng.integers(1, 6, 2000).astype(float))
    compiled = MLP(200, hidden=(20,), epochs=2, dropout=0.0).fit(ratings)
    monkeypatch.setattr(PairSteps, "of", lambda *parts, **more: None)
    plain = MLP(200, hidden=(20,), epochs=2, dropout=0.0).fit(ratings)
    assert compiled.train_rmse_ == pytest.approx(plain.train_rmse_, rel=1e-3)


def ratings():
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, (90, 40), (3000, 2)).T
    taste = rng.standard_normal((90, 3)) @ rng.standard_normal((3, 40))
    values = np.clip(np.round(3 + taste[users, items]), 1, 5)
    return Ratings.from_arrays(users, items, values.astype(np.float32), duplicates="mean")


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (MLP, {"optimizer": "adamw", "weight_decay": 0.01}),
        (MLP, {"batch_norm": True, "regularization": 0.001, "schedule": "linear"}),
        (Residual, {"hidden": (24, 8), "regularization": 0.001}),
    ],
)
def test_models_learn_the_same_layer_by_layer(model, settings, monkeypatch):
    table, run = ratings(), RunSettings(num_threads=2)
    settings = {"epochs": 3, "batch_size": 700, "factors": 6, **settings}
    used = []
    take = PairSteps.take
    monkeypatch.setattr(PairSteps, "take", lambda *given: used.append(1) or take(*given))
    compiled = model(**settings).fit(table, run=run)
    assert used
    monkeypatch.setattr(PairSteps, "of", lambda *parts, **more: None)
    other = model(**settings).fit(table, run=run)
    for one, same in zip(compiled.history_, other.history_, strict=True):
        assert one.train_rmse == pytest.approx(same.train_rmse, rel=1e-4)
    predicted = [fitted.predict(np.arange(40), np.arange(40)) for fitted in (compiled, other)]
    np.testing.assert_allclose(*predicted, rtol=0, atol=0.01)


@pytest.mark.parametrize(
    "settings",
    [
        {"clip_norm": 1.0},
        {"optimizer": "sgd"},
        {"loss": "mae"},
        {"output": "sigmoid"},
        {"input_dropout": 0.2},
        {"activation": "tanh"},
        {"hidden": ()},
    ],
    ids=str,
)
def test_models_that_go_layer_by_layer(settings, monkeypatch):
    monkeypatch.setattr(PairSteps, "take", None)
    model = MLP(epochs=1, factors=6, **settings).fit(ratings())
    assert np.isfinite(model.train_rmse_)
