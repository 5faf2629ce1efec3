"""RProp on a few rows at a time against all rows at once."""

import pytest

from fastmf.nn.optimizers import RProp
from tests.kernels.networks.lazy_steps import largest_differences
from tests.reference.networks import lazy_rprop as reference


@pytest.mark.parametrize("settings", [RProp(), RProp(largest_step=0.02, weight_decay=0.5)], ids=str)
def test_rows_are_those_of_the_dense_optimizer_to_rounding(settings):
    differences = largest_differences(
        settings,
        reference.Dense,
        n_steps=300,
        rate=lambda number: 0.01 * (1 - number / 300),
        sizes=(-9, 3),
    )
    assert differences.max() < 2e-6
