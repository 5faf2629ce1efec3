"""Biased matrix factorization: the contract, its own limits, and real ratings."""

import math
from itertools import pairwise

import numpy as np
import pytest

from fastmf import BiasedMF, Ratings, RunSettings, evaluate, random_split, read_ratings
from fastmf.errors import DataError, DivergenceError, ParameterError
from fastmf.models.biased_mf import BiasedMFParameters
from fastmf.models.limits import memory_left
from tests.models.contract import ModelContract
from tests.models.measures import is_one_line, learned
from tests.models.tables import planted


class TestBiasedMF(ModelContract):
    model_class = BiasedMF
    small = {"factors": 5, "epochs": 3}  # noqa: RUF012 - the contract's three lines


class TestAbsolute(TestBiasedMF):
    variant = {"loss": "absolute"}  # noqa: RUF012


class TestLogistic(TestBiasedMF):
    variant = {"loss": "logistic"}  # noqa: RUF012


class TestSigmoid(TestBiasedMF):
    variant = {"loss": "sigmoid"}  # noqa: RUF012


class TestNonNegative(TestBiasedMF):
    variant = {"non_negative": True}  # noqa: RUF012


class TestWithoutBiases(TestBiasedMF):
    variant = {"biases": False}  # noqa: RUF012


class TestNonNegativeWithoutBiases(TestBiasedMF):
    variant = {"biases": False, "non_negative": True}  # noqa: RUF012


class TestLogisticWithoutBiases(TestBiasedMF):
    variant = {"loss": "logistic", "biases": False}  # noqa: RUF012


class TestSigmoidNonNegative(TestBiasedMF):
    variant = {"loss": "sigmoid", "non_negative": True}  # noqa: RUF012


WHOLE = ("factors", "epochs", "random_state")
RATES = ("learning_rate", "bias_learning_rate")
WEIGHTS = ("regularization", "bias_regularization", "initial_scale")
FLAGS = ("biases", "non_negative")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("factors", "epochs") for value in (0, -1)),
        *((name, value) for name in WHOLE for value in (1.5, True, "x", None, math.nan)),
        *((name, value) for name in RATES for value in (0, -0.1, math.nan, math.inf, "x", True)),
        *((name, value) for name in WEIGHTS for value in (-0.1, math.nan, math.inf, "x", True)),
        *((name, value) for name in WEIGHTS[1:] for value in (None,)),
        *((name, value) for name in FLAGS for value in (0, 1, 1.0, "True", None)),
        *(("loss", value) for value in ("cubic", "", None, 1, True)),
        ("random_state", -1),
    ],
)
def test_values_outside_the_limits_are_refused_with_name_and_value(name, value):
    model = BiasedMF(**{name: value})
    with pytest.raises(ParameterError, match=f"^{name} is ") as raised:
        model.fit(planted(100, 10, 20))
    assert is_one_line(raised)
    assert str(value) in str(raised.value)
    assert not hasattr(model, "user_factors_")


def test_numpy_numbers_count_as_numbers():
    numbers = {"factors": np.int64(4), "epochs": np.int32(2), "learning_rate": np.float32(0.05)}
    ratings = planted(300, 20, 30)
    plain = BiasedMF(4, epochs=2, learning_rate=float(np.float32(0.05))).fit(ratings)
    assert learned(BiasedMF(**numbers).fit(ratings)) == learned(plain)


@pytest.mark.parametrize("factors", [10**9, 10**15])
def test_more_factors_than_memory_holds_are_refused_with_a_number_that_fits(factors):
    with pytest.raises(ParameterError, match=r"GiB of memory .*; use [0-9]+ or fewer") as raised:
        BiasedMF(factors).fit(planted(100, 10, 20))
    assert is_one_line(raised)


@pytest.mark.parametrize("variant", [{}, {"loss": "logistic"}, {"biases": False}], ids=str)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("coded", [True, False])
def test_blocks_that_do_not_fit_are_streamed_with_the_same_bits(
    cache_folder, threads, coded, variant
):
    ratings = planted()
    if not coded:
        noise = np.random.default_rng(0).normal(0, 0.01, len(ratings))
        columns = ratings.users.take(ratings.user_index), ratings.items.take(ratings.item_index)
        ratings = read_ratings((*columns, ratings.value + noise))
    expected = learned(BiasedMF(5, epochs=3, **variant).fit(ratings))
    work = cache_folder / "work"
    assert not work.exists()
    n_rows = ratings.n_users + ratings.n_items
    left = memory_left("factors", 5, n_rows, keep_best=False, max_memory=1 << 29)
    run = RunSettings(num_threads=threads, max_memory=(1 << 29) - left + 1000)
    assert learned(BiasedMF(5, epochs=3, **variant).fit(ratings, run=run)) == expected
    assert work.exists(), "the blocks were in a file"
    assert not list(work.iterdir()), "nothing is left behind"


