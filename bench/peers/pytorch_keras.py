"""Training as Keras does it by default, in PyTorch; run as ``python -m bench.peers.pytorch_keras``.

Embeddings start uniform within .05, dense layers as Glorot has it with biases of zero; Adam has
Keras's epsilon, batch norm its momentum; an L2 regularizer is on whole tables of embeddings.
Ratings are neither centred nor scaled, but for binary cross-entropy.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from bench.peers.pytorch import as_tensors, batches, predict
from bench.peers.pytorch_networks import ItemFeatures, Network, Shape, Tensor
from bench.peers.triples import Triples, read_triples

Floats = npt.NDArray[np.float64]


def fit(job: dict[str, Any]) -> dict[str, Any]:
    """Train until the validation error has not fallen for some epochs; tell of the best epoch.

    Parameters
    ----------
    job : dict
        Paths and sizes as `bench.peers.ModulePeer` writes them, the settings of `Shape`, and
        ``batch_size``, ``epochs``, ``patience``, ``learning_rate``, ``l2``, ``like_above``
        (ratings above it are likes), ``features`` (a file of `ItemFeatures`, or None).

    Returns
    -------
    dict
        ``rmse`` and ``mae`` on validation rows, clipped; ``accuracy``, ``precision`` and
        ``recall`` of models that tell likes; ``best_epoch``, ``epoch_seconds``.
    """
    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    train, valid = read_triples(job["train"]), read_triples(job["valid"])
    network = _network(job, train)
    columns = (*as_tensors(train)[:2], *_targets(network, train, job))
    # Fused: the same step, in a fraction of the time where batches are small.
    parameters = network.modules.parameters()
    optimizer = torch.optim.Adam(parameters, job["learning_rate"], eps=1e-7, fused=True)
    best: dict[str, Any] = {}
    seconds: list[float] = []
    for epoch in range(1, job["epochs"] + 1):
        began = time.perf_counter()
        for users, items, *targets in batches(columns, job["batch_size"]):
            optimizer.zero_grad(set_to_none=True)
            loss = network.loss(network.output(users, items), *targets)
            if job["l2"]:
                loss = loss + job["l2"] * sum((table**2).sum() for table in network.tables)
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - began)
        found = _scores(network, valid, job)
        if not best or found["error"] < best["error"]:
            best = {**found, "best_epoch": epoch}
        elif epoch - best["best_epoch"] >= job["patience"]:
            break
    del best["error"]
    return {**best, "epoch_seconds": statistics.median(seconds)}


def _network(job: dict[str, Any], train: Triples) -> Network:
    """Return the network as Keras starts it."""
    names = ("hidden", "dropout", "input_dropout", "batch_norm", "link", "loss", "like_weight")
    settings = {name: job[name] for name in names if name in job}
    settings["hidden"] = tuple(settings.get("hidden", ()))
    features = None
    if job.get("features"):
        with np.load(job["features"]) as file:
            features = ItemFeatures(file["numbers"], file["texts"], job["level_factors"])
    low, high = job["rating_minimum"], job["rating_maximum"]
    if job["model"] == "interaction":
        low, high = 0.0, 1.0  # of probabilities
    shape = Shape(
        job["model"],
        job["n_users"],
        job["n_items"],
        job["factors"],
        low=low,
        high=high,
        levels=tuple(np.unique(train.value).tolist()),
        **settings,
    )
    network = Network(shape, features)
    for module in network.modules.modules():
        if isinstance(module, nn.Embedding):
            nn.init.uniform_(module.weight, -0.05, 0.05)
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d):
            module.momentum, module.eps = 0.01, 1e-3
    return network


def _targets(network: Network, ratings: Triples, job: dict[str, Any]) -> list[Tensor]:
    value, low, high = ratings.value, job["rating_minimum"], job["rating_maximum"]
    liked = np.float32(value > job["like_above"])
    if network.shape.model == "interaction":
        return [torch.from_numpy(liked)]
    if network.loss_name == "cross_entropy":
        levels = np.asarray(network.shape.levels, np.float32)
        return [torch.from_numpy(np.searchsorted(levels, value))]
    if network.loss_name == "bce":
        return [torch.from_numpy((value - np.float32(low)) / np.float32(high - low))]
    target = torch.from_numpy(value.copy())
    return [target, torch.from_numpy(liked)] if network.loss_name == "multitask" else [target]


def _scores(network: Network, valid: Triples, job: dict[str, Any]) -> dict[str, float]:
    """Return what is told of an epoch, and ``error``, by which epochs are compared."""
    users, items, _ = as_tensors(valid)
    model, value = network.shape.model, valid.value.astype(np.float64)
    found: dict[str, float] = {}
    if model in {"interaction", "multitask"}:
        likes = predict(network, users, items, likes=model == "multitask").double().numpy()
        found = like_scores(likes, value > job["like_above"])
        found["error"] = found["log_loss"]
    if model != "interaction":
        rating = predict(network, users, items).double().numpy()
        error = np.clip(rating, job["rating_minimum"], job["rating_maximum"]) - value
        found["rmse"] = float(np.sqrt((error**2).mean()))
        found["mae"] = float(np.abs(error).mean())
        found["error"] = found["rmse"]
    return found


def like_scores(probabilities: Floats, liked: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return accuracy, precision and recall, where .5 or more predicts a like, and the log loss."""
    predicted = probabilities >= 0.5
    both = int((predicted & liked).sum())
    clear = np.clip(np.where(liked, probabilities, 1 - probabilities), 1e-7, 1)
    return {
        "accuracy": float((predicted == liked).mean()),
        "precision": both / max(int(predicted.sum()), 1),
        "recall": both / max(int(liked.sum()), 1),
        "log_loss": float(-np.log(clear).mean()),
    }


if __name__ == "__main__":
    print(json.dumps(fit(json.loads(sys.argv[1]))))
