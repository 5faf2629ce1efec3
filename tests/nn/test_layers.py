"""Dense layers and activations, forward and back."""

import numpy as np
import pytest

from fastmf.errors import ParameterError
from fastmf.nn.activations import ACTIVATIONS, Activate, activation_named
from fastmf.nn.initial import INITIAL, initial_weights
from fastmf.nn.layers import Dense
from fastmf.nn.sequential import Sequential
from fastmf.nn.tape import Tape
from tests.nn.gradients import check_gradients

FORMULAS = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "selu": lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * (np.exp(z) - 1)),
}


def generator():
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("outputs", [1, 4])
def test_gradients_of_a_dense_layer(name, outputs):
    layer = Dense(3, outputs, generator=generator(), activation=activation_named(name))
    check_gradients(Sequential([layer]), 3)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_of_an_activation_on_its_own_and_of_a_layer_without_bias(name):
    dense = Dense(3, 4, generator=generator(), bias=False)
    assert dense.parameters == (dense.weights,)
    check_gradients(Sequential([dense, Activate(activation_named(name))]), 3)
    check_gradients(
        Sequential(
            [Dense(3, 4, generator=generator(), bias=False, activation=activation_named(name))]
        ),
        3,
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_what_a_dense_layer_computes(name):
    layer = Dense(3, 5, generator=generator(), activation=activation_named(name))
    layer.bias.assign(np.linspace(-1, 1, 5))
    x = generator().standard_normal((4, 3)).astype(np.float32)
    y = layer.forward(x, Tape(slice(0, 4), 4))
    expected = FORMULAS[name](x.astype(np.float64) @ layer.weights.value + layer.bias.value)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    assert y.dtype == np.float32


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_take_large_scores(name):
    z = np.array([[-1e4, -100, 100, 1e4]], np.float32)
    with np.errstate(over="raise", invalid="raise"):
        y = z.copy()
        activation_named(name).forward(y, np.zeros(4, np.float32))
    assert np.isfinite(y).all()


def test_a_first_layer_without_gradient_by_its_input():
    layer = Dense(3, 2, generator=generator(), input_gradient=False)
    tape = Tape(slice(0, 4), 4)
    x = generator().standard_normal((4, 3)).astype(np.float32)
    layer.forward(x, tape)
    dy = np.ones((4, 2), np.float32)
    assert layer.backward(dy, tape).shape == (4, 0)
    np.testing.assert_allclose(tape.gradient(layer.weights), x.T @ dy, rtol=1e-5)


@pytest.mark.parametrize(
    ("initial", "variance"),
    [("glorot", 2 / 500), ("he", 2 / 300), ("lecun", 1 / 300), ("normal", 0.05**2)],
)
def test_initial_weights_have_the_variance_of_their_paper(initial, variance):
    weights = initial_weights(generator(), 300, 200, initial)
    assert weights.shape == (300, 200)
    assert weights.dtype == np.float32
    assert weights.mean() == pytest.approx(0, abs=6 * np.sqrt(variance / weights.size))
    assert weights.var() == pytest.approx(variance, rel=0.05)
    assert initial in INITIAL


def test_unknown_names_are_refused():
    with pytest.raises(ParameterError, match="activation is 'gelu', but it must be one of linear"):
        activation_named("gelu")
    with pytest.raises(ParameterError, match="initial is 'zeros', but it must be one of glorot"):
        Dense(1, 1, generator=generator(), initial="zeros")
