"""Tables and figures of the case `als`."""

from __future__ import annotations

from typing import Any

from bench.command import TrainRun
from bench.harness import Record, Table, pairwise_ratio, spread
from bench.peers import PeerRun

OWN = ("fastmf Cholesky", "fastmf CG")
"""The solvers of fastmf that have peers, in the tables."""

SOLVERS = {"Cholesky": "cholesky", "CG": "cg", "blocks": "block"}
"""All of them, and what fastmf calls them."""


def add_comparison(record: Record, title: str, runs: dict[str, list[PeerRun]], error: str) -> None:
    """Add the table of both solvers of fastmf, and of its peers."""
    rows: list[tuple[str, ...]] = []
    figures: dict[str, Any] = {}
    exact, cg = ([run.iteration_seconds for run in runs[name]] for name in OWN)
    for name, of_name in runs.items():
        iteration = [run.iteration_seconds for run in of_name]
        training = [run.train_seconds for run in of_name]
        times, times_cg = (pairwise_ratio(iteration, ours) for ours in (exact, cg))
        times_training = pairwise_ratio(training, [run.train_seconds for run in runs[OWN[0]]])
        peak = max(run.peak_rss_bytes for run in of_name)
        figures[name] = {
            "iteration_seconds": iteration,
            "train_seconds": training,
            "times_fastmf_cholesky": times.values,
            "times_fastmf_cg": times_cg.values,
            "error": [run.rmse for run in of_name],
            "peak_rss_bytes": peak,
        }
        rows.append(
            (
                name,
                spread(iteration).show(2),
                times.show(1),
                times_cg.show(1),
                spread(training).show(2),
                times_training.show(1),
                spread([run.rmse for run in of_name]).show(4),
                f"{peak / 2**20:,.0f} MiB",
            )
        )
    columns = (
        "",
        "seconds an iteration",
        "times fastmf Cholesky",
        "times fastmf CG",
        "seconds of training",
        "times fastmf Cholesky",
        error,
        "peak memory",
    )
    record.tables.append(Table(f"{title} models", columns, rows))
    record.figures[title.lower()] = figures


def add_factors(
    record: Record, runs: dict[int, list[TrainRun]], n_ratings: int, peak: float
) -> None:
    """Add the table of multiplications a second by factors, beside those of sgemm.

    Parameters
    ----------
    record : Record
    runs : dict
        By each of `SOLVERS`, for each number of factors.
    n_ratings : int
        What they train on.
    peak : float
        GMAC/s of sgemm.
    """
    rows: list[tuple[str, ...]] = []
    figures: dict[str, Any] = {}
    for k, of_k in runs.items():
        seconds, *others = (run.epoch_seconds for run in of_k)
        # Half of the square, since the matrix is symmetric, and the right-hand side, for every
        # rating on either side.
        unknowns = k + 1
        rate = n_ratings * unknowns * (unknowns + 3) / seconds / 1e9
        errors = [run.history[-1].valid_rmse for run in of_k]
        figures[str(k)] = {
            "seconds": seconds,
            "gmac_per_second": rate,
            "of_sgemm": rate / peak,
            "cg_seconds": others[0],
            "block_seconds": others[1],
            "valid_rmse": errors,
        }
        shown = [f"{error:.4f}" for error in errors if error is not None]
        speed = f"{seconds:.2f}", f"{rate:.1f}", f"{rate / peak:.0%}"
        rows.append((str(k), *speed, *(f"{other:.2f}" for other in others), *shown))
    record.figures["factors"] = {"sgemm_gmac_per_second": peak, **figures}
    columns = (
        "factors",
        "Cholesky: seconds an iteration",
        "GMAC/s",
        "of sgemm",
        "CG: seconds an iteration",
        "blocks: seconds an iteration",
        *(f"RMSE of {name}" for name in SOLVERS),
    )
    record.tables.append(Table(f"By factors; sgemm {peak:.1f} GMAC/s", columns, rows))
    record.notes.append(
        "GMAC/s: u (u + 3) / 2 multiplications with addition for each rating and side, where the "
        "unknowns u are the factors and a bias. That is what the normal equations need at least, "
        "in the time of whole iterations: fetching rows, padding and solving take time and are "
        "not counted. Conjugate gradients do not form them, and blocks form a part."
    )


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
