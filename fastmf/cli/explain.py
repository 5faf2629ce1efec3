"""`fastmf explain`: which of a user's ratings a prediction comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastmf.cli.console import Console, print_json
from fastmf.cli.item_list import item_document
from fastmf.cli.options import (
    NamedPath,
    RawId,
    json_option,
    model_argument,
    n_option,
    quiet_option,
    reading_options,
    threads_option,
    titles_option,
)
from fastmf.cli.person import PERSON, people_ratings
from fastmf.cli.seen import all_training_ratings
from fastmf.cli.text_table import counted, table

if TYPE_CHECKING:
    from fastmf import Ratings
    from fastmf.cli.console import Console as Shown
    from fastmf.models import RatingModel

__all__ = ["explain"]


@click.command(
    short_help="Tell which of a user's ratings a prediction comes from.",
    epilog="""\b
Examples:
  fastmf explain ratings.model --user 42 --item 260 --items movies.csv
  fastmf explain ratings.model --ratings mine.csv --item 260
""",
)
@model_argument
@click.option("--user", type=RawId(), metavar="ID", help="The user.")
@click.option("--item", required=True, type=RawId(), metavar="ID", help="The item predicted.")
@click.option(
    "--ratings",
    "handful",
    type=NamedPath(),
    metavar="FILE",
    help="Ratings of the user; without a column of users they need no --user. "
    "[default: those of the training]",
)
@n_option
@titles_option
@threads_option
@reading_options
@json_option
@quiet_option
def explain(
    *,
    model: Path,
    user: str | None,
    item: str,
    handful: Path | None,
    n: int,
    titles: Path | None,
    threads: int | None,
    reading: dict[str, Any],
    as_json: bool,
    quiet: bool,
) -> None:
    """Take the prediction of MODEL for a user and an item apart into the user's ratings.

    Each rating adds its part to the score, or takes it away; the parts and what everybody is
    predicted add up to the score exactly.

    A part is positive where the user rated an item of the same taste higher than others do, or one
    of the opposite taste lower. What counts is the rating less the mean and the item's bias, so
    that three stars for an item that everybody loves speak against what is like it. Ratings share
    what they tell: of two items that are nearly the same, the one may get a negative part to take
    back some of what the other's says twice.
    """
    from fastmf import load_model
    from fastmf.data.titles import read_titles
    from fastmf.models.abilities import ability

    console = Console(quiet)
    fitted = load_model(model)
    explain_one = ability(fitted, "explain")
    names = None if titles is None else read_titles(titles)
    ratings = _ratings(fitted, handful, reading, console, threads)
    user_id = user if user is not None else PERSON
    if user is None and (handful is None or ratings.users.lookup([PERSON])[0] < 0):
        raise click.UsageError("Give --user ID; only --ratings without users need none.")
    found = explain_one(user_id, item, n, seen=ratings)
    item_id = fitted.items_.take(fitted.items_.lookup([item])).tolist()[0]
    rows = [
        {**item_document(rated, names, "rating", rating), "contribution": part}
        for rated, rating, part in zip(
            found.item_ids.tolist(),
            found.ratings.tolist(),
            found.contributions.tolist(),
            strict=True,
        )
    ]
    if as_json:
        print_json(
            {
                "model_path": str(model),
                "user": user_id,
                "known": found.known,
                **item_document(item_id, names, "prediction", found.prediction),
                "score": found.score,
                "baseline": found.baseline,
                "n_ratings": found.n_ratings,
                "ratings": rows,
                "others": found.others,
                "remainder": found.remainder,
            }
        )
        return
    title = f" ({names.of(item_id)})" if names is not None and item_id in names else ""
    click.echo(f"User {user_id}, item {item_id}{title}: predicted {found.prediction:.3f}")
    lines = [("without the user's ratings", "", "", f"{found.baseline:.3f}")]
    for row in rows:
        what = row["title"] if names is not None else f"item {row['item']}"
        lines.append((str(what), "rated", f"{row['rating']:g}", f"{row['contribution']:+.3f}"))
    n_others = found.n_ratings - len(rows)
    if n_others:
        lines.append((f"{counted(n_others, 'other rating')}", "", "", f"{found.others:+.3f}"))
    if found.known:
        lines.append(("left by training", "", "", f"{found.remainder:+.3f}"))
    lines.append(("score", "", "", f"{found.score:.3f}"))
    click.echo(table(lines, right=(2, 3)))


def _ratings(
    model: RatingModel,
    handful: Path | None,
    reading: dict[str, Any],
    console: Shown,
    threads: int | None,
) -> Ratings:
    if handful is not None:
        return people_ratings(handful, reading, console, threads)
    return all_training_ratings(model, reading, console, threads, "explain", "--ratings")
