"""What is remembered of steps against sums over them."""

import numpy as np
import pytest

from fastmf.kernels.networks.step_history import (
    CENTER,
    DEGREE,
    TOO_ROUGH,
    fade_steps,
    remember_step,
)
from fastmf.nn.adam_rows import AdamSteps
from fastmf.nn.optimizers import SGD, Adam
from fastmf.nn.other_rows import MomentumSteps
from tests.reference.networks import step_history as reference

N_STEPS = 400


def taken(steps, rates):
    """Have steps taken of one table with weight decay in one of two columns."""
    steps.state(np.zeros(16, np.float32), 16, np.array([True, False]))
    for rate in rates:
        steps.begin_step(rate)
        steps.remember_step()
    return steps


@pytest.mark.parametrize("decay", [0.0, 3.0])
@pytest.mark.parametrize(
    "betas", [(0.9, 0.999), (0.95, 0.98), (0.9, 0.9), (0.99, 0.9999), (0.5, 0.99)]
)
def test_polynomials_are_sums_over_steps_or_known_to_be_rough(betas, decay):
    generator = np.random.default_rng(5)
    rates = 1e-3 * generator.uniform(0, 2, N_STEPS)
    steps = taken(AdamSteps(Adam(*betas, weight_decay=decay)), rates)
    lines = (steps._fading if decay else steps._plain).lines
    kept = 1 - rates * decay
    squares = 10.0 ** np.arange(-30, 8, 2.0)
    n_exact = 0
    for before in [1, 2, 3, 5, 10, 30, 100, 250, 390, 398, 399]:
        if lines[before, TOO_ROUGH]:
            continue
        n_exact += 1
        stop = min(N_STEPS, before + steps._window)
        center, roots = np.float64(lines[before, CENTER]), np.sqrt(squares)
        z = (center - roots) / (center + roots)
        found = np.polyval(lines[before, DEGREE::-1].astype(np.float64), z) / (center + roots)
        own = slice(before, stop)
        expected = reference.adam_distance(
            1.0, squares, before, rates[own], kept[own], *betas, steps._settings.epsilon
        )
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert n_exact >= (10 if betas in {(0.9, 0.999), (0.5, 0.99)} else 3)


def test_usual_betas_never_need_sums():
    steps = taken(AdamSteps(Adam()), np.full(N_STEPS, 1e-3))
    assert not steps._plain.lines[1:, TOO_ROUGH].any()


@pytest.mark.parametrize("nesterov", [False, True])
def test_moves_of_a_velocity_are_sums_over_steps(nesterov):
    rates = np.random.default_rng(6).uniform(0, 0.1, N_STEPS)
    steps = taken(MomentumSteps(SGD(0.9, nesterov, weight_decay=0.5)), rates)
    for moves, kept in ((steps._fading, 1 - 0.5 * rates), (steps._plain, np.ones(N_STEPS))):
        for before in [0, 1, 7, 200, 398, 399]:
            own = slice(before, min(N_STEPS, before + steps._window))
            expected = reference.momentum_distance(rates[own], kept[own], 0.9)
            np.testing.assert_allclose(
                moves[before], expected * (0.9 if nesterov else 1), rtol=1e-6
            )


def test_decay_of_all_steps_before():
    kept = np.random.default_rng(7).uniform(0.9, 1, 30)
    decays, losses = np.ones(40), np.zeros(40, np.float32)
    for now, keep in enumerate(kept, 1):
        fade_steps(now, keep, decays, losses)
    expected = np.append(reference.fades(kept), np.ones(9))
    np.testing.assert_allclose(decays, expected, rtol=1e-12)
    np.testing.assert_allclose(losses, expected - 1, rtol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 3.0])
def test_steps_that_were_announced_are_remembered_alike(decay):
    rates = 1e-3 * np.random.default_rng(5).uniform(0, 2, 60)
    one_by_one = taken(AdamSteps(Adam(weight_decay=decay)), rates)
    announced = taken(AdamSteps(Adam(weight_decay=decay)), rates[:10])
    remembered = announced.announce(rates[10:])
    for number in range(50):
        remember_step(remembered, number, 11 + number, announced._window)
    for name in ("lines", "series", "bounds"):
        for kind in ("_plain", "_fading"):
            found = getattr(getattr(announced, kind), name)
            np.testing.assert_array_equal(found, getattr(getattr(one_by_one, kind), name))
    np.testing.assert_array_equal(announced._losses, one_by_one._losses)
    np.testing.assert_array_equal(announced._steps, one_by_one._steps)
