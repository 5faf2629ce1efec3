"""A saved model in words and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmf.cli.text_table import bytes_text, seconds_text, table

if TYPE_CHECKING:
    from fastmf.models import RatingModel

__all__ = ["model_document", "model_lines"]


def model_document(folder: Path, model: RatingModel) -> dict[str, Any]:
    """Return what there is to say of a model, ready for JSON.

    Parameters
    ----------
    folder : pathlib.Path
        Where it is saved.
    model : RatingModel

    Returns
    -------
    dict
    """
    return {
        "model": model.kind,
        "model_path": str(folder),
        "bytes": sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
        "hyperparameters": model.get_params(),
        "n_users": len(model.users_),
        "n_items": len(model.items_),
        "n_ratings": model.n_ratings_,
        "source": model.source_,
        "rating_range": list(model.rating_range_),
        "mean": model.mean_,
        "train_rmse": model.train_rmse_,
        "valid_rmse": model.valid_rmse_,
        "valid_mae": model.valid_mae_,
        "epochs_run": model.epochs_run_,
        "best_epoch": model.best_epoch_,
        "stopped": model.stopped_,
        "seconds": model.seconds_,
        "history": [record._asdict() for record in model.history_],
    }


def model_lines(folder: Path, document: dict[str, Any]) -> list[str]:
    """Return what there is to say of a model, for people.

    Parameters
    ----------
    folder : pathlib.Path
        Where it is saved.
    document : dict
        From `model_document`.

    Returns
    -------
    list of str
    """
    low, high = document["rating_range"]
    facts = [
        ("kind", document["model"]),
        ("size", bytes_text(document["bytes"])),
        ("users", f"{document['n_users']:,}"),
        ("items", f"{document['n_items']:,}"),
        ("trained on", f"{document['n_ratings']:,} ratings of {document['source'] or 'memory'}"),
        ("ratings", f"{low:g} to {high:g}, mean {document['mean']:.4f}"),
        (
            "epochs",
            f"{document['epochs_run']} ({document['stopped']}), best {document['best_epoch']}",
        ),
    ]
    given = [(name, f"{value}") for name, value in document["hyperparameters"].items()]
    return [
        f"{folder}: model",
        table(facts),
        "",
        "Hyperparameters",
        table(given),
        "",
        "History",
        table(_history_rows(document["history"]), right=(0, 1, 2, 3)),
    ]


def _history_rows(history: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("epoch", "train RMSE", "valid RMSE", "training time")]
    for record in history:
        valid = record["valid_rmse"]
        rows.append(
            (
                str(record["epoch"]),
                f"{record['train_rmse']:.4f}",
                "-" if valid is None else f"{valid:.4f}",
                seconds_text(record["seconds"]),
            )
        )
    return rows
