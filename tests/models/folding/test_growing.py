"""Growing a model, explaining predictions, and how sure they are."""

import numpy as np
import pytest

import fastmf
from fastmf import BiasedMF, Ratings, RunSettings
from fastmf.errors import DataError, ParameterError
from fastmf.models.als import ALS
from fastmf.models.implicit_als import ImplicitALS
from tests.models.measures import is_one_line
from tests.models.tables import planted

KINDS = {
    "mf": lambda: BiasedMF(6, epochs=8),
    "als": lambda: ALS(6, epochs=4),
    "implicit-als": lambda: ImplicitALS(6, epochs=4, alpha=2.0, regularization=0.5),
    "logistic": lambda: BiasedMF(6, epochs=8, loss="logistic"),
    "non-negative": lambda: BiasedMF(6, epochs=8, non_negative=True),
    "no biases": lambda: BiasedMF(6, epochs=8, biases=False),
}


@pytest.fixture(scope="module")
def table():
    return planted(6000, 150, 100)


@pytest.fixture
def make(table):
    return lambda name: KINDS[name]().fit(table)


def batch(table):
    """Return ratings of two known and two new users, of known and new items."""
    users = [*table.users.take([3, 8]), 10**6, 10**6 + 1]
    items = [*table.items.take([1, 2, 9, 40, 41]), 10**6, 10**6 + 1]
    pairs = [(u, i) for u in users for i in items]
    values = np.tile([5.0, 1, 4, 2, 3, 5, 1], 4) - np.repeat([0, 0.5, 1, 0], 7) * 0.5
    return Ratings.from_arrays(*zip(*pairs, strict=True), values), users, items


def rows_of(model):
    names = "user_factors_", "user_bias_", "item_factors_", "item_bias_"
    return {name: np.array(getattr(model, name)) for name in names}


@pytest.mark.parametrize("update", ["users", "items", "both", "none"])
@pytest.mark.parametrize("name", KINDS)
def test_what_is_not_updated_keeps_its_bits(make, table, name, update):
    model = make(name)
    before, n = rows_of(model), model.n_ratings_
    given, users, _ = batch(table)
    old_users, old_items = model.users_, model.items_
    counts = model.baseline_.user_counts.copy()
    untouched = table.users.take([0, 1, 100])
    recommended = model.recommend(untouched, n=100)
    assert model.partial_fit(given, update=update) is model
    assert (len(model.users_), len(model.items_)) == (152, 102)
    np.testing.assert_array_equal(model.users_.take(np.arange(150)), old_users.take(np.arange(150)))
    np.testing.assert_array_equal(model.items_.take(np.arange(100)), old_items.take(np.arange(100)))
    assert model.n_ratings_ == n + len(given)
    assert model.baseline_.user_counts[model.users_.lookup([users[0], 10**6])].tolist() == [
        counts[3] + 7,
        7,
    ]
    after = rows_of(model)
    moved = {
        "user": {3, 8} if update in ("users", "both") else set(),
        "item": {1, 2, 9, 40, 41} if update in ("items", "both") else set(),
    }
    for key, size in (("user", 150), ("item", 100)):
        changed = np.flatnonzero(
            (after[f"{key}_factors_"][:size] != before[f"{key}_factors_"]).any(axis=1)
        )
        assert set(changed.tolist()) == moved[key]
        assert all(np.isfinite(after[f"{key}_{part}_"]).all() for part in ("factors", "bias"))
        if model.get_params().get("non_negative"):
            assert after[f"{key}_factors_"].min() >= 0
    if update in ("users", "none"):  # items of before have the same scores for who was not updated
        grown = model.recommend(untouched, n=102)
        for row in range(3):
            kept = np.isin(grown.item_ids[row], recommended.item_ids[row])
            np.testing.assert_array_equal(grown.item_ids[row][kept], recommended.item_ids[row])
            assert grown.scores[row][kept].tobytes() == recommended.scores[row].tobytes()


@pytest.mark.parametrize("name", KINDS)
def test_the_same_bits_for_any_number_of_threads_and_from_a_file(make, table, name, tmp_path):
    given, *_ = batch(table)
    models = [make(name) for _ in range(3)]
    models[0].save(tmp_path / "model")
    models.append(fastmf.load_model(tmp_path / "model"))
    for model, threads in zip(models, (1, 2, 3, 2), strict=True):
        model.partial_fit(given, update="both", run=RunSettings(num_threads=threads))
        assert all(
            one.tobytes() == other.tobytes()
            for one, other in zip(rows_of(model).values(), rows_of(models[0]).values(), strict=True)
        )
    models[3].save(tmp_path / "grown")
    loaded = fastmf.load_model(tmp_path / "grown")
    assert loaded.users_ == models[0].users_
    assert loaded.updates_ == models[3].updates_
    np.testing.assert_array_equal(loaded.item_factors_, models[0].item_factors_)
    np.testing.assert_array_equal(loaded.baseline_.item_counts, models[0].baseline_.item_counts)
    loaded.partial_fit(given)