def test_a_limit_below_the_factors_is_refused():
    with pytest.raises(ParameterError, match="factors is 5") as raised:
        BiasedMF(5).fit(planted(), run=RunSettings(max_memory=1000))
    assert is_one_line(raised)


def test_default_rates_follow_the_number_of_epochs():
    few, many = BiasedMFParameters(epochs=2).step_sizes, BiasedMFParameters(epochs=40).step_sizes
    assert few.learning_rate == 0.08
    assert many.learning_rate == pytest.approx(0.02)
    assert many.bias_learning_rate == pytest.approx(0.005)
    own = BiasedMFParameters(learning_rate=0.3, bias_learning_rate=0.2).step_sizes
    assert own[:2] == (0.3, 0.2)


@pytest.mark.parametrize("valid", [None, 0.1])
def test_divergence_is_told_with_advice_and_leaves_the_model_as_it_was(valid):
    ratings = planted()
    model = BiasedMF(5, epochs=3).fit(ratings)
    before = learned(model)
    with pytest.raises(DivergenceError, match=r"lower the learning rate.*10") as raised:
        model.set_params(learning_rate=10).fit(ratings, valid)
    assert is_one_line(raised)
    assert learned(model) == before


def test_divergence_from_too_large_a_start_names_the_start():
    with pytest.raises(DivergenceError, match=r"initial_scale is 10; try 0\.01"):
        BiasedMF(20, initial_scale=10).fit(planted())


@pytest.mark.parametrize("rate", [0.5, 1, 2, 5, 10])
def test_any_rate_ends_in_a_finite_model_or_in_divergence(rate):
    try:
        model = BiasedMF(20, epochs=4, learning_rate=rate).fit(planted(3000, 100, 80))
    except DivergenceError:
        return
    assert np.isfinite(model.user_factors_).all()
    assert np.isfinite(model.train_rmse_)


@pytest.mark.parametrize("factors", [1, 14, 15, 31, 63, 64, 300])
def test_any_number_of_factors_learns(factors):
    ratings = planted()
    model = BiasedMF(factors, epochs=12).fit(ratings)
    assert model.user_factors_.shape == (ratings.n_users, factors)
    assert model.train_rmse_ < 0.9 * ratings.value.std()
    assert all(b.train_rmse < a.train_rmse for a, b in pairwise(model.history_[:4]))


def test_rates_and_weights_mean_the_same_on_any_scale_of_ratings():
    ratings = planted()
    columns = [
        ratings.users.take(ratings.user_index),
        ratings.items.take(ratings.item_index),
        ratings.value,
    ]
    scaled = BiasedMF(5).fit((*columns[:2], columns[2] * 20 - 40))
    model = BiasedMF(5).fit(ratings)
    assert scaled.train_rmse_ == pytest.approx(20 * model.train_rmse_, rel=1e-3)
    np.testing.assert_allclose(
        scaled.predict(*columns[:2]), 20 * model.predict(*columns[:2]) - 40, atol=0.2
    )


def test_more_than_255_distinct_ratings_train_as_well():
    ratings = planted()
    noisy = ratings.value + np.random.default_rng(0).normal(0, 0.001, len(ratings))
    columns = ratings.users.take(ratings.user_index), ratings.items.take(ratings.item_index)
    plain = BiasedMF(5).fit((*columns, noisy))
    assert plain.train_rmse_ == pytest.approx(BiasedMF(5).fit(ratings).train_rmse_, rel=5e-3)
    one, five = (
        BiasedMF(5).fit((*columns, noisy), 0.1, run=RunSettings(num_threads=threads))
        for threads in (1, 5)
    )
    assert learned(one) == learned(five)


def test_users_and_items_without_training_ratings_predict_nothing_of_their_own():
    ratings = planted(400, 60, 50)
    train, _ = random_split(ratings, 0.7)
    model = BiasedMF(8).fit(train)
    for index, n, factors, bias in (
        (train.user_index, ratings.n_users, model.user_factors_, model.user_bias_),
        (train.item_index, ratings.n_items, model.item_factors_, model.item_bias_),
    ):
        unseen = np.bincount(index, minlength=n) == 0
        assert unseen.any()
        assert not factors[unseen].any()
        assert not bias[unseen].any()
        assert factors[~unseen].any(axis=1).all()


