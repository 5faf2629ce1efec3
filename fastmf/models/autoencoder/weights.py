"""The weights of all columns in panels, with what an optimizer remembers of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.autoencoder.weight_panels import PANEL, panels_of
from fastmf.models.rows import aligned_zeros

__all__ = ["WeightPanels"]


class WeightPanels:
    """Weights of hidden units for each column; see `fastmf.kernels.autoencoder.weight_panels`.

    Parameters
    ----------
    rows : (n_columns, units) float32
        Where they start.

    Attributes
    ----------
    values : (n_panels * n_columns * 32,) float32
    n_columns, units, n_panels : int
    """

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self.n_columns, self.units = rows.shape
        self.n_panels = panels_of(self.units)
        self.values = aligned_zeros(self.n_panels * self.n_columns * PANEL)
        self.assign(rows)

    def rows(self) -> NDArray[np.float32]:
        """Return (n_columns, units) the weights, column by column."""
        rows = np.empty((self.n_columns, self.units), np.float32)
        for panel, units in self._panels():
            rows[:, units] = panel
        return rows

    def assign(self, rows: NDArray[np.float32]) -> None:
        """Set the weights.

        Parameters
        ----------
        rows : (n_columns, units) float32
        """
        for panel, units in self._panels():
            panel[...] = rows[:, units]

    def _panels(self) -> list[tuple[NDArray[np.float32], slice]]:
        """Return (n_columns, up to 32) views of all panels, and which units they hold."""
        table = self.values.reshape(self.n_panels, self.n_columns, PANEL)
        cuts = [
            slice(first, min(first + PANEL, self.units)) for first in range(0, self.units, PANEL)
        ]
        return [(table[n, :, : cut.stop - cut.start], cut) for n, cut in enumerate(cuts)]
