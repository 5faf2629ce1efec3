"""How fast AutoRec trains at the cost of its ratings, against the dense one in PyTorch."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench.command import common_options
from bench.dataset import random_split
from bench.harness import Progress, Record, Table, interleave, pairwise_ratio, spread
from bench.process import BenchError, run_command

DENSITIES = (0.1, 0.05, 0.01, 0.002)
ITEMS = 17_783  # a prime near Netflix's 17,770
PYTORCH = "PyTorch, dense"

# The autoencoder of the Netflix notebooks, and the deep one of Kuchaiev and Ginsburg (2017).
SEED = {"hidden": (700, 128), "activation": "relu", "batch_norm": True, "dropout": 0.3}
DEEP = {"hidden": (512, 512, 1024, 512, 512), "activation": "selu", "dropout": 0.0}

# The paper's rate is for a mean over ratings, ours for their sum in a row.
DEEP_RATES = {"fastmf": 0.001, "pytorch": 0.005}

# What PyTorch's network does as well.
PLAIN = {"presence": 0.0, "normalized_input": False, "centred_rows": False, "input_dropout": 0.0}

HELP = """Epochs of AutoRec against the same network on dense tables in PyTorch.

Each part runs where its data is given: --data and --large compare epochs in turn, --densities
trains on generated ratings of equal number, --whole trains one epoch from end to end, --curve
trains a network of 700 and 128 units on the ratings of --data, and --refeeding a deep one, with
dense re-feeding and without.
"""


@dataclass
class Plan:
    """Everything the runs need to know."""

    threads: int
    rounds: int
    seconds: float
    cache: Path
    progress: Progress
    record: Record

    def run(self, **job: Any) -> dict[str, Any]:
        """Run one job in a process of its own; return what it printed, and its peak memory."""
        root = str(Path(__file__).parent.parent)
        environment = {
            "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
            "FASTMF_CACHE_DIR": str(self.cache / "stores"),
            "NUMBA_CACHE_DIR": str(self.cache / "compiled"),
        }
        asked = json.dumps({"threads": self.threads, **job})
        finished = run_command(
            [sys.executable, "-m", "bench.autorec_epochs", asked], env=environment
        )
        try:
            content: dict[str, Any] = json.loads(finished.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError):
            raise BenchError("a run of AutoRec printed no result") from None
        return {**content, "peak_rss_bytes": finished.peak_rss_bytes}


def _file(name: str, text: str) -> Callable[[Any], Any]:
    kind = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.option(name, type=kind, help=text)


@click.command("autorec", help=HELP)
@_file("--data", "Ratings, e.g. MovieLens 1M's ratings.csv: item-based epochs.")
@_file("--large", "Many ratings, e.g. 100 million: user-based epochs; PyTorch runs a part of one.")
@_file("--whole", "Many ratings, for one epoch from end to end: seconds and peak memory.")
@click.option("--densities/--no-densities", default=False, help="Equal ratings, ever more users.")
@click.option("--ratings", type=click.IntRange(min=1), default=10_000_000, show_default=True)
@click.option("--curve/--no-curve", default=False, help="The 700-128 network on --data.")
@click.option("--refeeding/--no-refeeding", default=False, help="The deep network on --data.")
@click.option("--hidden", type=click.IntRange(min=1), default=500, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), help="Of --data. [default: ours]")
@click.option("--large-batch", type=click.IntRange(min=1), default=4096, show_default=True)
@click.option("--torch-batch", type=click.IntRange(min=1), default=1024, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--seconds", type=float, default=10.0, show_default=True, help="Of PyTorch.")
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@common_options
def autorec(
    *,
    data: Path | None,
    large: Path | None,
    whole: Path | None,
    densities: bool,
    ratings: int,
    curve: bool,
    refeeding: bool,
    hidden: int,
    batch_size: int | None,
    large_batch: int,
    torch_batch: int,
    epochs: int,
    rounds: int,
    seconds: float,
    threads: int,
    fastmf_command: str,
    cache: Path,
    out: Path,
    quiet: bool,
) -> None:
    """Run the case and write its record."""
    progress = Progress(quiet=quiet)
    settings = {"hidden": hidden, "threads": threads, "rounds": rounds, "epochs": epochs}
    record = Record("autorec", settings=settings, packages=("torch",))
    plan = Plan(threads, rounds, seconds, cache.resolve(), progress, record)
    shape = {"hidden": (hidden,)}
    if data and not (curve or refeeding):
        compare(plan, data, "item", shape, epochs, (batch_size, batch_size))
    if large:
        compare(plan, large, "user", shape, 1, (large_batch, torch_batch))
    if densities:
        add_densities(plan, shape, ratings, epochs)
    if whole:
        add_whole(plan, whole, {**shape, "batch_size": large_batch})
    for wanted, name, add in (
        (curve, "--curve", add_curve),
        (refeeding, "--refeeding", add_refeeding),
    ):
        if wanted and data is None:
            raise click.UsageError(f"{name} needs --data FILE")
        if wanted and data is not None:
            add(plan, data, epochs)
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())


def has_pytorch(record: Record) -> bool:
    """Whether PyTorch is there; noted where it is not."""
    found = importlib.util.find_spec("torch") is not None
    if not found:
        record.skipped[PYTORCH] = "not installed (pip install torch)"
    return found


def compare(
    plan: Plan,
    source: Path,
    base: str,
    shape: dict[str, Any],
    epochs: int,
    batches: tuple[int | None, int | None],
) -> None:
    """Add a table of epochs of both, in turn."""
    ours_batch, torch_batch = batches
    job = {"train": str(source), "base": base, "epochs": epochs}
    settings = {**shape, "batch_size": ours_batch}
    ours = {**job, "run": "fastmf", "settings": settings}
    if torch_batch is None:
        torch_batch = plan.run(**{**ours, "epochs": 1})["batch_size"]
    torch = {**job, "run": "pytorch", "settings": shape, "seconds": plan.seconds, "decay": 0.0}
    torch["batch_size"] = torch_batch
    tasks = {"fastmf": lambda: plan.run(**ours)}
    if has_pytorch(plan.record):
        tasks[PYTORCH] = lambda: plan.run(**torch)
    runs = interleave(tasks, plan.rounds, plan.progress)
    first = runs["fastmf"][0]
    mine = [seconds_of(run) for run in runs["fastmf"]]
    rows: list[tuple[str, ...]] = []
    figures: dict[str, Any] = {}
    for name, found in runs.items():
        each = [seconds_of(run) for run in found]
        times = pairwise_ratio(each, mine)
        peak = max(run["peak_rss_bytes"] for run in found)
        parts = [run["part"] for run in found]
        size = first["batch_size"] if name == "fastmf" else torch["batch_size"]
        figures[name] = {"epoch_seconds": each, "times_fastmf": times.values, "parts": parts}
        cells = f"{size:,}", f"{statistics.median(parts):.1%}", spread(each).show(2)
        rows.append((name, *cells, times.show(1), f"{peak / 2**20:,.0f} MiB"))
    size = f"{first['n_ratings']:,} ratings, {first['n_users']:,} x {first['n_items']:,}"
    columns = ("", "batch", "part timed", "seconds an epoch", "times fastmf", "peak memory")
    plan.record.tables.append(Table(f"{source.name}, {base}-based: {size}", columns, rows))
    plan.record.figures[source.name] = figures


def seconds_of(run: dict[str, Any]) -> float:
    """Return the median epoch, the first left out where there are more."""
    each = run["epoch_seconds"]
    return float(statistics.median(each[1:] or each))


def add_densities(plan: Plan, shape: dict[str, Any], ratings: int, epochs: int) -> None:
    """Add the table of epochs by density, the number of ratings and of items held."""
    job = {"run": "fastmf", "base": "user", "epochs": max(epochs, 2), "settings": shape}
    made = {"ratings": ratings, "items": ITEMS}

    def of(density: float) -> Callable[[], dict[str, Any]]:
        return lambda: plan.run(**job, **made, density=density)

    tasks = {f"{density:.1%}": of(density) for density in DENSITIES}
    runs = interleave(tasks, plan.rounds, plan.progress)
    densest = [seconds_of(run) for run in runs[f"{DENSITIES[0]:.1%}"]]
    rows: list[tuple[str, ...]] = []
    for name, found in runs.items():
        each = [seconds_of(run) for run in found]
        run, times = found[0], pairwise_ratio(each, densest)
        counts = f"{run['n_users']:,}", f"{run['n_ratings']:,}", f"{run['batch_size']:,}"
        used = spread([statistics.median(run["processor_seconds"][1:]) for run in found])
        rows.append((name, *counts, spread(each).show(2), used.show(2), times.show(2)))
        plan.record.figures[f"density {name}"] = {"epoch_seconds": each, "times": times.values}
    columns = (
        *("density", "users", "ratings", "batch", "seconds an epoch"),
        *("of all processors", "times the densest"),
    )
    title = f"By density: {ITEMS:,} items, user-based"
    plan.record.tables.append(Table(title, columns, rows))


def add_whole(plan: Plan, source: Path, settings: dict[str, Any]) -> None:
    """Add one training of one epoch, from the stored ratings to the fitted model."""
    job = {"run": "whole", "train": str(source), "base": "user", "epochs": 1}
    found = plan.run(**job, settings=settings)
    plan.record.figures["whole"] = found
    row: tuple[str, ...] = (
        f"{found['n_ratings']:,}",
        f"{found['prepare_seconds']:.1f}",
        f"{found['train_seconds']:.1f}",
        f"{found['train_rmse']:.4f}",
        f"{found['peak_rss_bytes'] / 2**30:.2f} GiB",
    )
    columns = ("ratings", "sorting, s", "epoch, s", "training RMSE", "peak memory")
    plan.record.tables.append(Table(f"{source.name}: one epoch, user-based", columns, [row]))


def add_curve(plan: Plan, source: Path, epochs: int) -> None:
    """Add the validation RMSE by epoch of a network of 700 and 128 units, ours and PyTorch's."""
    split = random_split(source, plan.cache, plan.progress, fraction=0.1)
    settings = {**SEED, **PLAIN, "regularization": 0.0}
    job = {"train": str(split.train), "valid": str(split.valid), "base": "user", "epochs": epochs}
    ours = plan.run(**job, run="fastmf", settings={**settings, "batch_size": 256})
    found = {"fastmf": ours}
    if has_pytorch(plan.record):
        more = {"decay": 0.0, "batch_size": 256}
        found[PYTORCH] = plan.run(**job, run="pytorch", settings=settings, **more)
    plan.record.figures["curve"] = found
    add_curves(plan, f"700-128 ReLU on {split.describe()}", found)


