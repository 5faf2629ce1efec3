"""A network that sees metadata besides embeddings."""

from functools import partial

import numpy as np
import pytest

import fastmf
from fastmf import Ratings, RunSettings, random_split
from fastmf.errors import DataError, ParameterError
from fastmf.models.hybrid import Hybrid
from fastmf.models.mlp import MLP
from tests.models.measures import formula, is_one_line, learned
from tests.models.pair_contract import SMALL
from tests.models.sibling_contract import SiblingPairContract

KINDS = np.array(["film", "series", "short"])


class TestHybrid(SiblingPairContract):
    model_class = Hybrid

    @classmethod
    def make(cls, **changes):
        model = super().make(**changes)
        model.fit = partial(fit_with_ids, model)
        return model

    test_it_learns_more_than_the_biases = None  # see test_metadata_tells_what_few_ratings_do_not

    def test_a_loaded_model_can_be_fitted_again(self, fitted, ratings, tmp_path):
        fitted.save(tmp_path / "model")
        again = fit_with_ids(fastmf.load_model(tmp_path / "model"), ratings, valid=0.1)
        assert learned(again) == learned(fitted)


def fit_with_ids(model, train, valid=None, **settings):
    """Fit with a table of items that says next to nothing of them."""
    ids = fastmf.read_ratings(train).items.ids.to_pylist()
    return Hybrid.fit(
        model, train, valid, items={"id": ids, "odd": np.arange(len(ids)) % 2}, **settings
    )


@pytest.mark.parametrize(
    ("settings", "tables", "message"),
    [
        ({}, {}, "give items or users"),
        ({"user_features": ("age",)}, {"items": {"id": [1], "year": [2]}}, "give users"),
    ],
)
def test_without_the_tables_it_is_refused(settings, tables, message):
    with pytest.raises(ParameterError, match=message) as raised:
        Hybrid(**settings).fit(by_kind(50)[0], **tables)
    assert is_one_line(raised)


def by_kind(n, seed=0):
    """Ratings that follow the item's kind and the user's age, and the tables of both."""
    rng = np.random.default_rng(seed)
    cells = rng.choice(100 * 300, n, replace=False)
    users, items = np.divmod(cells, 300)
    kinds, ages = rng.integers(0, 3, 300), rng.integers(10, 80, 100)
    values = 3 + np.array([1.0, 0, -1])[kinds[items]] * np.where(ages[users] > 40, 1, -1)
    values = np.round(np.clip(values + rng.normal(0, 0.3, n), 1, 5) * 2) / 2
    tables = {
        "items": {"item_id": np.arange(300), "kind": KINDS[kinds]},
        "users": {"user_id": np.arange(100), "age": ages},
    }
    return Ratings.from_arrays(users, items, values), tables


SETTINGS = {
    "factors": 4,
    "hidden": (32, 16),
    "epochs": 12,
    "learning_rate": 0.01,
    "batch_size": 64,
    "dropout": 0.2,
}


@pytest.fixture(scope="module")
def hybrid():
    ratings, tables = by_kind(1200)
    train, valid = random_split(ratings, 0.2)
    model = Hybrid(**SETTINGS).fit(train, valid, **tables)
    return model, train, valid, tables


def test_metadata_tells_what_few_ratings_do_not(hybrid):
    model, train, valid, _ = hybrid
    plain = MLP(**SETTINGS).fit(train, valid)
    assert model.valid_rmse_ < 0.85 * plain.valid_rmse_


def test_predictions_follow_the_formula(hybrid):
    model = hybrid[0]
    users, items = [3, 3, -1, -1], [7, -1, 7, -1]
    expected = np.clip(formula(model, users, items), *model.rating_range_)
    np.testing.assert_allclose(model.predict(users, items), expected, rtol=1e-5)


def test_saved_and_loaded_it_knows_its_columns(hybrid, tmp_path):
    model, _, valid, _ = hybrid
    model.save(tmp_path / "model")
    loaded = fastmf.load_model(tmp_path / "model")
    assert loaded.get_params() == model.get_params()
    assert loaded.encoders_["item"].columns == model.encoders_["item"].columns
    assert loaded.encoders_["user"].columns[0].kind == "number"
    assert (loaded.notes_, learned(loaded)) == (model.notes_, learned(model))
    assert fastmf.evaluate(loaded, valid) == fastmf.evaluate(model, valid)
    np.testing.assert_array_equal(
        loaded.recommend([3], 5).item_ids, model.recommend([3], 5).item_ids
    )


