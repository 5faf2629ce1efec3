"""Lists of items, best first, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmf.cli.text_table import table

if TYPE_CHECKING:
    from fastmf.data.titles import Titles

__all__ = ["item_document", "item_table"]


def item_document(item: Any, titles: Titles | None, name: str, score: float) -> dict[str, Any]:
    """Return an item with its title, where titles were given, and a score, ready for JSON.

    Parameters
    ----------
    item : int or str
        Raw id.
    titles : Titles or None
        Where its title is looked up.
    name : str
        What the score is.
    score : float
        The score.

    Returns
    -------
    dict
    """
    title = {} if titles is None else {"title": titles.of(item)}
    return {"item": item, **title, name: score}


def item_table(items: list[dict[str, Any]], name: str, with_titles: bool) -> str:
    """Lay out items, best first.

    Parameters
    ----------
    items : list of dict
        From `item_document`.
    name : str
        What the score is.
    with_titles : bool
        Whether they have titles.

    Returns
    -------
    str
    """
    titles = ["title"] if with_titles else []
    rows = [("", "item", *titles, name)]
    for rank, item in enumerate(items, 1):
        shown = [item["title"]] if with_titles else []
        rows.append((str(rank), str(item["item"]), *shown, f"{item[name]:.3f}"))
    return table(rows, right=(0, 1, len(rows[0]) - 1))
