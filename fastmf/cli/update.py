"""`fastmf update`: take new ratings into a model without training it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fastmf.cli.console import Console, path_argument, print_json
from fastmf.cli.options import (
    NamedPath,
    json_option,
    model_argument,
    quiet_option,
    ratings_argument,
    reading_options,
    threads_option,
)
from fastmf.cli.reading import load_ratings
from fastmf.cli.targets import check_apart
from fastmf.cli.text_table import counted

__all__ = ["update"]


@click.command(
    short_help="Take new ratings into a model.",
    epilog="""\b
Examples:
  fastmf update ratings.model new.csv --out newer.model
  fastmf update ratings.model new.csv --out newer.model --update both
""",
)
@model_argument
@ratings_argument
@click.option(
    "--out",
    required=True,
    type=NamedPath(),
    metavar="MODEL2",
    help="Folder to write the grown model to; may be MODEL itself.",
)
@click.option(
    "--update",
    "update_known",
    type=click.Choice(["users", "items", "both", "none"]),
    default="users",
    show_default=True,
    help="Which users and items that MODEL knows change where they have new ratings. An item that "
    "changes does so for every user.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How often new users and new items are solved, each for the other.",
)
@threads_option
@reading_options
@json_option
@quiet_option
def update(
    *,
    model: Path,
    ratings: Path,
    out: Path,
    update_known: Any,
    rounds: int,
    threads: int | None,
    reading: dict[str, Any],
    as_json: bool,
    quiet: bool,
) -> None:
    """Take RATINGS into MODEL, with users and items that it does not know yet.

    New users and items are solved exactly for the rows of the other side; known ones move from
    where they are as far as their new ratings outweigh the old. What is not in RATINGS stays as
    it is. Every rating counts as new, also of a pair that the model was trained on. When the new
    ratings are many, training again on all of them is better.
    """
    from fastmf import RunSettings, load_model
    from fastmf.models.abilities import ability
    from fastmf.models.training_source import OPTIONS

    check_apart(out, ratings)
    console = Console(quiet)
    fitted = load_model(model)
    partial_fit = ability(fitted, "partial_fit")
    read = load_ratings(ratings, reading, console, threads=threads)
    before = len(fitted.users_), len(fitted.items_)
    with console.work("solving", "ratings", len(read)) as progress:
        run = RunSettings(num_threads=threads)
        partial_fit(read, update=update_known, rounds=rounds, run=run)
        progress(len(read))
    options = {name: value for name in OPTIONS if (value := reading.get(name)) is not None}
    fitted.updates_[-1]["options"] = options
    fitted.save(out)
    new_users, new_items = len(fitted.users_) - before[0], len(fitted.items_) - before[1]
    if as_json:
        print_json(
            {
                "model_path": str(out),
                "n_new_ratings": len(read),
                "n_new_users": new_users,
                "n_new_items": new_items,
                "n_ratings": fitted.n_ratings_,
                "n_users": len(fitted.users_),
                "n_items": len(fitted.items_),
            }
        )
        return
    click.echo(
        f"{counted(len(read), 'rating')} taken in, with {counted(new_users, 'new user')} and "
        f"{counted(new_items, 'new item')}"
    )
    click.echo(f"saved to {path_argument(out)}")
