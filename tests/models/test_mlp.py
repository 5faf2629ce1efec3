"""Multi-layer perceptrons over embeddings, alone and beside a biased dot product."""

from typing import ClassVar

import numpy as np
import pytest

from fastmf import Ratings
from fastmf.errors import DataError
from fastmf.models.dot import BiasDot
from fastmf.models.mlp import MLP, Residual
from tests.models.pair_contract import PairContract
from tests.models.sibling_contract import SiblingPairContract


class TestMLP(SiblingPairContract):
    model_class = MLP


class TestMLPWithEverything(PairContract):
    model_class = MLP
    variant: ClassVar[dict] = {
        "loss": "rmse",
        "output": "sigmoid",
        "batch_norm": True,
        "dropout": 0.1,
        "input_dropout": 0.05,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "regularization": 1e-5,
        "dense_regularization": 1e-5,
        "clip_norm": 1.0,
        "schedule": "cosine",
        "warm_up": 0.1,
        "initial": "he",
        "learning_rate": 0.005,
    }
    learns_to = 0.85


class TestMLPWithoutDotProduct(PairContract):
    model_class = MLP
    variant: ClassVar[dict] = {"biased_dot": False, "dropout": 0.1}


class TestResidual(SiblingPairContract):
    model_class = Residual


@pytest.mark.parametrize(
    "settings",
    [
        *({"initial": "he"}, {"learning_rate": 50.0}, {"input_dropout": 0.999999}),
        *({"dropout": 0.999999}, {"hidden": (3,) * 60, "activation": "selu", "dropout": 0.7}),
    ],
)
def test_compiling_kernels_never_diverges(settings):
    # Dot products have no layers to set.
    common = settings.keys() <= BiasDot().get_params().keys()
    for model_class in (MLP, BiasDot) if common else (MLP,):
        model = model_class(**settings)
        model._warm_up(model.hyperparameters(**model.get_params()))


def test_a_start_that_is_wide_for_few_factors_is_for_many(ratings):
    model = MLP(20, epochs=1, hidden=(8,), initial="he").fit(ratings)
    assert np.isfinite(model.train_rmse_)


def test_a_positive_output_is_for_ratings_from_zero_on():
    users, items = np.divmod(np.arange(60), 6)
    model = MLP(3, epochs=1, output="relu")
    with pytest.raises(DataError, match="output relu predicts no ratings below 0"):
        model.fit(Ratings.from_arrays(users, items, items - 3))
    model.fit(Ratings.from_arrays(users, items, items % 3))
    assert model.predict(users, items).min() >= 0


def test_dense_regularization_holds_the_weights_of_layers(ratings):
    def squares(**settings):
        layers = MLP(5, epochs=4, hidden=(16,), **settings).fit(ratings).network_.layers
        return sum(float(np.square(layer.weights).sum()) for layer in layers)

    free = squares()
    assert squares(dense_regularization=0.01) < 0.7 * free
    assert squares(regularization=0.1) > 0.7 * free  # of rows alone


@pytest.mark.parametrize("loss", ["mse", "mae", "rmse"])
def test_each_loss_lessens_what_it_is_named_for(ratings, loss):
    settings = {"learning_rate": 0.01, "batch_size": 128, "dropout": 0.0, "weight_decay": 0}
    model = MLP(5, epochs=8, hidden=(16,), loss=loss, **settings)
    losses = model.fit(ratings).schedule_["losses"]
    assert losses[-1] < 0.75 * losses[0]


@pytest.mark.parametrize(
    ("optimizer", "rate"), [("adam", 0.01), ("adamw", 0.01), ("adagrad", 0.05), ("sgd", 0.05)]
)
def test_every_optimizer_learns(ratings, optimizer, rate):
    model = MLP(5, epochs=8, hidden=(16,), optimizer=optimizer, learning_rate=rate, batch_size=128)
    losses = model.fit(ratings).schedule_["losses"]
    assert losses[-1] < 0.85 * losses[0]
