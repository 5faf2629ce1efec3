"""`fastmf split`: ratings into a training and a held-out file, or into folds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastmf.cli.cleaning import cleaning_options
from fastmf.cli.console import Console
from fastmf.cli.hold_out import WAYS, HoldOut, known_only_option, parse_hold_out
from fastmf.cli.options import (
    NamedPath,
    quiet_option,
    ratings_argument,
    reading_options,
    threads_option,
)
from fastmf.cli.reading import load_ratings
from fastmf.cli.sections import SectionedCommand
from fastmf.cli.targets import check_apart
from fastmf.cli.text_table import counted
from fastmf.errors import ParameterError

if TYPE_CHECKING:
    from fastmf import Ratings

__all__ = ["split"]

_FOLDS = 5


@click.command(
    cls=SectionedCommand,
    short_help="Hold out some of the ratings, in files of their own.",
    epilog="""\b
Examples:
  fastmf split ratings.csv --valid 0.1 --out-train train.parquet --out-valid valid.parquet
  fastmf split ratings.csv --by last --valid 5 --out-train train.csv --out-valid valid.csv
  fastmf split ratings.csv --by time --valid 2005-06-01 --out-train a.csv --out-valid b.csv
  fastmf split netflix/ --valid probe.txt --out-train train.parquet --out-valid probe.parquet
  fastmf split ratings.csv --folds 5 --out-dir folds
