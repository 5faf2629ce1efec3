"""Hidden units in panels against the same layers by rows."""

import numpy as np
import pytest

from fastmf.models.autoencoder.network import AutoRecNetwork
from fastmf.models.autoencoder.parameters import AutoRecParameters
from fastmf.models.autoencoder.ratings import InputForm
from fastmf.models.autoencoder.units import PanelUnits, RowUnits, hidden_units
from fastmf.nn.parameters import FlatParameters
from fastmf.parallel import Team
from tests.reference.autoencoder import weight_panels

PARTS = [slice(0, 4), slice(4, 9)]
N_ROWS = PARTS[-1].stop


def network_of(**options):
    parameters = AutoRecParameters(**options)
    generator = np.random.default_rng(0)
    network = AutoRecNetwork(parameters, 7, InputForm(0.0, 0.0), generator)
    for one in network.trunk.parameters:
        one.value[:] = generator.standard_normal(one.value.shape)
    return network, FlatParameters(network.trunk.parameters)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"hidden": (40,)}, PanelUnits),
        ({"hidden": (40,), "dropout": 0.0}, PanelUnits),
        ({"hidden": (40,), "batch_norm": True}, RowUnits),
        ({"hidden": (40, 40)}, RowUnits),
    ],
)
def test_one_layer_without_a_norm_stays_in_panels(options, kind):
    network, flat = network_of(**options)
    assert isinstance(hidden_units(network, flat, Team(1), 0), kind)


@pytest.mark.parametrize("activation", ["linear", "relu", "sigmoid", "tanh", "selu"])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_panels_and_rows_come_to_the_same(activation, dropout):
    network, flat = network_of(hidden=(45,), activation=activation, dropout=dropout)
    by_panel = hidden_units(network, flat, Team(1), 5)
    by_row = RowUnits(network, flat, Team(2), 5)
    generator = np.random.default_rng(1)
    sums, gradients = generator.standard_normal((2, N_ROWS, 45)).astype(np.float32)
    found = []
    for units in (by_panel, by_row):
        units.begin(PARTS, 3)
        units.sums[:] = weight_panels.to_panels(sums)
        for panel in range(2):
            units.forward_panel(panel)
        units.forward()
        codes = units.codes.copy()
        units.code_gradients[:] = weight_panels.to_panels(gradients)
        for panel in range(2):
            units.backward_panel(panel)
        units.backward()
        found.append((codes, units.sum_gradients, units.gradient()))
    assert (found[0][0] == 0).any()
    for panels, rows in zip(*found, strict=True):
        np.testing.assert_allclose(panels, rows, rtol=1e-5, atol=1e-6)
