"""Alternating least squares: the contract, its own limits, and real ratings."""

import math
from itertools import pairwise

import numpy as np
import pytest

from fastmf import Ratings, RunSettings, random_split, read_ratings
from fastmf.errors import ParameterError
from fastmf.models import limits
from fastmf.models.als import ALS
from fastmf.models.limits import memory_left
from tests.models.contract import ModelContract
from tests.models.measures import LEARNED, is_one_line, learned
from tests.models.tables import bad_tables, planted


class TestALS(ModelContract):
    model_class = ALS
    small = {"factors": 5, "epochs": 3}  # noqa: RUF012 - the contract's three lines


class TestWeightedByCount(TestALS):
    variant = {"regularization": 0.05, "regularization_exponent": 1.0}  # noqa: RUF012


class TestPlain(TestALS):
    variant = {"regularization_exponent": 0.0}  # noqa: RUF012


class TestConjugateGradients(TestALS):
    variant = {"solver": "cg", "cg_steps": 2}  # noqa: RUF012


class TestBlocks(TestALS):
    variant = {"solver": "block"}  # noqa: RUF012


class TestImplicitFeatures(TestALS):
    variant = {"implicit_features": True}  # noqa: RUF012


WHOLE = ("factors", "epochs", "random_state", "cg_steps", "block_size")
NUMBERS = ("regularization", "bias_regularization", "regularization_exponent", "initial_scale")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("factors", "epochs") for value in (0, -1)),
        *((name, value) for name in WHOLE for value in (1.5, True, "x", None, math.nan)),
        *((name, value) for name in NUMBERS for value in (-0.1, math.nan, math.inf, "x", True)),
        ("regularization_exponent", 1.1),
        ("initial_scale", 0),
        ("random_state", -1),
        ("cg_steps", 0),
        ("block_size", 0),
        *(("solver", value) for value in ("lu", None, 1)),
        *(("implicit_features", value) for value in ("yes", None, 1.5)),
    ],
)
def test_values_outside_the_limits_are_refused_with_name_and_value(name, value):
    model = ALS(**{name: value})
    with pytest.raises(ParameterError, match=f"^{name} is ") as raised:
        model.fit(planted(100, 10, 20))
    assert is_one_line(raised)
    assert str(value) in str(raised.value)
    assert not hasattr(model, "user_factors_")


def test_numpy_numbers_count_as_numbers():
    numbers = {"factors": np.int64(4), "epochs": np.int32(2), "regularization": np.float32(0.5)}
    ratings = planted(300, 20, 30)
    plain = ALS(4, epochs=2, regularization=0.5).fit(ratings)
    assert learned(ALS(**numbers).fit(ratings)) == learned(plain)


def test_more_factors_than_memory_holds_are_refused_with_a_number_that_fits():
    with pytest.raises(ParameterError, match=r"GiB of memory .*; use [0-9]+ or fewer") as raised:
        ALS(10**9).fit(planted(100, 10, 20))
    assert is_one_line(raised)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("coded", [True, False])
def test_ratings_that_do_not_fit_are_streamed_with_the_same_bits(cache_folder, threads, coded):
    ratings = planted()
    if not coded:
        noise = np.random.default_rng(0).normal(0, 0.01, len(ratings))
        columns = ratings.users.take(ratings.user_index), ratings.items.take(ratings.item_index)
        ratings = read_ratings((*columns, ratings.value + noise))
    expected = learned(ALS(5, epochs=3).fit(ratings))
    work = cache_folder / "work"
    assert not work.exists()
    n_rows = ratings.n_users + ratings.n_items
    left = memory_left("factors", 5, n_rows, keep_best=False, max_memory=1 << 29)
    run = RunSettings(num_threads=threads, max_memory=(1 << 29) - left + 1000)
    assert learned(ALS(5, epochs=3).fit(ratings, run=run)) == expected
    assert work.exists(), "the sorted ratings were in a file"
    assert not list(work.iterdir()), "nothing is left behind"


