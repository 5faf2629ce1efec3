"""The ends of a network over ratings: a sparse input layer, and outputs at the rated cells alone.

Weights of `units` hidden units for each of `n` columns lie in *panels*: panel ``p`` holds units
``32 p`` to ``32 p + 31`` of all columns, one column after another, with zeros behind the last unit.
All sums run panel by panel, so what a sum draws on is one panel of 128 bytes a column, which stays
in the second-level cache while the ratings of many rows pass by. With whole rows of weights each
rating would fetch two kilobytes from further away.
"""

from __future__ import annotations

import numpy as np
from numba import types

from fastmf.kernels.compiled import kernel
from fastmf.kernels.vector_roots import add
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    multiply_add,
    prefetch,
    store,
    zeros,
)

__all__ = [
    "PANEL",
    "copy_panels",
    "fetch_ahead",
    "fill_panels",
    "panels_of",
    "sum_panel_rows",
    "sum_weights",
]

_FLOATS = types.Array(types.float32, 1, "C", readonly=True)
_INDEX = types.Array(types.int32, 1, "C", readonly=True)
_STARTS = types.Array(types.int64, 1, "C", readonly=True)
_OUT = types.Array(types.float32, 1, "C")
_NUMBER = types.int64

PANEL = 32
"""Units of a panel: two vectors."""


def panels_of(units: int) -> int:
    """Return how many panels hold the weights of this many units."""
    return -(-units // PANEL)


# Columns that are asked for ahead of their use, so that memory answers while ratings are summed.
_AHEAD = 6


@kernel(inline="always")
def fetch_ahead(weights, at):
    """Ask for the weights of a column a few behind another; changes nothing.

    Parameters
    ----------
    weights : float32
        In panels; the end of the array may be passed.
    at : int
        Where the weights of the other begin.
    """
    prefetch(weights, at + _AHEAD * PANEL)
    prefetch(weights, at + _AHEAD * PANEL + WIDTH)


# As a call of its own it costs more than a few ratings do: twenty arguments, and all registers.
@kernel(inline="always")
def sum_panel_rows(first, last, rows, coefficients, table, base):
    """Return the sum of some rows of a panel, each times a coefficient: two vectors.

    Parameters
    ----------
    first, last : int
        Which of the coefficients.
    rows : (n,) int32
        The row of the panel of each.
    coefficients : (n,) float32
    table : float32
        Panels.
    base : int
        Where the panel begins.
    """
    # Four sums of each half: with fewer, additions wait for those before, and short sums take twice
    # as long. Unsigned numbers, which Numba does not look at for indices from the end.
    low, high, low_1, high_1 = zeros(), zeros(), zeros(), zeros()
    low_2, high_2, low_3, high_3 = zeros(), zeros(), zeros(), zeros()
    number, stop, one = np.uint64(first), np.uint64(last), np.uint64(1)
    while number + np.uint64(4) <= stop:
        at = base + np.int64(rows[number]) * PANEL
        factor = broadcast(coefficients[number])
        low = multiply_add(factor, load(table, at), low)
        high = multiply_add(factor, load(table, at + WIDTH), high)
        number += one
        at = base + np.int64(rows[number]) * PANEL
        factor = broadcast(coefficients[number])
        low_1 = multiply_add(factor, load(table, at), low_1)
        high_1 = multiply_add(factor, load(table, at + WIDTH), high_1)
        number += one
        at = base + np.int64(rows[number]) * PANEL
        factor = broadcast(coefficients[number])
        low_2 = multiply_add(factor, load(table, at), low_2)
        high_2 = multiply_add(factor, load(table, at + WIDTH), high_2)
        number += one
        at = base + np.int64(rows[number]) * PANEL
        factor = broadcast(coefficients[number])
        low_3 = multiply_add(factor, load(table, at), low_3)
        high_3 = multiply_add(factor, load(table, at + WIDTH), high_3)
        number += one
    while number < stop:
        at = base + np.int64(rows[number]) * PANEL
        factor = broadcast(coefficients[number])
        low = multiply_add(factor, load(table, at), low)
        high = multiply_add(factor, load(table, at + WIDTH), high)
        number += one
    low, high = add(add(low, low_1), add(low_2, low_3)), add(add(high, high_1), add(high_2, high_3))
    return low, high


@kernel(
    signature=types.void(*[_NUMBER] * 4, _STARTS, _INDEX, _FLOATS, _FLOATS, _NUMBER, _NUMBER, _OUT)
)
def sum_weights(
    first,
    last,
    first_panel,
    last_panel,
    starts,
    index,
    coefficients,
    weights,
    n_columns,
    units,
    out,
):
    """Set ``out[row] = sum(coefficient * weights[column])`` over the ratings of each row.

    The input layer where coefficients are ratings; and the gradient of the hidden units where
    they are the gradient of the output.

    Parameters
    ----------
    first, last : int
        Which rows of the batch.
    first_panel, last_panel : int
        Which units.
    starts : (n_batch + 1,) int64
    index : (n,) int32
        Column of each rating.
    coefficients : (n,) float32
    weights : (panels * n_columns * 32,) float32
        In panels.
    n_columns, units : int
    out : ((last - first) * units,) float32, modified in place
        One row after another, without padding.

    Notes
    -----
    Free of races as long as no other thread has the same rows and panels.
    """
    edge = np.empty(PANEL, np.float32)
    for panel in range(first_panel, last_panel):
        base = np.int64(panel) * n_columns * PANEL
        width = min(PANEL, units - panel * PANEL)
        for row in range(first, last):
            low, high = sum_panel_rows(
                starts[row], starts[row + 1], index, coefficients, weights, base
            )
            to = np.int64(row - first) * units + panel * PANEL
            if width == PANEL:
                store(out, to, low)
                store(out, to + WIDTH, high)
            else:
                store(edge, 0, low)
                store(edge, WIDTH, high)
                for lane in range(width):
                    out[to + lane] = edge[lane]


@kernel
def fill_panels(first, last, source, units, n_rows, panels):
    """Copy rows into panels, with zeros behind the last unit.

    Parameters
    ----------
    first, last : int
        Which rows of the panels.
    source : ((last - first) * units,) float32
    units, n_rows : int
        Units, and rows of each panel.
    panels : (panels * n_rows * 32,) float32, modified in place

    Notes
    -----
    Free of races as long as no other thread has the same rows.
    """
    for panel in range((units + PANEL - 1) // PANEL):
        width = min(PANEL, units - panel * PANEL)
        for row in range(first, last):
            at = np.int64(row - first) * units + panel * PANEL
            to = (np.int64(panel) * n_rows + row) * PANEL
            if width == PANEL:
                store(panels, to, load(source, at))
                store(panels, to + WIDTH, load(source, at + WIDTH))
            else:
                for lane in range(PANEL):
                    panels[to + lane] = source[at + lane] if lane < width else np.float32(0)


@kernel
def copy_panels(first, last, panels, units, n_rows, rows):
    """Copy panels into rows: the way back of `fill_panels`.

    Parameters
    ----------
    first, last : int
        Which rows of the panels.
    panels : (panels * n_rows * 32,) float32
    units, n_rows : int
        Units, and rows of each panel.
    rows : ((last - first) * units,) float32, modified in place

    Notes
    -----
    Free of races as long as no other thread has the same `rows`.
    """
    for panel in range((units + PANEL - 1) // PANEL):
        width = min(PANEL, units - panel * PANEL)
        for row in range(first, last):
            at = (np.int64(panel) * n_rows + row) * PANEL
            to = np.int64(row - first) * units + panel * PANEL
            for lane in range(width):
                rows[to + lane] = panels[at + lane]
