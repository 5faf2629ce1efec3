"""`fastmf similar`: the items most like one."""

from __future__ import annotations

from pathlib import Path

import click

from fastmf.cli.console import Console, print_json
from fastmf.cli.item_list import item_document, item_table
from fastmf.cli.options import (
    RawId,
    json_option,
    model_argument,
    n_option,
    quiet_option,
    titles_option,
)

__all__ = ["similar"]


@click.command(
    short_help="Find the items most like one.",
    epilog="""\b
Examples:
  fastmf similar ratings.model --item 260
  fastmf similar ratings.model --item 260 -n 20 --items movies.dat
""",
)
@model_argument
@click.option("--item", required=True, type=RawId(), metavar="ID", help="The item to start from.")
@n_option
@titles_option
@json_option
@quiet_option
def similar(
    *, model: Path, item: str, n: int, titles: Path | None, as_json: bool, quiet: bool
) -> None:
    """Find the items whose factors in MODEL point the same way as those of an item.

    Similarity is the cosine of the angle between the factors: 1 for the same direction.
    """
    from fastmf import load_model
    from fastmf.data.titles import read_titles

    fitted = load_model(model)
    names = None if titles is None else read_titles(titles)
    with Console(quiet).work("comparing", "items", len(fitted.items_)):
        found = fitted.similar_items(item, min(n, len(fitted.items_)))
    # As the model has it: a number where its ids are numbers.
    known_as = fitted.items_.take(fitted.items_.lookup([item])).tolist()[0]
    items = [
        item_document(other, names, "similarity", score)
        for other, score in zip(found.item_ids.tolist(), found.scores.tolist(), strict=True)
    ]
    if as_json:
        print_json({"model_path": str(model), "item": known_as, "items": items})
        return
    title = f" ({names.of(item)})" if names is not None and item in names else ""
    click.echo(f"Similar to {item}{title}")
    click.echo(item_table(items, "similarity", names is not None))