def test_items_without_ratings_are_predicted_by_what_is_known_of_them(tmp_path):
    ratings, tables = by_kind(6000)
    # Three more items, one of each kind, and one that nothing is known of.
    tables["items"] = {
        "item_id": [*tables["items"]["item_id"], 900, 901, 902, 903],
        "kind": [*tables["items"]["kind"], *KINDS, ""],
    }
    train, valid = random_split(ratings, 0.2)
    model = Hybrid(**SETTINGS).fit(train, valid, **tables)
    assert model.items_.take(np.arange(300, 304)).tolist() == [900, 901, 902, 903]
    assert any("4 items in it have no training ratings" in note for note in model.notes_)
    users = model.users_.take(np.arange(100))
    old = np.array([age > 40 for age in tables["users"]["age"]])[users]
    film, series, short, unknown = (model.predict(users, item) for item in range(900, 904))
    # As the ratings were made: 4 of films by those above 40, 2 by the others.
    for predicted, high, low in ((film, 4, 2), (series, 3, 3), (short, 2, 4)):
        assert predicted[old].mean() == pytest.approx(high, abs=0.25)
        assert predicted[~old].mean() == pytest.approx(low, abs=0.25)
    # Whatever is named by no table is predicted as what a table says nothing of.
    np.testing.assert_array_equal(unknown, model.predict(users, 12345))
    assert model.known(users[0], [900, 12345]).tolist() == [True, False]
    new = Ratings.from_arrays(np.repeat(users, 2), np.tile([900, 902], 100), np.tile([3.0, 3], 100))
    assert fastmf.evaluate(model, new).n_unknown_items == 0
    everything = model.recommend(users[old][:3], 304)
    assert all({900, 901, 902, 903} <= set(items.tolist()) for items in everything.item_ids)
    model.save(tmp_path / "model")
    loaded = fastmf.load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(users, 900), film)
    kind_of = dict(zip(tables["items"]["item_id"], tables["items"]["kind"], strict=True))
    alike = loaded.similar_items(900, 20).item_ids.tolist()
    assert sum(kind_of[item] == "film" for item in alike) > 15


def test_users_without_ratings_likewise():
    ratings, tables = by_kind(6000)
    tables["users"] = {
        "user_id": [*tables["users"]["user_id"], 500, 501],
        "age": [*tables["users"]["age"], 15, 75],
    }
    model = Hybrid(**SETTINGS).fit(ratings, valid=0.2, **tables)
    items = model.items_.take(np.arange(300))
    films = tables["items"]["kind"][items] == "film"
    young, old = model.predict(500, items[films]), model.predict(501, items[films])
    assert young.mean() < 2.5
    assert old.mean() > 3.5


def test_new_items_of_real_ratings(real_data):
    """5% of the items held out: nearer than the mean and the user's bias, which is all else."""
    ratings = fastmf.read_ratings(real_data / "ml-100k" / "u.data")
    held = np.random.default_rng(0).random(ratings.n_items) < 0.05
    rows = held[ratings.item_index]
    train, new = (
        ratings.select(np.packbits(of_part, bitorder="little")) for of_part in (~rows, rows)
    )
    train, valid = random_split(train, 0.1)
    table = real_data / "ml-100k" / "u.item"
    model = Hybrid().fit(train, valid, items=table)
    baseline = fastmf.evaluate(model, new).bias_only_rmse
    assert fastmf.evaluate(model, new).rmse < 0.99 * baseline
    never_without = Hybrid(cold_rate=0.0).fit(train, valid, items=table)
    assert fastmf.evaluate(model, new).rmse < fastmf.evaluate(never_without, new).rmse
    assert model.valid_rmse_ < never_without.valid_rmse_ + 0.005


def test_the_same_bits_for_any_number_of_threads(hybrid):
    _, train, valid, tables = hybrid
    results = [
        learned(Hybrid(**SMALL).fit(train, valid, **tables, run=RunSettings(num_threads=threads)))
        for threads in (1, 2, 3)
    ]
    assert results[0] == results[1] == results[2]


def test_columns_can_be_chosen_and_notes_are_told():
    ratings, tables = by_kind(600)
    items = {name: column[:200] for name, column in tables["items"].items()}
    items |= {"same": ["x"] * 200, "year": np.arange(200) % 9}
    noted = []

    class Progress:
        start = advance = finish = lambda *_: None
        note = noted.append

    run = RunSettings(progress=Progress())
    model = Hybrid(3, epochs=1, hidden=(4,), item_features=("kind", "same"))
    model.fit(ratings, items=items, run=run)
    assert [column.name for column in model.encoders_["item"].columns] == ["kind"]
    assert "user" not in model.encoders_
    assert any("items with ratings are not in it" in note for note in model.notes_)
    assert any("column same is left out" in note for note in model.notes_)
    assert sum(note.startswith("note: ") for note in noted) == len(model.notes_)
    model.set_params(item_features=()).fit(ratings, items=items)
    assert [column.name for column in model.encoders_["item"].columns] == ["kind", "year"]


def test_bad_tables_are_one_line():
    ratings, _ = by_kind(600)
    for options, match in (
        ({"items": {"item": ["x"], "a": [1]}}, "none of the"),
        ({"items": {"item": [1, 2]}}, "no column left"),
        ({"items": "nowhere.csv"}, "cannot be read"),
        ({"users": {"item": [1]}}, "no column of user ids"),
    ):
        with pytest.raises(DataError, match=match) as raised:
            Hybrid(3, epochs=1).fit(ratings, **options)
        assert "\n" not in str(raised.value)


def test_a_second_fit_forgets_the_tables():
    ratings, tables = by_kind(600)
    model = Hybrid(3, epochs=1, hidden=(4,)).fit(ratings, **tables)
    items = {"items": tables["items"]}
    model.fit(ratings, **items)
    assert set(model.encoders_) == {"item"}
    assert learned(model) == learned(Hybrid(3, epochs=1, hidden=(4,)).fit(ratings, **items))


def test_only_what_trains_it_is_compiled(monkeypatch):
    # Compiling the steps of networks without features takes 20 seconds.
    def refuse(*arguments):
        raise AssertionError("the steps of networks without features are asked for")

    monkeypatch.setattr("fastmf.nn.pair_steps.take_steps", refuse)
    ratings, tables = by_kind(600)
    Hybrid(**SMALL, item_features=("kind",)).fit(ratings, **tables)
    with pytest.raises(AssertionError, match="without features"):
        MLP(**SMALL).fit(ratings)
