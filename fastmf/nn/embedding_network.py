"""What networks over embeddings share: rows, gathered, go through a trunk and meet in a head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.nn.embeddings import EmbeddingGroup, EmbeddingTable
from fastmf.nn.losses import Loss
from fastmf.nn.network import Group, PairHead, RowGradients
from fastmf.nn.optimizers import Optimizer
from fastmf.nn.parameters import Parameter
from fastmf.nn.sequential import Sequential
from fastmf.nn.tape import Tape
from fastmf.parallel import Team

__all__ = ["EmbeddingNetwork", "Lookup"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Lookup:
    """One embedding of a batch's rows.

    Attributes
    ----------
    table : EmbeddingTable
        One lookup for each table.
    index : callable
        Takes a batch; returns the table's rows, (n_batch,) int32.
    """

    table: EmbeddingTable
    index: Callable[[Any], Array]


class EmbeddingNetwork:
    """Gathered rows -> trunk -> head -> loss; a `fastmf.nn.network.Network`.

    A model's network is a child that says what its head does. The rows of all lookups stand side
    by side in one array (n_batch, n_columns), in the order of the lookups; so do their gradients.

    Parameters
    ----------
    lookups : sequence of Lookup
    trunk : Sequential
        May be empty.
    loss : Loss
        What the head uses; decides whether gradients are multiplied by a factor in the end.
    more : sequence of Parameter, optional
        Dense parameters outside the trunk: of layers in the head, a global bias.

    Attributes
    ----------
    columns : tuple of slice
        Where the rows of each lookup stand.
    """

    def __init__(
        self,
        lookups: Sequence[Lookup],
        trunk: Sequential,
        loss: Loss,
        *,
        more: Sequence[Parameter] = (),
    ) -> None:
        self.lookups, self.trunk, self.loss = tuple(lookups), trunk, loss
        self._more = tuple(more)
        ends = np.cumsum([0, *(lookup.table.width for lookup in self.lookups)]).tolist()
        self.columns = tuple(slice(*pair) for pair in pairwise(ends))
        self.n_columns = int(ends[-1])
        self._room_for_rows = np.empty((0, self.n_columns), np.float32)
        self._room_for_gradients = self._gradients = self._room_for_rows

    # What a child may say otherwise

    def trunk_input(self, rows: Array, batch: Any, tape: Tape) -> Array:
        """Return the trunk's input; by default all the gathered rows.

        Parameters
        ----------
        rows : ndarray
            (m, n_columns) of the shard.
        batch : object
            The whole batch; the shard is its rows `tape.rows`.
        tape : Tape

        Returns
        -------
        ndarray
            (m, n_inputs); a range of columns of `rows` will do.
        """
        return rows

    def head(self, output: Array, rows: Array, gradients: Array, batch: Any, tape: Tape) -> Array:
        """Turn the trunk's output into a loss, and return the gradient by it.

        Records the loss and the squared errors in the tape. A head that uses the gathered rows,
        as a dot product does, assigns their part of `gradients`.

        Parameters
        ----------
        output : ndarray
            (m, n_outputs) of the trunk.
        rows, gradients : ndarray
            (m, n_columns) of the shard.
        batch : object
        tape : Tape

        Returns
        -------
        ndarray
            (m, n_outputs) gradient by `output`.
        """
        raise NotImplementedError

    def take_input_gradient(self, dx: Array, gradients: Array, tape: Tape) -> None:
        """Put the gradient by the trunk's input to the rows; by default it is all there is.

        Parameters
        ----------
        dx : ndarray
            (m, n_inputs).
        gradients : ndarray
            (m, n_columns) as the head left it; assigned.
        tape : Tape
        """
        gradients[...] = dx

    def prediction(self, output: Array, rows: Array, batch: Any, tape: Tape) -> Array:
        """Return the predictions of a shard, unclipped, in the unit of the ratings.

        Parameters
        ----------
        output, rows : ndarray
            As for `head`.
        batch : object
        tape : Tape

        Returns
        -------
        ndarray of float32
            (m,), or more dimensions where a model predicts more.
        """
        raise NotImplementedError

    def pair_head(self) -> PairHead | None:
        """Return what compiled steps need to know; by default they do not run the network."""
        return None

    def n_rows(self, batch: Any) -> int:
        """Return the number of rows; by default that of the users' column.

        Parameters
        ----------
        batch : object
        """
        return len(batch.user_index)

    # What the learner calls

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of the trunk, and the others."""
        return (*self.trunk.parameters, *self._more)

    @property
    def statistics(self) -> tuple[Parameter, ...]:
        """Running statistics of the trunk."""
        return self.trunk.statistics

    @property
    def tables(self) -> tuple[EmbeddingTable, ...]:
        """The tables of the lookups."""
        return tuple(lookup.table for lookup in self.lookups)

    def embedding_group(self, optimizer: Optimizer) -> Group | None:
        """Return the tables with an optimizer; see `fastmf.nn.network.Network`."""
        return EmbeddingGroup(self.tables, optimizer) if self.tables else None

    def indices(self, batch: Any) -> list[Array]:
        """Return the rows of each table that a batch needs."""
        return [lookup.index(batch) for lookup in self.lookups]

    @property
    def is_local(self) -> bool:
        """Whether the trunk is."""
        return self.trunk.is_local

    def loss_of(self, mean: float) -> float:
        """Return the loss of a batch; see `fastmf.nn.losses.Loss.of_mean`."""
        return self.loss.of_mean(mean)[0]

    def run(self, batch: Any, tapes: Sequence[Tape], team: Team) -> float:
        """Take a batch forward and back; see `fastmf.nn.network.Network.run`."""
        rows, gradients = self._room(self.n_rows(batch))
        index = self.indices(batch)

        def source(tape: Tape) -> Array:
            return self.trunk_input(self._gather(index, rows[tape.rows], tape), batch, tape)

        def head(output: Array, tape: Tape) -> Array:
            return self.head(output, rows[tape.rows], gradients[tape.rows], batch, tape)

        def sink(dx: Array, tape: Tape) -> None:
            self.take_input_gradient(dx, gradients[tape.rows], tape)

        self.trunk.run(tapes, team, source, head, sink)
        factor = self.loss.of_mean(sum(tape.loss for tape in tapes))[1]
        if factor != 1:
            gradients *= np.float32(factor)
        return factor

    def row_gradients(self) -> list[RowGradients]:
        """Return the gradients of the last batch by the rows of each table."""
        return [RowGradients(self._gradients, columns.start) for columns in self.columns]

    def predict(self, batch: Any, tape: Tape) -> Array:
        """Return the predictions of the tape's rows of a batch; see `prediction`.

        Parameters
        ----------
        batch : object
            With the users and items; ratings are not looked at.
        tape : Tape
            With ``training=False``; of any number of rows, in memory of the thread.

        Returns
        -------
        ndarray
        """
        room = tape.buffer(self, "rows", (tape.n_rows, self.n_columns))
        rows = self._gather(self.indices(batch), room, tape)
        output = self.trunk.forward(self.trunk_input(rows, batch, tape), tape)
        return self.prediction(output, rows, batch, tape)

    def _gather(self, indices: list[Array], rows: Array, tape: Tape) -> Array:
        """Assign the rows of a shard from all tables."""
        for lookup, index, columns in zip(self.lookups, indices, self.columns, strict=True):
            lookup.table.gather(index[tape.rows], rows, columns.start)
        return rows

    def _room(self, n_rows: int) -> tuple[Array, Array]:
        """Return room for the rows of a batch and their gradients, kept from step to step."""
        if len(self._room_for_rows) < n_rows:
            dtype = self.lookups[0].table.dtype if self.lookups else np.dtype(np.float32)
            self._room_for_rows = np.zeros((n_rows, self.n_columns), dtype)
            self._room_for_gradients = np.zeros_like(self._room_for_rows)
        self._gradients = self._room_for_gradients[:n_rows]
        return self._room_for_rows[:n_rows], self._gradients
