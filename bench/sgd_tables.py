"""The arithmetic and the tables of the case sgd: from timed runs to ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.command import TrainRun
from bench.harness import Record, Spread, Table, pairwise_ratio, spread
from bench.peers import PeerRun
from bench.peers.libmf import Timing


@dataclass(frozen=True)
class Measurements:
    """All runs of the case.

    Attributes
    ----------
    n_train : int
        Ratings in one epoch, the same for everyone.
    threads, builds
        Numbers of threads, names of LIBMF's builds.
    command_epochs : int
        Epochs of fastmf in the whole command.
    regularizations, targets, clipped_targets : dict of str to float
        For each build the better regularization, its validation RMSE as printed, and the same
        with clipped predictions.
    runs : dict of str to list
        For each task one run a round: `TrainRun` for fastmf, `Timing` for LIBMF.
    peers : dict of str to PeerRun
    """

    n_train: int
    threads: tuple[int, ...]
    builds: tuple[str, ...]
    command_epochs: int
    regularizations: dict[str, float]
    targets: dict[str, float]
    clipped_targets: dict[str, float]
    runs: dict[str, list[Any]]
    peers: dict[str, PeerRun]

    def fastmf(self, threads: int) -> list[TrainRun]:
        """Return the training runs of fastmf."""
        return self.runs[f"fastmf, {threads} threads"]

    def libmf(self, build: str, threads: int) -> list[Timing]:
        """Return the runs of one build of LIBMF."""
        return self.runs[f"{build}, {threads} threads"]

    def command(self, which: str, threads: int) -> list[TrainRun]:
        """Return the whole commands of fastmf, ``which`` being ``first`` or ``second``."""
        return self.runs[f"command {which}, {threads} threads"]


@dataclass(frozen=True)
class Comparison:
    """One quantity with one number of threads: both sides, their ratio (above 1: fastmf ahead)."""

    threads: int
    fastmf: Spread
    libmf: Spread | None
    ratio: Spread | None


def throughput(measured: Measurements, threads: int) -> Comparison:
    """Ratings per second of a median epoch, in millions; LIBMF's best build of each round."""
    ours = [measured.n_train / run.epoch_seconds / 1e6 for run in measured.fastmf(threads)]
    builds = [
        [
            measured.n_train / run.steady_iteration_seconds / 1e6
            for run in measured.libmf(build, threads)
        ]
        for build in measured.builds
    ]
    if not builds:
        return Comparison(threads, spread(ours), None, None)
    best = [max(row) for row in zip(*builds, strict=True)]
    return Comparison(threads, spread(ours), spread(best), pairwise_ratio(ours, best))


def time_to_rmse(
    measured: Measurements, threads: int, targets: dict[str, float]
) -> Comparison | None:
    """Seconds of layout and training to each build's own RMSE.

    Builds reach different RMSEs in different times, so each is a race of its own: of each round
    the build with the smallest ratio counts. None where fastmf did not get there in its epochs.
    """
    rounds: list[tuple[float, float]] = []
    for number, run in enumerate(measured.fastmf(threads)):
        races = []
        for build in measured.builds:
            ours = run.seconds_to(targets[build])
            if ours is None:
                return None
            races.append((ours, measured.libmf(build, threads)[number].train_seconds))
        rounds.append(min(races, key=lambda race: race[1] / race[0]))
    ours_all, theirs = [pair[0] for pair in rounds], [pair[1] for pair in rounds]
    return Comparison(threads, spread(ours_all), spread(theirs), pairwise_ratio(theirs, ours_all))


def whole_command(measured: Measurements, threads: int, which: str) -> Comparison:
    """Wall seconds from the start of the process to the saved model; LIBMF's fastest build."""
    ours = [run.wall_seconds for run in measured.command(which, threads)]
    builds = [
        [run.wall_seconds for run in measured.libmf(build, threads)] for build in measured.builds
    ]
    if not builds:
        return Comparison(threads, spread(ours), None, None)
    best = [min(row) for row in zip(*builds, strict=True)]
    return Comparison(threads, spread(ours), spread(best), pairwise_ratio(best, ours))


def add_results(record: Record, measured: Measurements) -> None:
    """Put the tables, the figures and the notes into the record."""
    figures: dict[str, Any] = {}
    figures["throughput"] = [throughput(measured, threads) for threads in measured.threads]
    record.tables.append(
        _table("Epoch throughput, million ratings a second", figures["throughput"], 1)
    )
    if measured.builds:
        _add_time_to_rmse(record, measured, figures)
    for which in ("first", "second"):
        name = f"command_{which}"
        figures[name] = [whole_command(measured, threads, which) for threads in measured.threads]
        title = f"Whole command, file to saved model, {which} time, seconds"
        record.tables.append(_table(title, figures[name], 2))
    record.tables.append(_phases(measured))
    if measured.peers:
        record.tables.append(_peer_table(measured))
    record.figures = {
        **{name: [_plain(item) for item in items] for name, items in figures.items()},
        "targets": measured.targets,
        "clipped_targets": measured.clipped_targets,
        "regularizations": measured.regularizations,
        "command_epochs": measured.command_epochs,
        "peers": {name: asdict(run) for name, run in measured.peers.items()},
        "runs": {name: [asdict(run) for run in runs] for name, runs in measured.runs.items()},
    }
    record.notes += _notes(measured)


