"""Memory that compiled steps work in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.kernels.networks.pair_norms import N_TERMS
from fastmf.kernels.networks.pair_steps import Memory, n_parts
from fastmf.kernels.vectors import WIDTH
from fastmf.nn.embeddings import EmbeddingTable
from fastmf.nn.pair_layers import PairLayers

__all__ = ["PairMemory", "constants_of"]

Array = NDArray[Any]


def constants_of(table: EmbeddingTable) -> tuple[Array, Array, Array]:
    """Return weights, pulls and nothing of a table; see `fastmf.kernels.networks.pair_rows.Side`.

    Parameters
    ----------
    table : EmbeddingTable

    Returns
    -------
    tuple of ndarray of float32
        (stride,) each, read-only.
    """
    rows = np.zeros((3, table.stride), np.float32)
    rows[0, : table.width], rows[1, : table.width] = 1, 2 * table.l2
    weights, pulls, nothing = map(frozen, rows)
    return weights, pulls, nothing


class PairMemory:
    """Memory for batches of at most some rows, kept from step to step.

    Parameters
    ----------
    n_batch : int
        Rows of a batch at most.
    n_threads : int
        At most.
    n_parameters : int
    layers : PairLayers
    tables : sequence of EmbeddingTable

    Attributes
    ----------
    n_batch, n_threads : int
    part_rows, n_parts : int
        Rows of a task at most, and the tasks that a batch is cut into.
    memory : Memory
        See `fastmf.kernels.networks.pair_steps`.
    gradients, packed, terms, moments : ndarray
        See `fastmf.kernels.networks.pair_shards.Layers`.
    numbers : ndarray of int32
    of_sides : list of tuple of ndarray of float32
        Inputs, halves and gradients of each table; see `fastmf.kernels.networks.pair_rows`.
    """

    def __init__(
        self,
        n_batch: int,
        n_threads: int,
        n_parameters: int,
        layers: PairLayers,
        tables: Sequence[EmbeddingTable],
    ) -> None:
        self.n_batch, self.n_threads = n_batch, n_threads
        self.part_rows = _part_rows_of(n_batch, n_parameters)
        self.n_parts = int(n_parts(n_batch, self.part_rows))
        floats: Callable[..., Array] = partial(np.zeros, dtype=np.float32)
        # Norms need the whole batch once more after the sums over all shards; without them, a
        # shard goes through and back in one go.
        rooms = (1, n_batch) if layers.has_norms else (n_threads, self.part_rows)
        slopes = layers.n_columns if layers.has_norms else layers.width
        norm_columns = layers.n_columns if layers.has_norms else 0
        # Zeros, as for paddings that nobody assigns; here and below.
        self.memory = Memory(
            rooms=floats((rooms[0], rooms[1] * layers.n_columns)),
            scratch=floats((n_threads, layers.n_scratch(self.part_rows))),
            slopes=floats(n_batch * slopes),
            masks=np.zeros(n_batch * norm_columns // WIDTH, np.uint16),
            errors=floats(n_batch),
            capacity=n_batch,
            ticks=np.zeros((n_threads, 0), np.int64),
        )
        self.gradients = floats((self.n_parts, n_parameters))
        self.packed = floats(layers.n_packed)
        self.terms = floats((N_TERMS, norm_columns))
        self.moments = np.zeros((self.n_parts, 2, norm_columns))
        self.numbers = frozen(np.arange(n_batch + 2, dtype=np.int32))
        self.of_sides = [
            (
                floats(n_batch * table.stride),
                floats(n_batch * layers.stride),
                floats(n_batch * table.stride),
            )
            for table in tables
        ]


def _part_rows_of(n_batch: int, n_parameters: int) -> int:
    """Return how many rows a task has at most.

    Parameters
    ----------
    n_batch, n_parameters : int

    Returns
    -------
    int
    """
    return 128 if n_batch <= 4096 and n_parameters <= 1 << 15 else 512
