"""PyTorch's twin of a network of fastmf: the same weights, targets, optimizer and batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from bench.peers.pytorch_networks import ItemFeatures, Network, Shape, Tensor
from bench.seed_data import level_shares
from fastmf.models.networks.class_objectives import (
    ClassObjective,
    LikeObjective,
    RatingAndLikeObjective,
)
from fastmf.models.networks.objectives import RatingObjective
from fastmf.models.networks.pair_networks import PairNetwork
from fastmf.nn import Dense, TrainingPlan
from fastmf.nn.normalization import BatchNorm
from fastmf.nn.optimizers import SGD, AdaGrad, Adam


class Twin:
    """A network of fastmf at its start, in PyTorch.

    Parameters
    ----------
    kind : str
        Name of the model.
    network : PairNetwork
        Its parameters are copied.
    plan : TrainingPlan
    regularization : float
        L2 of the rows of a batch.
    activation : str
        Of the hidden layers.
    double : bool
        Whether to compute in float64.
    """

    def __init__(
        self,
        kind: str,
        network: PairNetwork,
        plan: TrainingPlan,
        *,
        regularization: float = 0.0,
        activation: str = "relu",
        double: bool = False,
    ) -> None:
        self._objective: Any = network.objective
        self._plan, self._regularization = plan, regularization
        self._network = Network(_shape(kind, network, activation), _features(network))
        self._network.load(_values(network))
        self._dtype = torch.float32
        if double:
            self._network.to_double()
            self._dtype = torch.float64

    def losses(self, batches: Iterable[Any]) -> list[float]:
        """Take a step with every batch; return the losses before them, without L2."""
        optimizer = _optimizer(self._network, self._plan)
        found = []
        for batch in batches:
            users, items = (
                torch.from_numpy(index.astype(np.int64))
                for index in (batch.user_index, batch.item_index)
            )
            optimizer.zero_grad(set_to_none=True)
            output = self._network.output(users, items)
            loss = self._network.loss(output, *self._targets(batch.value))
            found.append(float(loss.detach()))
            (loss + self._penalty(users, items)).backward()
            self._clip()
            optimizer.step()
        return found

    def _clip(self) -> None:
        """Scale gradients down to the limit; PyTorch's own function adds 1e-6 to the norm."""
        if self._plan.clip_norm is None:
            return
        parameters = [*self._network.tables, *self._network.dense]
        norm = torch.nn.utils.get_total_norm([one.grad for one in parameters])
        if norm > self._plan.clip_norm:
            for one in parameters:
                one.grad *= self._plan.clip_norm / norm

    def _targets(self, values: Any) -> tuple[Tensor, ...]:
        objective = self._objective
        if isinstance(objective, ClassObjective):
            classes = np.searchsorted(np.asarray(objective.levels, np.float32), values)
            return (torch.from_numpy(classes),)
        rating = getattr(objective, "rating", objective)
        like = getattr(objective, "like", objective)
        targets = []
        if isinstance(rating, RatingObjective):
            bottom, width = rating.mean, rating.spread
            if rating.loss_name == "bce":
                bottom, width = rating.bottom, rating.top - rating.bottom
            targets.append((values - bottom) / width)
        if isinstance(like, LikeObjective):
            targets.append(like.likes(values))
        # Rounded to float32 in float64 as well: the data is the same.
        return tuple(torch.from_numpy(np.float32(one)).to(self._dtype) for one in targets)

    def _penalty(self, users: Tensor, items: Tensor) -> Any:
        """Return the terms of regularization: rows of the batch, and all weights."""
        network, penalty = self._network, 0.0
        if self._regularization:
            names = {"user_rows": users, "user_bias": users, "item_rows": items, "item_bias": items}
            for name, index in names.items():
                if name in network.modules:
                    rows = network.modules[name](index)
                    penalty = penalty + self._regularization * (rows**2).sum(1).mean()
        if self._plan.weight_regularization:
            for weights in _split(network)[2]:
                penalty = penalty + self._plan.weight_regularization * (weights**2).sum()
        return penalty


