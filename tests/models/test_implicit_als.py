"""Implicit ALS: the loss over all pairs in float64, its limits, saving, threads."""

import math
from itertools import pairwise

import numpy as np
import pytest

from fastmf import Ratings, RunSettings, evaluate, load_model
from fastmf.errors import DataError, DivergenceError, ParameterError
from fastmf.models.implicit_als import ImplicitALS
from tests.models.measures import LEARNED, is_one_line, learned
from tests.models.tables import bad_tables, planted


def plays(n=2500, n_users=90, n_items=60, *, distinct=5, seed=0):
    """Users of three kinds, who play items of their own kind more often."""
    rng = np.random.default_rng(seed)
    cells = rng.permutation(n_users * n_items)
    users, items = cells // n_items, cells % n_items
    kept = rng.random(len(cells)) < np.where(users % 3 == items % 3, 0.6, 0.05)
    users, items = users[kept][:n], items[kept][:n]
    return Ratings.from_arrays(users, items, rng.integers(1, distinct + 1, len(users)))


def full_loss(model, table, alpha, regularization):
    """Return what is minimized, over every pair in float64, by the confidences."""
    x, y = (a.astype(np.float64) for a in (model.user_factors_, model.item_factors_))
    confidence, preference = np.ones((2, table.n_users, table.n_items))
    preference[:] = 0
    confidence[table.user_index, table.item_index] += alpha * table.value.astype(np.float64)
    preference[table.user_index, table.item_index] = table.value > 0
    errors = confidence * (preference - x @ y.T) ** 2
    return (errors.sum() + regularization * ((x**2).sum() + (y**2).sum())) / confidence.sum()


@pytest.mark.parametrize("solver", ["cholesky", "cg", "block"])
@pytest.mark.parametrize("distinct", [1, 5, 1000])
@pytest.mark.parametrize(("alpha", "regularization"), [(1.0, 0.01), (40.0, 1.0), (0.01, 0.0)])
def test_the_loss_is_that_over_all_pairs(distinct, alpha, regularization, solver):
    table = plays(distinct=distinct)
    settings = {"alpha": alpha, "regularization": regularization, "solver": solver}
    model = ImplicitALS(8, epochs=4, **settings).fit(table)
    assert model.loss_ == pytest.approx(full_loss(model, table, alpha, regularization), rel=1e-4)
    assert model.train_rmse_ == pytest.approx(math.sqrt(model.loss_))


@pytest.mark.parametrize("solver", ["cholesky", "cg", "block"])
def test_the_loss_falls_with_every_epoch(solver):
    history = ImplicitALS(10, epochs=12, solver=solver, cg_steps=2).fit(plays()).history_
    for earlier, later in pairwise(history):
        assert later.train_rmse <= earlier.train_rmse * (1 + 1e-6)


def test_conjugate_gradients_end_where_exact_solutions_do():
    table = plays()
    exact, few, many = (
        ImplicitALS(8, epochs=10, **settings).fit(table)
        for settings in ({"solver": "cholesky"}, {"solver": "cg"}, {"solver": "cg", "cg_steps": 30})
    )
    assert many.loss_ == pytest.approx(exact.loss_, rel=1e-4)
    many_products, exact_products = (
        model.user_factors_ @ model.item_factors_.T for model in (many, exact)
    )
    np.testing.assert_allclose(many_products, exact_products, atol=1e-2)
    assert few.loss_ == pytest.approx(exact.loss_, rel=0.02)


def test_items_are_a_stationary_point_of_the_loss():
    table, alpha, regularization = plays(), 3.0, 0.5
    model = ImplicitALS(6, epochs=3, alpha=alpha, regularization=regularization).fit(table)
    x, y = (a.astype(np.float64) for a in (model.user_factors_, model.item_factors_))
    confidence = np.ones((table.n_users, table.n_items))
    confidence[table.user_index, table.item_index] += alpha * table.value
    preference = np.zeros_like(confidence)
    preference[table.user_index, table.item_index] = 1
    gradient = (confidence * (x @ y.T - preference)).T @ x + regularization * y
    assert np.abs(gradient).max() < 1e-4 * confidence.sum() / table.n_items