VARIANTS = [
    {"loss": "squared", "biases": False},
    {"loss": "absolute"},
    {"loss": "logistic"},
    {"loss": "sigmoid"},
    {"loss": "sigmoid", "biases": False},
    {"non_negative": True},
    {"loss": "absolute", "biases": False, "non_negative": True},
]
every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: str(list(v.values())))


@every_variant
@pytest.mark.parametrize("rate", [0.5, 5, 10])
def test_no_variant_is_ever_left_with_numbers_that_are_not_finite(variant, rate, tmp_path):
    try:
        model = BiasedMF(20, epochs=4, learning_rate=rate, **variant).fit(planted(3000, 100, 80))
    except DivergenceError as error:
        assert "lower the learning rate" in str(error)
        assert "\n" not in str(error)
        return
    for array in model.arrays:
        assert np.isfinite(array).all()
    model.save(tmp_path / "model")


@every_variant
@pytest.mark.parametrize("coded", [True, False])
def test_variants_lower_their_own_loss_and_keep_their_promises(variant, coded):
    ratings = planted()
    if not coded:
        noise = np.random.default_rng(0).normal(0, 0.01, len(ratings))
        columns = ratings.users.take(ratings.user_index), ratings.items.take(ratings.item_index)
        ratings = read_ratings((*columns, ratings.value + noise))
    model = BiasedMF(8, **variant).fit(ratings)
    assert model.train_rmse_ < 0.75 * ratings.value.std()
    assert all(b.train_rmse < a.train_rmse for a, b in pairwise(model.history_[2:8]))
    if variant.get("non_negative"):
        assert model.user_factors_.min() >= 0
        assert model.item_factors_.min() >= 0
    if not variant.get("biases", True):
        assert not model.user_bias_.any()
        assert not model.item_bias_.any()
        assert model.offset_ == 0


def test_the_absolute_loss_is_better_in_mae_where_there_are_outliers():
    train, valid = random_split(planted(12_000, 150, 120, noise=0.2), 0.2)
    ids = train.users.take(train.user_index), train.items.take(train.item_index)
    wild = np.random.default_rng(1).random(len(train)) < 0.1
    turned = np.where(train.value > 3, 0.5, 5.5)
    spoiled = (*ids, np.where(wild, turned, train.value))
    mae = {
        loss: BiasedMF(8, loss=loss).fit(spoiled, valid).valid_mae_
        for loss in ("squared", "absolute")
    }
    assert mae["absolute"] < 0.9 * mae["squared"]


def clicks(share=0.3, seed=0):
    """Clicks of 0 and 1 whose chances follow a model of rank 2."""
    rng = np.random.default_rng(seed)
    cells = rng.choice(200 * 150, 12_000, replace=False)
    users, items = cells // 150, cells % 150
    factors = rng.normal(0, 1.2, (200, 2)), rng.normal(0, 1.2, (150, 2))
    scores = np.log(share / (1 - share)) + (factors[0][users] * factors[1][items]).sum(axis=1)
    clicked = rng.random(len(cells)) < 1 / (1 + np.exp(-scores))
    return Ratings.from_arrays(users, items, clicked.astype(np.float32))


@pytest.mark.parametrize("biases", [True, False])
def test_logistic_predicts_chances_of_clicks(biases):
    train, valid = random_split(clicks(), 0.2)
    ids = valid.users.take(valid.user_index), valid.items.take(valid.item_index)
    entropy = {}
    for loss in ("squared", "logistic"):
        # Factors grow from a start near zero; few ratings take some epochs to show it.
        run = RunSettings(patience=None)
        model = BiasedMF(8, loss=loss, biases=biases).fit(train, valid, run=run)
        chances = model.predict(*ids).astype(np.float64).clip(1e-3, 1 - 1e-3)
        entropy[loss] = -np.mean(np.log(np.where(valid.value == 1, chances, 1 - chances)))
    share = train.value.mean()
    base = -np.mean(np.log(np.where(valid.value == 1, share, 1 - share)))
    assert entropy["logistic"] < 0.9 * base
    assert entropy["logistic"] < entropy["squared"]
    # A chance of 30% comes true in about 30 of 100 cases.
    near = (chances > 0.2) & (chances < 0.4)
    assert near.sum() > 50
    assert valid.value[near].mean() == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("share", [1e-9, 1 - 1e-9, 0.01])
