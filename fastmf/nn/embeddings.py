"""Embedding tables, and their training: every step moves the rows of its batch, exactly.

An optimizer with momentum or weight decay moves every row in every step, of which a batch sees a
few. Here rows are moved when they are next needed, by what the steps in between would have done to
them (`fastmf.nn.row_optimizers`): the result is that of the dense optimizer to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmf.data.arrays import frozen
from fastmf.kernels.networks.embedding_rows import gather, squared_norm
from fastmf.kernels.vectors import WIDTH
from fastmf.nn.network import RowGradients
from fastmf.nn.optimizers import Optimizer
from fastmf.nn.row_optimizers import row_steps
from fastmf.nn.row_steps import RowSums
from fastmf.nn.sorted_batch import CUT_ENTRIES, SortedBatch
from fastmf.parallel import Team

__all__ = ["EmbeddingGroup", "EmbeddingTable"]

Array = NDArray[Any]

# Rows that a task of `EmbeddingGroup.finish` brings up to date.
_FINISHED_ROWS = 4096


class EmbeddingTable:
    """A row of floats for each user, item or category.

    Parameters
    ----------
    name : str
        The name that a saved model keeps it by.
    values : array_like
        (n, width) initial rows. Training is in float32; a table of float64 can only be gathered
        from, which tests of gradients need.
    l2 : float or (width,) array_like, optional
        The loss has ``mean(sum(l2 * row**2))`` over the rows of the batch besides. Its gradient is
        added in `EmbeddingGroup.step`.
    decays : bool or (width,) array_like of bool, optional
        Whether, or in which columns, the optimizer's weight decay applies.

    Attributes
    ----------
    n, width : int
    dtype : dtype
    values : ndarray
        (n, width) view of the rows, writable. While training, only rows of the current batch are up
        to date; all are after `EmbeddingGroup.finish`.
    """

    def __init__(
        self, name: str, values: ArrayLike, *, l2: ArrayLike = 0.0, decays: ArrayLike = True
    ) -> None:
        initial = np.asarray(values)
        dtype = np.float64 if initial.dtype == np.float64 else np.float32
        self.name = name
        self.n, self.width = initial.shape
        self.decays: Array = np.broadcast_to(np.asarray(decays, np.bool_), (self.width,))
        self.l2: Array = np.broadcast_to(np.asarray(l2, np.float64), (self.width,))
        self.stride = -(-self.width // WIDTH) * WIDTH
        self.dtype = np.dtype(dtype)
        self.rows = np.zeros(self.n * self.stride, dtype)
        self.values: Array = self.rows.reshape(self.n, self.stride)[:, : self.width]
        self.values[...] = initial
        self._read_only = frozen(self.rows)

    def gather(self, index: Array, out: Array, column: int = 0) -> None:
        """Set ``out[:, column:column + width] = values[index]``; several threads may, at once.

        Parameters
        ----------
        index : ndarray of int32
            (m,).
        out : ndarray
            (m, any number of columns), C-contiguous, of the dtype of the table.
        column : int, optional

        Raises
        ------
        IndexError
            If an entry of `index` is no row.
        """
        if self.rows.dtype != np.float32:
            out[:, column : column + self.width] = self.values[index]
            return
        # reshape would copy what is not contiguous, and the copy would be filled
        room = out.view().reshape(-1, copy=False)
        rows = frozen(index, np.int32)
        n_columns = out.shape[1]
        done = gather(self._read_only, self.stride, self.width, rows, room, n_columns, column)
        if done < len(index):
            raise IndexError(f"{self.name}: there is no row {index[done]} of {self.n:,}")

    def penalty(self, index: Array) -> float:
        """Return what `l2` adds to the loss of a batch.

        Parameters
        ----------
        index : ndarray of int
            (m,) its rows.

        Returns
        -------
        float
        """
        if not self.l2.any():
            return 0.0
        rows, counts = np.unique(index, return_counts=True)
        squares = np.square(self.values[rows], dtype=np.float64) @ self.l2
        return float(counts @ squares) / len(index)


class _Factors:
    """What the gradients of a table are multiplied by, and what is added to them."""

    def __init__(self, table: EmbeddingTable) -> None:
        self._width, self._l2 = table.width, table.l2
        self._arrays = np.zeros((3, table.stride), np.float32)
        self._edge, self._weights, self._pulls = map(frozen, self._arrays)
        self._made_for = (0.0, 0)

    def edge_of(self, gradients: Array, column: int) -> Array:
        """Return the gradient of the last entry, padded."""
        self._arrays[0, : self._width] = gradients[-1, column : column + self._width]
        return self._edge

    def of(self, scale: float, n_entries: int) -> tuple[Array, Array]:
        """Return the factors of a batch's gradients, and of its rows."""
        if self._made_for != (scale, n_entries):
            self._arrays[1, : self._width] = scale
            self._arrays[2, : self._width] = self._l2 * (2 * scale / n_entries)
            self._made_for = (scale, n_entries)
        return self._weights, self._pulls


