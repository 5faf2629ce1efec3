"""Dense re-feeding: what the network makes of a row is a row that it should leave as it is.

Kuchaiev and Ginsburg (2017), "Training deep autoencoders for collaborative filtering", section
2.3. A network that has learned the ratings is at a fixed point, ``f(f(x)) = f(x)``, so its dense
output can be trained on as well. That costs rows times columns, whatever the ratings.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fastmf.models.autorec_batches import RatedBatch, cut_evenly
from fastmf.models.autorec_ratings import InputForm

__all__ = ["DenseCells", "dense_batch"]

_PARTS = 16


class DenseCells(NamedTuple):
    """All cells of a batch, row by row."""

    starts: NDArray[np.int64]  # (n_batch + 1,)
    columns: NDArray[np.int32]  # (n_batch * n_columns,)
    parts: list[slice]  # rows of the batch, cut into parts

    @classmethod
    def of(cls, n_batch: int, n_columns: int) -> Self:
        """Return all cells of so many rows and columns.

        Parameters
        ----------
        n_batch, n_columns : int

        Returns
        -------
        DenseCells
        """
        starts = n_columns * np.arange(n_batch + 1)
        columns = np.tile(np.arange(n_columns, dtype=np.int32), n_batch)
        return cls(starts, columns, cut_evenly(starts, _PARTS))


def dense_batch(
    rows: NDArray[np.int32], cells: DenseCells, values: NDArray[np.float32], form: InputForm
) -> RatedBatch:
    """Return a batch whose rows have rated all columns.

    Parameters
    ----------
    rows : (n_batch,) int32
    cells : DenseCells
    values : (n_batch * n_columns,) float32
    form : InputForm

    Returns
    -------
    RatedBatch
    """
    n_batch = len(rows)
    n_columns = len(values) // n_batch
    inputs = form.inputs(values, np.full(n_batch, n_columns))
    of_row = np.arange(n_batch, dtype=np.int32)
    column_starts = n_batch * np.arange(n_columns + 1)
    by_column = np.ascontiguousarray(inputs.reshape(n_batch, n_columns).T).reshape(-1)
    return RatedBatch(
        rows,
        cells.starts,
        cells.columns,
        values,
        inputs,
        cells.parts,
        column_starts,
        np.tile(of_row, n_columns),
        by_column,
        cells.columns * np.int32(n_batch) + np.repeat(of_row, n_columns),
        cut_evenly(column_starts, _PARTS),
    )
