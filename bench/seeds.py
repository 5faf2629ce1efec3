"""The comparisons that others published of such models, with our figures beside theirs."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from bench.accuracy import parse_seeds
from bench.command import common_options
from bench.harness import Progress, Record, Table
from bench.peers import installed_versions
from bench.seed_data import RECIPES, seed_data
from bench.seed_results import KeptScores, Scores
from bench.seed_rows import LIKE_METRICS, ROWS, Row
from bench.seed_training import (
    TORCH,
    Limits,
    own_settings,
    same_settings,
    train_ours,
    train_torch,
)

Runs = Mapping[str, list[Scores]]


@click.command("seeds")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder that holds ml-latest-small, anime-5k and netflix.",
)
@click.option(
    "--seeds",
    default="0",
    show_default=True,
    help="Seeds of split and training, such as 0-2; of several, means are shown.",
)
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
@click.option(
    "--again",
    is_flag=True,
    help="Train fastmf though there are scores of it. Scores are kept in the cache, so that an "
    "interrupted table goes on; those of other settings or versions do not count.",
)
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
    again: bool,
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
    limits = Limits(epochs, patience, threads)
    record = Record(
        "seeds",
        settings={"seeds": numbers, "epochs": epochs, "patience": patience, "threads": threads},
        packages=installed_versions([TORCH]),
    )
    reason = TORCH.unavailable()
    if reason:
        record.skipped[TORCH.name] = reason
    prepared, kept = cache / "seeds", KeptScores(cache / "seeds" / "scores")
    found: list[Runs] = []
    for number, row in enumerate(chosen, 1):
        progress.say(f"{number}/{len(chosen)} {row.system}: {row.title}")
        runs: dict[str, list[Scores]] = {"PyTorch": [], "same": [], "own": []}
        for seed in numbers:
            of_seed = seed_data(row.data, data, cache, seed, progress)
            if not reason:
                runs["PyTorch"].append(train_torch(row, of_seed, prepared, seed, limits, kept))
            settings = {"same": same_settings(row, of_seed, epochs), "own": own_settings(row)}
            for name, ours in settings.items():
                scores = train_ours(row, ours, of_seed, seed, limits, kept, again=again)
                runs[name].append(scores)
        for name, of_name in runs.items():
            if of_name:
                progress.say(f"  {name}: {shown(of_name, row.metrics)}")
        found.append(runs)
    add_tables(record, chosen, found)
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())


def mean_of(scores: Sequence[Scores], metrics: Sequence[str]) -> dict[str, float]:
    """Return the mean of each metric over the seeds."""
    return {name: statistics.fmean(one[name] for one in scores) for name in metrics}


def shown(scores: Sequence[Scores], metrics: Sequence[str]) -> str:
    """Return the mean of each metric over the seeds, and the range where there are several."""
    texts = []
    for name in metrics:
        values = [one[name] for one in scores]
        text = f"{name.upper() if len(name) < 5 else name} {statistics.fmean(values):.3f}"
        if len(values) > 1:
            text += f" ({min(values):.3f}-{max(values):.3f})"
        texts.append(text)
    return ", ".join(texts)


def add_tables(record: Record, rows: Sequence[Row], found: Sequence[Runs]) -> None:
    """Add a table for each system."""
    columns = (
        "model",
        "fastmf's",
        "published",
        "PyTorch as Keras",
        "fastmf, same settings",
        "at least as good as",
        "fastmf, its defaults",
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
            "published": dict(row.published),
            "found": {name: [dict(one) for one in scores] for name, scores in runs.items()},
        }
        for row, runs in zip(rows, found, strict=True)
    ]
    record.notes += [
        "All stop early and tell of their best epoch on the validation rows, the same rows.",
        "With the same settings fastmf has PyTorch's rate, batches, dropout, L2 and start of "
        "embeddings; by its "
        "defaults it has the network's sizes alone, and a biased dot product beside dense layers. "
        "Of several seeds, means and ranges.",
        "The published likes of their own were trained with dislikes weighted 2.5 times, which "
        "gives precision for recall; here all weigh the same.",
    ]


def _cells(row: Row, runs: Runs) -> tuple[str, ...]:
    others = {"published": row.published}
    if runs["PyTorch"]:
        others["PyTorch"] = mean_of(runs["PyTorch"], row.metrics)
    cells = []
    for name in ("same", "own"):
        ours = mean_of(runs[name], row.metrics)
        beaten = [other for other, theirs in others.items() if at_least_as_good(ours, theirs)]
        cells += [shown(runs[name], row.metrics), " and ".join(beaten) or "neither"]
    seconds = [
        f"{statistics.fmean(one['seconds'] for one in runs[name]):.2f}" if runs[name] else "-"
        for name in ("PyTorch", "same")
    ]
    return (
        row.title,
        row.model,
        shown([row.published], tuple(row.published)) or "-",
        shown(runs["PyTorch"], row.metrics) if runs["PyTorch"] else "skipped",
        *cells,
        " / ".join(seconds),
    )


def at_least_as_good(ours: Scores, other: Scores) -> bool:
    """Whether the first of the other's metrics is reached, to the digits that are published.

    Parameters
    ----------
    ours, other : mapping of str to float
        Errors are better small; accuracy is better large. There may be none of the other.
    """
    if not other:
        return False
    name = next(iter(other))
    larger = ours[name] - other[name] if name in LIKE_METRICS else other[name] - ours[name]
    return round(larger, 3) >= 0
