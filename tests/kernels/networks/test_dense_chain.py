"""Chains of dense layers and dropouts against NumPy, a layer at a time."""

import numpy as np
import pytest

from fastmf.kernels.networks import dense_chain as kernels
from fastmf.kernels.networks.dropout import drop
from tests.reference.networks import dense_chain as reference

M, FIRST_ROW, RATE = 9, 40, 0.4
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


class Case:
    """A chain of ``(n_outputs, bias, rectified)``, or None for dropout, as both sides take it."""

    def __init__(self, n_inputs, chain):
        rng = np.random.default_rng(0)
        self.parameters = rng.standard_normal(500).astype(np.float32)
        self.x = rng.standard_normal((M, n_inputs)).astype(np.float32)
        rows, self.layers, width, at = [], [], n_inputs, 3
        keys = np.arange(len(chain), dtype=np.uint64)
        threshold, scale = np.uint32(RATE * 2**32), np.float32(1 / (1 - RATE))
        for layer, key in zip(chain, keys, strict=True):
            if layer is None:
                rows.append((kernels.DROP, width, width, 0, -1, 0))
                kept = np.ones((M, width), np.float32)
                drop(kept, key, FIRST_ROW, threshold, scale, kept)
                self.layers.append(kept)
                continue
            n_outputs, bias, rectified = layer
            size = width * n_outputs
            bias_at = at + size if bias else -1
            rows.append((kernels.DENSE, width, n_outputs, at, bias_at, rectified))
            weights = self.parameters[at : at + size].reshape(width, n_outputs)
            values = self.parameters[bias_at : bias_at + n_outputs] if bias else None
            self.layers.append((weights, values, rectified))
            at, width = at + size + n_outputs, n_outputs
        self.steps = np.array(rows, np.int64)
        thresholds, scales = np.full(len(chain), threshold), np.full(len(chain), scale)
        self.scratch = np.full(M * int(self.steps[:, 2].sum()), 7, np.float32)
        self.terms = self.steps, keys, thresholds, scales, FIRST_ROW, self.parameters

    def forward(self):
        kernels.chain_forward(*self.terms, self.x, self.scratch)


CHAINS = [
    (3, [(4, True, True)]),
    (3, [(4, True, False), (1, True, False)]),
    (3, [None, (5, True, True), None, (4, True, True), (1, True, False)]),
    (2, [(6, False, False), None]),
    (2, [None]),
    (4, [(1, True, True), (3, False, False), (2, True, True)]),
]


@pytest.fixture(params=CHAINS, ids=str)
def case(request):
    return Case(*request.param)


def test_forward(case):
    case.forward()
    expected = reference.chain_forward(case.layers, case.x)
    np.testing.assert_allclose(case.scratch, np.concatenate([y.ravel() for y in expected]), **CLOSE)


def backward(case, n_columns):
    case.forward()
    rng = np.random.default_rng(1)
    dy = rng.standard_normal((M, case.steps[-1, 2])).astype(np.float32)
    gradients = np.full_like(case.parameters, 7)
    room = np.full(2 * M * int(case.steps[:, 1].max()), 7, np.float32)
    dx = np.full((M, n_columns), 7, np.float32)
    kernels.chain_backward(*case.terms, gradients, case.x, case.scratch, dy.copy(), room, dx)
    return dy, gradients, dx


def test_backward(case):
    dy, gradients, dx = backward(case, case.x.shape[1])
    expected_dx, expected = reference.chain_backward(case.layers, case.x, dy)
    np.testing.assert_allclose(dx, expected_dx, **CLOSE)
    dense = [step for step in case.steps[::-1] if step[0] == kernels.DENSE]
    untouched = np.ones(len(gradients), np.bool_)
    for (_, n_inputs, n_outputs, at, bias_at, _), (by_weights, by_bias) in zip(
        dense, expected, strict=True
    ):
        found = gradients[at : at + n_inputs * n_outputs].reshape(n_inputs, n_outputs)
        np.testing.assert_allclose(found, by_weights, **CLOSE)
        untouched[at : at + n_inputs * n_outputs] = False
        if bias_at >= 0:
            found = gradients[bias_at : bias_at + n_outputs]
            np.testing.assert_allclose(found, by_bias, **CLOSE)
            untouched[bias_at : bias_at + n_outputs] = False
    assert (gradients[untouched] == 7).all()


def test_a_gradient_by_the_input_that_nobody_wants():
    with_it, without = backward(Case(*CHAINS[1]), 3), backward(Case(*CHAINS[1]), 0)
    np.testing.assert_array_equal(with_it[1], without[1])
