"""Rating metrics against their formulas and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from fastmf.errors import DataError
from fastmf.metrics import ErrorSums, mae, mse, rmse, total_errors
from fastmf.parallel import Team

RATINGS = st.lists(
    st.tuples(st.floats(-1e6, 1e6, width=32), st.floats(-1e6, 1e6, width=32)), min_size=1
)


@given(RATINGS)
def test_metrics_equal_their_formulas(pairs):
    true, predicted = zip(*pairs, strict=True)
    errors = [t - p for t, p in pairs]
    squared = math.fsum(e * e for e in errors) / len(errors)
    assert mse(true, predicted) == pytest.approx(squared)
    assert rmse(true, predicted) == pytest.approx(math.sqrt(squared))
    assert mae(true, predicted) == pytest.approx(math.fsum(map(abs, errors)) / len(errors))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
@pytest.mark.parametrize("m", [1, 1000, 200_000])
def test_metrics_equal_those_of_scikit_learn(dtype, m):
    rng = np.random.default_rng(m)
    true = rng.integers(1, 6, m).astype(dtype)
    predicted = rng.uniform(1, 5, m).astype(np.float32)
    assert mse(true, predicted) == pytest.approx(metrics.mean_squared_error(true, predicted))
    assert rmse(true, predicted) == pytest.approx(metrics.root_mean_squared_error(true, predicted))
    assert mae(true, predicted) == pytest.approx(metrics.mean_absolute_error(true, predicted))


def test_sums_are_float64():
    # In float32 the sum of 2**25 errors of 0.1 would stop growing long before the end.
    m = 1 << 25
    true, predicted = np.zeros(m, np.float32), np.broadcast_to(np.float32(0.1), m)
    assert mae(true, predicted) == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def test_unsigned_integers_do_not_wrap_around():
    assert mae(np.array([1], np.uint8), np.array([3], np.uint8)) == 2


@pytest.mark.parametrize("metric", [rmse, mse, mae])
@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([], [], "no ratings"),
        ([1, 2], [1], "2 true ratings but 1 predicted"),
        ([1, np.nan], [1, 1], "true rating 2 of 2 is nan"),
        ([1, 2, 3], [1, 1, np.inf], "predicted rating 3 of 3 is inf"),
        ([[1]], [[1]], "shape"),
        (["a"], [1], "must be numbers"),
        ([None], [1], "must be numbers"),
    ],
)
def test_unusable_input_is_refused(metric, true, predicted, message):
    with pytest.raises(DataError, match=message):
        metric(true, predicted)


def test_totals_of_chunks_equal_the_metrics_of_all():
    rng = np.random.default_rng(0)
    true, predicted = rng.uniform(1, 5, (2, 10_000))
    done = []

    def sums_of(start):
        errors = true[start : start + 999] - predicted[start : start + 999]
        return ErrorSums((errors**2).sum(), np.abs(errors).sum(), len(errors))

    total = total_errors(sums_of, range(0, 10_000, 999), Team(3), progress=done.append)
    assert total.rmse == pytest.approx(rmse(true, predicted))
    assert total.mae == pytest.approx(mae(true, predicted))
    assert total.mse == pytest.approx(mse(true, predicted))
    assert total.n_ratings == sum(done) == 10_000


def test_totals_of_nothing_are_refused():
    with pytest.raises(DataError, match="no ratings"):
        total_errors(lambda chunk: chunk, [], Team(1))