@pytest.mark.parametrize("factors", [1, 13, 14, 15, 31, 64])
def test_any_number_of_factors_learns(factors):
    train, valid = random_split(planted(12_000, 150, 120, noise=0.2, seed=3), 0.1)
    model = ALS(factors, epochs=10).fit(train, valid)
    limit = 1.0 if factors < 3 else 0.45
    assert model.valid_rmse_ < limit


def products(model):
    """Return what factors come to together: their axes are any."""
    return model.user_factors_ @ model.item_factors_.T


def test_conjugate_gradients_end_where_exact_solutions_do():
    train, valid = random_split(planted(12_000, 150, 120, noise=0.2, seed=3), 0.1)
    exact = ALS(20, epochs=12, solver="cholesky").fit(train, valid)
    many = ALS(20, epochs=12, solver="cg", cg_steps=40).fit(train, valid)
    np.testing.assert_allclose(products(many), products(exact), atol=2e-2)
    few = ALS(20, epochs=12, solver="cg").fit(train, valid)
    assert few.valid_rmse_ == pytest.approx(exact.valid_rmse_, abs=0.002)


def test_many_sweeps_over_blocks_end_where_exact_solutions_do():
    train, valid = random_split(planted(12_000, 150, 120, noise=0.2, seed=3), 0.1)
    exact = ALS(40, epochs=12, solver="cholesky").fit(train, valid)
    blocks = ALS(40, epochs=12, solver="block", block_size=15).fit(train, valid)
    assert blocks.valid_rmse_ == pytest.approx(exact.valid_rmse_, abs=0.01)
    one = ALS(40, epochs=4, solver="block", block_size=41).fit(train)
    assert one.train_rmse_ == pytest.approx(ALS(40, epochs=4).fit(train).train_rmse_, rel=1e-4)


@pytest.mark.parametrize(("factors", "solver"), [(32, "cholesky"), (33, "cg")])
def test_auto_is_exact_up_to_32_factors(factors, solver):
    ratings = planted(600, 40, 30)
    auto, named = (ALS(factors, epochs=2, solver=kind).fit(ratings) for kind in ("auto", solver))
    assert learned(auto) == learned(named)


def test_the_scale_of_the_ratings_does_not_matter():
    ratings = planted(3000, 60, 50)
    columns = ratings.users.take(ratings.user_index), ratings.items.take(ratings.item_index)
    whole = ALS(5, epochs=5).fit(ratings)
    scaled = ALS(5, epochs=5).fit((*columns, ratings.value * 1000 - 7))
    assert scaled.train_rmse_ == pytest.approx(1000 * whole.train_rmse_, rel=1e-3)


def test_the_training_error_that_is_reported_on_the_way_is_the_unclipped_one():
    ratings = planted(3000, 60, 50)
    model = ALS(5, epochs=4).fit(ratings)
    users, items = ratings.user_index, ratings.item_index
    raw = model.mean_ + model.user_bias_[users] + model.item_bias_[items]
    raw = raw + np.einsum("ij,ij->i", model.user_factors_[users], model.item_factors_[items])
    rmse = np.sqrt(np.mean((ratings.value - raw.astype(np.float64)) ** 2))
    assert model.history_[-1].train_rmse == pytest.approx(rmse, rel=1e-5)


def test_without_regularization_the_training_error_never_rises():
    """It is then all of the objective; the objective with it has a test of its own."""
    model = ALS(4, epochs=10, regularization=0.0, bias_regularization=0.0)
    history = model.fit(planted(6000, 60, 120)).history_
    assert all(
        later.train_rmse <= earlier.train_rmse * (1 + 1e-5) for earlier, later in pairwise(history)
    )
    assert history[-1].train_rmse < 0.9 * history[0].train_rmse


class Notes:
    """Progress that keeps its notes."""

    def __init__(self):
        self.notes = []

    def start(self, description, total, unit):
        pass

    def advance(self, amount):
        pass

    def finish(self):
        pass

    def note(self, text):
        self.notes.append(text)


ONE_SIDED = {"one rating", "one user", "one item"}  # refused by the readers


