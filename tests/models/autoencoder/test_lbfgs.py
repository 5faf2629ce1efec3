"""L-BFGS on functions whose minimum is known, and on AutoRec's loss."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from fastmf.blas import one_blas_thread
from fastmf.errors import ParameterError
from fastmf.models.autoencoder.lbfgs import HISTORY, LimitedMemory, LimitedMemorySteps
from fastmf.models.autoencoder.parameters import AutoRecParameters
from tests.models import autorec_twin as twin
from tests.models.autoencoder.test_steps import Case

NETWORKS = [{"hidden": (5,)}, {"hidden": (6, 3), "activation": "tanh"}, {"tied": True}]


def minimized(function, gradient, start, steps):
    """Return where steps lead, in two arrays, and the function after each."""
    cut = len(start) // 2
    values = [start[:cut].copy(), start[cut:].copy()]

    def evaluate():
        x = np.concatenate(values)
        slopes = gradient(x)
        return function(x), [slopes[:cut], slopes[cut:]]

    minimizer = LimitedMemory(values, evaluate)
    losses = [minimizer.step() for _ in range(steps)]
    return np.concatenate(values), losses


def test_the_minimum_of_a_square_is_found():
    generator = np.random.default_rng(0)
    table = generator.standard_normal((60, 30))
    wanted = generator.standard_normal(30)
    target = table @ wanted

    def function(x):
        return float(np.sum((table @ x - target) ** 2))

    found, losses = minimized(
        function, lambda x: 2 * table.T @ (table @ x - target), 0 * wanted, 60
    )
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert (np.diff(losses) <= 0).all()


def test_the_valley_of_rosenbrock_is_followed_about_as_fast_as_by_scipy():
    start = np.full(10, -1.2)
    options = {"maxcor": HISTORY, "ftol": 0, "gtol": 1e-8}
    theirs = minimize(rosen, start, jac=rosen_der, method="L-BFGS-B", options=options)
    found, losses = minimized(rosen, rosen_der, start, 2 * theirs.nit)
    np.testing.assert_allclose(found, theirs.x, atol=1e-4)
    assert (np.diff(losses) <= 0).all()


def test_a_function_that_overflows_beyond_is_no_obstacle():
    def function(x):
        return float(x[0] ** 2 + x[1] ** 2) if abs(x).max() < 0.5 else math.nan

    found, _ = minimized(function, lambda x: 2 * x, np.array([0.4, -0.3]), 10)
    np.testing.assert_allclose(found, 0, atol=1e-6)


def test_at_a_minimum_nothing_moves():
    start = np.array([1.0, 2.0])
    found, losses = minimized(lambda x: 5.0, np.zeros_like, start, 3)
    np.testing.assert_array_equal(found, start)
    assert losses == [5.0] * 3


def trained(options, threads, steps):
    case = Case(options, threads)
    autorec = case.steps(regularization=0.1)
    limited = LimitedMemorySteps(autorec)
    with one_blas_thread(), case.team:
        errors = [limited.take(case.batch, 0.0) for _ in range(steps)]
    return case, autorec, errors


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_it_leads_to_where_the_gradient_of_autorec_is_small(options):
    case, autorec, _ = trained(options, 1, 150)
    slopes = [np.abs(gradient).max() for gradient in autorec.moments]
    before = Case(options)
    start = before.steps(regularization=0.1)
    start.take(before.batch, 0.0)
    begun = [np.abs(gradient).max() for gradient in start.moments]
    assert max(slopes) < 2e-3 * max(begun)
    for name, value in twin.parameters_of(case.network).items():
        assert np.isfinite(value).all(), name


def test_the_loss_is_that_of_errors_and_weights():
    case = Case({"hidden": (6, 3), "activation": "tanh"})
    steps = case.steps(regularization=0.3)
    expected = sum(
        np.sum(value**2) for name, value in case.given[0].items() if name.endswith("weights")
    )
    assert steps.penalty() == pytest.approx(0.15 * expected, rel=1e-5)


def test_the_same_bits_for_any_number_of_threads():
    one, three = (trained({"hidden": (40, 5)}, threads, 20) for threads in (1, 3))
    assert one[2] == three[2]
    for left, right in zip(one[1].values, three[1].values, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {},
            r"dropout is 0.3 and input_dropout is 0.2, but lbfgs .*; set dropout and input_dr.* 0",
        ),
        ({"dropout": 0.0}, "set input_dropout to 0"),
        ({"dropout": 0.0, "input_dropout": 0.0, "refeeding": True}, "set refeeding to 0"),
        ({"optimizer": "rprop", "batch_size": 9}, "takes all ratings in each step; leave it out"),
    ],
)
def test_what_whole_batches_cannot_have_is_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        AutoRecParameters(**{"optimizer": "lbfgs", **options})
