"""How fast the deep models train, against PyTorch on the CPU, and where their time goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench.command import TrainRun, Workplace, common_options, data_options
from bench.dataset import Split, random_split
from bench.harness import Progress, Record, Spread, Table, interleave, pairwise_ratio, spread
from bench.mlp_layers import FACTORS, NETWORKS, layer_options
from bench.mlp_stream import add_stream
from bench.peers import ModulePeer, PeerRun, installed_versions, reason_to_skip
from bench.source import generate

# The users and items of a published anime data set, which the defaults are shaped after.
USERS, ITEMS = 66_351, 9_926
BATCH_SIZES = (10_000, 1_024)
VARIANTS = ("plain", "fused", "sparse")
TORCH = "PyTorch"
MANY = 1_000_000_000

HELP = """Training speed of mlp and residual against PyTorch, and where the time goes.

PyTorch takes Adam's step in three ways, and in each round its fastest counts; it trains for
--seconds, fastmf for whole epochs. --rounds 0 leaves the comparison out, --no-profile the table
of where the time goes. --stream FILE trains mlp for one epoch on a large file instead.
"""


@dataclass
class Plan:
    """Everything the runs need to know."""

    workplace: Workplace
    split: Split
    threads: int
    epochs: int
    seconds: float
    progress: Progress


@click.command("mlp", help=HELP)
@data_options(2_000_000)
@click.option("--users", type=click.IntRange(min=1), default=USERS, show_default=True)
@click.option("--items", type=click.IntRange(min=1), default=ITEMS, show_default=True)
@click.option(
    "--model",
    "models",
    type=click.Choice(list(NETWORKS)),
    multiple=True,
    default=tuple(NETWORKS),
    show_default=True,
)
@click.option(
    "--batch-size",
    "batch_sizes",
    type=click.IntRange(min=1),
    multiple=True,
    default=BATCH_SIZES,
    show_default=True,
    help="Repeat it for several.",
)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--seconds", type=float, default=4.0, show_default=True, help="Of a PyTorch run.")
@click.option("--rounds", type=click.IntRange(min=0), default=3, show_default=True)
@click.option("--profile/--no-profile", "profiled", default=True, help="Show where time goes.")
@click.option(
    "--stream",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ratings, say 100 million, for one epoch of mlp: rate and peak memory.",
)
@common_options
def mlp(
    *,
    ratings: int,
    data: Path | None,
    users: int,
    items: int,
    models: tuple[str, ...],
    batch_sizes: tuple[int, ...],
    threads: int,
    epochs: int,
    seconds: float,
    rounds: int,
    profiled: bool,
    stream: Path | None,
    fastmf_command: str,
    cache: Path,
    out: Path,
    quiet: bool,
) -> None:
    """Run the case and write its record."""
    progress = Progress(quiet=quiet)
    shape = {"threads": threads, "factors": FACTORS}
    with Workplace(fastmf_command, cache) as workplace:
        if stream:
            record = Record("mlp_stream", settings={"data": stream.name, **shape})
            record.versions.update(workplace.versions())
            add_stream(record, workplace, stream, batch_sizes[0], threads, progress)
        else:
            source = data or generate(cache, ratings, progress, users=users, items=items)
            split = random_split(source, cache, progress, fraction=0.1)
            settings = {"epochs": epochs, "seconds of PyTorch": seconds, "rounds": rounds}
            record = Record("mlp", settings={"data": split.describe(), **shape, **settings})
            record.packages = installed_versions([torch_peer("plain")])
            record.versions.update(workplace.versions())
            plan = Plan(workplace, split, threads, epochs, seconds, progress)
            if rounds:
                add_comparisons(record, plan, models, batch_sizes, rounds)
            if profiled:
                add_profiles(record, plan, models, batch_sizes)
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())


def torch_peer(variant: str) -> ModulePeer:
    """Return PyTorch with one way to take Adam's step."""
    name = f"{TORCH} {variant}"
    return ModulePeer(name, "torch", "torch", "bench.peers.pytorch", ({},), MANY, 1024)


def add_comparisons(
    record: Record,
    plan: Plan,
    models: tuple[str, ...],
    batch_sizes: tuple[int, ...],
    rounds: int,
) -> None:
    """Add the table of rates beside those of PyTorch."""
    rows: list[tuple[str, ...]] = []
    figures: dict[str, Any] = {}
    for model in models:
        train(plan, model, batch_sizes[0], epochs=1)  # compiles, and prepares the store
        for batch_size in batch_sizes:
            tasks = torch_tasks(plan, record, model, batch_size)
            ours = _bind_ours(plan, model, batch_size)
            plan.progress.say(f"{model}, batches of {batch_size:,}")
            runs = interleave({"fastmf": ours, **tasks}, rounds, plan.progress)
            row, found = compared(runs, plan.split.n_train)
            rows.append((model, f"{batch_size:,}", *row))
            figures[f"{model} {batch_size}"] = found
    columns = ("model", "batch", "fastmf", "valid. RMSE", *VARIANTS, "times PyTorch's best")
    record.tables.append(Table("Ratings a second, in thousands", columns, rows))
    record.figures["comparisons"] = figures
    record.notes.append(
        "A rate counts all that an epoch needs: drawing and gathering batches, and steps. PyTorch "
        "gathers them from tensors in memory. Its sparse Adam moves the rows of the batch only; "
        "ours moves all as dense Adam does, but later."
    )