""",
)
@ratings_argument
@click.option(
    "--by",
    type=click.Choice([*WAYS, "folds"]),
    help="random: a fraction of all ratings; user: a fraction of each user's; last: the latest of "
    "each user, a fraction or a number; leave-n-out: a number of each user's, drawn at random; "
    "time: the latest fraction of all, or those since a date; pairs: those of a list of users and "
    "items; folds: each rating once. [default: random; pairs where --valid names a file]",
)
@click.option(
    "--valid",
    metavar="0.1|N|DATE|FILE",
    help="What to hold out: a fraction, a number of each user's ratings, the date of the first, "
    "or the file of pairs: a Netflix probe list, or a table. [default: 0.1; 1 of leave-n-out]",
)
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    metavar="K",
    help=f"Number of folds, each with a training and a held-out file. [default: {_FOLDS}]",
)
@known_only_option
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the choice.")
@click.option(
    "--out-train",
    type=NamedPath(),
    metavar="FILE",
    help="File of the rest (.parquet, .csv, .tsv).",
)
@click.option(
    "--out-valid",
    type=NamedPath(),
    metavar="FILE",
    help="File of the ratings held out.",
)
@click.option(
    "--out-dir",
    type=NamedPath(),
    metavar="DIR",
    help="New folder of the folds: fold-1-train.parquet, fold-1-valid.parquet and so on.",
)
@threads_option
@reading_options
@cleaning_options
@quiet_option
def split(
    *,
    ratings: Path,
    by: str | None,
    valid: str | None,
    folds: int | None,
    known_only: bool,
    seed: int,
    out_train: Path | None,
    out_valid: Path | None,
    out_dir: Path | None,
    threads: int | None,
    reading: dict[str, Any],
    quiet: bool,
) -> None:
    """Hold out some of RATINGS, each part in a file of its own.

    Every rating is in exactly one of the two. Of a user's n ratings a fraction f is the whole
    number nearest to f times n, but never all of them; who has no more than the number asked for
    keeps all in training. The rows are those that `fastmf train --valid` holds out for the same
    fraction and seed. (A model trained on the file of the rest still differs from one trained
    with --valid in its last digits: it meets users and items in another order.)
    """
    from fastmf import k_folds

    if seed < 0:
        raise ParameterError(f"--seed is {seed}, but must be at least 0")
    console = Console(quiet)
    if by == "folds" or (by is None and folds is not None):
        if valid is not None or out_train is not None or out_valid is not None:
            raise ParameterError(
                "folds go to --out-dir, and take no --valid, --out-train or --out-valid"
            )
        n_folds, folder = folds or _FOLDS, _folds_folder(out_dir, ratings)
        whole = load_ratings(ratings, reading, console, threads=threads)
        parts = k_folds(whole, n_folds, seed, keep_known=known_only, num_threads=threads)
        _write_folds(whole, parts, n_folds, folder, console)
        return
    if folds is not None or out_dir is not None:
        raise ParameterError("--folds and --out-dir are for --by folds")
    if out_train is None or out_valid is None:
        raise ParameterError("name the files to write: --out-train FILE --out-valid FILE")
    hold_out = _hold_out(valid, by, known_only)
    _check_targets(out_train, out_valid, ratings, hold_out)
    whole = load_ratings(ratings, reading, console, threads=threads)
    _write_parts(whole, hold_out.split(whole, seed, threads), (out_train, out_valid), console)


def _hold_out(valid: str | None, by: str | None, known_only: bool) -> HoldOut:
    """Tell what to hold out, with the defaults of this command."""
    if by == "pairs" and valid is None:
        raise ParameterError("--by pairs takes the file of pairs: add --valid FILE")
    if by is None:
        try:
            float(valid or "0.1")
            by = "random"
        except ValueError:
            by = "pairs"
    return parse_hold_out(valid or ("1" if by == "leave-n-out" else "0.1"), by, known_only)


def _check_targets(out_train: Path, out_valid: Path, ratings: Path, hold_out: HoldOut) -> None:
    from fastmf.data.table_files import check_table_target

    if out_train.resolve() == out_valid.resolve():
        raise ParameterError(f"--out-train and --out-valid are both {out_train}; name two files")
    for out in (out_train, out_valid):
        check_table_target(out)
        check_apart(out, ratings, hold_out.amount if hold_out.by == "pairs" else None)


def _write_parts(
    whole: Ratings, parts: tuple[Ratings, Ratings], files: tuple[Path, Path], console: Console
) -> None:
    from fastmf.cli.rating_table import write_ratings
    from fastmf.data.table_files import table_writer

    console.notes(parts[0].notes[len(whole.notes) :])
    # Both files appear at the end, so that neither is there without the other.
    with (
        console.work("writing", "ratings", len(whole)) as progress,
        table_writer(files[0]) as train_writer,
        table_writer(files[1]) as valid_writer,
    ):
        write_ratings(parts[0], train_writer, progress)
        write_ratings(parts[1], valid_writer, progress)
    for part, file in zip(parts, files, strict=True):
        console.note(f"{counted(len(part), 'rating')} written to {file}")


def _folds_folder(out_dir: Path | None, ratings: Path) -> Path:
    """Refuse a folder that cannot be made, before any work is done for it."""
    from fastmf.data.table_files import check_writable

    if out_dir is None:
        raise ParameterError("name the folder of the folds: --out-dir DIR")
    if out_dir.exists() and not (out_dir.is_dir() and not any(out_dir.iterdir())):
        raise ParameterError(f"--out-dir {out_dir}: exists already; name a new folder")
    check_apart(out_dir, ratings)
    if not out_dir.absolute().parent.is_dir():
        raise ParameterError(f"--out-dir {out_dir}: no folder {out_dir.absolute().parent}")
    check_writable(out_dir.absolute().parent, out_dir)
    return out_dir


def _write_folds(
    whole: Ratings, parts: Iterator[tuple[Ratings, Ratings]], n: int, out: Path, console: Console
) -> None:
    """Write the files of all folds into a folder that appears at the end."""
    from fastmf.cli.rating_table import write_ratings
    from fastmf.data.folders import new_folder
    from fastmf.data.store_writer import writing_errors
    from fastmf.data.table_files import table_writer

    with (
        writing_errors(out),
        new_folder(out) as folder,
        console.work("writing", "ratings", n * len(whole)) as progress,
    ):
        for fold, (train, held_out) in enumerate(parts, 1):
            for note in train.notes[len(whole.notes) :]:
                console.note(f"note: fold {fold}: {note}")
            for name, part in (("train", train), ("valid", held_out)):
                with table_writer(folder / f"fold-{fold}-{name}.parquet") as writer:
                    write_ratings(part, writer, progress)
    console.note(f"{n} folds of {counted(len(whole), 'rating')} written to {out}")