class EmbeddingGroup:
    """Tables that are trained together: by one optimizer, and in the same steps.

    Parameters
    ----------
    tables : sequence of EmbeddingTable
        At least one, of float32.
    optimizer : Optimizer

    Attributes
    ----------
    tables : tuple of EmbeddingTable
    steps : RowSteps
        Of the optimizer.
    states : list of RowState
        Of the tables.

    Raises
    ------
    ParameterError
        If the optimizer is set to what cannot be made good for missed steps.
    """

    def __init__(self, tables: Sequence[EmbeddingTable], optimizer: Optimizer) -> None:
        self.tables = tuple(tables)
        self._batches = [SortedBatch(table.n) for table in self.tables]
        self._factors = [_Factors(table) for table in self.tables]
        self._cuts: list[tuple[int, int, int]] = []
        self.steps = row_steps(optimizer)
        self.states = [
            self.steps.state(table.rows, table.stride, table.decays) for table in self.tables
        ]
        self._kept: list[Array] = []

    @property
    def n_steps(self) -> int:
        """Steps taken."""
        return self.steps.n_steps

    def begin(self, indices: Sequence[Array], team: Team) -> None:
        """Bring the rows of a batch up to date, which are gathered next.

        Parameters
        ----------
        indices : sequence of ndarray of int32
            (n_batch,) rows of each table.
        team : Team

        Raises
        ------
        IndexError
            If an entry is no row of its table.
        """
        if self.steps.is_full:
            self.finish(team)

        def sort(number: int) -> None:
            self._batches[number].sort(indices[number])
            if at_once:
                bring_up_to_date((number, 0, self._batches[number].n_touched))

        def bring_up_to_date(cut: tuple[int, int, int]) -> None:
            number, first, last = cut
            touched = self._batches[number].touched
            self.steps.bring_up_to_date(self.states[number], first, last, touched)

        at_once = max(map(len, indices)) <= CUT_ENTRIES
        team.work(sort, range(len(self.tables)))
        self._cuts = [
            (number, *cut) for number, batch in enumerate(self._batches) for cut in batch.cuts()
        ]
        if not at_once:
            team.work(bring_up_to_date, self._cuts)

    def squared_norm(self, gradients: Sequence[RowGradients], team: Team) -> float:
        """Return the sum of squares of the batch's summed gradients, for clipping.

        Parameters
        ----------
        gradients : sequence of RowGradients
            Of each table, whose batch was given to `begin`.
        team : Team

        Returns
        -------
        float
        """
        sums = self._sums(gradients, 1.0)
        parts = [0.0] * len(self._cuts)

        def add_up(task: int) -> None:
            number, first, last = self._cuts[task]
            table, of = self.tables[number], sums[number]
            parts[task] = squared_norm(first, last, *of, frozen(table.rows), table.stride)

        team.work(add_up, range(len(self._cuts)))
        return sum(parts)

    def step(
        self,
        gradients: Sequence[RowGradients],
        learning_rate: float,
        team: Team,
        scale: float = 1.0,
    ) -> None:
        """Take a step of the optimizer, for all rows of all tables.

        Parameters
        ----------
        gradients : sequence of RowGradients
            Of each table, whose batch was given to `begin`. Those of a row that occurs more than
            once are added, in the order of the batch.
        learning_rate : float
        team : Team
        scale : float, optional
            What all gradients are multiplied by, those of `l2` included.
        """
        sums = self._sums(gradients, scale)

        def move(cut: tuple[int, int, int]) -> None:
            number, first, last = cut
            self.steps.step(self.states[number], first, last, sums[number])

        self.steps.begin_step(learning_rate)
        tasks: list[Callable[[], None]] = [self.steps.remember_step]
        tasks += [partial(move, cut) for cut in self._cuts]
        team.work(lambda task: task(), tasks)

    def _sums(self, gradients: Sequence[RowGradients], scale: float) -> list[RowSums]:
        return [
            RowSums(
                *(batch.entries, batch.touched, batch.starts),
                *(frozen(array, np.float32).reshape(-1), int(array.shape[1])),
                *(factors.edge_of(array, column), int(column)),
                *factors.of(scale, batch.n_entries),
            )
            for batch, factors, (array, column) in zip(
                self._batches, self._factors, gradients, strict=True
            )
        ]

    def finish(self, team: Team) -> None:
        """Bring all rows up to date: before they are read, saved or kept.

        Parameters
        ----------
        team : Team
        """

        def bring_up_to_date(cut: tuple[int, int, int]) -> None:
            number, first, last = cut
            every = frozen(np.arange(first, last, dtype=np.int32))
            self.steps.bring_up_to_date(self.states[number], 0, last - first, every)

        cuts = [
            (number, first, min(first + _FINISHED_ROWS, table.n))
            for number, table in enumerate(self.tables)
            for first in range(0, table.n, _FINISHED_ROWS)
        ]
        team.work(bring_up_to_date, cuts)
        for state in self.states:
            state.stamps[:] = 0
        self.steps.forget_steps()

    def keep(self) -> None:
        """Remember all rows as they are; after `finish`."""
        self._kept = [table.values.copy() for table in self.tables]

    def restore(self) -> None:
        """Return to the rows last kept; the optimizer's state stays as it is."""
        for table, kept in zip(self.tables, self._kept, strict=True):
            table.values[...] = kept
