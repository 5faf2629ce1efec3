"""Likes and dislikes, alone and together with ratings."""

import numpy as np
import pytest
from sklearn import metrics

import fastmf
from fastmf import Ratings, random_split
from fastmf.errors import DataError, ParameterError
from fastmf.models.interaction import Interaction, Multitask
from fastmf.models.networks.like_model import like_threshold
from tests.models.measures import is_one_line
from tests.models.sibling_contract import SiblingPairContract
from tests.models.tables import planted

DEEP = {"factors": 8, "hidden": (32, 16), "batch_size": 128, "learning_rate": 0.005, "dropout": 0.2}


class TestMultitask(SiblingPairContract):
    model_class = Multitask


def test_the_threshold_lies_where_5_does_on_1_to_10():
    assert like_threshold(None, (1.0, 10.0)) == pytest.approx(5)
    assert like_threshold(None, (0.0, 1.0)) == pytest.approx(4 / 9)
    assert like_threshold(2.0, (1.0, 10.0)) == 2


@pytest.mark.parametrize("model_class", [Interaction, Multitask])
def test_likes_are_told_better_than_by_their_share(model_class, tmp_path):
    ratings = planted(12_000, 150, 120, noise=0.2, seed=3)
    train, valid = random_split(ratings, 0.1)
    model = model_class(**DEEP, epochs=12, like_above=3.0).fit(train, valid)
    likes = valid.value > 3
    users, items = valid.users.take(valid.user_index), valid.items.take(valid.item_index)
    found = model.predict_likes(users, items)
    assert ((found >= 0) & (found <= 1)).all()
    scores = model.likes_
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(likes, found >= 0.5))
    assert scores.precision == pytest.approx(metrics.precision_score(likes, found >= 0.5))
    assert scores.recall == pytest.approx(metrics.recall_score(likes, found >= 0.5))
    assert scores.share == pytest.approx(likes.mean())
    assert scores.accuracy > max(scores.share, 1 - scores.share) + 0.15
    assert model.like_above_ == 3
    model.save(tmp_path / "model")
    loaded = fastmf.load_model(tmp_path / "model")
    assert loaded.likes_ == scores
    np.testing.assert_array_equal(loaded.predict_likes(users, items), found)
    assert model.evaluate_likes(valid) == pytest.approx(scores)
    assert loaded.evaluate_likes((users, items, valid.value)) == pytest.approx(scores)


def test_predictions_of_interactions_are_probabilities(ratings):
    model = Interaction(4, epochs=2, hidden=(8,)).fit(ratings)
    users, items = model.users_.take(np.arange(40)), model.items_.take(np.arange(40))
    assert model.rating_range_ == (0, 1)
    np.testing.assert_allclose(model.predict(users, items), model.predict_likes(users, items))
    assert model.likes_ is None
    assert model.like_above_ == like_threshold(None, ratings.rating_range)
    likes = ratings.value > model.like_above_
    users, items = ratings.users.take(ratings.user_index), ratings.items.take(ratings.item_index)
    errors = model.predict(users, items).astype(np.float64) - likes
    assert model.train_rmse_ == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-6)
    top = model.recommend(users, n=3, seen=ratings)
    assert ((top.scores > 0) & (top.scores < 1)).all()
    with pytest.raises(DataError, match="predicts preferences"):
        fastmf.evaluate(model, ratings)


def test_weights_decide_between_the_tasks(ratings):
    train, valid = random_split(ratings, 0.1)
    # A dot product would be of both tasks.
    settings = {**DEEP, "epochs": 6, "like_above": 3.0, "biased_dot": False}
    only_likes = Multitask(**settings, rating_weight=0).fit(train, valid)
    both = Multitask(**settings).fit(train, valid)
    assert both.valid_rmse_ < 0.95 * only_likes.valid_rmse_


@pytest.mark.parametrize(
    ("lowest", "highest", "message"),
    [
        (4.0, 5.0, "^all of the training ratings are above 2"),
        (1.0, 2.0, "^none of the training ratings are above 2"),
        (4.0, 4.0, "^all ratings are 4"),
    ],
)
def test_nothing_to_tell_apart_is_refused(lowest, highest, message):
    users, items = np.divmod(np.arange(60), 6)
    ratings = Ratings.from_arrays(users, items, np.linspace(lowest, highest, 60))
    with pytest.raises(DataError, match=message) as raised:
        Interaction(like_above=2).fit(ratings)
    assert "\n" not in str(raised.value)


def test_two_weights_of_zero_are_refused(ratings):
    with pytest.raises(ParameterError, match="both 0"):
        Multitask(rating_weight=0, interaction_weight=0).fit(ratings)
    with pytest.raises(DataError, match="no ratings"):
        model = Interaction(3, epochs=1, hidden=(4,)).fit(ratings)
        model.evaluate_likes(ratings.select(np.zeros((len(ratings) + 7) // 8, np.uint8)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("like_above", [1e300, -1e300])
def test_a_threshold_past_all_ratings_leaves_nothing_to_tell_apart(ratings, like_above):
    with pytest.raises(DataError, match="nothing to tell apart; give like_above between") as raised:
        Interaction(like_above=like_above).fit(ratings)
    assert is_one_line(raised)
