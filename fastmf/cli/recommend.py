"""`fastmf recommend`: the best items for users, without those they have seen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastmf.cli.console import Console, print_json
from fastmf.cli.item_list import item_document, item_table
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
from fastmf.cli.seen import seen_ratings
from fastmf.cli.targets import check_apart
from fastmf.cli.text_table import counted

if TYPE_CHECKING:
    from fastmf import Ratings
    from fastmf.data.titles import Titles
    from fastmf.models import RatingModel
    from fastmf.recommend import Recommendations

__all__ = ["recommend"]

# Users whose recommendations are turned into rows at once.
_USERS_PER_WRITE = 1 << 14


@click.command(
    short_help="Recommend items to users.",
    epilog="""\b
Examples:
  fastmf recommend ratings.model --user 42
  fastmf recommend ratings.model --user 42 --user 43 -n 5 --items movies.csv
  fastmf recommend ratings.model --all-users --out recommendations.parquet
  fastmf recommend ratings.model --ratings mine.csv --items movies.csv
""",
)
@model_argument
@click.option(
    "--user",
    "users",
    type=RawId(),
    multiple=True,
    metavar="ID",
    help="A user; may be given often.",
)
@click.option("--all-users", is_flag=True, help="Every user of the model.")
@click.option(
    "--ratings",
    "handful",
    type=NamedPath(),
    metavar="FILE",
    help="Ratings of people to recommend to, whether the model knows them or not: columns of "
    "items and ratings, and of users where they are several people's.",
)
@n_option
@click.option(
    "--seen",
    type=NamedPath(),
    metavar="RATINGS",
    help="Ratings whose items are not recommended again. [default: those of the training]",
)
@titles_option
@click.option(
    "--out",
    type=NamedPath(),
    metavar="FILE",
    help="Write a table (.csv, .tsv, .parquet) instead of printing one.",
)
@threads_option
@reading_options
@json_option
@quiet_option
def recommend(
    *,
    model: Path,
    users: tuple[str, ...],
    all_users: bool,
    handful: Path | None,
    n: int,
    seen: Path | None,
    titles: Path | None,
    out: Path | None,
    threads: int | None,
    reading: dict[str, Any],
    as_json: bool,
    quiet: bool,
) -> None:
    """Recommend items to users of MODEL.

    Items that a user has rated are left out: those in --seen, or else in the training ratings
    where they are still in their place. A user that the model does not know gets the items best
    liked by all, and is marked so. With --ratings, people get what suits the ratings in that file,
    which need not have been trained on; the items in it are left out.
    """
    from fastmf import load_model
    from fastmf.data.table_files import check_table_target
    from fastmf.data.titles import read_titles

    if bool(users) + all_users + (handful is not None) != 1:
        raise click.UsageError("Give --user ID (once or more), --all-users, or --ratings FILE.")
    if handful is not None and seen is not None:
        raise click.UsageError("--seen is for users of the model; --ratings leaves its own out.")
    if out is not None:
        check_table_target(out)
        check_apart(out, seen, handful, titles, model)
    console = Console(quiet)
    fitted = load_model(model)
    n = min(n, len(fitted.items_))
    if out is not None and seen is None and handful is None and fitted.source_ is not None:
        check_apart(out, Path(fitted.source_))
    names = None if titles is None else read_titles(titles)
    if handful is not None:
        found = _search_for_people(fitted, handful, n, reading, console=console, threads=threads)
    else:
        hidden = seen_ratings(fitted, seen, reading, console, threads)
        wanted = None if all_users else users
        found = _search(fitted, wanted, n, seen=hidden, console=console, threads=threads)
    n_unknown = int((~found.known).sum())
    if n_unknown:
        console.note(
            f"note: {n_unknown:,} of {len(found.known):,} users are not known to the model; they "
            "get the items best liked by all, marked so"
        )
    if out is not None:
        n_rows = _write(found, names, out)
        rows, users_text = counted(n_rows, "recommendation"), counted(len(found.known), "user")
        console.note(f"{rows} for {users_text} written to {out}")
    elif as_json:
        print_json({"model_path": str(model), "users": list(_documents(found, names))})
    else:
        for document in _documents(found, names):
            click.echo(_text(document, with_titles=names is not None))


def _search(
    model: RatingModel,
    users: tuple[str, ...] | None,
    n: int,
    *,
    seen: Ratings | None,
    console: Console,
    threads: int | None,
) -> Recommendations:
    """Find the items; ids given as text become integers where those of the model are."""
    import numpy as np
    import pyarrow as pa

    from fastmf.data.pair_files import as_integers
    from fastmf.recommend import recommend as best_items

    user_ids: Any = None
    if users is not None:
        integers = as_integers(pa.array(users)) if model.users_.kind == "int" else None
        user_ids = np.array(users, object) if integers is None else integers.to_numpy()
    total = len(model.users_) if users is None else len(users)
    with console.work("recommending", "users", total) as progress:
        return best_items(model, user_ids, n, seen, num_threads=threads, progress=progress)


def _search_for_people(
    model: RatingModel,
    source: Path,
    n: int,
    reading: dict[str, Any],
    *,
    console: Console,
    threads: int | None,
) -> Recommendations:
    """Find items for people by a file of their ratings."""
    from fastmf import RunSettings
    from fastmf.cli.person import people_ratings
    from fastmf.models.abilities import ability

    fold_in = ability(model, "fold_in_users")
    ratings = people_ratings(source, reading, console, threads)
    people = fold_in(ratings, run=RunSettings(num_threads=threads))
    console.notes(people.notes_)
    run = RunSettings(num_threads=threads)
    found: Recommendations = people.recommend(n=n, run=run)
    rated_any = people.n_known_ratings_ > 0
    return found._replace(known=rated_any)


def _write(found: Recommendations, titles: Titles | None, out: Path) -> int:
    """Write one row a recommendation; return how many."""
    import numpy as np

    from fastmf.data.table_files import table_writer

    n_rows = 0
    with table_writer(out) as writer:
        for start in range(0, len(found.known), _USERS_PER_WRITE):
            part = slice(start, start + _USERS_PER_WRITE)
            row, rank = np.nonzero(~np.isnan(found.scores[part]))
            items = found.item_ids[part][row, rank]
            columns: dict[str, Any] = {
                "user": found.user_ids[part][row],
                "rank": rank + 1,
                "item": items,
            }
            if titles is not None:
                columns["title"] = [titles.of(item) for item in items]
            columns["score"] = found.scores[part][row, rank]
            columns["known"] = found.known[part][row]
            writer.write(columns)
            n_rows += len(row)
    return n_rows


def _documents(found: Recommendations, titles: Titles | None) -> Iterator[dict[str, Any]]:
    """Yield what was found for each user, ready for JSON."""
    for user, known, items, scores in zip(
        found.user_ids.tolist(),
        found.known.tolist(),
        found.item_ids.tolist(),
        found.scores.tolist(),
        strict=True,
    ):
        # A score that is not a number stands where no item was left.
        best = [
            (item, score)
            for item, score in zip(items, scores, strict=True)
            if not math.isnan(score)
        ]
        yield {
            "user": user,
            "known": known,
            "items": [item_document(item, titles, "score", score) for item, score in best],
        }


def _text(document: dict[str, Any], *, with_titles: bool) -> str:
    """Lay out what was found for one user."""
    suffix = "" if document["known"] else " (not known to the model: best liked by all)"
    lines = [f"User {document['user']}{suffix}"]
    if not document["items"]:
        return "\n".join([*lines, "  no items left to recommend", ""])
    return "\n".join([*lines, item_table(document["items"], "score", with_titles), ""])
