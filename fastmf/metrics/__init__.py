"""Metrics: pure functions over arrays."""

from fastmf.metrics.ranking import (
    RankingScores,
    average_precision,
    hit_rate,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
)
from fastmf.metrics.rating import ErrorSums, RatingErrors, mae, mse, rmse, total_errors

__all__ = [
    "ErrorSums",
    "RankingScores",
    "RatingErrors",
    "average_precision",
    "hit_rate",
    "mae",
    "mse",
    "ndcg",
    "precision",
    "recall",
    "reciprocal_rank",
    "rmse",
    "total_errors",
]
