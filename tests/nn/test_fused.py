"""Fused layers compute what the layers compute one by one."""

import numpy as np
import pytest

from fastmf.nn.activations import RELU, SELU
from fastmf.nn.dropout import Dropout
from fastmf.nn.fused import FusedLayers, fused
from fastmf.nn.layers import Dense
from fastmf.nn.normalization import BatchNorm
from fastmf.nn.parameters import FlatParameters
from fastmf.nn.tape import FlatTape, Tape
from tests.nn.gradients import differences, in_float64

M, FIRST = 6, 10


def dense(n_inputs, n_outputs, activation=RELU, **settings):
    generator = np.random.default_rng(n_inputs)
    return Dense(n_inputs, n_outputs, generator=generator, activation=activation, **settings)


def layers(**settings):
    return [Dropout(0.2, number=0), dense(4, 5, **settings), Dropout(0.5, number=1), dense(5, 2)]


def passed(chain, x, dy, *, in_one):
    """Return output, gradient by the input, and gradients of the parameters."""
    chain = in_float64(FusedLayers(chain))
    flat = FlatParameters(chain.parameters)
    gradients = np.full(len(flat), 7.0)
    tape = Tape(
        slice(FIRST, FIRST + len(x)),
        100,
        flat=FlatTape(flat.value, gradients, flat.starts) if in_one else None,
        step=3,
        seed=2,
        dtype=np.float64,
    )
    y = chain.forward(x, tape).copy()
    dx = chain.backward(dy.copy(), tape).copy()
    return y, dx, [tape.gradient(one).copy() for one in chain.parameters]


@pytest.mark.parametrize("n_columns", [4, 7], ids=["contiguous", "a range of columns"])
def test_in_one_as_one_by_one(n_columns):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((M, n_columns))[:, -4:], rng.standard_normal((M, 2))
    assert x.flags.c_contiguous == (n_columns == 4)
    one, other = (passed(layers(), x, dy, in_one=in_one) for in_one in (True, False))
    for found, expected in zip([*one[:2], *one[2]], [*other[:2], *other[2]], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_gradients():
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((M, 4)), rng.standard_normal((M, 2))

    def loss():
        return float((passed(layers(), x, dy, in_one=True)[0] * dy).sum())

    dx = passed(layers(), x, dy, in_one=True)[1]
    np.testing.assert_allclose(dx, differences(x, loss), rtol=1e-7, atol=1e-9)


def test_without_a_gradient_by_the_input():
    x, dy = np.ones((M, 4)), np.ones((M, 2))
    _, dx, gradients = passed([dense(4, 2, input_gradient=False)], x, dy, in_one=True)
    assert dx.shape == (M, 0)
    _, _, expected = passed([dense(4, 2)], x, dy, in_one=True)
    np.testing.assert_array_equal(gradients[0], expected[0])


def test_which_layers_go_together():
    norm, selu = BatchNorm(3), dense(3, 3, SELU)
    bare = dense(3, 3, RELU, bias=False)
    first, second, last = dense(3, 3), Dropout(0.5), dense(3, 3)
    found = fused([first, second, norm, selu, bare, Dropout(0.0), last])
    assert [type(one).__name__ for one in found] == [
        "FusedLayers",
        "BatchNorm",
        "Dense",
        "Dense",
        "Dropout",
        "FusedLayers",
    ]
    assert found[0].layers == (first, second)
    assert found[-1].layers == (last,)
    assert fused([]) == []
