"""Errors of a model and of the baselines against NumPy."""

import dataclasses

import numpy as np
import pytest

from fastmf import BiasedMF, Ratings, RunSettings, evaluate, random_split
from fastmf.errors import DataError, NotFittedError
from tests.models.tables import planted


@pytest.fixture(scope="module")
def parts():
    return random_split(planted(), 0.2)


@pytest.fixture(scope="module")
def model(parts):
    return BiasedMF(5, epochs=8).fit(parts[0])


def raw(ratings):
    return (
        ratings.users.take(ratings.user_index),
        ratings.items.take(ratings.item_index),
        ratings.value.astype(np.float64),
    )


def baselines(train, users, items):
    """Predict rows by the mean, and by damped means, from raw ids; slow and obvious."""
    train_users, train_items, values = raw(train)
    mean = values.mean()
    item_bias, user_bias = {}, {}
    for item in np.unique(train_items):
        mine = train_items == item
        item_bias[item] = (values[mine] - mean).sum() / (25 + mine.sum())
    residual = values - mean - np.array([item_bias[item] for item in train_items])
    for user in np.unique(train_users):
        mine = train_users == user
        user_bias[user] = residual[mine].sum() / (10 + mine.sum())
    bias_only = mean + np.array(
        [user_bias.get(u, 0) + item_bias.get(i, 0) for u, i in zip(users, items, strict=True)]
    )
    return np.full(len(users), mean), np.clip(bias_only, *train.rating_range)


def assert_measured(measured, model, train, held_out):
    users, items, values = raw(held_out)
    predicted = model.predict(users, items), *baselines(train, users, items)
    names = "", "global_mean_", "bias_only_"
    for name, prediction in zip(names, predicted, strict=True):
        errors = values - prediction
        rmse, mae = (getattr(measured, f"{name}{error}") for error in ("rmse", "mae"))
        assert rmse == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-5), name
        assert mae == pytest.approx(np.mean(np.abs(errors)), rel=1e-5), name
    assert measured.n_ratings == len(held_out)


def test_held_out_and_training_ratings_of_the_same_table(model, parts):
    for part in parts:
        measured = evaluate(model, part)
        assert_measured(measured, model, parts[0], part)
        assert measured.n_unknown_users == measured.n_unknown_items == 0
        assert measured.n_unknown_rows == 0


def test_ratings_of_another_table_are_matched_by_id(model, parts):
    columns = [column[::-1] for column in raw(parts[1])]
    other = Ratings.from_arrays(*columns)
    measured, expected = evaluate(model, other), evaluate(model, parts[1])
    for name, value in dataclasses.asdict(expected).items():
        assert getattr(measured, name) == pytest.approx(value, rel=1e-12), name


def test_unknown_ids_are_counted_and_predicted_from_what_is_known(model, parts):
    users, items, _ = raw(parts[1])
    rows = [(users[0], items[0]), (users[0], -71), (-91, items[0]), (-91, items[1]), (-92, -72)]
    other = Ratings.from_arrays(*zip(*rows, strict=True), [1.0, 2.0, 3.0, 4.0, 5.0])
    measured = evaluate(model, other)
    assert_measured(measured, model, parts[0], other)
    assert measured.n_unknown_users == 2
    assert measured.n_unknown_items == 2
    assert measured.n_unknown_rows == 4


def test_only_ids_of_selected_rows_are_counted_as_unknown(model):
    other = Ratings.from_arrays([1000, -91, -92], [-5, -71, -72], [1.0, 2.0, 3.0])
    first_two = other.select(np.array([0b011], np.uint8))
    measured = evaluate(model, first_two)
    assert (measured.n_unknown_users, measured.n_unknown_items) == (1, 1)
    assert (measured.n_ratings, measured.n_unknown_rows) == (2, 1)


def test_predictions_are_clipped_to_the_range_of_training(model):
    far = Ratings.from_arrays([1000, 1013], [-5, 2], [1e6, -1e6])
    low, high = model.rating_range_
    assert 1e6 - high <= evaluate(model, far).mae <= 1e6 - low + high


@pytest.mark.parametrize("part", [0, 1])
def test_the_same_bits_for_any_number_of_threads(model, parts, part, monkeypatch):
    ranges = Ratings.ranges
    monkeypatch.setattr(Ratings, "ranges", lambda self, rows=333: ranges(self, min(rows, 333)))
    results = {
        evaluate(model, parts[part], run=RunSettings(num_threads=threads)) for threads in (1, 2, 5)
    }
    assert len(results) == 1
    assert_measured(results.pop(), model, parts[0], parts[part])


class Counter:
    def __init__(self):
        self.calls, self.done = [], 0

    def start(self, description, total, unit):
        self.calls.append((description, total))

    def advance(self, amount):
        self.done += amount

    def finish(self):
        self.calls.append("finish")

    def note(self, text):
        pass


def test_progress_counts_the_ratings(model, parts):
    counter = Counter()
    evaluate(model, parts[1], run=RunSettings(num_threads=1, progress=counter))
    assert counter.calls == [("evaluating", len(parts[1])), "finish"]
    assert counter.done == len(parts[1])


def test_no_ratings_and_no_fit_are_refused(model, parts):
    nothing = parts[1].select(np.zeros((parts[1].n_rows + 7) // 8, np.uint8))
    with pytest.raises(DataError, match="no ratings"):
        evaluate(model, nothing)
    with pytest.raises(NotFittedError, match="not fitted"):
        evaluate(BiasedMF(), parts[1])
