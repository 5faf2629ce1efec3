"""One epoch of mlp on more ratings than one wants in memory."""

from __future__ import annotations

from pathlib import Path

from bench.command import Workplace
from bench.harness import Progress, Record, Table
from bench.mlp_layers import FACTORS, layer_options
from bench.source import count_rows


def add_stream(
    record: Record,
    workplace: Workplace,
    source: Path,
    batch_size: int,
    threads: int,
    progress: Progress,
) -> None:
    """Add the table of one epoch: rate and peak memory.

    Parameters
    ----------
    record : Record
    workplace : Workplace
    source : Path
        Ratings; its columns have names that fastmf knows.
    batch_size, threads : int
    progress : Progress
    """
    n_ratings = count_rows(source)
    progress.say(f"one epoch of mlp on {n_ratings:,} ratings")
    run = workplace.fastmf.train(
        source,
        workplace.path("model"),
        factors=FACTORS,
        threads=threads,
        epochs=1,
        options=(*layer_options("mlp"), "--batch-size", str(batch_size)),
    )
    rate = n_ratings / run.epoch_seconds
    record.figures |= {
        "n_ratings": n_ratings,
        "seconds": run.seconds,
        "ratings_per_second": rate,
        "peak_rss_bytes": run.peak_rss_bytes,
    }
    cells = {
        "ratings": f"{n_ratings:,}",
        "seconds of the epoch": f"{run.epoch_seconds:.1f}",
        "ratings a second": f"{rate / 1e6:.2f} million",
        "peak memory": f"{run.peak_rss_bytes / 2**30:.2f} GiB",
        "seconds of the whole command": f"{run.wall_seconds:.1f}",
    }
    title = f"One epoch of mlp, batches of {batch_size:,}"
    record.tables.append(Table(title, tuple(cells), [tuple(cells.values())]))
