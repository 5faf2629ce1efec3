"""AdaGrad on a few rows at a time against all rows at once."""

import numpy as np
import pytest

from fastmf.nn.optimizers import AdaGrad
from tests.kernels.networks.lazy_steps import largest_differences, smallest_kept
from tests.reference.networks import lazy_adagrad as reference


@pytest.mark.parametrize("settings", [AdaGrad(), AdaGrad(0.1), AdaGrad(weight_decay=0.5)], ids=str)
def test_rows_are_those_of_the_dense_optimizer_to_rounding(settings):
    differences = largest_differences(
        settings,
        reference.Dense,
        n_steps=300,
        rate=lambda number: 0.01 * (1 - number / 300),
        sizes=(-9, 3),
    )
    assert differences.max() < 2e-6


@pytest.mark.parametrize(
    ("settings", "pull"),
    [
        (AdaGrad(0.01), 10.0),
        (AdaGrad(weight_decay=5.0), 0.0),
    ],
    ids=str,
)
def test_nothing_is_left_of_what_only_fades(settings, pull):
    assert smallest_kept(settings, pull=pull) > 1000 * np.finfo(np.float32).tiny