def test_new_users_alone_are_folded_in(make, table):
    model, folded = make("als"), make("als")
    items = table.items.take([5, 6, 7])
    given = Ratings.from_arrays([10**6] * 3, items, [5.0, 1, 3])
    model.partial_fit(given)
    users = folded.fold_in_users(given)
    assert model.user_factors_[150].tobytes() == users.user_factors_[0].tobytes()
    assert model.user_bias_[150] == users.user_bias_[0]


def test_a_known_row_moves_as_the_formula_says(make, table):
    model = make("als")
    user, n = table.users.take([3])[0], int(model.baseline_.user_counts[3])
    places = np.array([5, 6, 7])
    values = np.array([5.0, 1.0, 3.0])
    scale = model.scale_
    rows = np.column_stack([model.item_factors_ / scale**0.5, np.ones(100)]).astype(float)
    start = np.append(model.user_factors_[3] / scale**0.5, model.user_bias_[3] / scale).astype(
        float
    )
    counts = model.baseline_.item_counts
    mean = (rows.T * counts) @ rows / counts.sum()
    weights = np.append(np.full(6, model.regularization), model.bias_regularization)
    power = model.regularization_exponent
    before, after = np.diag(weights * n**power), np.diag(weights * (n + 3) ** power)
    a = rows[places]
    left = (values - model.mean_ - model.item_bias_[places]) / scale - a @ start
    change = np.linalg.solve(a.T @ a + n * mean + after, a.T @ left - (after - before) @ start)
    model.partial_fit(([user] * 3, model.items_.take(places), values))
    np.testing.assert_allclose(model.user_factors_[3] / scale**0.5, (start + change)[:-1], 0, 1e-4)
    assert model.user_bias_[3] / scale == pytest.approx((start + change)[-1], abs=1e-4)
    assert np.abs(change).max() > 0.01


@pytest.mark.parametrize("name", ["mf", "als"])
def test_taking_in_more_ratings_of_everybody_makes_predictions_better(name):
    table = planted(16_000, 200, 120, noise=0.2, seed=4)
    first, rest = fastmf.random_split(table, 0.3)
    first, rest = rest, first  # the model is trained on the smaller part
    more, test = fastmf.random_split(rest, 0.3)
    make = {"mf": lambda: BiasedMF(6), "als": lambda: ALS(6)}[name]
    model = make().fit(first)
    before = fastmf.evaluate(model, test).rmse
    after = fastmf.evaluate(model.partial_fit(more, update="both"), test).rmse
    both = np.concatenate([first.user_index, more.user_index])
    items = np.concatenate([first.item_index, more.item_index])
    values = np.concatenate([first.value, more.value])
    whole = Ratings.from_arrays(table.users.take(both), table.items.take(items), values)
    again = fastmf.evaluate(make().fit(whole), test).rmse
    assert again < before
    # Most of what training again would gain.
    assert after < before - 0.4 * (before - again)


def test_new_items_and_new_users_that_rate_each_other(make, table):
    model = make("als")
    given, users, _ = batch(table)
    model.partial_fit(given)
    c = given.chunk(0, given.n_rows)
    predicted = model.predict(given.users.take(c.user_index), given.items.take(c.item_index))
    new = np.isin(given.users.take(c.user_index), users[2:])
    assert np.sqrt(np.mean((predicted - c.value)[new] ** 2)) < 0.8 * c.value[new].std()


def test_ids_take_the_type_of_the_model_s(make, table):
    model = make("als")
    items = [str(i) for i in table.items.take([1, 2])]
    model.partial_fit((["1000000", "1000001"], items, [1.0, 5.0]))
    assert model.users_.take([150, 151]).tolist() == [10**6, 10**6 + 1]
    rows = rows_of(model)
    with pytest.raises(DataError, match="'somebody'") as raised:
        model.partial_fit((["somebody"], items[:1], [1.0]))
    assert is_one_line(raised)
    assert len(model.users_) == 152
    assert all(np.array_equal(rows[name], value) for name, value in rows_of(model).items())
    for arguments in ({"update": "all"}, {"rounds": 0}, {"rounds": 1.5}):
        with pytest.raises(ParameterError) as raised:
            model.partial_fit(([1], items[:1], [1.0]), **arguments)
        assert is_one_line(raised)


