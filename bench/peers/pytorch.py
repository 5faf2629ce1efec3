"""Training steps of PyTorch on the CPU; run as ``python -m bench.peers.pytorch JOB``.

Three ways to take Adam's step: as it comes (``plain``), with the fused kernel (``fused``), and
with sparse gradients of the embeddings and `torch.optim.SparseAdam` (``sparse``), which moves
the rows of the batch only and so is another algorithm, but the fastest where batches are small.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import torch

from bench.peers.pytorch_networks import Network, Shape, Tensor
from bench.peers.triples import Triples, read_triples, rmse

VARIANTS = ("plain", "fused", "sparse")
WARM_UP_STEPS = 3


def optimizers(network: Network, variant: str, learning_rate: float) -> list[Any]:
    """Return what takes a step together.

    Parameters
    ----------
    network : Network
        Made with ``sparse=True`` for the variant ``sparse``, else without.
    variant : {"plain", "fused", "sparse"}
    learning_rate : float
    """
    adam = torch.optim.Adam
    if variant == "sparse":
        dense = [adam(network.dense, learning_rate, fused=True)] if network.dense else []
        return [torch.optim.SparseAdam(network.tables, learning_rate), *dense]
    return [adam([*network.tables, *network.dense], learning_rate, fused=variant == "fused")]


def take_step(network: Network, steps: list[Any], batch: tuple[Tensor, ...]) -> Tensor:
    """Take one step with a batch of users, items and targets; return its loss."""
    users, items, *targets = batch
    for optimizer in steps:
        optimizer.zero_grad(set_to_none=True)
    loss = network.loss(network.output(users, items), *targets)
    loss.backward()
    for optimizer in steps:
        optimizer.step()
    return loss


def batches(columns: tuple[Tensor, ...], batch_size: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield the rows of an epoch in a new random order, gathered from tensors in memory."""
    order = torch.randperm(len(columns[0]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield tuple(column[rows] for column in columns)


def as_tensors(triples: Triples) -> tuple[Tensor, Tensor, Tensor]:
    """Return users, items (int64, which PyTorch indexes with) and ratings."""
    users, items, values = (torch.from_numpy(column.copy()) for column in triples)
    return users.long(), items.long(), values


def predict(network: Network, users: Tensor, items: Tensor, *, likes: bool = False) -> Tensor:
    """Return ratings, not clipped, with running statistics and without dropout.

    Parameters
    ----------
    network : Network
    users, items : Tensor
    likes : bool
        Whether to return the probabilities of likes of `multitask` instead.
    """
    of_output = network.like if likes else network.rating
    network.modules.eval()
    with torch.no_grad():
        pairs = zip(users.split(65536), items.split(65536), strict=True)
        parts = [of_output(network.output(*pair)) for pair in pairs]
    network.modules.train()
    return torch.cat(parts)


def fit(job: dict[str, Any]) -> dict[str, float]:
    """Train for some seconds, or an epoch where that ends first, and score the validation rows.

    Parameters
    ----------
    job : dict
        Paths, sizes and settings, as `bench.peers.ModulePeer` writes them: ``model``, ``hidden``,
        ``dropout``, ``batch_norm``, ``batch_size``, ``variant``, ``learning_rate``, ``seconds``.

    Returns
    -------
    dict
        ``iterations`` (steps timed), ``iteration_seconds`` (of an epoch, at the rate seen),
        ``train_seconds`` (those seen) and ``rmse``.
    """
    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    train, valid = read_triples(job["train"]), read_triples(job["valid"])
    shape = Shape(
        job["model"],
        job["n_users"],
        job["n_items"],
        job["factors"],
        hidden=tuple(job["hidden"]),
        dropout=job["dropout"],
        batch_norm=job["batch_norm"],
        offset=float(train.value.mean()),
        sparse=job["variant"] == "sparse",
    )
    network = Network(shape)
    # PyTorch draws rows from a standard normal: 50 of them would make products of size 7.
    for table in network.tables:
        torch.nn.init.normal_(table, std=0.05)
    columns = as_tensors(train)
    steps = optimizers(network, job["variant"], job["learning_rate"])
    n_steps, n_rows, seconds = _timed(network, steps, columns, job)
    users, items, _ = as_tensors(valid)
    predicted = predict(network, users, items).numpy()
    return {
        "iterations": n_steps,
        "iteration_seconds": seconds / n_rows * len(train.value),
        "train_seconds": seconds,
        "rmse": rmse(predicted, valid.value, job["rating_minimum"], job["rating_maximum"]),
    }


def _timed(
    network: Network, steps: list[Any], columns: tuple[Tensor, ...], job: dict[str, Any]
) -> tuple[int, int, float]:
    """Return steps, rows and seconds after a few steps to warm up."""
    n_steps, n_rows, start = 0, 0, time.perf_counter()
    for number, batch in enumerate(batches(columns, job["batch_size"])):
        if number == WARM_UP_STEPS:
            n_steps, n_rows, start = 0, 0, time.perf_counter()
        take_step(network, steps, batch)
        n_steps += 1
        n_rows += len(batch[0])
        if number >= WARM_UP_STEPS and time.perf_counter() - start > job["seconds"]:
            break
    return n_steps, n_rows, time.perf_counter() - start


if __name__ == "__main__":
    print(json.dumps(fit(json.loads(sys.argv[1]))))