def test_recommendations_are_of_the_own_kind_and_new():
    table = plays()
    model = ImplicitALS(6).fit(table)
    users = model.users_.take(np.arange(30))
    top = model.recommend(users, n=3, seen=table)
    kinds = top.item_ids % 3 == users[:, np.newaxis] % 3
    known = ~np.isnan(top.scores)
    assert kinds[known].mean() > 0.85
    predicted = model.predict(users, model.items_.take(np.arange(30)))
    assert ((predicted >= 0) & (predicted <= 1)).all()
    assert (model.user_bias_ == 0).all()
    assert model.offset_ == 0


def test_a_value_of_zero_is_as_good_as_none():
    table = plays()
    users, items = table.users.take(table.user_index), table.items.take(table.item_index)
    values = np.where(np.arange(len(table)) % 7 == 0, 0, table.value)
    with_zeros = Ratings.from_arrays(users, items, values)
    model = ImplicitALS(5, epochs=3).fit(with_zeros)
    assert model.loss_ == pytest.approx(full_loss(model, with_zeros, 1, 0.01), rel=1e-4)


@pytest.mark.parametrize("solver", ["cholesky", "cg", "block"])
def test_the_same_bits_for_any_number_of_threads(solver):
    table = plays()
    results = [
        learned(
            ImplicitALS(9, epochs=3, solver=solver).fit(table, run=RunSettings(num_threads=threads))
        )
        for threads in (1, 2, 5)
    ]
    assert results[0] == results[1] == results[2]


def test_saved_and_loaded_it_is_the_same(tmp_path):
    model = ImplicitALS(5, epochs=2).fit(plays())
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert type(loaded) is ImplicitALS
    assert learned(loaded) == learned(model)
    assert loaded.loss_ == model.loss_


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("factors", "epochs") for value in (0, 1.5, "x", None)),
        *((name, value) for name in ("alpha", "initial_scale") for value in (0, -1, math.nan)),
        *(("regularization", value) for value in (-0.1, math.inf, "x", True)),
        ("random_state", -1),
        ("cg_steps", 0),
        ("block_size", 0),
        ("solver", "lu"),
    ],
)
def test_values_outside_the_limits_are_refused_with_name_and_value(name, value):
    with pytest.raises(ParameterError, match=f"^{name} is ") as raised:
        ImplicitALS(**{name: value}).fit(planted(100, 10, 20))
    assert is_one_line(raised)


def test_it_is_not_evaluated_on_ratings():
    model = ImplicitALS(4, epochs=2).fit(plays())
    with pytest.raises(DataError, match="predicts preferences from 0 to 1, not ratings") as raised:
        evaluate(model, plays())
    assert is_one_line(raised)


def test_negative_values_are_refused():
    with pytest.raises(DataError, match="lowest is -2; leave values below 0 out") as raised:
        ImplicitALS().fit(([1, 2], [1, 2], [-2.0, 1.0]))
    assert is_one_line(raised)


@pytest.mark.parametrize("name", sorted(set(bad_tables()) - {"negative"}))
@pytest.mark.parametrize("regularization", [0.0, 0.01])
def test_bad_tables_give_finite_numbers_or_one_line(name, regularization):
    table = Ratings.from_arrays(*bad_tables()[name])
    model = ImplicitALS(20, epochs=3, regularization=regularization)
    try:
        model.fit(table)
    except (DataError, DivergenceError) as error:
        assert "\n" not in str(error)
        assert name == "huge" or name.startswith("one ")
        return
    for attribute in LEARNED:
        assert np.isfinite(getattr(model, attribute)).all(), attribute
    assert math.isfinite(model.loss_)
