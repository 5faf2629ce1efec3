"""The published comparisons, row by row: data, model, settings, figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RATING_METRICS = ("rmse", "mae", "mse")
LIKE_METRICS = ("accuracy", "precision", "recall")
# What the network is; all other settings tell how it is trained.
STRUCTURE = ("factors", "hidden", "batch_norm", "output", "level_factors")
# Of what a row does not mention: nothing holds the parameters but what the system says.
NOTHING_ELSE = {
    "regularization": 0.0,
    "weight_decay": 0.0,
    "cold_rate": 0.0,
    "dropout": 0.0,
    "batch_norm": False,
    "output": "linear",
}


@dataclass(frozen=True)
class Row:
    """One model of a published comparison.

    Attributes
    ----------
    system : str
        Who published it.
    data : str
        A key of `bench.seed_data.RECIPES`.
    title : str
        The model in the system's words.
    model : str
        The model in fastmf's.
    published : mapping of str to float
        Figures by metric; may be empty.
    metrics : tuple of str
        What is shown.
    settings : mapping
        Hyperparameters under fastmf's names, the same for fastmf and for PyTorch; ``l2`` is the
        weight of whole tables of embeddings in the loss.
    same_data : bool
        Whether the published figures are of the same ratings.
    """

    system: str
    data: str
    title: str
    model: str
    published: Mapping[str, float]
    metrics: tuple[str, ...]
    settings: Mapping[str, Any]
    same_data: bool = False


MOVIELENS = {"factors": 50, "batch_size": 64, "learning_rate": 0.001, "l2": 1e-6}
SERIES = {"factors": 50, "batch_size": 256, "learning_rate": 0.001}
BY_USER = {"factors": 50, "batch_size": 1024, "learning_rate": 0.001, "loss": "rmse"}
# Published with batches of 64; on two processors of today larger ones save hours.
WATCHED = {"factors": 64, "batch_size": 256, "learning_rate": 0.001}
# Published with a ReLU behind the output, which starts dead for half of the seeds.
BODY = {**WATCHED, "hidden": (64,), "input_dropout": 0.5}
NETFLIX = {"factors": 50, "batch_size": 1024, "learning_rate": 0.001}

KERAS_MOVIELENS = "Keras, MovieLens"
KERAS_SERIES = "Keras, anime series"
FLAX = "Flax, anime"
KERAS_WATCHED = "Keras, anime 2020"
KERAS_NETFLIX = "Keras, Netflix"

ROWS = (
    Row(
        KERAS_MOVIELENS,
        "latest-small",
        "biased dot product, sigmoid",
        "bias-dot",
        {"mse": 0.76},
        ("mse",),
        {**MOVIELENS, "output": "sigmoid"},
        same_data=True,
    ),
    Row(
        KERAS_MOVIELENS,
        "latest-small",
        "the same by cross-entropy",
        "bce-dot",
        {},
        ("mse",),
        MOVIELENS,
    ),
    Row(
        KERAS_SERIES,
        "anime series",
        "dot",
        "dot",
        {"mae": 0.927, "mse": 1.671},
        ("mae", "mse"),
        SERIES,
    ),
    Row(
        KERAS_SERIES,
        "anime series",
        "deep",
        "mlp",
        {"mae": 0.870, "mse": 1.373},
        ("mae", "mse"),
        {**SERIES, "hidden": (64,), "input_dropout": 0.5},
    ),
    Row(
        KERAS_SERIES,
        "anime series",
        "hybrid with metadata",
        "hybrid",
        {"mae": 0.866, "mse": 1.380},
        ("mae", "mse"),
        {**SERIES, "hidden": (64,), "input_dropout": 0.5, "level_factors": 8},
    ),
    Row(
        KERAS_SERIES,
        "anime series",
        "classes, their mean",
        "classify",
        {},
        ("mae", "mse"),
        {**SERIES, "hidden": (64,), "input_dropout": 0.5},
    ),
    Row(FLAX, "anime by user", "dot", "dot", {"rmse": 1.459}, ("rmse",), BY_USER),
    Row(
        FLAX,
        "anime by user",
        "dot with biases",
        "bias-dot",
        {"rmse": 1.412},
        ("rmse",),
        {**BY_USER, "output": "linear"},
    ),
    Row(
        FLAX,
        "anime by user",
        "one dense layer",
        "mlp",
        {"rmse": 1.339},
        ("rmse",),
        {**BY_USER, "hidden": (100,)},
    ),
    Row(
        FLAX,
        "anime by user",
        "two dense layers",
        "mlp",
        {"rmse": 1.386},
        ("rmse",),
        {**BY_USER, "hidden": (100, 50)},
    ),
    Row(
        KERAS_WATCHED,
        "anime",
        "scaled dot",
        "scaled-dot",
        {"rmse": 1.6861},
        ("rmse",),
        {**WATCHED, "dropout": 0.5},
    ),
    Row(
        KERAS_WATCHED,
        "anime",
        "ratings alone",
        "mlp",
        {"rmse": 1.4105},
        ("rmse",),
        BODY,
    ),
    Row(
        KERAS_WATCHED,
        "anime",
        "likes alone",
        "interaction",
        {"accuracy": 0.8050, "precision": 0.8907, "recall": 0.8282},
        LIKE_METRICS,
        BODY,
    ),
    Row(
        KERAS_WATCHED,
        "anime",
        "ratings and likes together",
        "multitask",
        {"rmse": 1.4034, "accuracy": 0.8790, "precision": 0.8931, "recall": 0.9759},
        ("rmse", *LIKE_METRICS),
        {**BODY, "interaction_weight": 5.0},
    ),
    Row(KERAS_NETFLIX, "netflix", "biased dot", "bias-dot", {}, ("rmse",), NETFLIX),
    Row(
        KERAS_NETFLIX,
        "netflix",
        "residual",
        "residual",
        {},
        ("rmse",),
        {**NETFLIX, "hidden": (512, 128), "batch_norm": True, "dropout": 0.2},
    ),
)