def _add_time_to_rmse(record: Record, measured: Measurements, figures: dict[str, Any]) -> None:
    for name, title, targets in (
        ("time_to_rmse", "as LIBMF prints it", measured.targets),
        ("time_to_clipped_rmse", "its predictions clipped", measured.clipped_targets),
    ):
        found = [time_to_rmse(measured, threads, targets) for threads in measured.threads]
        figures[name] = found
        heading = f"Layout and training to LIBMF's validation RMSE ({title}), seconds"
        record.tables.append(_table(heading, found, 2, threads=measured.threads))


def _table(
    title: str,
    rows: Sequence[Comparison | None],
    digits: int,
    threads: Sequence[int] = (),
) -> Table:
    lines: list[tuple[str, ...]] = []
    for number, row in enumerate(rows):
        if row is None:
            lines.append((str(threads[number]), "not reached", "", ""))
            continue
        theirs = row.libmf.show(digits) if row.libmf else "skipped"
        ratio = row.ratio.show(2) if row.ratio else ""
        lines.append((str(row.threads), row.fastmf.show(digits), theirs, ratio))
    return Table(title, ("threads", "fastmf", "LIBMF, best build", "times better"), lines)


def _phases(measured: Measurements) -> Table:
    """Where the wall time went: medians of the phases each side has."""
    rows: list[tuple[str, ...]] = []
    for threads in measured.threads:
        for which in ("first", "second"):
            runs = measured.command(which, threads)
            phases = [
                spread([run.seconds[phase] for run in runs]).median
                for phase in ("read", "prepare", "compile", "train")
            ]
            rows.append(_phase_row(f"fastmf, {which} time", threads, phases, runs))
        for build in measured.builds:
            timings = measured.libmf(build, threads)
            phases = [
                spread([run.read_seconds for run in timings]).median,
                spread([run.setup_seconds for run in timings]).median,
                0.0,
                spread([sum(run.iteration_seconds) for run in timings]).median,
            ]
            rows.append(_phase_row(build, threads, phases, timings))
    columns = ("", "threads", "read", "layout", "compile", "train", "wall", "peak GiB")
    return Table("Phases of the whole command, median seconds", columns, rows)


def _phase_row(
    name: str, threads: int, phases: Sequence[float], runs: Sequence[TrainRun] | Sequence[Timing]
) -> tuple[str, ...]:
    wall = spread([run.wall_seconds for run in runs]).median
    peak = max(run.peak_rss_bytes for run in runs) / 2**30
    return (name, str(threads), *(f"{value:.2f}" for value in (*phases, wall, peak)))


def _peer_table(measured: Measurements) -> Table:
    rows: list[tuple[str, ...]] = []
    for threads in measured.threads:
        run = measured.fastmf(threads)[-1]
        rows.append(
            _peer_row(
                f"fastmf, {threads} threads",
                len(run.history),
                throughput(measured, threads).fastmf.median,
                run.history[-1].valid_rmse,
                measured.n_train,
            )
        )
    rows += [
        _peer_row(
            name,
            run.iterations,
            measured.n_train / run.iteration_seconds / 1e6,
            run.rmse,
            measured.n_train,
        )
        for name, run in measured.peers.items()
    ]
    columns = ("", "epochs", "seconds an epoch", "million ratings a second", "validation RMSE")
    return Table("Other libraries, one run each", columns, rows)


def _peer_row(
    name: str, epochs: int, millions: float, rmse: float | None, n_train: int
) -> tuple[str, ...]:
    score = f"{rmse:.4f}" if rmse is not None else ""
    return (name, str(epochs), f"{n_train / millions / 1e6:.3f}", f"{millions:.2f}", score)


def _notes(measured: Measurements) -> list[str]:
    notes = [
        "Each figure is the median (smallest-largest) of the rounds; each ratio is taken round "
        "by round.",
        f"The whole command trains {measured.command_epochs} epochs of fastmf"
        + _meaning_of_epochs(measured)
        + ", against 10 iterations of LIBMF; neither validates.",
        "An epoch or iteration is the median without the first; fastmf's evaluation is not in "
        "its epochs, and LIBMF is timed without a validation file.",
    ]
    notes += [
        f"{build}: validation RMSE {measured.targets[build]:.4f} as printed, "
        f"{measured.clipped_targets[build]:.4f} clipped, with -l2 {regularization:g}."
        for build, regularization in measured.regularizations.items()
    ]
    return notes


def _meaning_of_epochs(measured: Measurements) -> str:
    """Say whether so many epochs were enough; the runs with validation tell."""
    finals = [run.history[-1].valid_rmse for n in measured.threads for run in measured.fastmf(n)]
    target = min(measured.targets.values(), default=None)
    if target is None or any(final is None for final in finals):
        return ""
    if all(final is not None and final <= target for final in finals):
        return ", the fewest whose full run ends at or below LIBMF's RMSE"
    return ", which do not reach LIBMF's RMSE: compare nothing but the speed, or allow more"


def _plain(item: Comparison | None) -> dict[str, Any] | None:
    return None if item is None else asdict(item)
