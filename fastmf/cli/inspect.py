"""`fastmf inspect`: what ratings or a model look like, in numbers and in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastmf.cli.cleaning import cleaning_options
from fastmf.cli.console import Console, print_json
from fastmf.cli.options import (
    NamedPath,
    json_option,
    quiet_option,
    reading_options,
    threads_option,
    titles_option,
)
from fastmf.cli.reading import load_ratings
from fastmf.cli.targets import check_apart

if TYPE_CHECKING:
    from fastmf import Ratings
    from fastmf.report import Described

__all__ = ["inspect"]


@click.command(
    short_help="Describe ratings or a model.",
    epilog="""\b
Examples:
  fastmf inspect ratings.csv
  fastmf inspect ratings.csv --items movies.csv --html report.html
  fastmf inspect ratings.csv --min-user-ratings 5 --min-item-ratings 5 --until-stable
  fastmf inspect ratings.model --json
""",
)
@click.argument("source", metavar="RATINGS|MODEL", type=NamedPath())
@click.option(
    "--html",
    metavar="FILE",
    type=NamedPath(),
    help="Also write a page with pictures: one file, for any browser, without network.",
)
@titles_option
@reading_options
@cleaning_options
@threads_option
@json_option
@quiet_option
def inspect(
    source: Path,
    html: Path | None,
    titles: Path | None,
    reading: dict[str, Any],
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Describe RATINGS or a saved MODEL.

    For ratings: counts, density, duplicates, how often each rating was given, ratings a user and an
    item, ratings over time, and what the most active users gave to the most rated items; with
    --items also items by year and by genre. For a model: its kind, hyperparameters, sizes and
    training history.
    """
    if html is not None:
        from fastmf.report import check_html_target, check_matplotlib

        check_apart(html, source, titles)
        check_html_target(html)
        check_matplotlib()
    console = Console(quiet)
    if (source / "model.json").is_file():
        _inspect_model(source, html, console, as_json)
    else:
        ratings = load_ratings(source, reading, console, threads=threads)
        _inspect_ratings(source, ratings, html, titles, console, as_json, threads)


def _inspect_ratings(
    source: Path,
    ratings: Ratings,
    html: Path | None,
    titles: Path | None,
    console: Console,
    as_json: bool,
    threads: int | None,
) -> None:
    from fastmf.cli.ratings_description import ratings_document, ratings_lines

    described = _described(ratings, titles, console, threads)
    if html is not None:
        from fastmf.report import ratings_report, write_html

        name = source.absolute().name or str(source)
        write_html(html, ratings_report(described, name, str(source), ratings.notes))
        console.note(f"pictures: {html}")
    if as_json:
        document = {"source": ratings.source, "notes": list(ratings.notes)}
        print_json({**document, **ratings_document(described)})
    else:
        click.echo("\n".join([f"{source}: ratings", *ratings_lines(described)]))


def _described(
    ratings: Ratings, titles: Path | None, console: Console, threads: int | None
) -> Described:
    from fastmf.data.item_groups import known_items
    from fastmf.data.items import read_items
    from fastmf.data.summary import PASSES, summarize_ratings
    from fastmf.report import Described

    items = None if titles is None else read_items(titles)
    with console.work("counting", "ratings", PASSES * len(ratings)) as progress:
        summary = summarize_ratings(ratings, num_threads=threads, progress=progress)
    if items is None:
        return Described(summary, ratings.users, ratings.items)
    pairs = zip(items.ids, items.titles, strict=True)
    named = {item: title for item, title in pairs if title is not None}
    known = known_items(items, ratings.items, summary.item_counts)
    return Described(summary, ratings.users, ratings.items, named, known)


def _inspect_model(folder: Path, html: Path | None, console: Console, as_json: bool) -> None:
    from fastmf import load_model
    from fastmf.cli.model_description import model_document, model_lines

    model = load_model(folder)
    if html is not None:
        from fastmf.report import write_html
        from fastmf.report.model_report import model_report

        write_html(html, model_report(model, folder.absolute().name, str(folder)))
        console.note(f"pictures: {html}")
    document = model_document(folder, model)
    if as_json:
        print_json(document)
    else:
        click.echo("\n".join(model_lines(folder, document)))
