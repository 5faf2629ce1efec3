"""Adam on a few rows at a time against Adam on all."""

import numpy as np
import pytest

from fastmf.nn.optimizers import Adam
from tests.kernels.networks.lazy_steps import largest_differences, smallest_kept
from tests.reference.networks import lazy_adam as reference


@pytest.mark.parametrize("sizes", [(-9, 3), (-9, -6), (-5, -4)])
@pytest.mark.parametrize(
    "settings",
    [
        Adam(),
        Adam(weight_decay=0.1),
        Adam(weight_decay=30.0),
        Adam(0.95, 0.98, epsilon=1e-4),
        Adam(0.99, 0.9999),
        Adam(0.0, 0.999),
        Adam(0.9, 0.9),  # polynomials are too rough: steps are added up
        Adam(0.9, 0.8, weight_decay=1.0),
    ],
    ids=str,
)
def test_rows_are_those_of_dense_adam_to_rounding(settings, sizes):
    differences = largest_differences(
        settings,
        reference.Dense,
        n_steps=400,
        rate=lambda number: 1e-3 * (1 - number / 400) + 1e-5,
        sizes=sizes,
    )
    assert differences.max() < 6e-7


@pytest.mark.parametrize(
    ("settings", "pull"),
    [
        (Adam(), 0.0),
        (Adam(), 10.0),
        (Adam(0.9, 0.9), 0.0),
        (Adam(weight_decay=5.0), 0.0),
    ],
    ids=str,
)
def test_nothing_is_left_of_what_only_fades(settings, pull):
    assert smallest_kept(settings, pull=pull) > 1000 * np.finfo(np.float32).tiny
