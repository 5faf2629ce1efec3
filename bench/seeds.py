"""The comparisons that others published of such models, with our figures beside theirs."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bench.accuracy import parse_seeds
from bench.command import common_options
from bench.harness import Progress, Record, Table
from bench.peers import ModulePeer, installed_versions
from bench.seed_data import RECIPES, SeedData, seed_data, write_features
from bench.seed_rows import LIKE_METRICS, ROWS, Row

LIKE_ABOVE = 5.0
TORCH = ModulePeer(
    "PyTorch", "torch", "torch", "bench.peers.pytorch_keras", ({},), 1_000_000_000, 1024
)
# What is fastmf's alone, and what it calls otherwise.
OURS_ALONE = {"regularization", "weight_decay", "schedule", "warm_up", "initial"}

Scores = Mapping[str, float]


@click.command("seeds")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder that holds ml-latest-small, anime-5k and netflix.",
)
@click.option("--seeds", default="0", show_default=True, help="Seeds of split and training.")
@click.option(
    "--epochs", type=click.IntRange(min=1), default=40, show_default=True, help="At most."
)
@click.option("--patience", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(sorted(RECIPES)),
    help="Only rows of this data; repeat it. [default: all]",
)
@click.option("--model", "models", multiple=True, help="Only rows of this model; repeat it.")
@common_options
def seeds(
    *,
    data: Path,
    seeds: str,
    epochs: int,
    patience: int,
    threads: int,
    only: tuple[str, ...],
    models: tuple[str, ...],
    fastmf_command: str,
    cache: Path,
    out: Path,
    quiet: bool,
) -> None:
    """Reproduce published accuracies of such models with fastmf and with PyTorch.

    Both stop early and tell of their best epoch on the validation rows.
    """
    progress = Progress(quiet=quiet)
    cache = cache.resolve()
    os.environ.setdefault("FASTMF_CACHE_DIR", str(cache / "stores"))
    chosen = [
        row
        for row in ROWS
        if (not only or row.data in only) and (not models or row.model in models)
    ]
    numbers = parse_seeds(seeds)
    record = Record(
        "seeds",
        settings={"seeds": numbers, "epochs": epochs, "patience": patience, "threads": threads},
        packages=installed_versions([TORCH]),
    )
    reason = TORCH.unavailable()
    if reason:
        record.skipped[TORCH.name] = reason
    limits = {"epochs": epochs, "patience": patience, "threads": threads}
    found: list[dict[str, list[Scores]]] = []
    for number, row in enumerate(chosen, 1):
        progress.say(f"{number}/{len(chosen)} {row.system}: {row.title}")
        runs: dict[str, list[Scores]] = {"PyTorch": [], "same": [], "own": []}
        for seed in numbers:
            prepared = seed_data(row.data, data, cache, seed, progress)
            if not reason:
                runs["PyTorch"].append(train_torch(row, prepared, cache, seed, limits))
            runs["same"].append(train_ours(row, {}, prepared, seed, limits))
            if row.own:
                runs["own"].append(train_ours(row, row.own, prepared, seed, limits))
        for name, scores in runs.items():
            if scores:
                progress.say(f"  {name}: {shown(mean_of(scores, row.metrics))}")
        found.append(runs)
    add_tables(record, chosen, found)
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())


def train_ours(
    row: Row, own: Mapping[str, Any], data: SeedData, seed: int, limits: Mapping[str, int]
) -> Scores:
    """Train fastmf's model and return its scores on the validation rows.

    Parameters
    ----------
    row : Row
    own : mapping
        Hyperparameters besides those of the row.
    data : SeedData
    seed : int
    limits : mapping of str to int
        ``epochs``, ``patience``, ``threads``.
    """
    from fastmf import RunSettings, read_ratings  # noqa: PLC0415 - loads compilers
    from fastmf.models import model_class  # noqa: PLC0415

    settings = {**row.settings, "epochs": limits["epochs"], "random_state": seed, **own}
    settings.pop("l2", None)
    model: Any = model_class(row.model)(**settings)
    run = RunSettings(num_threads=limits["threads"], patience=limits["patience"])
    tables = {"items": data.items} if row.model == "hybrid" else {}
    train, valid = read_ratings(data.split.train), read_ratings(data.split.valid)
    model.fit(train, valid, run=run, **tables)
    scores = {"seconds": model.seconds_["train"] / model.epochs_run_}
    if model.valid_rmse_ is not None:
        scores |= {"rmse": model.valid_rmse_, "mae": model.valid_mae_}
        scores["mse"] = scores["rmse"] ** 2
    likes = getattr(model, "likes_", None)
    if likes is not None:
        scores |= {name: getattr(likes, name) for name in LIKE_METRICS}
    return {**scores, "best_epoch": model.best_epoch_}


def train_torch(
    row: Row, data: SeedData, cache: Path, seed: int, limits: Mapping[str, int]
) -> Scores:
    """Train PyTorch as Keras does by default, with the row's settings; see `train_ours`."""
    settings = {name: value for name, value in row.settings.items() if name not in OURS_ALONE}
    settings["link"] = settings.pop("output", "linear")
    settings["like_weight"] = settings.pop("interaction_weight", 1.0)
    if "dropout" in settings and row.model == "scaled-dot":
        settings["input_dropout"] = settings.pop("dropout")
    features = None
    if row.model == "hybrid":
        features = str(cache / "seeds" / f"{row.data.replace(' ', '-')}-{seed}-features.npz")
        write_features(data, Path(features))
    job = {
        "l2": 0.0,
        "like_above": LIKE_ABOVE,
        "features": features,
        **settings,
        "model": row.model,
        "epochs": limits["epochs"],
        "patience": limits["patience"],
    }
    factors = job.pop("factors")
    report, _ = TORCH.report(
        data.split, factors=factors, threads=limits["threads"], seed=seed, settings=job
    )
    scores = {**report, "seconds": report["epoch_seconds"]}
    if "rmse" in scores:
        scores["mse"] = scores["rmse"] ** 2
    return scores


