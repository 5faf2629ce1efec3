"""Ratings as classes."""

import numpy as np
import pytest

import fastmf
from fastmf import Ratings
from fastmf.errors import DataError
from fastmf.models.classify import Classify
from tests.models.sibling_contract import SiblingPairContract


class TestClassify(SiblingPairContract):
    model_class = Classify


def test_modes_are_predicted_but_recommended_by_their_mean(ratings):
    model = Classify(8, hidden=(16,), epochs=3, batch_size=128, predict_as="mode").fit(ratings)
    every = model.items_.take(np.arange(len(model.items_)))
    for user in (model.users_.take([7])[0], -99):
        probabilities = model.predict_probabilities(user, every)
        predicted = model.predict(user, every)
        np.testing.assert_array_equal(predicted, model.levels_[probabilities.argmax(axis=1)])
        top = model.recommend([user], n=8)
        best = np.sort(probabilities @ model.levels_)[::-1][:8]
        np.testing.assert_allclose(top.scores[0], best, rtol=1e-5)


def test_probabilities_are_of_the_distinct_ratings(ratings):
    model = Classify(5, epochs=2, hidden=(8,)).fit(ratings)
    np.testing.assert_array_equal(model.levels_, np.unique(ratings.value))
    users, items = model.users_.take([1, 2]), model.items_.take([3, 4])
    found = model.predict_probabilities(users, items)
    assert found.shape == (2, len(model.levels_))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(model.predict(users, items), found @ model.levels_, rtol=1e-5)
    modes = Classify(5, epochs=2, hidden=(8,), predict_as="mode").fit(ratings)
    assert np.isin(modes.predict(users, items), modes.levels_).all()


@pytest.mark.parametrize(("n", "count"), [(150, "150"), (3000, "more than 255")])
def test_too_many_distinct_ratings_are_refused(n, count):
    users, items = np.divmod(np.arange(3000), 60)
    ratings = Ratings.from_arrays(users, items, np.arange(3000) % n / n)
    with pytest.raises(DataError, match=f"at most 100 distinct ratings, but there are {count}"):
        Classify().fit(ratings)


def test_validation_ratings_between_the_levels_are_measured(ratings):
    users, items = ratings.users.take(np.arange(9)), ratings.items.take(np.arange(9))
    model = Classify(3, epochs=1, hidden=(4,))
    model.fit(ratings, (users, items, np.linspace(1.1, 4.3, 9)))
    assert model.valid_rmse_ > 0
    assert fastmf.evaluate(model, ratings).rmse == pytest.approx(model.train_rmse_, rel=1e-6)
