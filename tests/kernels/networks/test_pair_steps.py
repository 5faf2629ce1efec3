"""Steps compiled from end to end against dense Adam of everything, in float64."""

import numpy as np
import pytest

from fastmf.parallel import Team
from tests.kernels.networks.pair_networks import Case
from tests.reference.networks import pair_steps as reference

SETTINGS = {
    "plain": {},
    "linear first layer": {"hidden": (18,), "activation": "linear"},
    "wide": {"hidden": (33, 16, 5)},
    "dropout": {"dropout": 0.3},
    "norms": {"batch_norm": True},
    "one norm": {"batch_norm": True, "hidden": (20,), "dropout": 0.2},
    "residual": {"batch_norm": True, "dropout": 0.2, "biased": True},
    "biased, no norms": {"biased": True},
    "penalties": {"biased": True, "l2": 0.03, "pull": 0.02},
    "weight decay": {"decay": 0.5},
}
SIZES = [300, 300, 1100, 7, 300, 2, 300]


@pytest.mark.parametrize("name", SETTINGS)
def test_steps(name):
    case = Case(SIZES, **SETTINGS[name])
    rates = 0.001 * np.arange(1, len(SIZES) + 1)
    assert isinstance(case.twin, reference.Network)
    with Team(2) as team:
        losses = [
            case.take(case.batches[:3], rates[:3], team),
            case.take(case.batches[3:], rates[3:], team),
        ]
        case.group.finish(team)
    sizes = SIZES[:3], SIZES[3:]
    loss = sum(one * sum(of) for one, of in zip(losses, sizes, strict=True)) / sum(SIZES)
    assert loss == pytest.approx(case.take_twin(case.batches, rates), rel=1e-4)
    # A step is of the size of its rate, however small the gradient: 1% of the rates is rounding.
    for found, expected in zip(case.values(), case.twin.values, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.01 * rates.sum())
        assert np.sqrt(np.mean((found - expected) ** 2)) < 5e-6


@pytest.mark.parametrize("name", ["dropout", "residual", "weight decay"])
def test_the_same_bits_for_any_number_of_threads(name):
    found = []
    for threads in (1, 2, 3, 5):
        case = Case(SIZES, **SETTINGS[name])
        with Team(threads) as team:
            loss = case.take(case.batches, np.full(len(SIZES), 0.01), team)
            case.group.finish(team)
        found.append([loss, *case.values()])
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


def test_more_steps_than_are_remembered():
    case, same = Case([8] * 9), Case([8] * 9)
    rates = np.full(9, 0.01)
    with Team(1) as team:
        case.take(case.batches, rates, team)
        for part in (slice(0, 4), slice(4, 9)):
            same.take(same.batches[part], rates[part], team)
            same.group.finish(team)
        case.group.finish(team)
    for one, other in zip(case.values(), same.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_no_weight_that_a_penalty_pulls_to_0_is_left_denormal():
    case = Case([8] * 3000, pull=0.1)
    with Team(1) as team:
        for first in range(0, 3000, 1000):
            case.take(case.batches[first : first + 1000], np.full(1000, 0.01), team)
    sizes = np.abs(case.flat.value)
    assert np.median(sizes) < 1e-6
    assert not ((sizes > 0) & (sizes < np.finfo(np.float32).tiny)).any()


def test_no_row_of_the_table():
    case = Case([8])
    case.batches[0][1][3] = 12
    with Team(1) as team, pytest.raises(IndexError, match="no row 12 in an embedding table of 12"):
        case.take(case.batches, [0.01], team)
