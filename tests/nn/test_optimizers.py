"""Optimizers by name, weight decay, and whole trainings beside PyTorch's; see also the kernels'."""

import numpy as np
import pytest

from fastmf.errors import ParameterError
from fastmf.nn.optimizers import SGD, AdaGrad, Adam, DenseSteps, RProp, optimizer_named

N, RATE, DECAY = 50, 0.01, 0.1


def gradients():
    rng = np.random.default_rng(1)
    sizes = 10.0 ** rng.uniform(-5, 0, N)
    return (rng.standard_normal((40, N)) * sizes).astype(np.float32)


def stepped(optimizer, decays=None):
    value = np.random.default_rng(0).standard_normal(N).astype(np.float32)
    steps = DenseSteps(optimizer, value, np.ones(N, np.bool_) if decays is None else decays)
    for gradient in gradients():
        steps.step(gradient, RATE)
    return value


def torch_stepped(torch, name, **settings):
    value = np.random.default_rng(0).standard_normal(N).astype(np.float32)
    parameter = torch.nn.Parameter(torch.from_numpy(value))
    optimizer = getattr(torch.optim, name)([parameter], lr=RATE, **settings)
    for gradient in gradients():
        parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
    return parameter.detach().numpy()


@pytest.mark.parametrize(
    ("optimizer", "name", "settings"),
    [
        (Adam(), "Adam", {}),
        (Adam(weight_decay=DECAY), "AdamW", {"weight_decay": DECAY}),
        (AdaGrad(), "Adagrad", {}),
        (SGD(), "SGD", {}),
        (SGD(momentum=0.9), "SGD", {"momentum": 0.9}),
        (SGD(momentum=0.9, nesterov=True), "SGD", {"momentum": 0.9, "nesterov": True}),
        (RProp(), "Rprop", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_as_pytorch(optimizer, name, settings):
    # Not in the test extra, for its size; the formulas themselves are checked above without it.
    torch = pytest.importorskip("torch", reason="PyTorch is not installed to compare with")
    expected = torch_stepped(torch, name, **settings)
    np.testing.assert_allclose(stepped(optimizer), expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("kind", [Adam, AdaGrad, SGD, RProp])
def test_weight_decay_pulls_where_it_applies_and_nowhere_else(kind):
    decays = np.arange(N) % 2 == 0
    plain, decayed = stepped(kind()), stepped(kind(weight_decay=DECAY), decays)
    np.testing.assert_array_equal(plain[~decays], decayed[~decays])
    assert (plain[decays] != decayed[decays]).all()


def test_decay_alone_shrinks_the_values():
    value = np.ones(3, np.float32)
    steps = DenseSteps(SGD(weight_decay=0.5), value, np.ones(3, np.bool_))
    for _ in range(2):
        steps.step(np.zeros(3, np.float32), 0.1)
    np.testing.assert_allclose(value, 0.95**2)


def test_optimizers_by_name():
    assert optimizer_named("adam") == Adam()
    assert optimizer_named("adamw", weight_decay=0.1) == Adam(weight_decay=0.1)
    assert optimizer_named("sgd", momentum=0.5) == SGD(momentum=0.5)
    assert optimizer_named("adagrad") == AdaGrad()
    assert optimizer_named("rprop") == RProp()
    with pytest.raises(ParameterError, match="optimizer is 'lion', but it must be one of adam"):
        optimizer_named("lion")