@pytest.mark.parametrize("loss", ["logistic", "sigmoid"])
def test_clicks_that_are_nearly_all_alike_are_finite(share, loss):
    ratings = clicks(share)
    model = BiasedMF(4, loss=loss).fit(ratings)
    assert all(np.isfinite(array).all() for array in model.arrays)
    assert model.train_rmse_ <= max(ratings.value.std(), 1e-3)
    assert model.mean_ == pytest.approx(ratings.value.mean(dtype=np.float64))


def test_non_negative_factors_that_could_not_reach_the_ratings_are_refused():
    ratings = planted(100, 10, 20)
    for loss in ("logistic", "sigmoid"):
        with pytest.raises(ParameterError, match="keep the biases") as raised:
            BiasedMF(2, loss=loss, biases=False, non_negative=True).fit(ratings)
        assert is_one_line(raised)
    below = ratings.users.take(ratings.user_index), ratings.items.take(ratings.item_index)
    with pytest.raises(DataError, match=r"below 0, but the lowest is -[0-9.]+; keep") as raised:
        BiasedMF(2, biases=False, non_negative=True).fit((*below, ratings.value - 4))
    assert is_one_line(raised)


def test_models_without_biases_advise_to_keep_them_where_the_mean_is_far_from_zero():
    ratings = planted()
    ids = ratings.users.take(ratings.user_index), ratings.items.take(ratings.item_index)
    with pytest.raises(DivergenceError, match="or keep the biases") as raised:
        BiasedMF(8, biases=False).fit((*ids, ratings.value + 1000))
    assert is_one_line(raised)


def test_by_default_the_loss_chooses_the_regularization():
    chosen = {
        loss: BiasedMFParameters(loss=loss).step_sizes.regularization
        for loss in ("squared", "absolute", "logistic", "sigmoid")
    }
    assert chosen["squared"] == 0.043
    assert chosen["absolute"] > chosen["squared"] > chosen["sigmoid"]
    assert BiasedMFParameters(loss="absolute", regularization=0.0).step_sizes.regularization == 0
    assert BiasedMFParameters(biases=False, bias_learning_rate=0.1).step_sizes[1] == 0


def movielens_1m(real_data):
    path = real_data / "ml-1m" / "ratings.csv"
    if not path.exists():
        pytest.skip(f"no {path}")
    return read_ratings(path)


def test_movielens_1m_is_learned_as_well_as_published(real_data):
    ratings = movielens_1m(real_data)
    rmse = [BiasedMF(50, random_state=seed).fit(ratings, valid=0.1).valid_rmse_ for seed in (0, 1)]
    assert np.mean(rmse) < 0.845


def test_defaults_suit_every_loss_on_movielens_1m(real_data):
    ratings = movielens_1m(real_data)
    rmse, mae = {}, {}
    for loss in ("squared", "absolute", "logistic", "sigmoid"):
        model = BiasedMF(50, loss=loss).fit(ratings, valid=0.1)
        rmse[loss], mae[loss] = model.valid_rmse_, model.valid_mae_
    assert max(rmse["logistic"], rmse["sigmoid"]) < rmse["squared"] + 0.01
    assert min(mae, key=mae.get) == "absolute"
    assert BiasedMF(50, biases=False).fit(ratings, valid=0.1).valid_rmse_ < 0.85


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("learning_rate", 10),
        ("bias_learning_rate", 10),
        ("regularization", 10),
        ("bias_regularization", 10),
        ("initial_scale", 10),
    ],
)
def test_settings_far_past_any_use_are_refused_by_name(name, most):
    assert getattr(BiasedMFParameters(**{name: most}), name) == most
    with pytest.raises(ParameterError, match=f"^{name} is .* at most {most}$"):
        BiasedMFParameters(**{name: most * 1.01})


def test_validation_ratings_may_be_of_one_user():
    ratings = planted()
    user = ratings.users.take([0])
    valid = (np.repeat(user, 3), ratings.items.take([1, 2, 3]), np.array([1.0, 2.0, 3.0]))
    model = BiasedMF(3, epochs=2).fit(ratings, valid)
    assert model.valid_rmse_ == pytest.approx(evaluate(model, valid).rmse, rel=1e-5)
