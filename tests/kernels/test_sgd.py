"""The gradient step against the formula, and the formula against the objective's gradient."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.kernels.grid import PADDING_CODE
from fastmf.kernels.sgd import BATCH, BATCH_WORDS, pair_errors, row_length, update_block
from fastmf.models.rows import StepSizes, StepTables
from tests.reference import sgd as reference

N_USERS, N_ITEMS = 5, 9
RATES = reference.Rates(0.07, 0.02, 0.3, 0.5)
EDGES = [13, 14, 15, 16, 30, 31, 46, 47, 48, 50, 62]


def random_model(rng, k, dtype=np.float32):
    shapes = (N_USERS, k), (N_ITEMS, k), N_USERS, N_ITEMS
    return reference.Model(*(rng.normal(0, 0.4, shape).astype(dtype) for shape in shapes))


def random_batches(rng, n):
    """Return batches of one user and one to four items; ratings from a few levels."""
    batches = []
    for _ in range(n):
        count = rng.integers(1, BATCH + 1)
        items = rng.choice(N_ITEMS, count, replace=False)
        batches.append((int(rng.integers(N_USERS)), items, rng.integers(0, 10, count)))
    return batches


def levels_of(rng):
    levels = np.zeros(256, np.float32)
    levels[:10] = np.sort(rng.normal(size=10))
    return levels


def rated(batches, levels):
    """Put ratings in the place of their codes."""
    return [(user, items, levels[codes]) for user, items, codes in batches]


def rows_of(model, k):
    """Lay a model out in padded rows, with a spare item row of zeros at the end."""
    users = np.zeros((N_USERS, row_length(k)), np.float32)
    items = np.zeros((N_ITEMS + 1, row_length(k)), np.float32)
    users[:, :k], users[:, -2], users[:, -1] = model.user_factors, model.user_bias, 1
    items[:-1, :k], items[:-1, -2], items[:-1, -1] = model.item_factors, 1, model.item_bias
    return users, items


def model_of(users, items, k):
    return reference.Model(users[:, :k], items[:-1, :k], users[:, -2], items[:-1, -1])


def packed(batches, levels, *, coded):
    """Write batches as `update_block` documents them."""
    words = np.empty((len(batches), BATCH_WORDS), np.uint32)
    values = np.zeros((len(batches), BATCH), np.float32)
    words[:, 1:] = N_ITEMS | (PADDING_CODE << 24 if coded else 0)
    for number, (user, items, codes) in enumerate(batches):
        words[number, 0] = user | (len(items) - 1) << 30
        for slot, (item, code) in enumerate(zip(items, codes, strict=True)):
            words[number, 1 + slot] = int(item) | (int(code) << 24 if coded else 0)
            values[number, slot] = levels[code]
    return frozen(words.reshape(-1)), frozen(values.reshape(-1) if not coded else values[:0, 0])


def run(k, model, batches, levels, *, rates=RATES, coded=True, cut=()):
    """Run the kernel over a copy of the model; return the rows and the squared error."""
    users, items = rows_of(model, k)
    words, values = packed(batches, levels, coded=coded)
    steps = StepTables.of(k, StepSizes(*rates))
    steps_of_levels = np.repeat(steps.learning_rate * levels, 4)
    squared = 0.0
    places = [0, *cut, len(batches)]
    for first, last in pairwise(places):
        squared += update_block(
            words,
            values,
            steps_of_levels,
            np.int64(first),
            np.int64(last),
            users.reshape(-1),
            items.reshape(-1),
            np.int64(row_length(k)),
            *steps,
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


@pytest.mark.parametrize("seed", range(4))
def test_the_step_is_down_the_gradient_of_the_objective(seed):
    """A step is minus half the rate times the gradient, found here by central differences."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6, np.float64)
    user, items, ratings = (
        1,
        rng.choice(N_ITEMS, seed + 1, replace=False),
        rng.normal(size=seed + 1),
    )
    stepped = model.copy()
    reference.update_batch(stepped, user, items, ratings, RATES)
    width = 1e-5
    for name, array in model._asdict().items():
        rate = RATES.bias_learning_rate if name.endswith("bias") else RATES.learning_rate
        for place in np.ndindex(array.shape):
            losses = []
            for sign in (1, -1):
                moved = model.copy()
                getattr(moved, name)[place] += sign * width
                losses.append(reference.batch_loss(moved, user, items, ratings, *RATES[2:]))
            gradient = (losses[0] - losses[1]) / (2 * width)
            step = getattr(stepped, name)[place] - array[place]
            assert step == pytest.approx(-rate / 2 * gradient, abs=1e-9), (name, place)


def error_inputs(rng, k, m):
    model = random_model(rng, k)
    users, items = rows_of(model, k)
    pairs = rng.integers(0, N_USERS, m), rng.integers(0, N_ITEMS, m)
    pairs = [frozen(index, np.int32) for index in pairs]
    return model, users, items, pairs, frozen(rng.uniform(1, 5, m), np.float32)


def errors(users, items, pairs, ratings, constants):
    stride = np.int64(users.shape[1])
    rows = users.reshape(-1), items.reshape(-1)
    *sums, count = pair_errors(*pairs, ratings, *rows, stride, *map(np.float32, constants))
    assert count == len(ratings)
    return np.array(sums)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 70), m=st.integers(0, 40))
def test_errors_of_clipped_predictions_equal_the_formula(seed, k, m):
    rng = np.random.default_rng(seed)
    model, users, items, pairs, ratings = error_inputs(rng, k, m)
    constants = (3.1, 1.3, 2.0, 4.5)
    sums = errors(users, items, pairs, ratings, constants)
    expected = reference.pair_errors(model, *pairs, ratings, *constants)
    np.testing.assert_allclose(sums, expected, rtol=1e-5, atol=1e-5)


def test_errors_use_the_limits():
    rng = np.random.default_rng(4)
    model, users, items, pairs, ratings = error_inputs(rng, 20, 300)
    wide = reference.pair_errors(model, *pairs, ratings, 3, 1, -100, 100)
    for limits in ((-100, 3), (3, 100), (2.5, 3.5)):
        sums = errors(users, items, pairs, ratings, (3, 1, *limits))
        expected = reference.pair_errors(model, *pairs, ratings, 3, 1, *limits)
        np.testing.assert_allclose(sums, expected, rtol=1e-5)
        assert not np.allclose(expected, wide, rtol=1e-3)


@pytest.mark.parametrize("where", ["user", "item", "rating"])
def test_nan_stays_nan_in_the_errors(where):
    rng = np.random.default_rng(5)
    _, users, items, pairs, ratings = error_inputs(rng, 20, 50)
    ratings = ratings.copy()
    array = {"user": users[pairs[0][7]], "item": items[pairs[1][7]], "rating": ratings}[where]
    array[7] = np.nan
    sums = errors(users, items, pairs, frozen(ratings), (3, 1, 1, 5))
    assert np.isnan(sums).all()
