"""Folded in rows against numpy.linalg.solve in float64, and what can be done with them."""

import numpy as np
import pytest

import fastmf
from fastmf import BiasedMF, Ratings, RunSettings
from fastmf.errors import DataError, ModelFileError, NotFittedError
from fastmf.models.als import ALS
from fastmf.models.implicit_als import ImplicitALS
from tests.models.measures import is_one_line
from tests.models.tables import planted

MODELS = {
    "mf": BiasedMF(6, epochs=8),
    "als": ALS(6, epochs=4),
    "als plain": ALS(6, epochs=4, regularization=4.0, regularization_exponent=0.0),
    "implicit-als": ImplicitALS(6, epochs=4, alpha=2.0, regularization=0.5),
    "no biases": BiasedMF(6, epochs=8, biases=False),
}
CURVED = {
    "absolute": BiasedMF(6, epochs=8, loss="absolute"),
    "logistic": BiasedMF(6, epochs=8, loss="logistic"),
    "sigmoid": BiasedMF(6, epochs=8, loss="sigmoid"),
    "non-negative": BiasedMF(6, epochs=8, non_negative=True),
    "non-negative logistic": BiasedMF(6, epochs=8, non_negative=True, loss="logistic"),
}


@pytest.fixture(scope="module")
def table():
    return planted(6000, 150, 100)


@pytest.fixture(scope="module")
def fitted(table):
    models = MODELS | CURVED
    return {name: model.fit(table) for name, model in models.items()}


def ridges(model, n):
    """Return the ridge of factors and bias of a row with n ratings, in units of training."""
    if model.kind == "implicit-als":
        return model.regularization, 0.0
    if model.kind == "als":
        root = n**model.regularization_exponent
        return model.regularization * root, model.bias_regularization * root
    sizes = model.hyperparameters(**model.get_params()).step_sizes
    root = (100 * n) ** 0.5
    return sizes.regularization * root, sizes.bias_regularization * root


def solved(model, side, others, values):
    """Solve one row by numpy in float64, in units of the ratings."""
    name = "item" if side == "user" else "user"
    rows = getattr(model, f"{name}_factors_").astype(np.float64)
    bias = getattr(model, f"{name}_bias_").astype(np.float64)
    biased = model.kind == "als" or (model.kind == "mf" and model.biases)
    q, b = rows[others], bias[others]
    scale = model.scale_
    factor_ridge, bias_ridge = ridges(model, len(values))
    # The loss of training in units of the ratings: factors are in roots of the scale.
    penalty = np.full(q.shape[1], factor_ridge * scale)
    if model.kind == "implicit-als":
        weights = model.alpha * values
        matrix = rows.T @ rows + (q.T * weights) @ q + np.diag(penalty)
        return np.linalg.solve(matrix, q.T @ (1 + weights)), 0.0
    targets = values - model.offset_ - b
    if biased:
        q = np.column_stack([q, np.ones(len(q))])
        penalty = np.append(penalty, bias_ridge)
    x = np.linalg.solve(q.T @ q + np.diag(penalty), q.T @ targets)
    return (x[:-1], x[-1]) if biased else (x, 0.0)


def some_ratings(model, side, n_rows, seed=0):
    """Return new ratings of rows that the model does not know, of known others."""
    rng = np.random.default_rng(seed)
    known = model.items_ if side == "user" else model.users_
    rows = np.repeat(np.arange(n_rows), rng.integers(1, 40, n_rows))
    others = rng.integers(0, len(known), len(rows))
    rows, others = np.unique(np.stack([rows, others]), axis=1)
    values = rng.integers(1, 11, len(rows)) / 2
    ids = rows + 10**6, known.take(others)
    users, items = ids if side == "user" else ids[::-1]
    return Ratings.from_arrays(users, items, values), rows, others, values


@pytest.mark.parametrize("side", ["user", "item"])
@pytest.mark.parametrize("name", MODELS)
def test_rows_are_the_exact_minimum(fitted, name, side):
    model = fitted[name]
    given, rows, others, values = some_ratings(model, side, 12)
    folded = model.fold_in_users(given) if side == "user" else model.fold_in_items(given)
    known = folded.users_ if side == "user" else folded.items_
    factors, bias = getattr(folded, f"{side}_factors_"), getattr(folded, f"{side}_bias_")
    assert factors.dtype == bias.dtype == np.float32
    for row in range(12):
        mine = rows == row
        place = known.lookup([10**6 + row])[0]
        expected, expected_bias = solved(model, side, others[mine], values[mine])
        np.testing.assert_allclose(factors[place], expected, 0, 2e-4)
        assert bias[place] == pytest.approx(expected_bias, abs=2e-4)
        assert folded.n_known_ratings_[place] == mine.sum()