def _bind_ours(plan: Plan, model: str, batch_size: int) -> Callable[[], PeerRun]:
    def run() -> PeerRun:
        found = train(plan, model, batch_size, epochs=plan.epochs)
        rmse = found.history[-1].valid_rmse
        assert rmse is not None
        seconds = found.epoch_seconds
        return PeerRun(plan.epochs, seconds, found.seconds["train"], rmse, found.peak_rss_bytes)

    return run


def train(plan: Plan, model: str, batch_size: int, *, epochs: int) -> TrainRun:
    """Train one of fastmf's models by Adam."""
    return plan.workplace.fastmf.train(
        plan.split.train,
        plan.workplace.path("model"),
        factors=FACTORS,
        threads=plan.threads,
        epochs=epochs,
        valid=plan.split.valid,
        options=(*layer_options(model), "--batch-size", str(batch_size)),
    )


def torch_tasks(
    plan: Plan, record: Record, model: str, batch_size: int
) -> dict[str, Callable[[], PeerRun]]:
    """Return PyTorch's runs, where it is installed."""
    tasks: dict[str, Callable[[], PeerRun]] = {}
    network = NETWORKS[model]
    for variant in VARIANTS:
        peer = torch_peer(variant)
        reason = reason_to_skip(peer, plan.split, plan.threads)
        if reason:
            record.skipped[peer.name] = reason
            continue
        settings = {
            "model": model,
            "variant": variant,
            "hidden": network.hidden,
            "dropout": network.dropout,
            "batch_norm": network.batch_norm,
            "batch_size": batch_size,
            "learning_rate": 0.001,
            "seconds": plan.seconds,
        }
        tasks[variant] = _bind_torch(plan, peer, settings)
    return tasks


def _bind_torch(plan: Plan, peer: ModulePeer, settings: dict[str, Any]) -> Callable[[], PeerRun]:
    return lambda: peer.fit(
        plan.split, factors=FACTORS, threads=plan.threads, seed=0, settings=settings
    )


def compared(
    runs: dict[str, list[PeerRun]], n_train: int
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the row and the figures of one model and batch size.

    Parameters
    ----------
    runs : dict of str to list of PeerRun
        Of ``fastmf`` and of the variants of PyTorch that were run, one a round.
    n_train : int
    """
    seconds = {name: [run.iteration_seconds for run in of_name] for name, of_name in runs.items()}
    rates = {name: spread([n_train / one for one in each]) for name, each in seconds.items()}
    rmse = [run.rmse for run in runs["fastmf"]]
    figures: dict[str, Any] = {
        "ratings_per_second": {name: rate.values for name, rate in rates.items()},
        "valid_rmse": rmse,
    }
    others = [name for name in VARIANTS if name in runs]
    times = "not run"
    if others:
        best = [min(each) for each in zip(*(seconds[name] for name in others), strict=True)]
        ratio = pairwise_ratio(best, seconds["fastmf"])
        figures["times_best"], times = ratio.values, ratio.show(2)
    cells = [_thousands(rates.get(name)) for name in VARIANTS]
    return (_thousands(rates["fastmf"]), spread(rmse).show(4), *cells, times), figures


def _thousands(rate: Spread | None) -> str:
    if rate is None:
        return "skipped"
    return spread([value / 1000 for value in rate.values]).show(0)


def add_profiles(
    record: Record, plan: Plan, models: tuple[str, ...], batch_sizes: tuple[int, ...]
) -> None:
    """Add the tables of where the time of an epoch goes, beside the peak of sgemm."""
    # Loads compilers, whose memory a process counts that is started from this one.
    from bench.mlp_profile import ProfiledRun, as_table, profile, sgemm_peak  # noqa: PLC0415

    peak = sgemm_peak(plan.threads)
    plan.progress.say(f"sgemm: {peak:.1f} GMAC/s")
    record.figures["sgemm_gmac_per_second"] = peak
    record.figures["profiles"] = {}
    for model in models:
        network = NETWORKS[model]
        settings = {
            "factors": FACTORS,
            "hidden": network.hidden,
            "dropout": network.dropout,
            "batch_norm": network.batch_norm,
            "biased_dot": network.biased_dot,
            "regularization": 0.0,
            "weight_decay": 0.0,
        }
        found: dict[int, ProfiledRun] = {}
        for batch_size in batch_sizes:
            found[batch_size] = profile(
                plan.split.train, model, {**settings, "batch_size": batch_size}, plan.threads
            )
            plan.progress.say(f"profiled {model}, batches of {batch_size:,}")
        record.tables.append(as_table(model, found, network.multiplications, peak))
        record.figures["profiles"][model] = {
            str(size): run.as_dict(network.multiplications) for size, run in found.items()
        }
    record.notes.append(
        "Where the time goes: time of the threads in each kernel, in nanoseconds of one thread a "
        "rating, with the clocks running, which cost some; the rest is Python, handing over to "
        "threads and waiting for them. GMAC/s count every rating's products, though those of the "
        "first layer are computed once for each distinct user and item of a batch."
    )
