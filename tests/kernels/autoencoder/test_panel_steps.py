"""Steps of touched columns against the optimizers' formulas in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.autoencoder import panel_steps as kernels
from tests.reference.autoencoder import panel_steps as reference
from tests.reference.autoencoder import weight_panels as panels

CHECKED = settings(deadline=None, max_examples=30)
NOTHING = np.empty(0, np.float32)
N_ROWS = 9


METHODS = [kernels.ADAM, kernels.MOMENTUM, kernels.RPROP]
# Growth and shrinkage of RProp that its limits below are soon met with.
NUMBERS = {
    kernels.ADAM: (0.01, 0.9, 0.999, 1e-8),
    kernels.MOMENTUM: (0.01, 0.8, 0, 0),
    kernels.RPROP: (0.01, 1.5, 0.25, 0),
}


def rules_of(method, regularization=0.1, decay=0.05):
    floats = map(np.float32, (*NUMBERS[method], regularization, decay, 1e-3, 0.02))
    return kernels.StepRules(np.int64(method), *floats)


class Columns:
    """Weights of columns with their moments, beside the twins'."""

    def __init__(self, n, units, seed):
        self.rng = np.random.default_rng(seed)
        self.n, self.units = n, units
        self.weights = self.rng.standard_normal((n, units)).astype(np.float32)
        self.own = [panels.to_panels(self.weights), *(self.zeros() for _ in range(2))]
        self.twin = [self.weights.astype(np.float64), *np.zeros((2, n, units))]
        self.bias, self.twin_bias = np.zeros((3, n), np.float32), np.zeros((3, n, 1))
        self.clocks, self.rates = np.zeros(n, np.int32), np.zeros((2, n), np.float32)

    def zeros(self):
        return np.zeros_like(panels.to_panels(self.weights))

    def batch(self, counts):
        """Return random ratings by column: starts, rows, two coefficients each."""
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = self.rng.integers(0, N_ROWS, starts[-1]).astype(np.int32)
        return starts, rows, *self.rng.standard_normal((2, starts[-1])).astype(np.float32)

    def step(self, rules, counts, *, twice):
        """Take a step on either way."""
        starts, rows, one, two = self.batch(counts)
        sources = self.rng.standard_normal((2, N_ROWS, self.units)).astype(np.float32)
        flat = [panels.to_panels(source) for source in sources]
        first = one, flat[0]
        second = (two, flat[1]) if twice else (NOTHING, NOTHING)
        n_panels = len(flat[0]) // (N_ROWS * panels.PANEL)
        for part in ((0, self.n // 2), (self.n // 2, self.n)):
            tables = kernels.bias_corrections(rules, 10)
            kernels.start_steps(*part, starts, rules, *tables, self.clocks, *self.rates)
            for panels_part in ((0, n_panels // 2), (n_panels // 2, n_panels)):
                given = *first, *second, N_ROWS, *panels_part
                kernels.step_columns(*part, starts, rows, *given, rules, *self.rates, *self.own)
            kernels.step_biases(*part, starts, one, rules, *self.rates, *self.bias)
        gradient = reference.gradients(starts, rows, one, sources[0])
        if twice:
            gradient += reference.gradients(starts, rows, two, sources[1])
        touched = np.diff(starts) > 0
        reference.step(gradient, touched, rules, self.clocks, *self.twin)
        sums = reference.gradients(starts, rows, one, np.ones((N_ROWS, 1)))
        given = sums, touched, rules, self.clocks
        reference.step(*given, *self.twin_bias, regularized=False)
        return touched

    def check(self):
        found = panels.from_panels(self.own[0], self.n, self.units)
        np.testing.assert_allclose(found, self.twin[0], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(self.bias[0], self.twin_bias[0, :, 0], rtol=1e-4, atol=1e-4)


@CHECKED
@given(
    st.sampled_from(METHODS),
    st.booleans(),
    st.integers(1, 70),
    st.lists(st.lists(st.integers(0, 5), min_size=6, max_size=6), min_size=1, max_size=4),
    st.integers(0, 10**6),
)
def test_steps_are_those_of_the_formula(method, twice, units, batches, seed):
    columns = Columns(6, units, seed)
    rules = rules_of(method)
    steps = np.zeros(6)
    for counts in batches:
        steps += columns.step(rules, counts, twice=twice)
        columns.check()
    np.testing.assert_array_equal(columns.clocks, steps)


@pytest.mark.parametrize("method", METHODS)
def test_a_column_without_ratings_keeps_its_bits(method):
    columns = Columns(6, 40, 0)
    columns.step(rules_of(method), [3] * 6, twice=False)
    before = [array.copy() for array in columns.own]
    columns.step(rules_of(method), [1, 0, 2, 0, 0, 1], twice=False)
    untouched = [1, 3, 4]
    for array, kept in zip(columns.own, before, strict=True):
        new, old = (panels.from_panels(one, 6, 40) for one in (array, kept))
        np.testing.assert_array_equal(new[untouched], old[untouched])
        if array is columns.own[0]:
            assert (new[0] != old[0]).any()


def test_the_first_step_of_adam_has_the_length_of_the_rate():
    columns = Columns(6, 40, 0)
    rules = rules_of(kernels.ADAM, regularization=0.0, decay=0.0)
    columns.step(rules, [4] * 6, twice=False)
    moved = panels.from_panels(columns.own[0], 6, 40) - columns.weights
    np.testing.assert_allclose(np.abs(moved), rules.rate, rtol=1e-3)


def test_what_is_not_finite_reaches_the_weights_of_rprop():
    columns = Columns(1, 16, 0)
    columns.own[0][3] = np.nan
    columns.step(rules_of(kernels.RPROP), [2], twice=False)
    assert np.isnan(columns.own[0][3])
    assert np.isfinite(columns.own[0][:3]).all()