def add_refeeding(plan: Plan, source: Path, epochs: int) -> None:
    """Add the validation RMSE by epoch of a deep network, with re-feeding and without."""
    split = random_split(source, plan.cache, plan.progress, fraction=0.1)
    job = {"train": str(split.train), "valid": str(split.valid), "base": "user", "epochs": epochs}
    settings = {**DEEP, "optimizer": "sgd", "schedule": "constant", "input_dropout": 0.0}
    found: dict[str, Any] = {}
    for refeeding, text in ((False, ""), (True, ", re-feeding")):
        for run, name in (("fastmf", "fastmf"), ("pytorch", PYTORCH)):
            if run == "pytorch" and not has_pytorch(plan.record):
                continue
            given = {**settings, "refeeding": refeeding, "learning_rate": DEEP_RATES[run]}
            given |= PLAIN if run == "pytorch" else {"batch_size": 128}
            more = {"decay": 0.0, "batch_size": 128}
            found[f"{name}{text}"] = plan.run(**job, **more, run=run, settings=given)
    plan.record.figures["refeeding"] = found
    add_curves(plan, f"512-512-1024-512-512 SELU on {split.describe()}", found)


def add_curves(plan: Plan, title: str, found: dict[str, Any]) -> None:
    """Add a table of the validation RMSE by epoch."""
    rows: list[tuple[str, ...]] = []
    for name, run in found.items():
        best = min(run["curve"])
        at = run["curve"].index(best)
        text = " ".join(f"{rmse:.4f}" for rmse in run["curve"])
        to_best = sum(run["epoch_seconds"][: at + 1])
        rows.append((name, f"{seconds_of(run):.2f}", f"{best:.4f}", f"{to_best:.1f}", text))
    columns = ("", "seconds an epoch", "best RMSE", "seconds to it", "RMSE by epoch")
    plan.record.tables.append(Table(title, columns, rows))
