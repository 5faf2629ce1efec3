"""Sums and products over ratings by column against dense, masked products."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.autoencoder import column_products as kernels
from fastmf.kernels.autoencoder.weight_panels import panels_of
from tests.kernels.rated_rows import random_rows, values_of
from tests.reference.autoencoder import column_products as reference
from tests.reference.autoencoder import weight_panels as panels

CHECKED = settings(deadline=None, max_examples=40)
N_ROWS = 40  # more than two groups of sixteen ratings
COUNTS = st.lists(st.integers(0, N_ROWS), min_size=1, max_size=6)
UNITS = st.integers(1, 200)
SEEDS = st.integers(0, 10**6)


class Case:
    """Random ratings of some columns, their weights, and codes of the rows."""

    def __init__(self, counts, units, seed):
        rng = np.random.default_rng(seed)
        rated = random_rows(counts, N_ROWS, seed)
        self.rated = rated.starts, rated.other_index.copy()
        self.values, self.units = values_of(rated), units
        self.weights = rng.standard_normal((len(counts), units)).astype(np.float32)
        self.codes = rng.standard_normal((N_ROWS, units)).astype(np.float32)
        self.bias = rng.standard_normal(len(counts)).astype(np.float32)
        self.panels = panels.to_panels(self.weights)

    def panel_parts(self):
        """Yield the panels in two parts, as two threads would take them."""
        n = panels_of(self.units)
        return [(0, n // 2), (n // 2, n)]

    def products(self):
        found = np.full((2, len(self.values)), np.nan, np.float32)
        table = self.panels, panels.to_panels(self.codes), N_ROWS
        for part, to in zip(self.panel_parts(), found, strict=True):
            if part[0] < part[1]:
                kernels.column_products(*part, *self.rated, *table, to)
            else:
                to[:] = 0
        return found


@CHECKED
@given(COUNTS, UNITS, SEEDS)
def test_sums_over_the_ratings_of_a_row_are_a_dense_product(counts, units, seed):
    case = Case(counts, units, seed)
    expected = reference.add_columns(*case.rated, case.values, case.weights, N_ROWS)
    out = np.full(panels_of(units) * N_ROWS * panels.PANEL, np.nan, np.float32)
    for part in case.panel_parts():
        kernels.add_columns(*part, *case.rated, case.values, case.panels, N_ROWS, out)
    found = panels.from_panels(out, N_ROWS, units)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(out, panels.to_panels(found))


@CHECKED
@given(COUNTS, UNITS, SEEDS)
def test_outputs_are_dense_products_where_there_is_a_rating(counts, units, seed):
    case = Case(counts, units, seed)
    expected = reference.column_products(*case.rated, case.weights, case.codes)
    np.testing.assert_allclose(case.products().sum(axis=0), expected, rtol=1e-4, atol=1e-4)


@CHECKED
@given(COUNTS, SEEDS, st.booleans())
def test_errors_and_their_gradients(counts, seed, is_sigmoid):
    case = Case(counts, 70, seed)
    products, scale = case.products() * np.float32(0.2), np.float32(0.25)
    (starts, rows), middle = case.rated, len(counts) // 2
    centres = np.random.default_rng(seed).standard_normal(N_ROWS).astype(np.float32)
    form = kernels.OutputForm(np.bool_(is_sigmoid), *map(np.float32, (0.6, 1.2, -2.3, 3.6)))
    given = rows, centres, case.values, case.bias, form, scale
    expected = reference.column_errors(starts, *given, products.sum(axis=0))
    total = sum(
        kernels.column_errors(*part, starts, *given, products)
        for part in ((0, middle), (middle, len(counts)))
    )
    assert total == pytest.approx(expected[0], rel=1e-5)
    np.testing.assert_allclose(products[0], expected[1], rtol=1e-4, atol=1e-4)


def test_two_panels_at_once_are_one_after_the_other():
    case = Case([0, 1, 15, 16, 17, N_ROWS], 70, 0)
    rated, codes = case.rated, panels.to_panels(case.codes)
    together, apart = np.zeros((2, len(case.values)), np.float32)
    kernels.column_products(0, 3, *rated, case.panels, codes, N_ROWS, together)
    for panel in range(3):
        one = np.full_like(apart, np.nan)
        kernels.column_products(panel, panel + 1, *rated, case.panels, codes, N_ROWS, one)
        apart += one
    np.testing.assert_allclose(together, apart, rtol=1e-5, atol=1e-5)


def test_what_is_not_finite_shows():
    case = Case([N_ROWS, N_ROWS], 40, 0)
    case.codes[1, 7] = np.nan
    products = case.products().sum(axis=0)
    of_row = case.rated[1] == 1
    assert np.isfinite(products[~of_row]).all()
    assert np.isnan(products[of_row]).all()
