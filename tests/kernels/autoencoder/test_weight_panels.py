"""The sparse input against dense products, and panels against rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.autoencoder import weight_panels as kernels
from tests.kernels.rated_rows import random_rows, values_of
from tests.reference.autoencoder import weight_panels as reference

CHECKED = settings(deadline=None, max_examples=40)
N_COLUMNS = 25
COUNTS = st.lists(st.integers(0, N_COLUMNS), min_size=1, max_size=6)
UNITS = st.integers(1, 100)
SEEDS = st.integers(0, 10**6)


class Case:
    """A batch of random ratings, weights of its columns and codes of its rows."""

    def __init__(self, counts, units, seed):
        rng = np.random.default_rng(seed)
        rated = random_rows(counts, N_COLUMNS, seed)
        self.starts, self.columns = rated.starts, rated.other_index.copy()
        self.values = values_of(rated)
        self.n_rows, self.units = len(counts), units
        self.weights = rng.standard_normal((N_COLUMNS, units)).astype(np.float32)
        self.codes = rng.standard_normal((self.n_rows, units)).astype(np.float32)
        self.panels = reference.to_panels(self.weights)

    def in_parts(self):
        """Yield the rows in two parts, as two threads would take them."""
        middle = self.n_rows // 2
        return [(0, middle), (middle, self.n_rows)]

    def panel_parts(self):
        """Yield the panels in two parts."""
        n = kernels.panels_of(self.units)
        return [(0, n // 2), (n // 2, n)]


@pytest.mark.parametrize("units", [1, 31, 32, 33, 64, 500])
def test_panels_hold_all_units(units):
    assert (kernels.panels_of(units) - 1) * kernels.PANEL < units
    assert units <= kernels.panels_of(units) * kernels.PANEL


@CHECKED
@given(COUNTS, UNITS, SEEDS)
def test_the_input_layer_is_a_dense_product(counts, units, seed):
    case = Case(counts, units, seed)
    expected = reference.sum_weights(case.starts, case.columns, case.values, case.weights)
    for first, last in case.in_parts():
        out = np.full((last - first, units), np.nan, np.float32)
        for panels in case.panel_parts():
            rated = case.starts, case.columns, case.values
            table = case.panels, N_COLUMNS, units
            kernels.sum_weights(first, last, *panels, *rated, *table, out.reshape(-1))
        np.testing.assert_allclose(out, expected[first:last], rtol=1e-4, atol=1e-4)


@CHECKED
@given(COUNTS, UNITS, SEEDS)
def test_rows_go_into_panels_with_zeros_behind_them_and_back(counts, units, seed):
    case = Case(counts, units, seed)
    expected = reference.to_panels(case.codes)
    panels = np.full(len(expected), np.nan, np.float32)
    for first, last in case.in_parts():
        part = case.codes[first:last].ravel()
        kernels.fill_panels(first, last, part, units, case.n_rows, panels)
    np.testing.assert_array_equal(panels, expected)
    np.testing.assert_array_equal(reference.from_panels(panels, case.n_rows, units), case.codes)
    rows = np.full_like(case.codes, np.nan)
    for first, last in case.in_parts():
        part = rows[first:last].reshape(-1)
        kernels.copy_panels(first, last, panels, units, case.n_rows, part)
    np.testing.assert_array_equal(rows, case.codes)