def loss_of(model, factors, bias, others, values):
    """Return what training minimizes, for one user, in units of training."""
    q, b = model.item_factors_[others].astype(float), model.item_bias_[others].astype(float)
    score = model.offset_ + bias + b + q @ factors
    scale, spread = model.scale_, model.spread_
    low, high = model.rating_range_
    if model.loss == "squared":
        errors = ((values - score) / scale) ** 2
    elif model.loss == "absolute":
        errors = 2 * np.abs(values - score) / scale
    else:
        part, found = (values - low) / (high - low), 1 / (1 + np.exp(-score))
        span = (high - low) / spread
        errors = (span * (part - found)) ** 2
        if model.loss == "logistic":
            cross = -part * np.log(found) - (1 - part) * np.log(1 - found)
            errors = 2 * span / scale * cross
    factor_ridge, bias_ridge = ridges(model, len(values))
    return (
        errors.sum() + factor_ridge * (factors**2).sum() / scale + bias_ridge * (bias / scale) ** 2
    )


@pytest.mark.parametrize("name", CURVED)
def test_rows_of_other_losses_are_a_minimum(fitted, name):
    model = fitted[name]
    given, rows, others, values = some_ratings(model, "user", 8)
    folded = model.fold_in_users(given)
    rng = np.random.default_rng(1)
    for row in range(8):
        mine = rows == row
        place = folded.users_.lookup([10**6 + row])[0]
        factors = folded.user_factors_[place].astype(float)
        bias = float(folded.user_bias_[place])
        arguments = others[mine], values[mine]
        least = loss_of(model, factors, bias, *arguments)
        assert least < loss_of(model, 0 * factors, 0.0, *arguments)
        if model.non_negative:
            assert factors.min() >= 0
        for _ in range(30):
            aside = factors + rng.normal(0, 0.03, 6)
            if model.non_negative:
                aside = np.maximum(aside, 0)
            moved = loss_of(model, aside, bias + rng.normal(0, 0.03), *arguments)
            # Thirty majorization steps come that near to the minimum of a loss with corners.
            assert moved > least - 0.02 * abs(least)


@pytest.mark.parametrize("name", MODELS | CURVED)
def test_the_same_bits_for_any_number_of_threads_and_any_company(fitted, table, name):
    model = fitted[name]
    runs = [model.fold_in_users(table, run=RunSettings(num_threads=n)) for n in (1, 2, 3)]
    for folded in runs[1:]:
        assert folded.user_factors_.tobytes() == runs[0].user_factors_.tobytes()
        assert folded.user_bias_.tobytes() == runs[0].user_bias_.tobytes()
    c = table.chunk(0, table.n_rows)
    mine = c.user_index == 7
    alone = model.fold_in_users((table.items.take(c.item_index[mine]), c.value[mine]))
    assert alone.user_factors_[0].tobytes() == runs[0].user_factors_[7].tobytes()


@pytest.mark.parametrize("name", ["mf", "als"])
def test_newcomers_are_predicted_about_as_well_as_those_trained_on(name):
    """The users' rows of a full training against rows folded into a model without them."""
    table = planted(16_000, 400, 120, noise=0.2, seed=5)
    c = table.chunk(0, table.n_rows)
    users, items = table.users.take(c.user_index), table.items.take(c.item_index)
    rng = np.random.default_rng(0)
    held = c.user_index < 60
    test = held & (rng.random(len(held)) < 0.2)

    def part(rows):
        return Ratings.from_arrays(users[rows], items[rows], c.value[rows])

    make = (lambda: BiasedMF(6)) if name == "mf" else (lambda: ALS(6))
    full = make().fit(part(~test))
    folded = make().fit(part(~held)).fold_in_users(part(held & ~test))
    errors = [
        np.sqrt(np.mean((m.predict(users[test], items[test]) - c.value[test]) ** 2))
        for m in (full, folded)
    ]
    assert errors[1] < errors[0] + 0.02
    assert errors[1] < 0.6 * c.value[test].std()


def test_what_the_model_does_not_know_is_left_out_counted_and_said(fitted):
    model = fitted["als"]
    known = model.items_.take([3, 4, 5])
    items = [*known, 10**8, 10**8 + 1, 10**8]
    folded = model.fold_in_users(([1, 1, 1, 1, 2, 2], items, [4, 3, 5, 1, 2, 5.0]))
    assert folded.users_.take([0, 1]).tolist() == [1, 2]
    assert folded.n_known_ratings_.tolist() == [3, 0]
    assert folded.n_unknown_items_ == 2
    assert folded.n_ratings_left_out_ == 3
    assert folded.notes_ == (
        "the model does not know 2 of 5 items; 3 ratings of these left out",
        "1 of 2 users have no rating of a known item, and count as unknown",
    )
    np.testing.assert_array_equal(folded.predict(2, known), model.predict(-1, known))
    alone = model.fold_in_users(([1, 1, 1], known, [4, 3, 5.0]))
    np.testing.assert_array_equal(folded.user_factors_[0], alone.user_factors_[0])
    assert alone.notes_ == ()
    items = model.fold_in_items(([-5, model.users_.take([0])[0]], [7, 7], [1, 2.0]))
    assert items.n_unknown_users_ == 1
    assert "1 of 2 users" in items.notes_[0]
    assert repr(alone) == "<FoldedUsers: 1 users, 3 ratings>"
    assert repr(items) == f"<FoldedItems: 1 items, 2 ratings; {'; '.join(items.notes_)}>"