def test_before_fit_it_is_fit(table):
    model = BiasedMF(4, epochs=2).partial_fit(table)
    assert model.n_ratings_ == len(table)


@pytest.mark.parametrize("name", KINDS)
def test_an_explanation_adds_up(make, table, name):
    model = make(name)
    user, item = table.users.take([3])[0], table.items.take([50])[0]
    found = model.explain(user, item, n=5, seen=table)
    assert len(found.item_ids) == len(found.ratings) == len(found.contributions) == 5
    whole = model.explain(user, item, n=1000, seen=table)
    assert whole.n_ratings == (table.user_index == 3).sum() == len(whole.contributions)
    assert whole.others == pytest.approx(0, abs=1e-12)
    assert (np.diff(np.abs(whole.contributions)) <= 0).all()
    for one in (found, whole):
        parts = one.baseline + one.contributions.sum() + one.others + one.remainder
        assert parts == pytest.approx(one.score, abs=1e-12)
    assert found.prediction == pytest.approx(model.predict(user, item)[0], abs=1e-4)
    assert found.baseline == pytest.approx(model.offset_ + model.item_bias_[50], abs=1e-6)
    rated = dict(zip(table.items.take(table.item_index), range(len(table)), strict=True))
    assert set(whole.item_ids.tolist()) <= set(rated)
    # What the row of the minimum predicts, without the remainder.
    mine = table.user_index == 3
    folded = model.fold_in_users((table.items.take(table.item_index[mine]), table.value[mine]))
    product = folded.user_factors_[0] @ model.item_factors_[50] + folded.user_bias_[0]
    assert whole.contributions.sum() == pytest.approx(product, abs=2e-3)
    assert found.known
    assert list(found.to_pandas()) == ["item_id", "rating", "contribution"]


def test_an_explanation_of_a_newcomer_has_no_remainder(make):
    model = make("als")
    ids = model.items_.take([1, 2, 3])
    found = model.explain(0, model.items_.take([9])[0], seen=(ids, [5.0, 1.0, 3.0]))
    assert not found.known
    assert found.remainder == pytest.approx(0, abs=1e-12)
    assert found.n_ratings == 3
    folded = model.fold_in_users((ids, [5.0, 1.0, 3.0]))
    assert found.prediction == pytest.approx(folded.predict(0, model.items_.take([9]))[0], abs=1e-4)


def test_one_more_point_changes_the_score_by_its_contribution(make):
    """Contributions are what the score owes to a rating, weights being equal."""
    model = make("als")
    ids, item = model.items_.take([1, 2, 3]), model.items_.take([9])[0]
    low = model.explain(0, item, seen=(ids, [5.0, 1.0, 3.0]))
    high = model.explain(0, item, seen=(ids, [5.0, 2.0, 3.0]))
    place = low.item_ids.tolist().index(ids[1])
    after = high.contributions[high.item_ids.tolist().index(ids[1])]
    assert high.score - low.score == pytest.approx(after - low.contributions[place], abs=1e-9)


def test_what_cannot_be_explained_is_one_line(make, table):
    model = make("als")
    user, item = table.users.take([3])[0], table.items.take([50])[0]
    cases = (
        ((user, 10**8), {"seen": table}, "does not know item"),
        ((10**8, item), {"seen": table}, "no ratings by user"),
        ((user, item), {}, "does not record where"),
        (([user, user], item), {"seen": table}, "one user id"),
    )
    for ids, arguments, message in cases:
        with pytest.raises(DataError, match=message) as raised:
            model.explain(*ids, **arguments)
        assert is_one_line(raised)
    with pytest.raises(ParameterError, match=r"^n is"):
        model.explain(user, item, 0, seen=table)


