"""Steps of optimizers over flat arrays against the formulas, in float64."""

import numpy as np
import pytest

from fastmf.kernels.networks import dense_steps as kernels
from fastmf.nn.optimizers import SGD, AdaGrad, Adam, DenseSteps, RProp
from tests.reference.networks import dense_steps as reference

N, RATE = 37, 0.01
SMALLEST_NORMAL = np.finfo(np.float32).tiny


@pytest.fixture
def start():
    return np.random.default_rng(0).standard_normal(N).astype(np.float32)


@pytest.fixture
def gradients():
    """Gradients of sizes from 1e-6 to 1, whose signs turn now and then."""
    rng = np.random.default_rng(1)
    sizes = 10.0 ** rng.uniform(-6, 0, N)
    return (rng.standard_normal((30, N)) * sizes).astype(np.float32)


def stepped(optimizer, start, gradients):
    value = start.copy()
    steps = DenseSteps(optimizer, value, np.ones(N, np.bool_))
    for gradient in gradients:
        steps.step(gradient, RATE)
    return value


def test_adam(start, gradients):
    expected = reference.adam(start, gradients.astype(np.float64), RATE, 0.9, 0.999, 1e-8)
    np.testing.assert_allclose(stepped(Adam(), start, gradients), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("optimizer", [Adam(), AdaGrad(0.01), SGD(0.9)], ids=str)
def test_small_gradients_move_as_little_as_they_should(optimizer, start, gradients):
    sizes = 10.0 ** np.random.default_rng(2).uniform(-25, -12, N)
    gradients = (gradients * sizes).astype(np.float32)
    given = start, gradients.astype(np.float64), RATE
    match optimizer:
        case Adam():
            expected = reference.adam(*given, 0.9, 0.999, 1e-8)
        case AdaGrad():
            expected = reference.adagrad(*given, 0.01, 1e-10)
        case SGD():
            expected = reference.momentum(*given, 0.9, False)
    np.testing.assert_allclose(stepped(optimizer, start, gradients), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "optimizer",
    [
        Adam(beta2=0.9),
        Adam(weight_decay=5.0),
        AdaGrad(0.01),
        AdaGrad(weight_decay=5.0),
        SGD(0.9),
        SGD(weight_decay=5.0),
    ],
    ids=str,
)
def test_nothing_is_left_of_what_only_fades(optimizer, start, gradients):
    value = start.copy()
    steps = DenseSteps(optimizer, value, np.ones(N, np.bool_))
    pulled = np.arange(N) < N // 2  # by a penalty; the others have no gradient any more
    for gradient in gradients:
        steps.step(gradient, RATE)
    smallest = []
    for _ in range(4000):
        steps.step(np.where(pulled, 10 * value, np.float32(0)), RATE)
        kept = np.abs(np.concatenate([value, *steps.state]))
        smallest.append(kept[kept > 0].min(initial=1))
    assert min(smallest) > 1000 * SMALLEST_NORMAL


@pytest.mark.parametrize("optimizer", [Adam(), AdaGrad(), SGD(0.9)], ids=str)
def test_what_is_no_number_stays_so(optimizer, start):
    gradient = np.full(N, np.nan, np.float32)
    assert np.isnan(stepped(optimizer, start, [gradient, np.zeros_like(gradient)])).all()


def test_adagrad(start, gradients):
    expected = reference.adagrad(start, gradients.astype(np.float64), RATE, 0.1, 1e-10)
    found = stepped(AdaGrad(initial_sum=0.1), start, gradients)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_momentum(start, gradients, momentum, nesterov):
    terms = RATE, momentum, nesterov
    expected = reference.momentum(start, gradients.astype(np.float64), *terms)
    found = stepped(SGD(momentum, nesterov), start, gradients)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


def test_rprop(start, gradients):
    expected = reference.rprop(start, gradients.astype(np.float64), RATE, 1.2, 0.5, 1e-3, 0.05)
    optimizer = RProp(smallest_step=1e-3, largest_step=0.05)
    found = stepped(optimizer, start, gradients)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("factor", [1.0, 0.25])
@pytest.mark.parametrize("n_shards", [1, 4])
def test_shards_are_added_up_within_a_range(gradients, factor, n_shards):
    total = np.full(N, 7, np.float32)
    kernels.sum_shards(3, 30, gradients[:n_shards], np.float32(factor), total)
    expected = reference.sum_shards(gradients[:n_shards].astype(np.float64), factor)
    np.testing.assert_allclose(total[3:30], expected[3:30], rtol=1e-5, atol=1e-7)
    assert (total[:3] == 7).all()
    assert (total[30:] == 7).all()


def test_shares(start, gradients):
    decays = (np.arange(N) % 2).astype(np.float32)
    expected = reference.add_share(gradients[0], np.float32(0.3), decays, start)
    kernels.add_share(gradients[0], np.float32(0.3), decays, start)
    np.testing.assert_allclose(gradients[0], expected, rtol=1e-6)


@pytest.mark.parametrize(("pull", "lost"), [(0.0, 0.0), (0.2, 0.0), (0.0, -0.05)])
def test_a_range_takes_the_step_of_all_its_parts(start, gradients, pull, lost):
    first, last = 5, 30
    decays = (np.arange(N) % 2).astype(np.float32)
    total, means, squares = np.zeros((3, N), np.float32)
    state = kernels.DenseState(total, means, squares, decays, None, np.float32(pull))
    numbers = 0.9, 0.999, RATE / 0.1, 1 / np.sqrt(0.001), lost, 1e-8
    value = start.copy()
    kernels.step_of_range(
        state._replace(ranges=np.zeros((1, 3), np.int64)),
        *(first, last, gradients[:4], value, *map(np.float32, numbers)),
    )
    gradient = reference.sum_shards(gradients[:4].astype(np.float64), 1)
    gradient = reference.add_share(gradient, pull, decays, start)
    kept = reference.add_share(start, lost, decays, start)
    expected = start.astype(np.float64)
    expected[first:last] = reference.adam(kept, [gradient], RATE, 0.9, 0.999, 1e-8)[first:last]
    np.testing.assert_allclose(value, expected, rtol=0, atol=2e-6)