def test_recommendations_for_a_handful_of_ratings(fitted):
    model = fitted["als"]
    rated = model.items_.take([3, 4, 5]).tolist()
    values = [5.0, 1.0, 4.0]
    found = model.recommend_for(dict(zip(rated, values, strict=True)), n=200)
    assert found.user_ids.tolist() == [0]
    left = found.item_ids[0][~np.isnan(found.scores[0])]
    assert set(left.tolist()) == set(model.items_.take(np.arange(100)).tolist()) - set(rated)
    folded = model.fold_in_users((rated, values))
    scores = (
        model.offset_
        + folded.user_bias_[0]
        + model.item_bias_
        + model.item_factors_ @ folded.user_factors_[0]
    )
    places = model.items_.lookup(left)
    np.testing.assert_allclose(found.scores[0][: len(left)], scores[places], rtol=1e-4)
    assert (np.diff(scores[places]) <= 1e-5).all()
    several = model.recommend_for((["a", "b", "a"], [rated[0], rated[1], rated[2]], [5, 1, 4.0]))
    assert several.user_ids.tolist() == ["a", "b"]
    assert rated[1] in model.recommend_for(([1], [rated[0]], [5.0]), n=200).item_ids[0]


def test_what_was_folded_in_predicts_and_recommends(fitted, table):
    model = fitted["mf"]
    users = model.fold_in_users(table)
    some = table.users.take([0, 5]), table.items.take([2, 3])
    assert users.predict(*some).shape == (2,)
    assert users.known(*some).all()
    seen = users.recommend(some[0], n=200)
    assert set(seen.item_ids[0].tolist()) & set(table.items.take(np.arange(100)).tolist())
    items = model.fold_in_items(table)
    assert items.recommend(some[0], n=3).known.all()
    assert items.similar_items(some[1][0], 3).scores.shape == (3,)


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        (([1], [2], [1e30]), "another scale"),
        (([1], [2], [-40]), "another scale"),
        (([1], [2], [np.nan]), "nan|number"),
        (([1], [2], [np.inf]), "inf|number"),
        (([], [], []), "no ratings"),
        (([1, 2], [2], [3.0]), "length|many"),
    ],
)
def test_bad_ratings_are_refused_in_one_line(fitted, ratings, message):
    for use in (
        fitted["als"].fold_in_users,
        fitted["als"].fold_in_items,
        fitted["als"].partial_fit,
    ):
        with pytest.raises(DataError, match=message) as raised:
            use(ratings)
        assert is_one_line(raised)


def test_bad_weights_of_preferences_are_refused(fitted):
    item = fitted["implicit-als"].items_.take([1])
    for value, message in ((-1.0, "below 0"), (1e30, "smaller values")):
        with pytest.raises(DataError, match=message) as raised:
            fitted["implicit-als"].fold_in_users((item, [value]))
        assert is_one_line(raised)
    for value in (0.0, 1e-38, 1e10):
        folded = fitted["implicit-als"].fold_in_users((item, [value]))
        assert np.isfinite(folded.user_factors_).all()


@pytest.mark.parametrize("name", MODELS | CURVED)
def test_strange_ratings_give_finite_rows(fitted, name):
    model = fitted[name]
    ids = model.items_.take(np.arange(100))
    low, high = (0.0, 9.0) if name == "implicit-als" else model.rating_range_
    for values in (np.full(100, high), np.full(100, low), np.linspace(low, high, 100)):
        for n in (1, 2, 100):
            folded = model.fold_in_users((ids[:n], values[:n]))
            assert np.isfinite(folded.user_factors_).all()
            assert np.isfinite(folded.user_bias_).all()


def test_without_regularization_fewer_ratings_than_factors_are_no_trouble(table):
    model = ALS(20, epochs=3, regularization=0, bias_regularization=0).fit(table)
    folded = model.fold_in_users((model.items_.take([1, 2]), [2.0, 5.0]))
    assert np.isfinite(folded.user_factors_).all()
    np.testing.assert_allclose(folded.predict(0, model.items_.take([1, 2])), [2, 5], atol=0.05)


def test_a_model_must_be_fitted_and_say_its_units(fitted, table, tmp_path):
    for use in (lambda m: m.fold_in_users(table), lambda m: m.explain(1, 1)):
        with pytest.raises(NotFittedError):
            use(BiasedMF())
    fitted["als"].save(tmp_path / "model")
    loaded = fastmf.load_model(tmp_path / "model")
    expected = fitted["als"].fold_in_users(table)
    assert loaded.fold_in_users(table).user_factors_.tobytes() == expected.user_factors_.tobytes()
    loaded.scale_ = 0.0  # as in files that have none
    with pytest.raises(ModelFileError, match="earlier fastmf") as raised:
        loaded.fold_in_users(table)
    assert is_one_line(raised)
