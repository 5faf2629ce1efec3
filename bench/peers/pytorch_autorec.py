"""AutoRec as everybody trains it: dense tables of users times items, in PyTorch on the CPU."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

Tensor: TypeAlias = Any  # PyTorch's are not typed for us
Array = npt.NDArray[Any]

_ACTIVATIONS = {
    "sigmoid": torch.nn.Sigmoid,
    "relu": torch.nn.ReLU,
    "selu": torch.nn.SELU,
    "tanh": torch.nn.Tanh,
}

# Tables of values and mask with fewer cells than this are made once and kept.
_MOST_CELLS = 100_000_000


class DenseAutoRec:
    """An autoencoder of rows of ratings, with fused Adam or gradient descent with momentum.

    Parameters
    ----------
    starts, columns, values : ndarray
        Ratings by row, standardised.
    n_columns : int
    job : dict
        ``hidden``, ``activation``, ``batch_norm``, ``dropout``, ``presence``, ``learning_rate``,
        ``regularization`` (as decay of the optimizer), ``batch_size``, ``seed``. Where there is
        ``momentum``, the optimizer is gradient descent and the loss a mean over ratings, as with
        Kuchaiev and Ginsburg (2017); where ``refeeding`` is true, a step with the outputs as
        ratings follows each.
    """

    def __init__(
        self, starts: Array, columns: Array, values: Array, n_columns: int, job: dict[str, Any]
    ) -> None:
        torch.set_num_threads(job["threads"])
        torch.manual_seed(job["seed"])
        self._starts, self._n_columns = starts, n_columns
        self._columns = torch.from_numpy(columns.astype(np.int64))
        self._values = torch.from_numpy(values.astype(np.float32))
        self._presence, self._batch_size = job["presence"], job["batch_size"]
        self.n_rows = len(starts) - 1
        layers: list[torch.nn.Module] = []
        width = n_columns
        for units in job["hidden"]:
            layers.append(torch.nn.Linear(width, units))
            if job["batch_norm"]:
                layers.append(torch.nn.BatchNorm1d(units))
            layers.append(_ACTIVATIONS[job["activation"]]())
            if job["dropout"]:
                layers.append(torch.nn.Dropout(job["dropout"]))
            width = units
        self.network = torch.nn.Sequential(*layers, torch.nn.Linear(width, n_columns))
        self._is_mean, self._refeeding = "momentum" in job, job.get("refeeding", False)
        options = {"lr": job["learning_rate"], "weight_decay": job["regularization"]}
        if self._is_mean:
            descent = {**options, "momentum": job["momentum"]}
            self._optimizer = torch.optim.SGD(self.network.parameters(), **descent)
        else:
            self._optimizer = torch.optim.Adam(self.network.parameters(), **options, fused=True)
        self._tables = None
        if self.n_rows * n_columns <= _MOST_CELLS:
            self._tables = self._scattered(torch.arange(self.n_rows))

    def _scattered(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return dense values and mask of some rows."""
        starts, ends = self._starts[rows.numpy()], self._starts[rows.numpy() + 1]
        counts = ends - starts
        places = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        at = torch.from_numpy(places)
        of_row = torch.from_numpy(np.repeat(np.arange(len(rows)), counts))
        cells = of_row * self._n_columns + self._columns[at]
        values, mask = torch.zeros(2, len(rows) * self._n_columns)
        values[cells] = self._values[at]
        mask[cells] = 1
        return values.view(len(rows), -1), mask.view(len(rows), -1)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return (m, n_columns) values and mask of some rows."""
        if self._tables is None:
            return self._scattered(rows)
        values, mask = self._tables
        return values[rows], mask[rows]

    def step(self, rows: Tensor) -> float:
        """Take a step with some rows; return the sum of squared errors."""
        values, mask = self.batch(rows)
        inputs = values + self._presence * mask if self._presence else values
        outputs, total = self._descend(inputs, values, mask)
        if self._refeeding:
            target = outputs.detach()
            self._descend(target + self._presence, target, torch.ones_like(target))
        return total

    def _descend(self, inputs: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, float]:
        """Take a step to the values where the mask is 1; return outputs and squared errors."""
        outputs = self.network(inputs)
        total = ((outputs - values) * mask).square().sum()
        self._optimizer.zero_grad(set_to_none=True)
        (total / (mask.sum() if self._is_mean else len(values))).backward()
        self._optimizer.step()
        return outputs, float(total.item())

    def batches(self) -> Iterator[Tensor]:
        """Yield the rows of an epoch in a new random order."""
        return iter(torch.randperm(self.n_rows).split(self._batch_size))

    def timed(self, seconds: float) -> dict[str, Any]:
        """Train for some seconds, or an epoch where that ends first.

        Parameters
        ----------
        seconds : float

        Returns
        -------
        dict
            ``epoch_seconds``, by the rows that were worked through, and their part of all rows.
        """
        self.step(next(self.batches()))  # warms up
        n_rows, start = 0, time.perf_counter()
        for rows in self.batches():
            self.step(rows)
            n_rows += len(rows)
            if time.perf_counter() - start > seconds:
                break
        took = time.perf_counter() - start
        return {"epoch_seconds": [took / n_rows * self.n_rows], "part": n_rows / self.n_rows}

    def predict(self, rows: Array, columns: Array) -> Array:
        """Return the standardised predictions of pairs that are sorted by row."""
        self.network.eval()
        out = np.empty(len(rows), np.float32)
        with torch.no_grad():
            for chunk in torch.arange(self.n_rows).split(self._batch_size):
                first, last = np.searchsorted(rows, [chunk[0].item(), chunk[-1].item() + 1])
                values, mask = self.batch(chunk)
                found = self.network(values + self._presence * mask).numpy()
                pairs = rows[first:last] - int(chunk[0]), columns[first:last]
                out[first:last] = found[pairs]
        self.network.train()
        return out
