"""The ends of a network over ratings: a sparse input layer, and outputs at the rated cells alone.

Weights of `units` hidden units for each of `n` columns lie in *panels*: panel ``p`` holds units
``32 p`` to ``32 p + 31`` of all columns, one column after another, with zeros behind the last unit.
All sums run panel by panel, so what a sum draws on is one panel of 128 bytes a column, which stays
in the second-level cache while the ratings of many rows pass by. With whole rows of weights each
rating would fetch two kilobytes from further away.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from fastmf.kernels.compiled import kernel
from fastmf.kernels.vector_roots import add
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    first_of_quarter,
    load,
    multiply,
    multiply_add,
    store,
    sum_four,
    zeros,
)

__all__ = [
    "PANEL",
    "fill_panels",
    "panels_of",
    "sampled_errors",
    "sampled_products",
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
    # Two sums of each half, so that an addition seldom waits for the one before.
    low, high, more_low, more_high = zeros(), zeros(), zeros(), zeros()
    for number in range(first, last - 1, 2):
        at = base + np.int64(rows[number]) * PANEL
        factor = broadcast(coefficients[number])
        low = multiply_add(factor, load(table, at), low)
        high = multiply_add(factor, load(table, at + WIDTH), high)
        at = base + np.int64(rows[number + 1]) * PANEL
        factor = broadcast(coefficients[number + 1])
        more_low = multiply_add(factor, load(table, at), more_low)
        more_high = multiply_add(factor, load(table, at + WIDTH), more_high)
    if (last - first) % 2 == 1:
        at = base + np.int64(rows[last - 1]) * PANEL
        factor = broadcast(coefficients[last - 1])
        low = multiply_add(factor, load(table, at), low)
        high = multiply_add(factor, load(table, at + WIDTH), high)
    return add(low, more_low), add(high, more_high)


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


@njit
def _product(weights, at, low, high):
    return multiply_add(load(weights, at + WIDTH), high, multiply(load(weights, at), low))


@kernel
def sampled_products(
    first,
    last,
    first_panel,
    last_panel,
    starts,
    index,
    weights,
    n_columns,
    codes,
    n_rows,
    products,
):
    """Set the product of a row's units and a column's weights for each rating (SDDMM).

    Parameters
    ----------
    first, last, first_panel, last_panel, starts, index, weights, n_columns
        As for `sum_weights`.
    codes : (panels * n_rows * 32,) float32
        The hidden units of all rows of the batch, in panels.
    n_rows : int
        Rows of each panel of `codes`.
    products : (n,) float32, modified in place
        Set to the part of the products that these units have.

    Notes
    -----
    Free of races as long as no other thread has the same rows and `products`.
    """
    for rating in range(starts[first], starts[last]):
        products[rating] = np.float32(0)
    for panel in range(first_panel, last_panel):
        base = np.int64(panel) * n_columns * PANEL
        for row in range(first, last):
            at = (np.int64(panel) * n_rows + row) * PANEL
            low, high = load(codes, at), load(codes, at + WIDTH)
            stop = starts[row + 1]
            for rating in range(starts[row], stop, 4):
                # The last ratings of a row stand in for those behind it.
                second = min(rating + 1, stop - 1)
                third = min(rating + 2, stop - 1)
                fourth = min(rating + 3, stop - 1)
                sums = sum_four(
                    _product(weights, base + np.int64(index[rating]) * PANEL, low, high),
                    _product(weights, base + np.int64(index[second]) * PANEL, low, high),
                    _product(weights, base + np.int64(index[third]) * PANEL, low, high),
                    _product(weights, base + np.int64(index[fourth]) * PANEL, low, high),
                )
                products[rating] += first_of_quarter(sums, 0)
                if rating + 1 < stop:
                    products[rating + 1] += first_of_quarter(sums, 1)
                if rating + 2 < stop:
                    products[rating + 2] += first_of_quarter(sums, 2)
                if rating + 3 < stop:
                    products[rating + 3] += first_of_quarter(sums, 3)


@kernel
def sampled_errors(first, last, starts, index, values, bias, scale, places, products, by_column):
    """Turn products into gradients of the squared error; return its sum.

    Parameters
    ----------
    first, last, starts, index
        As for `sum_weights`.
    values : (n,) float32
        What the outputs should be.
    bias : (n_columns,) float32
        Of the outputs.
    scale : float32
        Of the gradients: ``scale * (product + bias - value)``.
    places : (n,) int32
        Of each rating in the order by column.
    products : (n_parts, n) float32, modified in place
        Parts of the products, whose sum counts. The first is replaced by the gradients.
    by_column : (n,) float32, modified in place
        Set to the gradients in the order by column.

    Returns
    -------
    float64
        Sum of the squared errors, rating by rating.
    """
    total = 0.0
    for rating in range(starts[first], starts[last]):
        output = products[0, rating]
        for part in range(1, products.shape[0]):
            output += products[part, rating]
        error = output + bias[index[rating]] - values[rating]
        total += np.float64(error) * np.float64(error)
        gradient = scale * error
        products[0, rating] = gradient
        by_column[places[rating]] = gradient
    return total
