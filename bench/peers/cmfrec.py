"""cmfrec's explicit ALS, CG or Cholesky; run as ``python -m bench.peers.cmfrec JOB``."""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import threading
import time
from typing import Any, Self

import numpy as np
from cmfrec import CMF
from scipy.sparse import coo_matrix

from bench.peers.triples import read_triples, rmse


class Stamps:
    """Notes when each part of what a library writes to standard output came."""

    def __enter__(self) -> Self:
        self._parts: list[tuple[float, bytes]] = []
        self._reading, writing = os.pipe()
        self._stdout = os.dup(1)
        os.dup2(writing, 1)
        os.close(writing)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.dup2(self._stdout, 1)  # closes the pipe's last writing end
        self._thread.join()
        os.close(self._reading)
        os.close(self._stdout)

    def _read(self) -> None:
        while part := os.read(self._reading, 1 << 16):
            self._parts.append((time.perf_counter(), part))

    def of(self, words: bytes) -> list[float]:
        """Return when these words came, time by time."""
        return [moment for moment, part in self._parts for _ in range(part.count(words))]


def fit(job: dict[str, Any]) -> dict[str, float]:
    """Train ``cmfrec.CMF`` with user and item biases in float32 and score the validation rows.

    Parameters
    ----------
    job : dict
        Paths, sizes and settings, as `bench.peers.ModulePeer` writes them.

    Returns
    -------
    dict
        ``iterations``, ``iteration_seconds`` (median of all but the first, which
        comes with the preparation; of one, where there is one), ``train_seconds`` and ``rmse``.
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
        verbose=True,  # it says when an iteration is done
    )
    with Stamps() as stamps:
        start = time.perf_counter()
        model.fit(matrix)
        seconds = time.perf_counter() - start
    ends = [start, *stamps.of(b"Completed ALS iteration")]
    each = [after - before for before, after in itertools.pairwise(ends)]
    assert len(each) == job["iterations"], "cmfrec no longer says when an iteration is done"
    predicted = np.asarray(model.predict(valid.user_index, valid.item_index))
    predicted = np.where(np.isnan(predicted), train.value.mean(), predicted)
    return {
        "iterations": job["iterations"],
        "iteration_seconds": statistics.median(each[1:] or each),
        "train_seconds": seconds,
        "rmse": rmse(predicted, valid.value, job["rating_minimum"], job["rating_maximum"]),
    }


if __name__ == "__main__":
    print(json.dumps(fit(json.loads(sys.argv[1]))))
