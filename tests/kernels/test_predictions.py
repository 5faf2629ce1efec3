"""The prediction kernels against their float64 twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.links import Link
from fastmf.kernels.predictions import predict_pairs, squared_and_absolute_error
from fastmf.metrics.rating import ErrorSums, total_errors
from fastmf.parallel import Team
from tests.reference import predictions as reference


def make_model(rng, n_users, n_items, k, *, low=-100.0, high=100.0, sigmoid=False):
    link = (
        Link.sigmoid(0.4, (max(low, -2), min(high, 3)), (low, high))
        if sigmoid
        else Link.identity(3.5, (low, high))
    )
    return (
        rng.normal(size=(n_users, k)).astype(np.float32),
        rng.normal(size=(n_items, k)).astype(np.float32),
        rng.normal(size=n_users).astype(np.float32),
        rng.normal(size=n_items).astype(np.float32),
        rng.normal(size=k).astype(np.float32),
        rng.normal(size=k).astype(np.float32),
        rng.normal(size=2).astype(np.float32),
        link,
    )


def make_pairs(rng, m, n_users, n_items):
    """Return pairs of which some are unknown on one side or both."""
    return (
        rng.integers(-1, n_users, m).astype(np.int32),
        rng.integers(-1, n_items, m).astype(np.int32),
    )


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(0, 70),
    m=st.integers(0, 60),
    n_users=st.integers(1, 9),
    n_items=st.integers(1, 9),
    sigmoid=st.booleans(),
)
def test_predictions_equal_the_formula_for_any_number_of_factors(
    seed, k, m, n_users, n_items, sigmoid
):
    rng = np.random.default_rng(seed)
    model = make_model(rng, n_users, n_items, k, sigmoid=sigmoid)
    users, items = make_pairs(rng, m, n_users, n_items)
    out = np.full(m, np.nan, np.float32)
    predict_pairs(users, items, *model, out)
    np.testing.assert_allclose(
        out, reference.predict_pairs(users, items, *model), rtol=1e-5, atol=2e-5
    )


@pytest.mark.parametrize("sigmoid", [False, True])
@pytest.mark.parametrize("k", [3, 16, 50])
@pytest.mark.parametrize("m", [0, 1, 1023, 1024, 1025, 3000])
def test_error_sums_equal_the_formula_at_block_edges(k, m, sigmoid):
    rng = np.random.default_rng(m)
    model = make_model(rng, 40, 30, k, low=1.0, high=5.0, sigmoid=sigmoid)
    users, items = make_pairs(rng, m, 40, 30)
    value = rng.uniform(1, 5, m).astype(np.float32)
    sums = squared_and_absolute_error(users, items, value, *model)
    expected = reference.squared_and_absolute_error(users, items, value, *model)
    np.testing.assert_allclose(sums, expected, rtol=1e-5)


@pytest.mark.parametrize("k", [3, 20])
def test_unknown_ids_have_biases_and_factors_of_their_own(k):
    rng = np.random.default_rng(0)
    model = make_model(rng, 2, 2, k)
    p, q, b, c, unknown_p, unknown_q, (unknown_b, unknown_c), link = model
    out = np.empty(3, np.float32)
    users, items = np.array([-1, 1, -1], np.int32), np.array([-1, -1, 0], np.int32)
    predict_pairs(users, items, *model, out)
    expected = [
        link.offset + unknown_b + unknown_c + unknown_p @ unknown_q,
        link.offset + b[1] + unknown_c + p[1] @ unknown_q,
        link.offset + unknown_b + c[0] + unknown_p @ q[0],
    ]
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)
    nothing = np.zeros_like(unknown_p), np.zeros_like(unknown_q), np.zeros(2, np.float32)
    predict_pairs(users, items, p, q, b, c, *nothing, link, out)
    np.testing.assert_array_equal(out, [link.offset, link.offset + b[1], link.offset + c[0]])


def test_predictions_stay_within_the_limits():
    rng = np.random.default_rng(1)
    model = make_model(rng, 50, 50, 32, low=3.0, high=4.0)
    users, items = make_pairs(rng, 500, 50, 50)
    out = np.empty(500, np.float32)
    predict_pairs(users, items, *model, out)
    assert out.min() == 3.0
    assert out.max() == 4.0


@pytest.mark.parametrize("k", [5, 50])
def test_nan_survives(k):
    rng = np.random.default_rng(2)
    model = make_model(rng, 3, 3, k, low=1.0, high=5.0)
    model[0][1, k - 1] = np.nan
    users, items = np.array([0, 1, 2], np.int32), np.array([2, 1, 0], np.int32)
    out = np.empty(3, np.float32)
    predict_pairs(users, items, *model, out)
    assert np.isnan(out).tolist() == [False, True, False]
    sums = squared_and_absolute_error(users, items, np.ones(3, np.float32), *model)
    assert np.isnan(sums).all()


def test_nothing_is_read_past_the_first_and_last_row():
    # Rows of NaN around the model: one lane too many would show.
    rng = np.random.default_rng(3)
    for k in (1, 15, 16, 17, 50, 63, 64):
        model = list(make_model(rng, 4, 4, k))
        for side in (0, 1):
            guarded = np.full(6 * k, np.nan, np.float32)
            guarded[k:-k] = model[side].reshape(-1)
            model[side] = guarded[k:-k].reshape(4, k)
        users, items = np.array([0, 3, 0, 3], np.int32), np.array([0, 3, 3, 0], np.int32)
        out = np.empty(4, np.float32)
        predict_pairs(users, items, *model, out)
        expected = reference.predict_pairs(users, items, *model)
        np.testing.assert_allclose(out, expected, rtol=1e-5, atol=2e-5)


def test_read_only_arrays_give_the_same_bits():
    rng = np.random.default_rng(4)
    model = make_model(rng, 20, 20, 50)
    users, items = make_pairs(rng, 100, 20, 20)
    out, mapped = np.empty(100, np.float32), np.empty(100, np.float32)
    predict_pairs(users, items, *model, out)
    for array in (users, items, *model[:7]):
        array.flags.writeable = False
    predict_pairs(users, items, *model, mapped)
    np.testing.assert_array_equal(out, mapped)


def test_error_sums_have_the_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(5)
    model = make_model(rng, 300, 200, 50, low=1.0, high=5.0)
    users, items = make_pairs(rng, 50_000, 300, 200)
    value = rng.uniform(1, 5, len(users)).astype(np.float32)

    def sums_of(start):
        part = slice(start, start + 1000)
        sums = squared_and_absolute_error(users[part], items[part], value[part], *model)
        return ErrorSums(*sums, len(value[part]))

    results = {
        total_errors(sums_of, range(0, len(users), 1000), Team(threads)) for threads in (1, 2, 5)
    }
    assert len(results) == 1
    expected = reference.squared_and_absolute_error(users, items, value, *model)
    np.testing.assert_allclose(results.pop().mse, expected[0] / len(users), rtol=1e-5)
