"""Epochs of AutoRec, ours or PyTorch's; run as ``python -m bench.autorec_epochs JOB``.

Both read the same ratings through fastmf, and train on them in the same form.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import fastmf
from fastmf import Ratings, RunSettings
from fastmf.blas import one_blas_thread
from fastmf.data import Vocabulary
from fastmf.data.arrays import Columns, frozen
from fastmf.data.arrow_views import as_arrow
from fastmf.models.autoencoder.learner import AutoRecLearner
from fastmf.models.autoencoder.parameters import AutoRecParameters
from fastmf.models.autoencoder.ratings import RowPairs, standard_rows
from fastmf.models.autorec import AutoRec
from fastmf.parallel import Team
from fastmf.training import SilentProgress

# What PyTorch's network takes as it is.
_SHARED = ("hidden", "activation", "batch_norm", "dropout", "presence", "learning_rate")


def made_up(n_ratings: int, density: float, n_items: int) -> Ratings:
    """Return ratings of a density: as many of each user, of items that look drawn at random.

    Parameters
    ----------
    n_ratings : int
    density : float
    n_items : int
        A prime number, so that a user's items, a fixed step from each other, all differ.
    """
    generator = np.random.default_rng(0)
    each = max(1, round(density * n_items))
    n_users = max(1, n_ratings // each)
    start, step = generator.integers(0, n_items, n_users), generator.integers(1, n_items, n_users)
    items = (start[:, None] + step[:, None] * np.arange(each)) % n_items
    users = np.repeat(np.arange(n_users, dtype=np.int32), each)
    values = generator.integers(1, 6, users.size).astype(np.float32)
    item_index = frozen(items.ravel().astype(np.int32))
    columns = Columns(frozen(users), item_index, frozen(values), None)
    ids = [Vocabulary(as_arrow(np.arange(n))) for n in (n_users, n_items)]
    return Ratings(columns, ids[0], ids[1], (1.0, 5.0))


def ratings_of(job: dict[str, Any]) -> tuple[Ratings, Ratings | None]:
    """Return training and validation ratings, cleaned where the job asks for that."""
    if "density" in job:
        return made_up(job["ratings"], job["density"], job["items"]), None
    train = fastmf.read_ratings(Path(job["train"]))
    valid = fastmf.read_ratings(Path(job["valid"])) if job.get("valid") else None
    if job.get("clean"):
        train = fastmf.clean_ratings(train, **job["clean"])
    return train, valid


def ours(job: dict[str, Any]) -> dict[str, Any]:
    """Train fastmf's AutoRec and return its seconds, its curve and where its rows went."""
    train, valid = ratings_of(job)
    parameters = AutoRecParameters(epochs=job["epochs"], base=job["base"], **job["settings"])
    AutoRec(epochs=1, base=job["base"], **job["settings"])._warm_up(parameters)
    with Team(job["threads"]) as team, one_blas_thread():
        start = time.perf_counter()
        rated = standard_rows(train, parameters.base, team)
        pairs = None if valid is None else RowPairs.of(valid, train, parameters.base)
        learner = AutoRecLearner(parameters, rated, pairs, train.rating_range, team)
        report: dict[str, Any] = {"prepare_seconds": time.perf_counter() - start}
        seconds, processor, curve = [], [], []
        for epoch in range(job["epochs"]):
            start, used = time.perf_counter(), time.process_time()
            learner.run_epoch(epoch, SilentProgress())
            seconds.append(time.perf_counter() - start)
            processor.append(time.process_time() - used)
            errors = learner.validate()
            curve.append(None if errors is None else errors.rmse)
    shape = {"n_ratings": len(train), "n_users": train.n_users, "n_items": train.n_items}
    report |= {**shape, "batch_size": learner.batch_size, "processor_seconds": processor}
    return {**report, "epoch_seconds": seconds, "curve": curve, "part": 1}


def whole(job: dict[str, Any]) -> dict[str, Any]:
    """Fit fastmf's AutoRec from end to end, as a user does."""
    train, _ = ratings_of(job)
    model = AutoRec(epochs=job["epochs"], base=job["base"], **job["settings"])
    model.fit(train, run=RunSettings(num_threads=job["threads"]))
    seconds = {f"{name}_seconds": value for name, value in model.seconds_.items()}
    return {
        **seconds,
        "n_ratings": len(train),
        "epoch_seconds": [model.seconds_["train"] / job["epochs"]],
        "train_rmse": model.train_rmse_,
    }


def theirs(job: dict[str, Any]) -> dict[str, Any]:
    """Train PyTorch's dense AutoRec and return its seconds and its curve."""
    from bench.peers.pytorch_autorec import DenseAutoRec  # noqa: PLC0415 - only where installed

    train, valid = ratings_of(job)
    with Team(job["threads"]) as team:
        rated = standard_rows(train, job["base"], team)
    defaults = AutoRecParameters(**job["settings"])
    settings = {name: getattr(defaults, name) for name in _SHARED}
    starts, columns = rated.ratings.starts, rated.ratings.other_index
    values = rated.values(0, len(columns))
    more = {"regularization": job["decay"], "batch_size": job["batch_size"]}
    if defaults.optimizer == "sgd":
        more |= {name: getattr(defaults, name) for name in ("momentum", "refeeding")}
    given = {**settings, **more, "threads": job["threads"], "seed": 0}
    network = DenseAutoRec(starts, columns, values, len(rated.column_counts), given)
    if valid is None:
        return network.timed(job["seconds"])
    pairs = RowPairs.of(valid, train, job["base"])
    known = (pairs.rows >= 0) & (pairs.columns >= 0)
    rows, truth = pairs.rows[known], pairs.values[known].astype(np.float64)
    curve, seconds = [], []
    for _ in range(job["epochs"]):
        start = time.perf_counter()
        for batch in network.batches():
            network.step(batch)
        seconds.append(time.perf_counter() - start)
        found = network.predict(rows, pairs.columns[known]) * rated.scale.scale + rated.scale.mean
        error = np.clip(found, *train.rating_range).astype(np.float64) - truth
        curve.append(float(np.sqrt(np.mean(error * error))))
    return {"epoch_seconds": seconds, "curve": curve, "part": 1}


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps({"fastmf": ours, "whole": whole, "pytorch": theirs}[asked["run"]](asked)))
