"""Accuracy, precision and recall of likes, against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from fastmf.models.networks.like_scores import LikeScores, sums_of_likes


def test_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    likes = (rng.random(500) < 0.7).astype(np.float32)
    found = np.clip(0.6 * likes + rng.normal(0.2, 0.3, 500), 0.001, 0.999).astype(np.float32)
    parts = [sums_of_likes(found[part], likes[part]) for part in (slice(0, 200), slice(200, 500))]
    scores = LikeScores.of_sums(np.sum(parts, axis=0))
    predicted = found >= 0.5
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(likes, predicted))
    assert scores.precision == pytest.approx(metrics.precision_score(likes, predicted))
    assert scores.recall == pytest.approx(metrics.recall_score(likes, predicted))
    assert scores.log_loss == pytest.approx(metrics.log_loss(likes, found), rel=1e-5)
    assert (scores.share, scores.n_ratings) == (pytest.approx(likes.mean()), 500)


def test_nothing_predicted_and_nothing_liked_are_zero():
    scores = LikeScores.of_sums(sums_of_likes(np.array([0.1, 0.0]), np.array([0.0, 0.0])))
    assert scores[:3] == (1.0, 0.0, 0.0)
    assert LikeScores.of_sums(sums_of_likes(np.array([0.1]), np.array([1.0])))[:3] == (0, 0, 0)
    assert np.isfinite(LikeScores.of_sums(sums_of_likes(np.array([0.0]), np.array([1.0]))).log_loss)
