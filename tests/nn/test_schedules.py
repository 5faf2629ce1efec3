"""Learning rates by step."""

import math
from itertools import pairwise

import pytest

from fastmf.errors import ParameterError
from fastmf.nn.schedules import SCHEDULES, LearningRate

N = 100


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", {0: 1, 50: 1, 99: 1}),
        ("linear", {0: 1, 50: 0.5, 99: 0.01}),
        ("cosine", {0: 1, 50: 0.5, 75: (1 - math.sqrt(0.5)) / 2}),
        ("step", {0: 1, 33: 1, 34: 0.1, 66: 0.1, 67: 0.01, 99: 0.01}),
    ],
)
def test_shapes(schedule, expected):
    rate = LearningRate(0.5, schedule)
    for step, part in expected.items():
        assert rate.at(step, N) == pytest.approx(0.5 * part)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rates_rise_while_warming_up_and_never_after(schedule):
    rates = [LearningRate(0.5, schedule, warm_up=0.1).at(step, N) for step in range(N)]
    assert rates[0] == pytest.approx(0.5 / 11)
    assert all(one < other for one, other in pairwise(rates[:10]))
    assert all(one >= other for one, other in pairwise(rates[10:]))
    assert rates[10] == LearningRate(0.5, schedule).at(10, N)
    assert min(rates) > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": 0}, "learning_rate is 0, but it must be above 0"),
        ({"start": math.nan}, "learning_rate is nan, but"),
        ({"start": math.inf}, "learning_rate is inf, but"),
        ({"start": 1, "schedule": "cubic"}, "schedule is 'cubic', but it must be one of constant"),
        ({"start": 1, "warm_up": 1}, "warm_up is 1, but it must be from 0 to below 1"),
        ({"start": 1, "warm_up": -0.1}, "warm_up is -0.1, but"),
    ],
)
def test_settings_outside_the_limits_are_refused(settings, message):
    with pytest.raises(ParameterError, match=message):
        LearningRate(**settings)
