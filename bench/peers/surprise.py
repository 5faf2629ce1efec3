"""Surprise's biased SVD (SGD, one thread); run as ``python -m bench.peers.surprise JOB``."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
import surprise

from bench.peers.triples import read_triples, rmse


def fit(job: dict[str, Any]) -> dict[str, float]:
    """Train ``surprise.SVD`` and score the validation rows.

    Parameters
    ----------
    job : dict
        Paths, sizes and settings, as `bench.peers.ModulePeer` writes them.

    Returns
    -------
    dict
        ``iterations``, ``iteration_seconds``, ``train_seconds`` and ``rmse``.
    """
    train, valid = read_triples(job["train"]), read_triples(job["valid"])
    frame = pd.DataFrame(train._asdict())
    reader = surprise.Reader(rating_scale=(job["rating_minimum"], job["rating_maximum"]))
    trainset = surprise.Dataset.load_from_df(frame, reader).build_full_trainset()
    model = surprise.SVD(
        n_factors=job["factors"],
        n_epochs=job["iterations"],
        lr_all=job["learning_rate"],
        reg_all=job["regularization"],
        random_state=job["seed"],
    )
    start = time.perf_counter()
    model.fit(trainset)
    seconds = time.perf_counter() - start
    predicted = _predict(model, trainset, job, valid.user_index, valid.item_index)
    return {
        "iterations": job["iterations"],
        "iteration_seconds": seconds / job["iterations"],
        "train_seconds": seconds,
        "rmse": rmse(predicted, valid.value, job["rating_minimum"], job["rating_maximum"]),
    }


def _predict(model: Any, trainset: Any, job: dict[str, Any], user: Any, item: Any) -> Any:
    """Give mean + biases + dot product; a user or item without training rows counts as zeros."""
    user_bias, user_factors = _aligned(
        model.bu, model.pu, job["n_users"], (trainset.to_raw_uid(i) for i in trainset.all_users())
    )
    item_bias, item_factors = _aligned(
        model.bi, model.qi, job["n_items"], (trainset.to_raw_iid(i) for i in trainset.all_items())
    )
    dot = np.einsum("ij,ij->i", user_factors[user], item_factors[item])
    return trainset.global_mean + user_bias[user] + item_bias[item] + dot


def _aligned(bias: Any, factors: Any, n_rows: int, raw_ids: Any) -> tuple[Any, Any]:
    """Reorder Surprise's inner rows to our dense indices."""
    index = np.fromiter((int(raw) for raw in raw_ids), dtype=np.int64, count=len(bias))
    full_bias = np.zeros(n_rows)
    full_factors = np.zeros((n_rows, factors.shape[1]))
    full_bias[index], full_factors[index] = bias, factors
    return full_bias, full_factors


if __name__ == "__main__":
    print(json.dumps(fit(json.loads(sys.argv[1]))))
