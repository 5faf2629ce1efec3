"""How good a model is beside baselines, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastmf.cli.text_table import counted, table

if TYPE_CHECKING:
    from fastmf.evaluation import Evaluation, RankingEvaluation
    from fastmf.models.networks.like_scores import LikeScores

__all__ = ["baselines", "error_table", "likes_line", "ranking_document", "ranking_table"]

_METRICS = {
    "precision": "precision",
    "recall": "recall",
    "ndcg": "NDCG",
    "average_precision": "MAP",
    "reciprocal_rank": "MRR",
    "hit_rate": "hit rate",
}


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


def likes_line(likes: LikeScores) -> str:
    """Tell how well likes are told from dislikes, beside calling everything a like.

    Parameters
    ----------
    likes : LikeScores

    Returns
    -------
    str
    """
    return (
        f"  likes: accuracy {likes.accuracy:.4f} (always a like: {likes.share:.4f}), "
        f"precision {likes.precision:.4f}, recall {likes.recall:.4f}"
    )


def ranking_document(evaluation: RankingEvaluation) -> dict[str, Any]:
    """Return how good recommendations are, ready for JSON.

    Parameters
    ----------
    evaluation : RankingEvaluation

    Returns
    -------
    dict
        Metrics under their names, those of popularity under ``popular``.
    """
    facts = asdict(evaluation)
    popular = evaluation.popular
    return {
        "n": facts.pop("n"),
        **facts.pop("scores")._asdict(),
        **facts,
        "popular": None if popular is None else popular._asdict(),
    }


def ranking_table(evaluation: RankingEvaluation, name: str) -> list[str]:
    """Lay out how good recommendations are, beside those of what most have rated.

    Parameters
    ----------
    evaluation : RankingEvaluation
    name : str
        The model.

    Returns
    -------
    list of str
        Lines.
    """
    n, above = evaluation.n, evaluation.like_above
    rows = [("most rated", evaluation.popular), (name, evaluation.scores)]
    cells = [
        (label, *(f"{getattr(scores, metric):.4f}" for metric in _METRICS))
        for label, scores in rows
        if scores is not None
    ]
    header = (f"best {n} items", *(f"{title}@{n}" for title in _METRICS.values()))
    rated = "" if above is None else f" rated above {above:.4g}"
    lines = [
        table([header, *cells], right=range(1, len(header))),
        f"  means over {counted(evaluation.n_users, 'user')} with "
        f"{counted(evaluation.n_relevant, 'item')}{rated} to be found; "
        f"{evaluation.coverage:.1%} of all items are recommended to somebody",
    ]
    if evaluation.n_unknown_rows:
        lines.append(
            f"  {evaluation.n_unknown_rows:,} more are of users or items that the model does not "
            "know; they are left out"
        )
    return lines


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
