"""How good the defaults are: RMSE over several splits, beside other libraries on the same."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from bench.command import TrainRun, Workplace, common_options
from bench.dataset import Split, published_split, random_split
from bench.harness import Progress, Record, Table
from bench.peers import Peer, PeerRun, Settings, installed_versions, python_peers, reason_to_skip
from bench.peers.libmf import name_builds


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read seeds: ``0-4``, ``3`` or ``0,2,7``.

    Raises
    ------
    click.BadParameter
        It is none of these.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if not match or int(match[2] or match[1]) < int(match[1]):
            raise click.BadParameter(f"{text!r}: write 0-4, or 0,2,7", param_hint="--seeds")
        seeds += range(int(match[1]), int(match[2] or match[1]) + 1)
    return tuple(dict.fromkeys(seeds))


@click.command("accuracy")
@click.option(
    "--ml-1m",
    "--data",
    "data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ratings to split: Parquet, CSV or TSV, e.g. MovieLens 1M's ratings.csv.",
)
@click.option(
    "--fold",
    "folds",
    type=(
        click.Path(exists=True, dir_okay=False, path_type=Path),
        click.Path(exists=True, dir_okay=False, path_type=Path),
    ),
    multiple=True,
    metavar="TRAIN VALID",
    help="A published fold instead of --data; repeat it.",
)
@click.option("--factors", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--seeds", default="0-4", show_default=True, help="Seeds of split and training.")
@click.option(
    "--fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of validation ratings.",
)
@click.option("--per-user", is_flag=True, help="Hold out this share of each user's ratings.")
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--peers/--no-peers", default=False, help="Run Surprise and cmfrec too.")
@click.option(
    "--libmf",
    "libmf_programs",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Path to LIBMF's mf-train; repeat it for several builds.",
)
@click.option(
    "--tune",
    is_flag=True,
    help="Give the peers the best of a grid, chosen on the first split's validation.",
)
@common_options
def accuracy(
    *,
    data: Path | None,
    folds: tuple[tuple[Path, Path], ...],
    factors: int,
    seeds: str,
    fraction: float,
    per_user: bool,
    threads: int,
    peers: bool,
    libmf_programs: tuple[Path, ...],
    tune: bool,
    fastmf_command: str,
    cache: Path,
    out: Path,
    quiet: bool,
) -> None:
    """Train with default settings and average the validation RMSE over seeds or folds."""
    if (data is None) == (not folds):
        raise click.UsageError("give either --data FILE (or --ml-1m FILE) or --fold TRAIN VALID")
    progress = Progress(quiet=quiet)
    splits: list[tuple[int, Split]]
    if data is not None:
        splits = [
            (
                seed,
                random_split(
                    data, cache, progress, fraction=fraction, seed=seed, per_user=per_user
                ),
            )
            for seed in parse_seeds(seeds)
        ]
    else:
        splits = [(0, published_split(*fold, cache, progress)) for fold in folds]
    others: list[Peer] = [*name_builds(libmf_programs), *(python_peers() if peers else [])]
    record = Record(
        "accuracy",
        settings={
            "data": splits[0][1].describe(),
            "factors": factors,
            "splits": f"seeds {seeds}, {fraction:g} held out"
            + (" of each user" if per_user else "")
            if data is not None
            else ", ".join(valid.name for _, valid in folds),
            "threads": threads,
            "peers tuned": tune,
        },
        packages=installed_versions(others),
    )
    with Workplace(fastmf_command, cache) as workplace:
        record.versions.update(workplace.versions())
        runs = []
        for seed, split in splits:
            runs.append(
                workplace.fastmf.train(
                    split.train,
                    workplace.path("model"),
                    factors=factors,
                    threads=threads,
                    valid=split.valid,
                    seed=seed,
                )
            )
            progress.say(f"fastmf, seed {seed}: {runs[-1].valid_rmse}")
    scored = {
        peer.name: _fit_all(
            peer, splits, factors=factors, threads=threads, tune=tune, progress=progress
        )
        for peer in others
        if not _skipped(record, peer, splits[0][1], threads)
    }
    add_results(record, runs, scored)
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())


def _skipped(record: Record, peer: Peer, split: Split, threads: int) -> bool:
    reason = reason_to_skip(peer, split, min(threads, peer.max_threads))
    if reason:
        record.skipped[peer.name] = reason
    return reason is not None


def _fit_all(
    peer: Peer,
    splits: Sequence[tuple[int, Split]],
    *,
    factors: int,
    threads: int,
    tune: bool,
    progress: Progress,
) -> tuple[Settings, list[PeerRun]]:
    """Run one peer on every split, with its first settings or the best of its grid."""

    def fit(seed: int, split: Split, settings: Settings) -> PeerRun:
        run = peer.fit(
            split,
            factors=factors,
            threads=min(threads, peer.max_threads),
            seed=seed,
            settings=settings,
        )
        progress.say(f"{peer.name}, seed {seed}, {dict(settings)}: {run.rmse:.4f}")
        return run

    settings = peer.grid[0]
    if tune:
        seed, split = splits[0]
        settings = min(peer.grid, key=lambda tried: fit(seed, split, tried).rmse)
    return settings, [fit(seed, split, settings) for seed, split in splits]


def add_results(
    record: Record, runs: Sequence[TrainRun], scored: dict[str, tuple[Settings, list[PeerRun]]]
) -> None:
    """Put the table and the figures into the record."""
    scores = [run.valid_rmse for run in runs if run.valid_rmse is not None]
    last = [run.history[-1].valid_rmse for run in runs]
    seconds = statistics.median(run.seconds["prepare"] + run.seconds["train"] for run in runs)
    rows = [_row("fastmf", "defaults", scores, seconds)]
    figures: dict[str, Any] = {
        "fastmf": {
            "rmse": scores,
            "rmse_after_the_last_epoch": last,
            "epochs": [len(run.history) for run in runs],
            "reports": [run.report for run in runs],
        }
    }
    for name, (settings, fits) in scored.items():
        said = ", ".join(f"{key} {value}" for key, value in settings.items())
        seconds = statistics.median(run.train_seconds for run in fits)
        rows.append(_row(name, said, [run.rmse for run in fits], seconds))
        figures[name] = {"settings": dict(settings), "runs": [asdict(run) for run in fits]}
    columns = (
        "",
        "settings",
        "mean validation RMSE",
        "mean MSE",
        "smallest-largest RMSE",
        "layout and training, s",
    )
    record.tables.append(Table("Validation RMSE", columns, rows))
    record.figures = figures
    record.notes.append(
        "All train and are scored on the same rows; all predictions are clipped to the rating "
        "range. fastmf's RMSE is that of the model it saves."
    )


def _row(name: str, settings: str, scores: Sequence[float], seconds: float) -> tuple[str, ...]:
    return (
        name,
        settings,
        f"{statistics.mean(scores):.4f}",
        f"{statistics.mean(score * score for score in scores):.4f}",
        f"{min(scores):.4f}-{max(scores):.4f}",
        f"{seconds:.2f}",
    )
