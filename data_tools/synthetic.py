"""Make Netflix-shaped ratings with a known noise floor: ``python -m data_tools.synthetic OUT``."""

from __future__ import annotations

import csv
import json
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from fastmf.data.synthetic import (
    FULL_RATINGS,
    LAYOUTS,
    Plant,
    Summary,
    generate,
    item_titles,
    layout_by_name,
)
from fastmf.data.synthetic.layouts import Order
from fastmf.data.synthetic.parquet import written_beside
from fastmf.data.synthetic.profile import resolve_shape
from fastmf.errors import FastMFError

EXAMPLES = f"""\b
Examples:
  python -m data_tools.synthetic ratings.parquet
  python -m data_tools.synthetic netflix.parquet --ratings {FULL_RATINGS}
  python -m data_tools.synthetic small.parquet --ratings 100000 --titles items.csv
  python -m data_tools.synthetic real.parquet --real-valued --noise 0.5 --json
  python -m data_tools.synthetic combined_data.txt --layout netflix --ratings {FULL_RATINGS}
  python -m data_tools.synthetic training_set --layout netflix-folder
  python -m data_tools.synthetic ratings.dat
"""


@click.command(epilog=EXAMPLES, context_settings={"show_default": True, "max_content_width": 100})
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--layout",
    type=click.Choice(tuple(LAYOUTS)),
    show_default="by the ending of OUT: .parquet, .csv, .dat (movielens), .data (movielens-tab), "
    ".inter",
    help="How to write them. netflix-folder makes a folder of a file a movie; movielens has '::' "
    "between fields, movielens-tab tabs, movielens-csv commas and a header; inter is RecBole's.",
)
@click.option(
    "--order",
    type=click.Choice(("shuffled", "user", "item")),
    show_default="as in the published files of the layout",
    help="Order of the rows.",
)
@click.option("--ratings", "n_ratings", default=1_000_000, help=f"Rows, up to {FULL_RATINGS:,}.")
@click.option(
    "--users",
    "n_users",
    type=int,
    show_default="ratings / 209.25, as many ratings a user as in Netflix's data",
    help="Distinct users.",
)
@click.option(
    "--items",
    "n_items",
    type=int,
    show_default=f"17770 x (ratings / {FULL_RATINGS}) ^ (1/3)",
    help="Distinct items, numbered from 1.",
)
@click.option("--rank", default=Plant.rank, help="Planted factors.")
@click.option(
    "--noise",
    type=float,
    show_default="for a noise floor of about 0.80",
    help="Standard deviation of the noise before rounding and clipping.",
)
@click.option(
    "--factor-std",
    default=Plant.factor_std,
    help="Standard deviation of what the factors add to a rating.",
)
@click.option(
    "--real-valued", is_flag=True, help="Real ratings in [1, 5] instead of 1, 2, 3, 4, 5."
)
@click.option("--seed", default=0, help="The same seed gives the same ratings.")
@click.option(
    "--titles",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write invented titles to this CSV file: item_id,title.",
)
@click.option("--threads", type=int, show_default="all processors", help="Threads to use.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def main(
    out: Path,
    layout: str | None,
    order: Order | None,
    n_ratings: int,
    n_users: int | None,
    n_items: int | None,
    rank: int,
    noise: float | None,
    factor_std: float,
    real_valued: bool,
    seed: int,
    titles: Path | None,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write ratings shaped like the Netflix Prize data to OUT, as Parquet or in a raw layout.

    Users and items have long tails, and no user rates an item twice. Each rating is a mean, a user
    bias, an item bias, the product of a user's and an item's factors, and noise. What is printed at
    the end is the noise floor: the smallest RMSE that any model of these ratings can expect.
    """
    if titles is not None and titles.resolve() == out.resolve():
        raise click.UsageError(f"OUT and --titles are the same file, {out}")
    layout = layout or layout_by_name(out)
    if layout is None:
        raise click.UsageError(f"{out} could be netflix, libmf or another; say which by --layout")
    started = time.perf_counter()
    try:
        what = Plant(rank=rank, noise=noise, factor_std=factor_std, real_valued=real_valued)
        shape = resolve_shape(n_ratings, n_users, n_items)
        bar = tqdm(total=n_ratings, unit=" ratings", unit_scale=True, disable=quiet, delay=0.5)
        with bar, written_beside(titles) if titles else nullcontext() as titles_beside:
            if titles_beside is not None:
                _write_titles(titles_beside, shape.n_items, seed)
            summary = generate(
                out,
                n_ratings,
                n_users=n_users,
                n_items=n_items,
                what=what,
                seed=seed,
                layout=layout,
                order=order,
                num_threads=threads,
                progress=bar.update,
            )
    except FastMFError as error:
        raise click.ClickException(str(error)) from None
    seconds = time.perf_counter() - started
    report = {
        "path": str(out),
        "layout": layout,
        **asdict(summary),
        "seconds": round(seconds, 3),
        "peak_rss_bytes": peak_rss_bytes(),
    }
    click.echo(json.dumps(report) if as_json else _describe(out, summary, report))


def _write_titles(path: Path, n_items: int, seed: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["item_id", "title"])
        rows.writerows(enumerate(item_titles(n_items, seed), start=1))


def _describe(out: Path, summary: Summary, report: dict[str, Any]) -> str:
    peak = report["peak_rss_bytes"]
    memory = "" if peak is None else f", peak memory {peak / 2**20:,.0f} MiB"
    return (
        f"{out}: {summary.ratings:,} ratings, {summary.users:,} users, {summary.items:,} items\n"
        f"planted rank {summary.rank}, noise {summary.noise:g}, seed {summary.seed}; "
        f"ratings: mean {summary.global_mean:.4f}, standard deviation {summary.std:.4f}\n"
        f"noise floor (RMSE of the true model on a hold-out): {summary.floor_rmse:.4f}\n"
        f"{report['seconds']:.1f} s{memory}"
    )


def peak_rss_bytes() -> int | None:
    """Return the most memory this process has held, in bytes; None where the system cannot say."""
    status = Path("/proc/self/status")  # unlike getrusage, not coloured by the parent's memory
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
