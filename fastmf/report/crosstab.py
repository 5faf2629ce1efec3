"""The most active users by the most rated items, as a table of coloured cells."""

from __future__ import annotations

from html import escape

import numpy as np

from fastmf.report.described import Described
from fastmf.report.page import Figure, Section, Table

__all__ = ["by_the_most_active"]

_LONGEST_NAME = 40
# Percent of the deepest colour, so that the lowest rating is no empty cell.
_LEAST_HEAT = 12


def by_the_most_active(of: Described) -> Section:
    """Show what the most active users gave to the most rated items."""
    crosstab = of.summary.crosstab
    users, items = _names(of)
    n_cells, n_rated = crosstab.cells.size, int(np.count_nonzero(~np.isnan(crosstab.cells)))
    lead = (
        f"The {len(users)} users and the {len(items)} items with the most ratings: {n_rated:,} of "
        f"these {n_cells:,} cells hold one. The deeper the colour, the higher the rating."
    )
    tables = [
        _margin_table("item", items, crosstab.item_counts.tolist(), crosstab.item_means.tolist()),
        _margin_table("user", users, crosstab.user_counts.tolist(), crosstab.user_means.tolist()),
    ]
    title = "The most active users and the most rated items"
    return Section(title, lead, [Figure(title, _cells(of, users, items))], tables)


def _names(of: Described) -> tuple[list[str], list[str]]:
    """Return the ids of the users, and the titles of the items, or their ids."""
    crosstab = of.summary.crosstab
    users = [str(user) for user in of.users.take(crosstab.users).tolist()]
    ids = [str(item) for item in of.items.take(crosstab.items).tolist()]
    return users, [of.titles.get(item, item) for item in ids]


def _margin_table(one: str, names: list[str], counts: list[int], means: list[float]) -> Table:
    rows = [
        (str(rank), name, f"{count:,}", f"{mean:.3f}")
        for rank, (name, count, mean) in enumerate(zip(names, counts, means, strict=True), 1)
    ]
    return Table(f"The {one}s", ("", one, "ratings", "mean"), rows, text_columns=(1,))


def _cells(of: Described, users: list[str], items: list[str]) -> str:
    crosstab = of.summary.crosstab
    header = "".join(
        f'<th scope="col" title="{escape(item)}"><span>{escape(_cut(item))}</span></th>'
        for item in items
    )
    cells = crosstab.cells.astype(np.float64)
    rated = cells[~np.isnan(cells)]
    low, high = rated.min(initial=np.inf), rated.max(initial=-np.inf)
    rows = []
    for user, ratings in zip(users, cells.tolist(), strict=True):
        given = "".join(_cell(rating, float(low), float(high)) for rating in ratings)
        rows.append(
            f'<tr><th scope="row" title="{escape(user)}">{escape(_cut(user))}</th>{given}</tr>'
        )
    caption = "Ratings; rows are users, columns are items, the most active and most rated first."
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Ratings by user and item">'
        f'<table class="cells"><caption>{caption}</caption>\n'
        f'<thead><tr><td class="corner none"></td>{header}</tr></thead>\n'
        "<tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>"
    )


def _cell(rating: float, low: float, high: float) -> str:
    if np.isnan(rating):
        return '<td class="none" aria-label="not rated">·</td>'
    heat = 100.0
    if high > low:
        heat = _LEAST_HEAT + (100 - _LEAST_HEAT) * (rating - low) / (high - low)
    return f'<td style="--heat:{heat:.0f}%">{rating:.4g}</td>'


def _cut(name: str) -> str:
    """Shorten a name that would not fit; the whole one is in the tables."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"