@pytest.mark.parametrize("name", sorted(set(bad_tables()) - ONE_SIDED))
def test_without_regularization_tables_without_a_unique_solution_give_finite_numbers(name):
    notes = Notes()
    ratings = Ratings.from_arrays(*bad_tables()[name])
    model = ALS(20, epochs=3, regularization=0.0, bias_regularization=0.0)
    model.fit(ratings, run=RunSettings(progress=notes))
    for attribute in LEARNED:
        assert np.isfinite(getattr(model, attribute)).all(), attribute
    assert model.schedule_["mended"] > 0
    assert any("no unique solution" in note for note in notes.notes)
    spread = float(ratings.value.astype(np.float64).std()) or 1.0
    assert model.train_rmse_ < 1.01 * spread


def test_users_and_items_without_training_ratings_predict_the_mean_and_the_other_bias():
    ratings = planted(600, 40, 30)
    mine = ratings.user_index == 3
    bits = np.packbits(~mine, bitorder="little")
    model = ALS(4, epochs=2).fit(ratings.select(bits))
    assert not model.user_factors_[3].any()
    assert model.user_bias_[3] == 0
    user, items = ratings.users.take([3])[0], ratings.items.take(np.arange(5))
    expected = np.clip(model.mean_ + model.item_bias_[:5], *model.rating_range_)
    np.testing.assert_allclose(model.predict(user, items), expected, rtol=1e-5)


def test_movielens_100k_published_folds(real_data):
    folder = real_data / "ml-100k"
    errors = []
    for fold in (1, 2):
        train, test = (read_ratings(folder / f"u{fold}.{part}") for part in ("base", "test"))
        errors.append(ALS().fit(train, test).valid_rmse_)
    assert np.mean(errors) < 0.922  # all five: .909; the first two are the hardest


def test_implicit_features_on_movielens_100k(real_data):
    folder = real_data / "ml-100k"
    errors = []
    for fold in (1, 2):
        train, test = (read_ratings(folder / f"u{fold}.{part}") for part in ("base", "test"))
        errors.append(ALS(implicit_features=True).fit(train, test).valid_rmse_)
    assert np.mean(errors) < 0.912  # all five: .897


@pytest.mark.slow
def test_movielens_1m_with_implicit_features(real_data):
    ratings = read_ratings(real_data / "ml-1m" / "ratings.csv")
    errors = [
        ALS(random_state=seed, implicit_features=True)
        .fit(*random_split(ratings, 0.1, seed))
        .valid_rmse_
        for seed in range(5)
    ]
    assert np.mean(errors) <= 0.838


@pytest.mark.slow
def test_movielens_1m_with_defaults(real_data):
    ratings = read_ratings(real_data / "ml-1m" / "ratings.csv")
    errors = [
        ALS(random_state=seed).fit(*random_split(ratings, 0.1, seed)).valid_rmse_
        for seed in range(5)
    ]
    assert np.mean(errors) <= 0.845


def test_patience_counts_from_the_first_epoch_on():
    """There is no rate that falls: past the minimum, further epochs only fit the noise."""
    train, valid = random_split(planted(6000, 60, 150, noise=0.8, seed=3), 0.2)
    settings = {"regularization": 0.5, "regularization_exponent": 0.0}
    model = ALS(10, epochs=40, **settings).fit(train, valid, run=RunSettings(patience=3))
    assert model.stopped_ == "patience"
    assert model.epochs_run_ == model.best_epoch_ + 3
    assert model.epochs_run_ < 20


def test_the_rows_that_implicit_features_take_are_counted(monkeypatch):
    monkeypatch.setattr(limits, "available_memory", lambda: 1 << 31)
    ratings = planted(3000, 60, 50)
    fitting = (1 << 31) - (1 << 28)
    factors = fitting // (4 * 2 * 110) // 16 * 16 - 16
    parameters = ALS.hyperparameters(factors)
    ALS()._check_fit(parameters, ratings, None, RunSettings())
    with_features = ALS.hyperparameters(factors, implicit_features=True)
    with pytest.raises(ParameterError, match=r"factors is .* use [0-9]+ or fewer"):
        ALS()._check_fit(with_features, ratings, None, RunSettings())
