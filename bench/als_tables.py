"""Tables and figures of the case `als`."""

from __future__ import annotations

from typing import Any

from bench.command import TrainRun
from bench.harness import Record, Table, pairwise_ratio, spread
from bench.peers import PeerRun


def add_comparison(record: Record, title: str, runs: dict[str, list[PeerRun]], error: str) -> None:
    """Add the table of fastmf and its peers."""
    rows: list[tuple[str, ...]] = []
    figures: dict[str, Any] = {}
    ours = runs["fastmf"]
    for name, of_name in runs.items():
        iteration = [run.iteration_seconds for run in of_name]
        training = [run.train_seconds for run in of_name]
        times = pairwise_ratio(iteration, [run.iteration_seconds for run in ours])
        times_training = pairwise_ratio(training, [run.train_seconds for run in ours])
        peak = max(run.peak_rss_bytes for run in of_name)
        figures[name] = {
            "iteration_seconds": iteration,
            "train_seconds": training,
            "times_fastmf": times.values,
            "error": [run.rmse for run in of_name],
            "peak_rss_bytes": peak,
        }
        rows.append(
            (
                name,
                spread(iteration).show(2),
                times.show(1),
                spread(training).show(2),
                times_training.show(1),
                spread([run.rmse for run in of_name]).show(4),
                f"{peak / 2**20:,.0f} MiB",
            )
        )
    columns = (
        "",
        "seconds an iteration",
        "times fastmf",
        "seconds of training",
        "times fastmf",
        error,
        "peak memory",
    )
    record.tables.append(Table(f"{title} models", columns, rows))
    record.figures[title.lower()] = figures


def add_threads(record: Record, runs: dict[str, list[TrainRun]], factors: int) -> None:
    """Add the table of iterations by threads; the first number is the base."""
    seconds = {name: [run.epoch_seconds for run in of_name] for name, of_name in runs.items()}
    first = next(iter(seconds))
    rows: list[tuple[str, ...]] = []
    figures: dict[str, Any] = {}
    for name, of_name in seconds.items():
        times = pairwise_ratio(seconds[first], of_name)
        rows.append((name, spread(of_name).show(2), times.show(2)))
        figures[name] = {"seconds": of_name, "times_as_fast": times.values}
    record.figures["threads"] = figures
    columns = ("threads", "seconds an iteration", f"times as fast as {first}")
    record.tables.append(Table(f"By threads; {factors} factors", columns, rows))
