"""Metrics: pure functions over arrays."""

from fastmf.metrics.rating import ErrorSums, RatingErrors, mae, mse, rmse, total_errors

__all__ = ["ErrorSums", "RatingErrors", "mae", "mse", "rmse", "total_errors"]