@pytest.mark.parametrize("name", ["mf", "als", "no biases"])
def test_standard_deviations_follow_the_formula(make, table, name):
    model = make(name)
    users, items = np.array([3, 8, 8]), np.array([50, 1, 2])
    predicted, std = model.predict(
        table.users.take(users), table.items.take(items), return_std=True, seen=table
    )
    assert std.dtype == np.float32
    np.testing.assert_array_equal(
        predicted, model.predict(table.users.take(users), table.items.take(items))
    )
    scale = model.scale_
    biased = name != "no biases"

    def rows_and_ridges(factors, n):
        rows = factors.astype(float) / scale**0.5
        penalty = model.hyperparameters(**model.get_params()).row_rules.penalty
        ridge, bias_ridge = (float(x[0]) for x in penalty.ridges(np.array([n])))
        if not biased:
            return rows, np.full(rows.shape[1], ridge)
        return np.column_stack([rows, np.ones(len(rows))]), np.append(np.full(6, ridge), bias_ridge)

    for user, item, found in zip(users, items, std, strict=True):
        total = 1.0
        for own, other, mine, factors in (
            (user, item, table.item_index[table.user_index == user], model.item_factors_),
            (item, user, table.user_index[table.item_index == item], model.user_factors_),
        ):
            rows, ridges = rows_and_ridges(factors, len(mine))
            matrix = rows[mine].T @ rows[mine] + np.diag(ridges)
            total += rows[other] @ np.linalg.solve(matrix, rows[other])
            assert own >= 0
        assert found == pytest.approx(model.train_rmse_ * total**0.5, rel=1e-4)


@pytest.mark.parametrize("name", ["mf", "als"])
def test_errors_grow_with_the_standard_deviation(name):
    rng = np.random.default_rng(3)
    n_users, n_items = 600, 200
    active = rng.random(n_users) ** 3 * 0.5 + 0.005  # some rate a lot, most a little
    users, items = np.nonzero(rng.random((n_users, n_items)) < active[:, np.newaxis])
    factors = rng.normal(size=(n_users, 4)), rng.normal(size=(n_items, 4))
    values = 3 + np.einsum("ij,ij->i", factors[0][users], factors[1][items]) / 2
    values += rng.normal(0, 0.2, len(users))
    test = rng.random(len(users)) < 0.3
    train = Ratings.from_arrays(users[~test], items[~test], values[~test])
    model = {"mf": lambda: BiasedMF(8), "als": lambda: ALS(8)}[name]().fit(train)
    predicted, std = model.predict(users[test], items[test], return_std=True, seen=train)
    squared = (predicted - values[test]) ** 2
    order = np.argsort(std, kind="stable")
    deciles = [squared[part].mean() ** 0.5 for part in np.array_split(order, 10)]
    assert deciles[-1] > 1.5 * deciles[0]
    assert np.corrcoef(np.arange(10), deciles)[0, 1] > 0.8
    threads = [
        model.predict(
            users[test], items[test], return_std=True, seen=train, run=RunSettings(num_threads=n)
        )[1].tobytes()
        for n in (1, 2, 3)
    ]
    assert len(set(threads)) == 1


def test_standard_deviations_of_the_unknown_are_finite_and_greater(make, table):
    model = make("als")
    user, item = table.users.take([3])[0], table.items.take([50])[0]
    _, std = model.predict([user, -1, user, -1], [item, item, -1, -1], return_std=True, seen=table)
    assert np.isfinite(std).all()
    assert std[0] < min(std[1:])
    low, high = model.rating_range_
    assert std.max() <= (high - low) / 2
    assert model.predict([], [], return_std=True, seen=table)[1].shape == (0,)
    plain = ALS(6, epochs=2, regularization=0, bias_regularization=0).fit(table)
    assert np.isfinite(plain.predict([-1, user], [item, -1], return_std=True, seen=table)[1]).all()


def test_models_without_standard_deviations_say_so(make, table):
    for name in ("implicit-als", "logistic", "non-negative"):
        with pytest.raises(ParameterError, match="return_std") as raised:
            make(name).predict(1, 1, return_std=True, seen=table)
        assert is_one_line(raised)
    with pytest.raises(DataError, match="give seen=") as raised:
        make("als").predict(1, 1, return_std=True)
    assert is_one_line(raised)


def test_ratings_of_training_and_of_updates_are_found_again(tmp_path):
    rng = np.random.default_rng(0)
    cells = rng.choice(40 * 30, 500, replace=False)

    def write(name, users, items):
        lines = "".join(f"{u},{i},{(u * i) % 5 + 1}\n" for u, i in zip(users, items, strict=True))
        (tmp_path / name).write_text("user,item,rating\n" + lines)
        return tmp_path / name

    first = write("first.csv", cells // 30, cells % 30)
    more = write("more.csv", [100, 100, 100, 1], [1, 2, 3, 4])
    model = ALS(3, epochs=2).fit(first)
    model.partial_fit(more)
    found = model.explain(100, 5)
    assert found.n_ratings == 3
    assert model.explain(1, 5).n_ratings >= (cells // 30 == 1).sum()
    model.save(tmp_path / "model")
    more.unlink()
    with pytest.raises(DataError, match=r"more\.csv are no longer there") as raised:
        fastmf.load_model(tmp_path / "model").explain(100, 5)
    assert is_one_line(raised)
