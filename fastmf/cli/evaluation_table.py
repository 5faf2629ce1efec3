"""A model's errors beside those of the baselines, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmf.cli.text_table import table

if TYPE_CHECKING:
    from fastmf.evaluation import Evaluation

__all__ = ["baselines", "error_table"]


def baselines(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """Return the errors of the baselines, ready for JSON."""
    return {
        "global_mean": {
            "rmse": evaluation.global_mean_rmse,
            "mae": evaluation.global_mean_mae,
        },
        "bias_only": {"rmse": evaluation.bias_only_rmse, "mae": evaluation.bias_only_mae},
    }


def error_table(evaluation: Evaluation, name: str, rows: str) -> list[str]:
    """Lay out a model's errors beside those of the baselines.

    Parameters
    ----------
    evaluation : Evaluation
        The errors.
    name : str
        The model.
    rows : str
        What they were measured on.

    Returns
    -------
    list of str
        Lines.
    """
    errors = [
        ("global mean", evaluation.global_mean_rmse, evaluation.global_mean_mae),
        ("bias only", evaluation.bias_only_rmse, evaluation.bias_only_mae),
        (name, evaluation.rmse, evaluation.mae),
    ]
    cells = [(label, f"{rmse:.4f}", f"{mae:.4f}") for label, rmse, mae in errors]
    lines = [table([(rows, "RMSE", "MAE"), *cells], right=(1, 2))]
    unknown = _unknown_line(evaluation)
    return [*lines, f"  {unknown}"] if unknown else lines


def _unknown_line(evaluation: Evaluation) -> str | None:
    """Say how many users and items the model does not know; None when it knows all."""
    if evaluation.n_unknown_rows == 0:
        return None
    share = evaluation.n_unknown_rows / evaluation.n_ratings
    return (
        f"{evaluation.n_unknown_rows:,} of these ratings ({share:.1%}) are of "
        f"{evaluation.n_unknown_users:,} users or {evaluation.n_unknown_items:,} items that the "
        "model does not know; they are predicted from what is known"
    )