def _shape(kind: str, network: PairNetwork, activation: str) -> Shape:
    """Return the sizes of a network, and the link of its outputs in units of the spread."""
    objective: Any = network.objective
    dense = [layer for layer in network.trunk.layers if isinstance(layer, Dense)]
    tables: list[Any] = [lookup.table for lookup in network.lookups]
    users, items = (table.n for table in tables)
    shape: dict[str, Any] = {
        "activation": activation,
        "hidden": tuple(layer.n_outputs for layer in dense[:-1]),
        "batch_norm": any(isinstance(layer, BatchNorm) for layer in network.trunk.layers),
    }
    if isinstance(objective, ClassObjective):
        shape["levels"] = objective.levels
    elif isinstance(objective, LikeObjective):
        shape["offset"] = _logit(objective.share)
    elif isinstance(objective, RatingAndLikeObjective):
        if objective.rating_weight != 1 or objective.rating.output != "linear":
            raise ValueError("the twin of multitask has a weight of 1 and linear output")
        shape["like_weight"] = objective.like_weight
        shape["like_offset"] = _logit(objective.like.share)
    else:
        shape |= _link(objective)
    return Shape(kind, users, items, network.factors, **shape)


def _link(objective: RatingObjective) -> dict[str, Any]:
    """Return how an output becomes a rating, centred and divided by the spread."""
    if objective.loss_name == "bce":
        return {"offset": objective.offset}
    low, high = (
        (end - objective.mean) / objective.spread for end in (objective.bottom, objective.top)
    )
    link: dict[str, Any] = {"link": objective.output, "loss": objective.loss_name}
    if objective.output == "sigmoid":
        return {**link, "low": low, "high": high, "offset": objective.offset}
    return {**link, "low": -objective.mean / objective.spread}


def _logit(part: float) -> float:
    return float(np.log(part / (1 - part)))


def _features(network: PairNetwork) -> ItemFeatures | None:
    if not network.features:
        return None
    (layer,) = network.features
    features = layer.features
    width = layer.levels.value.shape[1]
    return ItemFeatures(features.numbers[:-1], level_shares(features)[:, :-1], width)


def _values(network: PairNetwork) -> dict[str, Any]:
    """Return all parameters by PyTorch's names."""
    tables: list[Any] = [lookup.table for lookup in network.lookups]
    users, items = (table.values for table in tables)
    k = network.factors
    values = {"user_rows.weight": users[:, -k:], "item_rows.weight": items[:, :k]}
    if network.biased_dot:
        values |= {"user_bias.weight": users[:, :1], "item_bias.weight": items[:, -1:]}
    if hasattr(network, "bias"):
        values["bias.0"] = network.bias.value
    if network.features and network.features[0].parameters:
        values["levels.weight"] = network.features[0].levels.value.T
    place = 0
    for layer in network.trunk.layers:
        if isinstance(layer, Dense):
            values[f"stack.{place}.weight"] = layer.weights.value.T
            if layer.bias is not None:
                values[f"stack.{place}.bias"] = layer.bias.value
            # With a batch norm the activation is a layer of its own.
            place += 2 if layer.bias is not None else 1
        elif isinstance(layer, BatchNorm):
            values[f"stack.{place}.weight"] = layer.scale.value
            values[f"stack.{place}.bias"] = layer.shift.value
            place += 2
    return values


def _split(network: Network) -> tuple[list[Any], list[Any], list[Any]]:
    """Return what decays, what does not, and of the former the dense weights."""
    embeddings, weights, rest = [], [], []
    for name, parameter in network.modules.named_parameters():
        if name in {"user_rows.weight", "item_rows.weight"}:
            embeddings.append(parameter)
        elif parameter.ndim == 2 and not name.endswith("_bias.weight"):
            weights.append(parameter)
        else:
            rest.append(parameter)
    return [*embeddings, *weights], rest, weights


def _optimizer(network: Network, plan: TrainingPlan) -> Any:
    optimizer: Any = plan.optimizer
    decaying, rest, _ = _split(network)
    rate = plan.learning_rate.start
    groups = [{"params": decaying, "weight_decay": optimizer.weight_decay}]
    if rest:
        groups.append({"params": rest, "weight_decay": 0.0})
    if isinstance(optimizer, Adam):
        betas = optimizer.beta1, optimizer.beta2
        kind = torch.optim.AdamW if optimizer.weight_decay else torch.optim.Adam
        return kind(groups, lr=rate, betas=betas, eps=optimizer.epsilon)
    if optimizer.weight_decay:
        raise ValueError("PyTorch's weight decay of this optimizer is not decoupled")
    if isinstance(optimizer, AdaGrad):
        start = {"initial_accumulator_value": optimizer.initial_sum}
        return torch.optim.Adagrad(groups, lr=rate, eps=optimizer.epsilon, **start)
    assert isinstance(optimizer, SGD)
    momentum, nesterov = optimizer.momentum, optimizer.nesterov
    return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=nesterov)
