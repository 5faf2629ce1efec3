"""What networks learn to predict: predictions, scores and losses of outputs."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmf.models.networks.class_objectives import (
    ClassObjective,
    LikeObjective,
    RatingAndLikeObjective,
)
from fastmf.models.networks.objectives import RatingObjective, logit, sigmoid
from fastmf.nn import Tape

OUTPUTS = np.array([[-40.0], [-1.0], [0.0], [0.5], [40.0]], np.float32)


def lost(objective, outputs, values):
    tape = Tape(slice(0, len(values)), len(values))
    gradient = np.empty_like(outputs)
    objective.lose(outputs, np.asarray(values, np.float32), gradient, tape)
    return tape


def test_linear_outputs_are_in_units_of_the_spread():
    objective = RatingObjective(3.0, 2.0, 1.0, 5.0)
    np.testing.assert_allclose(objective.predictions(OUTPUTS), [-77, 1, 3, 4, 83])
    tape = lost(objective, OUTPUTS[1:4], [2.0, 3.0, 6.0])
    assert tape.loss == pytest.approx((0.25 + 0 + 1) / 3)
    assert (tape.squared_error, tape.n_ratings) == (pytest.approx(1 + 0 + 4), 3)


def test_positive_outputs_stop_at_a_rating_of_zero():
    objective = RatingObjective(3.0, 2.0, 0.0, 5.0, output="relu")
    np.testing.assert_allclose(objective.predictions(OUTPUTS), [0, 1, 3, 4, 83], atol=1e-6)


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_a_sigmoid_spans_the_range_and_starts_at_the_mean(loss):
    objective = RatingObjective(4.0, 1.1, 1.0, 5.0, loss, "sigmoid")
    found = objective.predictions(OUTPUTS)
    np.testing.assert_allclose(found[[0, 2, 4]], [1, 4, 5], atol=1e-5)
    assert np.all(np.diff(found) >= 0)
    assert objective.offset == pytest.approx(math.log(0.75 / 0.25))


def test_cross_entropy_is_of_ratings_scaled_to_0_and_1():
    objective = RatingObjective(4.0, 1.1, 1.0, 5.0, "bce", "sigmoid")
    tape = lost(objective, OUTPUTS[2:3], [5.0])
    assert tape.loss == pytest.approx(-math.log(0.75), rel=1e-6)
    assert tape.squared_error == pytest.approx(1.0, rel=1e-5)


def test_ratings_that_are_all_equal_leave_nothing_to_a_sigmoid():
    for loss in ("mse", "bce"):
        objective = RatingObjective(3.7, 1.0, 3.7, 3.7, loss, "sigmoid")
        np.testing.assert_allclose(objective.predictions(OUTPUTS), 3.7, rtol=1e-6)
        assert np.isfinite(lost(objective, OUTPUTS, [3.7] * 5).loss)


@given(st.floats(0, 1))
def test_logit_undoes_the_sigmoid_but_near_the_ends(part):
    assert sigmoid(np.array(logit(part))) == pytest.approx(min(max(part, 0.01), 0.99))


def test_classes_predict_the_mean_or_the_mode():
    outputs = np.log(np.array([[0.5, 0.1, 0.4], [0.2, 0.6, 0.2]], np.float32))
    mean, mode = (ClassObjective((1.0, 2.0, 5.0), 1.5, how) for how in ("mean", "mode"))
    np.testing.assert_allclose(mean.predictions(outputs), [2.7, 2.4], rtol=1e-6)
    np.testing.assert_allclose(mode.predictions(outputs), [1, 2])
    np.testing.assert_allclose(mode.scores(outputs), mean.predictions(outputs))
    np.testing.assert_allclose(mean.probabilities(outputs), np.exp(outputs), rtol=1e-6)
    tape = lost(mean, outputs, [5.0, 2.0])
    assert tape.loss == pytest.approx(-(math.log(0.4) + math.log(0.6)) / 2, rel=1e-6)
    assert tape.squared_error == pytest.approx(2.3**2 + 0.4**2, rel=1e-5)


def test_likes_are_probabilities_around_their_share():
    objective = LikeObjective(2.5, 0.8)
    np.testing.assert_allclose(objective.predictions(OUTPUTS)[[0, 2, 4]], [0, 0.8, 1], atol=1e-6)
    assert objective.likes(np.array([2.5, 2.6, -1, 5], np.float32)).tolist() == [0, 1, 0, 1]
    tape = lost(objective, OUTPUTS[2:3], [1.0])
    assert tape.loss == pytest.approx(-math.log(0.2), rel=1e-6)
    assert objective.spread == pytest.approx(0.4)


def test_two_tasks_weigh_their_losses_and_predict_the_rating():
    rating, like = RatingObjective(3.0, 2.0, 1.0, 5.0), LikeObjective(2.5, 0.5)
    both = RatingAndLikeObjective(rating, like, 0.5, 3.0)
    outputs = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
    values = [3.0, 5.0]
    parts = [
        lost(one, np.ascontiguousarray(outputs[:, k : k + 1]), values)
        for k, one in enumerate((rating, like))
    ]
    tape = lost(both, outputs, values)
    assert tape.loss == pytest.approx(0.5 * parts[0].loss + 3 * parts[1].loss, rel=1e-6)
    assert tape.squared_error == pytest.approx(parts[0].squared_error)
    np.testing.assert_allclose(both.predictions(outputs), [5, 3])


@pytest.mark.parametrize(
    "objective",
    [
        RatingObjective(3.0, 2.0, 1.0, 5.0, "bce", "sigmoid"),
        ClassObjective((1.0, 2.0), 1.5, "mode"),
        LikeObjective(2.5, 0.6),
    ],
)
def test_scores_rank_as_predictions_do_and_records_are_json(objective):
    outputs = np.random.default_rng(0).normal(size=(50, objective.n_outputs)).astype(np.float32)
    scores = objective.scores(outputs)
    ratings = objective.ratings_of(scores)
    assert np.all(np.diff(ratings[np.argsort(scores)]) >= 0)
    assert np.isnan(objective.ratings_of(np.array([np.nan], np.float32))).all()
    assert json.loads(json.dumps(objective.record())).keys() == objective.record().keys()
