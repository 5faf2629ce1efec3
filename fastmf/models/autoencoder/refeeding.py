"""Dense re-feeding: what the network makes of a row is a row that it should leave as it is.

Kuchaiev and Ginsburg (2017), "Training deep autoencoders for collaborative filtering", section
2.3. A network that has learned the ratings is at a fixed point, ``f(f(x)) = f(x)``, so its dense
output can be trained on as well. That costs rows times columns, whatever the ratings. Both losses
are means over cells there; here they are sums, so that all cells get the weight of the ratings.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fastmf.models.autoencoder.batches import RatedBatch, cut_evenly
from fastmf.models.autoencoder.ratings import InputForm

__all__ = ["DenseCells", "dense_batch"]

_PARTS = 16


class DenseCells(NamedTuple):
    """All cells of a batch, column by column."""

    column_starts: NDArray[np.int64]  # (n_columns + 1,)
    column_rows: NDArray[np.int32]  # (n_columns * n_batch,)

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
        rows = np.tile(np.arange(n_batch, dtype=np.int32), n_columns)
        return cls(n_batch * np.arange(n_columns + 1), rows)


def dense_batch(
    batch: RatedBatch, cells: DenseCells, values: NDArray[np.float32], form: InputForm
) -> RatedBatch:
    """Return a batch whose rows have rated all columns.

    Parameters
    ----------
    batch : RatedBatch
        What the rows have really rated: all cells together weigh as much in the loss.
    cells : DenseCells
    values : (n_columns * n_batch,) float32
        Less the centre of their row.
    form : InputForm

    Returns
    -------
    RatedBatch
    """
    n_columns = len(cells.column_starts) - 1
    # Every row has as many, so that it does not matter how they lie.
    inputs = form.inputs(values, np.full(len(batch.rows), n_columns))
    column_parts = cut_evenly(cells.column_starts, _PARTS)
    return batch._replace(
        column_starts=cells.column_starts,
        column_parts=column_parts,
        column_rows=cells.column_rows,
        values=values,
        inputs=inputs,
        weight=len(batch.values) / len(values),
    )
