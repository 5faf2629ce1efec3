"""`fastmf inspect`: what ratings or a model look like in numbers."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastmf.cli.console import Console, print_json
from fastmf.cli.options import NamedPath, json_option, quiet_option, reading_options
from fastmf.cli.reading import load_ratings
from fastmf.cli.text_table import bytes_text, seconds_text, table

if TYPE_CHECKING:
    from fastmf import Ratings
    from fastmf.data.summary import RatingsSummary
    from fastmf.models import FactorModel

__all__ = ["inspect"]

_BAR_WIDTH = 40


@click.command(
    short_help="Describe ratings or a model.",
    epilog="""\b
Examples:
  fastmf inspect ratings.csv
  fastmf inspect ratings.model --json
""",
)
@click.argument("source", metavar="RATINGS|MODEL", type=NamedPath())
@reading_options
@json_option
@quiet_option
def inspect(source: Path, reading: dict[str, Any], as_json: bool, quiet: bool) -> None:
    """Describe RATINGS or a saved MODEL.

    For ratings: counts, density, a histogram, ratings a user and an item, dates. For a model: its
    kind, hyperparameters, sizes and training history.
    """
    if (source / "model.json").is_file():
        _inspect_model(source, as_json)
        return
    from fastmf.data.summary import summarize_ratings

    ratings = load_ratings(source, reading, Console(quiet))
    summary = summarize_ratings(ratings)
    if as_json:
        print_json(_ratings_document(ratings, summary))
    else:
        click.echo("\n".join(_ratings_lines(source, ratings, summary)))


def _ratings_document(ratings: Ratings, summary: RatingsSummary) -> dict[str, Any]:
    from fastmf.data.summary import QUANTILES

    document = {"source": ratings.source, "notes": list(ratings.notes), **asdict(summary)}
    document["histogram"] = [bar._asdict() for bar in summary.histogram]
    for name in ("user_quantiles", "item_quantiles"):
        values = document.pop(name)
        document[f"ratings_a_{name.removesuffix('_quantiles')}"] = {
            f"{quantile:g}": value for quantile, value in zip(QUANTILES, values, strict=True)
        }
    return document


def _ratings_lines(source: Path, ratings: Ratings, summary: RatingsSummary) -> list[str]:
    facts = [
        ("ratings", f"{summary.n_ratings:,}"),
        ("users", f"{summary.n_users:,} ({ratings.users.kind} ids)"),
        ("items", f"{summary.n_items:,} ({ratings.items.kind} ids)"),
        ("density", f"{summary.density:.4%}"),
        ("mean", f"{summary.mean:.4f} (standard deviation {summary.std:.4f})"),
        ("dates", _dates(summary)),
    ]
    return [
        f"{source}: ratings",
        table(facts),
        "",
        "Ratings by value",
        table(_histogram_rows(summary), right=(0, 1, 2)),
        "",
        table(_quantile_rows(summary), right=range(1, 8)),
    ]


def _histogram_rows(summary: RatingsSummary) -> list[tuple[str, ...]]:
    most = max(bar.n_ratings for bar in summary.histogram)
    rows: list[tuple[str, ...]] = []
    for bar in summary.histogram:
        label = f"{bar.low:g}" if bar.low == bar.high else f"{bar.low:.4g} to {bar.high:.4g}"
        # Half blocks, so that what is rare still shows.
        halves = round(2 * _BAR_WIDTH * bar.n_ratings / most)
        drawn = "█" * (halves // 2) + "▌" * (halves % 2)
        rows.append(
            (label, f"{bar.n_ratings:,}", f"{bar.n_ratings / summary.n_ratings:.1%}", drawn)
        )
    return rows


def _quantile_rows(summary: RatingsSummary) -> list[tuple[str, ...]]:
    from fastmf.data.summary import QUANTILES

    names = {0.0: "least", 0.5: "median", 1.0: "most"}
    header = ["", *(names.get(q, f"{100 * q:g}%") for q in QUANTILES)]
    rows: list[tuple[str, ...]] = [tuple(header)]
    for label, values in (
        ("ratings a user", summary.user_quantiles),
        ("ratings an item", summary.item_quantiles),
    ):
        rows.append((label, *(f"{value:,.0f}" for value in values)))
    return rows


def _dates(summary: RatingsSummary) -> str:
    if summary.first_time is None or summary.last_time is None:
        return "none"
    return f"{_day(summary.first_time)} to {_day(summary.last_time)}"


def _day(seconds: int) -> str:
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"  # a year that calendars do not reach


def _inspect_model(folder: Path, as_json: bool) -> None:
    from fastmf import load_model

    model = load_model(folder)
    document = _model_document(folder, model)
    if as_json:
        print_json(document)
    else:
        click.echo("\n".join(_model_lines(folder, document)))


def _model_document(folder: Path, model: FactorModel) -> dict[str, Any]:
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


def _model_lines(folder: Path, document: dict[str, Any]) -> list[str]:
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
