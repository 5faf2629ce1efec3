"""Warm start: training that continues from what a model has learned before."""

import numpy as np
import pytest

from fastmf import Ratings, RunSettings, load_model, random_split
from fastmf.errors import ParameterError
from fastmf.models.als import ALS
from fastmf.models.implicit_als import ImplicitALS
from tests.models.measures import is_one_line, learned
from tests.models.tables import planted

MODELS = (ALS, ImplicitALS)
VARIANTS = (
    (ALS, {}),
    (ALS, {"solver": "cg"}),
    (ALS, {"solver": "block"}),
    (ALS, {"implicit_features": True}),
    (ImplicitALS, {}),
    (ImplicitALS, {"solver": "cg"}),
)


def table(seed=1):
    return planted(6000, 100, 80, noise=0.3, seed=seed)


def losses(model):
    return [record.train_rmse for record in model.history_]


@pytest.mark.parametrize(("model_class", "variant"), VARIANTS)
def test_two_fits_are_one_of_as_many_epochs(model_class, variant):
    ratings = table()
    whole = model_class(8, epochs=6, **variant).fit(ratings)
    model = model_class(8, epochs=3, warm_start=True, **variant).fit(ratings)
    first = losses(model)
    model.fit(ratings)
    np.testing.assert_allclose(first + losses(model), losses(whole), rtol=1e-4)
    np.testing.assert_allclose(model.item_factors_, whole.item_factors_, atol=5e-3)


@pytest.mark.parametrize("model_class", MODELS)
def test_without_it_and_at_first_nothing_changes(model_class):
    ratings = table()
    plain = model_class(8, epochs=2).fit(ratings)
    bits = learned(plain)
    assert learned(plain.fit(ratings)) == bits
    assert learned(model_class(8, epochs=2, warm_start=True).fit(ratings)) == bits


def shuffled(ratings, *, rows=slice(None), seed=0):
    """Return the same ratings in another order, with other dense indices."""
    order = np.random.default_rng(seed).permutation(len(ratings))[rows]
    users = ratings.users.take(ratings.user_index)
    items = ratings.items.take(ratings.item_index)
    return Ratings.from_arrays(users[order], items[order], ratings.value[order])


def test_rows_are_found_by_their_ids():
    ratings = table()
    model = ALS(8, epochs=8).fit(ratings)
    settled = model.train_rmse_
    other = shuffled(ratings)
    assert (other.users.ids.to_pylist()) != ratings.users.ids.to_pylist()
    model.set_params(warm_start=True, epochs=1).fit(other)
    assert model.train_rmse_ == pytest.approx(settled, rel=0.01)
    assert ALS(8, epochs=1).fit(other).train_rmse_ > 1.2 * settled


def test_vocabularies_may_grow_and_shrink():
    ratings = table()
    users = ratings.users.take(ratings.user_index)
    items = ratings.items.take(ratings.item_index)
    old, new = users < np.quantile(users, 0.8), items > np.quantile(items, 0.1)

    def of(rows):
        return Ratings.from_arrays(users[rows], items[rows], ratings.value[rows])

    model = ALS(8, epochs=8, warm_start=True).fit(of(old))
    model.set_params(epochs=1).fit(of(new))
    assert model.users_.ids.to_pylist() == of(new).users.ids.to_pylist()
    assert model.item_factors_.shape == (of(new).n_items, 8)
    cold = ALS(8, epochs=1).fit(of(new))
    assert model.train_rmse_ < 0.9 * cold.train_rmse_


def test_nothing_in_common_is_a_start_at_random():
    ratings = table()
    elsewhere = Ratings.from_arrays(
        ratings.users.take(ratings.user_index) + 10**6,
        ratings.items.take(ratings.item_index) + 10**6,
        ratings.value,
    )
    model = ALS(8, epochs=2).fit(elsewhere)
    model.set_params(warm_start=True).fit(ratings)
    assert learned(model) == learned(ALS(8, epochs=2).fit(ratings))


def test_another_mean_and_spread_of_the_ratings_are_taken_into_account():
    ratings = table()
    columns = ratings.users.take(ratings.user_index), ratings.items.take(ratings.item_index)
    for solver in ("cholesky", "cg", "block"):
        model = ALS(8, epochs=8, solver=solver).fit(ratings)
        # What the model has learned, less the users' ratings of one half.
        half = ratings.value > np.median(ratings.value)
        part = Ratings.from_arrays(*(column[half] for column in columns), ratings.value[half])
        assert abs(part.value.mean() - model.mean_) > 0.3
        model.set_params(warm_start=True, epochs=1).fit(part)
        assert model.train_rmse_ < ALS(8, epochs=1, solver=solver).fit(part).train_rmse_


def test_a_loaded_model_continues(tmp_path):
    ratings = table()
    model = ALS(8, epochs=3, warm_start=True).fit(ratings)
    model.save(tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert loaded.get_params() == model.get_params()
    assert learned(loaded.fit(ratings)) == learned(model.fit(ratings))


@pytest.mark.parametrize("model_class", MODELS)
def test_another_number_of_factors_is_refused_and_the_model_stays(model_class):
    ratings = table()
    model = model_class(8, epochs=1, warm_start=True).fit(ratings)
    bits = learned(model)
    with pytest.raises(ParameterError, match=r"factors is 9, but .* a model of 8") as raised:
        model.set_params(factors=9).fit(ratings)
    assert is_one_line(raised)
    assert learned(model) == bits
    assert model.set_params(warm_start=False).fit(ratings).item_factors_.shape[1] == 9


@pytest.mark.parametrize("value", [2, "yes", None])
def test_what_is_neither_true_nor_false_is_refused(value):
    with pytest.raises(ParameterError, match=r"^warm_start is "):
        ALS(8, warm_start=value).fit(table())


def test_the_same_bits_for_any_number_of_threads():

    train, valid = random_split(table(), 0.1)
    results = []
    for threads in (1, 3):
        run = RunSettings(num_threads=threads)
        model = ALS(8, epochs=2, warm_start=True).fit(train, valid, run=run)
        results.append(learned(model.fit(train, valid, run=run)))
    assert results[0] == results[1]
