"""A hidden layer in panels against its formula, and against the layers of networks."""

import numpy as np
import pytest

from fastmf.kernels.autoencoder import panel_units as kernels
from fastmf.kernels.networks.dropout import drop
from fastmf.nn.activations import ACTIVATIONS
from tests.reference.autoencoder import panel_units as reference
from tests.reference.autoencoder import weight_panels as panels

KEY = np.uint64(2**63 + 99)
N_ROWS = 6


class Case:
    """Sums of a few rows, with a gradient for each unit."""

    def __init__(self, activation, units, rate):
        rng = np.random.default_rng(units)
        self.activation, self.units = activation, units
        self.sums = 2 * rng.standard_normal((N_ROWS, units)).astype(np.float32)
        self.gradients = rng.standard_normal((N_ROWS, units)).astype(np.float32)
        self.bias = rng.standard_normal(units).astype(np.float32)
        self.dropout = KEY, np.uint32(rate * 2**32), np.float32(1 / (1 - rate))
        self.number = kernels.ACTIVATION_CODES[activation]
        n = len(panels.to_panels(self.sums)) // (N_ROWS * panels.PANEL)
        self.parts = [(0, n // 2), (n // 2, n)]

    def codes(self):
        out = panels.to_panels(self.sums)
        for part in self.parts:
            kernels.activate_panels(*part, self.number, self.bias, N_ROWS, *self.dropout, out)
        return out

    def derived(self):
        codes, out = self.codes(), panels.to_panels(self.gradients)
        bias_gradient = np.full(self.units, np.nan, np.float32)
        for part in self.parts:
            made = self.number, codes, N_ROWS, *self.dropout
            kernels.derive_panels(*part, *made, out, bias_gradient)
        return panels.from_panels(out, N_ROWS, self.units), bias_gradient

    def twin_of_dropout(self):
        key, threshold, scale = self.dropout
        return int(key), int(threshold), float(scale)


CASES = [
    (activation, units, rate)
    for activation in kernels.ACTIVATION_CODES
    for units, rate in ((1, 0.0), (32, 0.3), (45, 0.0), (70, 0.6))
]


def test_every_activation_of_networks_has_a_number():
    assert set(kernels.ACTIVATION_CODES) == set(ACTIVATIONS)


@pytest.mark.parametrize(("activation", "units", "rate"), CASES)
def test_codes_are_those_of_the_formula_with_zeros_behind_them(activation, units, rate):
    case = Case(activation, units, rate)
    found = case.codes()
    expected = reference.activate(activation, case.sums, case.bias, *case.twin_of_dropout())
    rows = panels.from_panels(found, N_ROWS, units)
    np.testing.assert_allclose(rows, expected, rtol=2e-6, atol=1e-6)
    np.testing.assert_array_equal(found, panels.to_panels(rows))


@pytest.mark.parametrize(("activation", "units", "rate"), CASES)
def test_gradients_are_those_of_the_formula(activation, units, rate):
    case = Case(activation, units, rate)
    given = case.sums, case.bias, case.gradients, *case.twin_of_dropout()
    expected = reference.derive(activation, *given)
    found, bias_gradient = case.derived()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bias_gradient, expected.sum(axis=0), rtol=1e-4, atol=1e-5)


def test_what_is_dropped_is_what_the_layer_of_networks_drops():
    case = Case("sigmoid", 70, 0.4)
    expected = np.ones((N_ROWS, 70), np.float32)
    key, threshold, scale = case.dropout
    drop(expected, key, 0, threshold, scale, expected)
    found = panels.from_panels(case.codes(), N_ROWS, 70)
    np.testing.assert_array_equal(found != 0, expected != 0)
    assert (found == 0).any()


def test_what_is_not_finite_shows():
    case = Case("sigmoid", 40, 0.0)
    case.sums[2, 7] = np.nan
    found = panels.from_panels(case.codes(), N_ROWS, 40)
    assert np.isnan(found[2, 7])
    assert np.isfinite(np.delete(found, 2, axis=0)).all()
