"""The gradient step against the formula, and the formula against the objective's gradient."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.sgd import Variant, row_length, update_block
from fastmf.models.losses import LOSSES
from fastmf.models.rows import StepSizes, StepTables
from tests.kernels.sgd_inputs import (
    N_ITEMS,
    levels_of,
    model_of,
    packed,
    random_batches,
    random_model,
    rated,
    rows_of,
)
from tests.reference import sgd as reference
from tests.reference.sgd import Kind

RATES = reference.Rates(0.07, 0.02, 0.3, 0.5)
EDGES = [13, 14, 15, 16, 30, 31, 46, 47, 48, 50, 62]


KINDS = [
    Kind(),
    Kind("absolute"),
    Kind("logistic", offset=0.4, scale=1.3, span=5.0, bottom=-2.2),
    Kind("sigmoid", offset=-0.7, scale=0.8, span=4.0, bottom=-1.8),
    Kind(non_negative=True),
    Kind("absolute", non_negative=True),
    Kind("logistic", True, -0.3, 0.9, 5.0, -2.0),
    Kind("sigmoid", True, 0.2, 1.1, 4.0, -3.0),
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.loss} {kind[1]}")


def run(k, model, batches, levels, *, rates=RATES, coded=True, cut=(), kind=KINDS[0]):
    """Run the kernel over a copy of the model; return the rows and the squared error."""
    users, items = rows_of(model, k)
    words, values = packed(batches, levels, coded=coded)
    steps = StepTables.of(k, StepSizes(*rates))
    in_steps = steps.learning_rate if kind.loss == "squared" else np.float32(1)
    targets_of_levels = np.repeat(in_steps * levels, 4)
    variant = Variant(row_length(k), LOSSES[kind.loss].code, kind.non_negative)
    sigmoid_terms = np.array(kind[2:], np.float32)
    squared = 0.0
    places = [0, *cut, len(batches)]
    for first, last in pairwise(places):
        squared += update_block(
            words,
            values,
            targets_of_levels,
            np.int64(first),
            np.int64(last),
            users.reshape(-1),
            items.reshape(-1),
            variant,
            *steps,
            sigmoid_terms,
        )
    return users, items, squared


@pytest.mark.parametrize("k", range(1, 71))
def test_row_length_holds_factors_a_bias_and_a_one(k):
    length = row_length(k)
    assert length % 16 == 0
    assert k + 2 <= length < k + 2 + 16


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", range(1, 71))
def test_a_block_equals_the_formula_for_any_number_of_factors(k, dtype):
    rng = np.random.default_rng(k)
    model, levels, batches = random_model(rng, k), levels_of(rng), random_batches(rng, 12)
    users, items, squared = run(k, model, batches, levels)
    expected = reference.Model(*(array.astype(dtype) for array in model))
    expected_squared = reference.update_block(expected, rated(batches, levels.astype(dtype)), RATES)
    for name, array in model_of(users, items, k)._asdict().items():
        np.testing.assert_allclose(
            array, getattr(expected, name), rtol=2e-5, atol=2e-6, err_msg=name
        )
    assert squared == pytest.approx(expected_squared, rel=2e-5)


@every_kind
@pytest.mark.parametrize("coded", [True, False])
@pytest.mark.parametrize("k", [3, 14, 15, 30, 50])
def test_a_block_equals_the_formula_for_any_loss(k, coded, kind):
    rng = np.random.default_rng(k)
    model, levels, batches = random_model(rng, k), levels_of(rng), random_batches(rng, 12)
    if kind.non_negative:
        model = model._replace(**{name: np.abs(getattr(model, name)) for name in model._fields[:2]})
    users, items, squared = run(k, model, batches, levels, coded=coded, kind=kind)
    expected = model.copy()
    expected_squared = reference.update_block(expected, rated(batches, levels), RATES, kind)
    for name, array in model_of(users, items, k)._asdict().items():
        np.testing.assert_allclose(
            array, getattr(expected, name), rtol=2e-5, atol=4e-6, err_msg=name
        )
    assert squared == pytest.approx(expected_squared, rel=2e-5)
    assert (users[:, -1] == 1).all()
    assert (items[:-1, -2] == 1).all()
    assert not items[-1].any(), "the spare row"
    if kind.non_negative:
        assert min(users[:, :k].min(), items[:, :k].min()) == 0
        assert model_of(users, items, k).user_bias.min() < 0, "biases have no floor"


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.one_of(st.sampled_from(EDGES), st.integers(1, 70)),
    n=st.integers(1, 8),
    rates=st.tuples(*[st.floats(0.001, 0.2)] * 2, *[st.floats(0, 1)] * 2),
)
def test_any_rates_and_regularization(seed, k, n, rates):
    rng = np.random.default_rng(seed)
    rates = reference.Rates(*rates)
    model, levels, batches = random_model(rng, k), levels_of(rng), random_batches(rng, n)
    users, items, squared = run(k, model, batches, levels, rates=rates)
    expected = model.copy()
    expected_squared = reference.update_block(expected, rated(batches, levels), rates)
    for name, array in model_of(users, items, k)._asdict().items():
        np.testing.assert_allclose(
            array, getattr(expected, name), rtol=1e-4, atol=1e-5, err_msg=name
        )
    assert squared == pytest.approx(expected_squared, rel=1e-4, abs=1e-5)


@every_kind
@pytest.mark.parametrize("size", [1e3, 1e18, 3e37])
def test_scores_of_any_size_step_to_finite_numbers_or_nan_and_errors_stay_within(kind, size):
    k = 3
    rng = np.random.default_rng(0)
    model, levels = random_model(rng, k), levels_of(rng)
    for number, bias in enumerate((size, -size, 1.0)):
        model.user_bias[number] = bias
    batches = [(user, np.array([1, 4]), np.array([1, 2])) for user in range(3)]
    users, items, squared = run(k, model, batches, levels, kind=kind)
    if LOSSES[kind.loss].link == "sigmoid":
        assert squared <= 2 * len(batches) * (kind.span + np.abs(levels).max()) ** 2
        assert np.isfinite(users).all()
        assert np.isfinite(items).all()
    else:
        assert squared > 2 * size  # or infinite


@every_kind
@pytest.mark.parametrize("where", ["user_factors", "item_factors", "user_bias", "item_bias"])
def test_nan_comes_out_of_any_loss(kind, where):
    k = 15
    rng = np.random.default_rng(2)
    model, levels = random_model(rng, k), levels_of(rng)
    getattr(model, where)[2] = np.nan
    batch = [(2, np.array([0, 2, 5]), np.array([1, 2, 3]))]
    users, items, squared = run(k, model, batch, levels, kind=kind)
    assert np.isnan(squared)
    assert np.isnan(users[2, :k]).all()
    assert np.isnan(items[2, :k]).all()


@pytest.mark.parametrize("coded", [True, False])
def test_an_absolute_error_of_zero_takes_no_step(coded):
    k = 3
    rng = np.random.default_rng(1)
    model = random_model(rng, k)
    levels = np.zeros(256, np.float32)
    for array in model[:2]:
        array[:] = 0
    model.user_bias[1], model.item_bias[2], levels[1] = 0.25, 0.5, 0.75
    batch = [(1, np.array([2]), np.array([1]))]
    rates = reference.Rates(0.1, 0.1, 0, 0)
    kind = Kind("absolute")
    users, items, squared = run(k, model, batch, levels, rates=rates, coded=coded, kind=kind)
    assert squared == 0
    for before, after in zip(model, model_of(users, items, k), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("k", EDGES)
def test_ones_padding_and_spare_row_never_change(k):
    rng = np.random.default_rng(k)
    model, levels = random_model(rng, k), levels_of(rng)
    users, items, _ = run(k, model, random_batches(rng, 400), levels)
    assert (users[:, -1] == 1).all()
    assert (items[:-1, -2] == 1).all()
    assert not users[:, k:-2].any()
    assert not items[:-1, k:-2].any()
    assert not items[-1].any()


@pytest.mark.parametrize("coded", [True, False])
def test_only_the_rows_of_the_batches_named_change(coded):
    k = 20
    rng = np.random.default_rng(0)
    model, levels = random_model(rng, k), levels_of(rng)
    one_rating = [(3, np.array([7]), np.array([2]))]
    before, after = rows_of(model, k), run(k, model, one_rating, levels, coded=coded)
    assert np.flatnonzero((before[0] != after[0]).any(axis=1)).tolist() == [3]
    assert np.flatnonzero((before[1] != after[1]).any(axis=1)).tolist() == [7]


@pytest.mark.parametrize("k", [14, 50])
def test_first_and_last_bound_the_batches_and_order_counts(k):
    rng = np.random.default_rng(1)
    model, levels, batches = random_model(rng, k), levels_of(rng), random_batches(rng, 10)
    whole = run(k, model, batches, levels)
    cut = run(k, model, batches, levels, cut=(3, 4))
    backwards = run(k, model, batches[::-1], levels)
    for part in (0, 1):
        np.testing.assert_array_equal(whole[part], cut[part])
        assert not np.array_equal(whole[part], backwards[part])
    assert whole[2] == pytest.approx(cut[2], rel=1e-6)


@pytest.mark.parametrize("k", EDGES)
def test_coded_and_plain_ratings_give_the_same_bits(k):
    rng = np.random.default_rng(k)
    model, levels, batches = random_model(rng, k), levels_of(rng), random_batches(rng, 30)
    coded = run(k, model, batches, levels)
    plain = run(k, model, batches, levels, coded=False)
    for part in range(3):
        np.testing.assert_array_equal(coded[part], plain[part])


@pytest.mark.parametrize("k", [3, 14, 15, 50])
@pytest.mark.parametrize("where", ["user_factors", "item_factors", "user_bias", "item_bias"])
def test_nan_in_a_parameter_comes_out(k, where):
    rng = np.random.default_rng(2)
    model, levels = random_model(rng, k), levels_of(rng)
    getattr(model, where)[2] = np.nan
    users, items, squared = run(k, model, [(2, np.array([0, 2, 5]), np.array([1, 2, 3]))], levels)
    assert np.isnan(squared)
    assert np.isnan(users[2, :k]).all()
    assert np.isnan(items[2, :k]).all()


@pytest.mark.parametrize("coded", [True, False])
def test_nan_in_a_rating_comes_out(coded):
    rng = np.random.default_rng(3)
    model, levels = random_model(rng, 20), levels_of(rng)
    levels[4] = np.nan
    batch = [(1, np.array([0, 2]), np.array([4, 5]))]
    users, items, squared = run(20, model, batch, levels, coded=coded)
    assert np.isnan(squared)
    assert np.isnan(users[1, :20]).all()
    assert np.isnan(items[0, :20]).all()
    assert np.isfinite(items[1:]).all()


@every_kind
@pytest.mark.parametrize("seed", range(4))
def test_the_step_is_down_the_gradient_of_the_objective(seed, kind):
    """A step is minus half the rate times the gradient, found here by central differences."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6, np.float64)
    n = seed + 1
    user, items = 1, rng.choice(N_ITEMS, n, replace=False)
    # Errors of absolute value 0.5 or more: there the absolute loss has a gradient.
    ratings = np.array([reference.predict(model, user, item) for item in items])
    ratings += rng.choice([-1, 1], n) * rng.uniform(0.5, 1.5, n)
    stepped = model.copy()
    reference.update_batch(stepped, user, items, ratings, RATES, kind._replace(non_negative=False))
    projected = model.copy()
    reference.update_batch(projected, user, items, ratings, RATES, kind)
    width = 1e-5
    for name, array in model._asdict().items():
        rate = RATES.bias_learning_rate if name.endswith("bias") else RATES.learning_rate
        for place in np.ndindex(array.shape):
            losses = []
            for sign in (1, -1):
                moved = model.copy()
                getattr(moved, name)[place] += sign * width
                losses.append(reference.batch_loss(moved, user, items, ratings, RATES, kind))
            gradient = (losses[0] - losses[1]) / (2 * width)
            step = getattr(stepped, name)[place] - array[place]
            assert step == pytest.approx(-rate / 2 * gradient, abs=2e-9), (name, place)
    if kind.non_negative:
        rows = (projected.user_factors[user], stepped.user_factors[user])
        np.testing.assert_array_equal(rows[0], np.maximum(rows[1], 0))
        rows = (projected.item_factors[items], stepped.item_factors[items])
        np.testing.assert_array_equal(rows[0], np.maximum(rows[1], 0))
        np.testing.assert_array_equal(projected.user_bias, stepped.user_bias)
