"""cmfrec's explicit ALS, CG or Cholesky; run as ``python -m bench.peers.cmfrec JOB``."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
from cmfrec import CMF
from scipy.sparse import coo_matrix

from bench.peers.triples import read_triples, rmse


def fit(job: dict[str, Any]) -> dict[str, float]:
    """Train ``cmfrec.CMF`` with user and item biases in float32 and score the validation rows.

    Parameters
    ----------
    job : dict
        Paths, sizes and settings, as `bench.peers.ModulePeer` writes them.

    Returns
    -------
    dict
        ``iterations``, ``iteration_seconds`` (the whole fit through the number of iterations;
        cmfrec does not time them one by one), ``train_seconds`` and ``rmse``.
    """
    train, valid = read_triples(job["train"]), read_triples(job["valid"])
    matrix = coo_matrix(
        (train.value, (train.user_index, train.item_index)), shape=(job["n_users"], job["n_items"])
    )
    model = CMF(
        k=job["factors"],
        method="als",
        use_cg=job["conjugate_gradient"],
        finalize_chol=False,  # else CG's last iteration is a Cholesky one, and its time a mixture
        lambda_=job["regularization"],
        niter=job["iterations"],
        nthreads=job["threads"],
        add_implicit_features=job["implicit_features"],
        random_state=job["seed"],
        use_float=True,
        precompute_for_predictions=False,
        verbose=False,
    )
    start = time.perf_counter()
    model.fit(matrix)
    seconds = time.perf_counter() - start
    predicted = np.asarray(model.predict(valid.user_index, valid.item_index))
    predicted = np.where(np.isnan(predicted), train.value.mean(), predicted)
    return {
        "iterations": job["iterations"],
        "iteration_seconds": seconds / job["iterations"],
        "train_seconds": seconds,
        "rmse": rmse(predicted, valid.value, job["rating_minimum"], job["rating_maximum"]),
    }


if __name__ == "__main__":
    print(json.dumps(fit(json.loads(sys.argv[1]))))
