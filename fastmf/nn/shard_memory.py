"""Tapes of a batch's shards, and the sum of their gradients, in memory kept from step to step."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.networks.dense_steps import sum_shards
from fastmf.nn.parameters import FlatParameters
from fastmf.nn.tape import FlatTape, Tape, Workspace, shards
from fastmf.parallel import Team

__all__ = ["ShardMemory", "ThreadWorkspace"]

Array = NDArray[Any]

# Parameters that a thread sums in one go; fewer are not worth waking another for.
_RANGE = 1 << 16


class ThreadWorkspace(threading.local, Workspace):
    """A workspace that is another one in each thread.

    A shard that runs from end to end within a thread finds there the memory of the shard before,
    which still is in the processor's cache.
    """


class ShardMemory:
    """What the shards of a batch need.

    Parameters
    ----------
    flat : FlatParameters
    shared : bool
        Whether the shards that a thread takes may have one workspace.
    seed : int
        Of the tapes.
    """

    def __init__(self, flat: FlatParameters, *, shared: bool, seed: int) -> None:
        self._flat, self._seed = flat, seed
        self._shared = ThreadWorkspace() if shared else None
        self._workspaces: list[Workspace] = []
        self._gradients = np.empty((0, len(flat)), flat.value.dtype)
        self._total = np.zeros_like(flat.value)
        self._n_shards = 0

    def tapes(self, n_batch: int, step: int) -> list[Tape]:
        """Return a tape for each shard of a batch.

        Parameters
        ----------
        n_batch : int
            Rows of the batch.
        step : int
            Steps taken before.

        Returns
        -------
        list of Tape
        """
        cut = shards(n_batch)
        self._n_shards = len(cut)
        if len(cut) > len(self._gradients):
            # Zeros, for the padding between parameters that nobody assigns.
            self._gradients = np.zeros((len(cut), len(self._flat)), self._flat.value.dtype)
            missing = len(cut) - len(self._workspaces)
            self._workspaces += [self._shared or Workspace() for _ in range(missing)]
        return [
            Tape(
                rows,
                n_batch,
                flat=FlatTape(self._flat.value, self._gradients[number], self._flat.starts),
                workspace=self._workspaces[number],
                step=step,
                seed=self._seed,
                dtype=self._flat.value.dtype,
            )
            for number, rows in enumerate(cut)
        ]

    def total(self, factor: float, team: Team) -> Array:
        """Return the sum of the gradients of all shards of the last batch.

        Parameters
        ----------
        factor : float
            What it is multiplied by.
        team : Team

        Returns
        -------
        ndarray
            (n,) good until the next call.
        """
        n, gradients = len(self._flat), self._gradients[: self._n_shards]
        times = self._total.dtype.type(factor)
        team.work(
            lambda first: sum_shards(first, min(first + _RANGE, n), gradients, times, self._total),
            range(0, n, _RANGE),
        )
        return self._total
