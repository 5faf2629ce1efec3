"""Hyperparameters of networks, and the constructors made of them."""

import dataclasses
import inspect

import pytest

from fastmf.errors import ParameterError
from fastmf.models import MODELS, model_class
from fastmf.models.hybrid import Hybrid
from fastmf.models.interaction import Multitask
from fastmf.models.mlp import MLP
from fastmf.models.networks.parameters import NetworkParameters

NETWORKS = [
    kind for kind in MODELS if issubclass(model_class(kind).hyperparameters, NetworkParameters)
]

BAD = {
    "factors": (0, 2.5, "5", None),
    "epochs": (0, -1, True),
    "batch_size": (0, 1.5, 1 << 30),
    "learning_rate": (0, -1, float("nan"), float("inf"), "fast", 1e9),
    "optimizer": ("lbfgs", 1, None),
    "momentum": (-0.1, 1.0),
    "schedule": ("zigzag",),
    "warm_up": (1.0, -1),
    "regularization": (-1, float("inf")),
    "weight_decay": (-1,),
    "clip_norm": (0, -1),
    "dropout": (-0.1, 1, 2),
    "initial": ("zeros",),
    "random_state": (-1, 0.5),
    "loss": ("hinge", None),
    "output": ("softmax",),
    "hidden": (0, 2.5, "100", (0,), (2.5,), (10, -1), None, ("a",), (1 << 20,)),
    "activation": ("gelu",),
    "input_dropout": (1.0,),
    "batch_norm": (1, "yes"),
    "biased_dot": (1, "no", None),
    "dense_regularization": (-1, float("nan")),
    "predict_as": ("median",),
    "like_above": ("high", float("nan")),
    "rating_weight": (-1,),
    "interaction_weight": (-1,),
    "item_features": ("genres", 3, (1,), ("",)),
    "user_features": ("age",),
    "level_factors": (0, 1.5),
    "cold_rate": (-0.1, 1),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_value_outside_its_limits_is_refused_in_one_line(kind):
    hyperparameters = model_class(kind).hyperparameters
    for name in (field.name for field in dataclasses.fields(hyperparameters)):
        for value in BAD[name]:
            with pytest.raises(ParameterError, match=name) as raised:
                hyperparameters(**{name: value})
            assert "\n" not in str(raised.value)


def test_there_are_ten_networks():
    assert len(NETWORKS) == 10


@pytest.mark.parametrize(
    ("n_ratings", "batch"),
    [(5, 5), (1000, 128), (100_000, 128), (1_000_000, 2048), (10**8, 8192)],
)
def test_batches_are_a_400th_of_the_ratings_within_limits(n_ratings, batch):
    assert NetworkParameters().batch_of(n_ratings) == batch


def test_weight_decay_by_default():
    assert NetworkParameters().decay_of(100) == NetworkParameters().decay_of(800) == 0.25
    assert NetworkParameters().decay_of(8000) == pytest.approx(0.025)
    assert MLP.hyperparameters().decay_of(400) == 0.35
    for optimizer in ("sgd", "adagrad"):
        assert NetworkParameters(optimizer=optimizer).decay_of(400) == 0
    for given in (0, 0.7):
        assert NetworkParameters(weight_decay=given).decay_of(10**5) == given
        assert NetworkParameters(weight_decay=given, optimizer="sgd").decay_of(400) == given


def test_a_given_batch_is_at_most_all_there_is():
    assert NetworkParameters(batch_size=77).batch_of(10**6) == 77
    assert NetworkParameters(batch_size=77).batch_of(10) == 10


def test_the_first_argument_may_be_given_by_position():
    assert MLP(7).factors == 7
    assert str(inspect.signature(MLP)).startswith("(factors: ")
    with pytest.raises(TypeError, match="MLP: too many positional"):
        MLP(7, 3)
    with pytest.raises(TypeError, match="MLP: got an unexpected keyword argument 'hiden'"):
        MLP(hiden=3)


def test_shared_hyperparameters_stand_in_one_order():
    shared = [field.name for field in dataclasses.fields(NetworkParameters)]
    for cls in (MLP, Hybrid, Multitask):
        assert cls.parameter_names()[: len(shared)] == shared