def mean_of(scores: Sequence[Scores], metrics: Sequence[str]) -> dict[str, float]:
    """Return the mean of each metric over the seeds."""
    return {name: statistics.fmean(one[name] for one in scores) for name in metrics}


def shown(scores: Scores, digits: int = 3) -> str:
    """Return scores in words."""
    return ", ".join(
        f"{name.upper() if len(name) < 5 else name} {value:.{digits}f}"
        for name, value in scores.items()
    )


def add_tables(
    record: Record, rows: Sequence[Row], found: Sequence[Mapping[str, list[Scores]]]
) -> None:
    """Add a table for each system."""
    columns = (
        "model",
        "fastmf's",
        "published",
        "PyTorch as Keras",
        "fastmf, same settings",
        "fastmf, its own",
        "at least as good as",
        "seconds an epoch, PyTorch / fastmf",
    )
    for system, data in dict.fromkeys((row.system, row.data) for row in rows):
        cells = [
            _cells(row, runs)
            for row, runs in zip(rows, found, strict=True)
            if (row.system, row.data) == (system, data)
        ]
        same = any(row.same_data for row in rows if row.system == system)
        of = "the data published on" if same else "a sample, not the data published on"
        record.tables.append(Table(f"{system}: {RECIPES[data].title} ({of})", columns, cells))
    record.figures["rows"] = [
        {
            "system": row.system,
            "data": row.data,
            "title": row.title,
            "model": row.model,
            "settings": dict(row.settings),
            "own": dict(row.own),
            "published": dict(row.published),
            "found": {name: [dict(one) for one in scores] for name, scores in runs.items()},
        }
        for row, runs in zip(rows, found, strict=True)
    ]
    record.notes += [
        "Both stop early and tell of their best epoch on the validation rows, the same rows.",
        "The published likes of their own were trained with dislikes weighted 2.5 times, which "
        "gives precision for recall; here all weigh the same.",
    ]


def _cells(row: Row, runs: Mapping[str, list[Scores]]) -> tuple[str, ...]:
    means = {name: mean_of(scores, row.metrics) for name, scores in runs.items() if scores}
    texts = {name: shown(mean) for name, mean in means.items()}
    ours = [mean for name, mean in means.items() if name != "PyTorch"]
    beaten = [
        name
        for name, other in (("published", row.published), ("PyTorch", means.get("PyTorch", {})))
        if other and any(at_least_as_good(one, other) for one in ours)
    ]
    seconds = [
        f"{statistics.fmean(one['seconds'] for one in runs[name]):.2f}" if runs[name] else "-"
        for name in ("PyTorch", "same")
    ]
    return (
        row.title,
        row.model,
        shown(row.published) or "-",
        texts.get("PyTorch", "skipped"),
        texts["same"],
        texts.get("own", "-"),
        " and ".join(beaten) or "neither",
        " / ".join(seconds),
    )


def at_least_as_good(ours: Scores, other: Scores) -> bool:
    """Whether the first of the other's metrics is reached, to the digits that are published.

    Parameters
    ----------
    ours, other : mapping of str to float
        Errors are better small; accuracy is better large.
    """
    name = next(iter(other))
    larger = ours[name] - other[name] if name in LIKE_METRICS else other[name] - ours[name]
    return round(larger, 3) >= 0
