"""implicit's ALS, CG or Cholesky; run as ``python -m bench.peers.implicit JOB``."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from bench.peers.triples import read_triples


def fit(job: dict[str, Any]) -> dict[str, float]:
    """Train ``implicit``'s ALS in float32 on values as weights and return its own loss.

    It gets confidences of ``1 + alpha * value``, and the start that fastmf has: then both walk the
    same way, and losses can be compared. Validation rows are not used.

    Parameters
    ----------
    job : dict
        Paths, sizes and settings, as `bench.peers.ModulePeer` writes them.

    Returns
    -------
    dict
        ``iterations`` (2 at least), ``iteration_seconds`` (median, as implicit times them),
        ``train_seconds`` (as many) and ``rmse``: the root of the loss, a weighted RMSE of pairs.
    """
    train = read_triples(job["train"])
    users, n_users = _in_order_of_appearance(train.user_index)
    items, n_items = _in_order_of_appearance(train.item_index)
    confidence = 1 + np.float32(job["alpha"]) * train.value
    matrix = csr_matrix((confidence, (users, items)), shape=(n_users, n_items))
    model = AlternatingLeastSquares(
        factors=job["factors"],
        regularization=job["regularization"],
        alpha=1.0,
        iterations=job["iterations"],
        use_cg=job["conjugate_gradient"],
        num_threads=job["threads"],
        random_state=job["seed"],
        dtype=np.float32,
    )
    generator = np.random.default_rng(job["seed"])
    start = generator.standard_normal((n_items, job["factors"]), dtype=np.float32)
    model.item_factors = start * np.float32(job["initial_scale"])
    model.user_factors = np.zeros((n_users, job["factors"]), np.float32)
    # Measuring the loss takes time, so that the last iteration, which does, is not timed.
    model.iterations = job["iterations"] - 1
    seconds = _run(model, matrix, lambda took, _: took)
    model.calculate_training_loss, model.iterations = True, 1
    (loss,) = _run(model, matrix, lambda _, measured: measured)
    return {
        "iterations": job["iterations"],
        "iteration_seconds": statistics.median(seconds),
        "train_seconds": sum(seconds) * job["iterations"] / len(seconds),
        "rmse": float(np.sqrt(loss)),
    }


def _run(model: Any, matrix: Any, told: Callable[[float, float], float]) -> list[float]:
    """Go on from where the model is; return what is told of the seconds and loss of each."""
    results: list[float] = []
    model.fit(
        matrix,
        show_progress=False,
        callback=lambda _, seconds, loss: results.append(told(seconds, loss)),
    )
    return results


def _in_order_of_appearance(index: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int64], int]:
    """Return each row's number in order of appearance, as fastmf has it, and how many there are.

    Users and items of the validation rows alone are left out: the loss is over all pairs, so that
    each of them would change it.
    """
    known, first, numbers = np.unique(index, return_index=True, return_inverse=True)
    place = np.empty(len(known), np.int64)
    place[np.argsort(first)] = np.arange(len(known))
    return place[numbers], len(known)


if __name__ == "__main__":
    print(json.dumps(fit(json.loads(sys.argv[1]))))
