"""Losses against their formulas, and their gradients against central differences."""

import numpy as np
import pytest

from fastmf.errors import ParameterError
from fastmf.nn.losses import LOSSES, loss_named
from tests.nn.gradients import differences

N = 7


def softmax_loss(y, t):
    return -np.log(np.exp(y) / np.exp(y).sum(axis=1, keepdims=True))[np.arange(len(t)), t]


def sigmoid_loss(y, t):
    p = 1 / (1 + np.exp(-y))
    return -t * np.log(p) - (1 - t) * np.log(1 - p)


FORMULAS = {
    "mse": lambda y, t: (y - t) ** 2,
    "mae": lambda y, t: np.abs(y - t),
    "rmse": lambda y, t: (y - t) ** 2,
    "bce": sigmoid_loss,
    "cross_entropy": softmax_loss,
}


def case(name, dtype=np.float64):
    rng = np.random.default_rng(0)
    if name == "cross_entropy":
        return rng.standard_normal((N, 4)).astype(dtype), rng.integers(0, 4, N)
    target = rng.random(N) if name == "bce" else rng.standard_normal(N)
    return rng.standard_normal(N).astype(dtype), target.astype(dtype)


def value_and_gradient(name, output, target, weight=1.0):
    """Return loss and gradient of a batch that is cut into two shards."""
    loss = loss_named(name)
    gradient = np.full_like(output, 7)
    mean = 0.0
    for rows in (slice(0, 3), slice(3, N)):
        part = weight[rows] if isinstance(weight, np.ndarray) else weight
        shard = output[rows], target[rows], N, gradient[rows]
        mean += loss.value_and_gradient(*shard, part)
    value, factor = loss.of_mean(mean)
    return value, gradient * factor


@pytest.mark.parametrize("weight", [1.0, 0.3, np.linspace(0, 2, N)], ids=["1", "0.3", "rows"])
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient(name, weight):
    output, target = case(name)
    value, gradient = value_and_gradient(name, output, target, weight)
    expected = (weight * FORMULAS[name](output, target)).mean()
    assert value == pytest.approx(np.sqrt(expected) if name == "rmse" else expected, rel=1e-12)

    def loss():
        return value_and_gradient(name, output, target, weight)[0]

    np.testing.assert_allclose(gradient, differences(output, loss), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_float32_stays_float32_and_column_views_will_do(name):
    output, target = case(name, np.float32)
    wide = np.zeros((*output.shape, 2), np.float32)
    loss = loss_named(name)
    loss.value_and_gradient(output, target, N, wide[..., 1])
    own = np.zeros_like(output)
    loss.value_and_gradient(output, target, N, own)
    np.testing.assert_array_equal(wide[..., 1], own)
    assert not wide[..., 0].any()


@pytest.mark.parametrize("name", ["bce", "cross_entropy"])
def test_large_scores_do_not_overflow(name):
    output, target = case(name, np.float32)
    with np.errstate(over="raise", invalid="raise"):
        value, gradient = value_and_gradient(name, output * 1000, target)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_no_error_at_all_has_no_gradient():
    output = np.ones(N)
    value, gradient = value_and_gradient("rmse", output, output.copy())
    assert value == 0
    assert not gradient.any()


def test_unknown_losses_are_refused():
    with pytest.raises(ParameterError, match="loss is 'hinge', but it must be one of mse, mae"):
        loss_named("hinge")
