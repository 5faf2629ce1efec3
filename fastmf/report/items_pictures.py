"""The pictures of items by what a table of items says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fastmf.data.item_groups import ItemGroup, by_genre, by_year
from fastmf.report.axes import count_axis
from fastmf.report.described import Described
from fastmf.report.drawing import HALF, figure_of, mark
from fastmf.report.numbers import counted, percent, short
from fastmf.report.page import Section, Table
from fastmf.report.theme import ACCENT, INK, SECOND

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["items_by_genre", "items_by_year"]

_MOST_GENRES = 15
# More years than this, of which some must be wrong, are drawn without a bar for each.
_MOST_YEARS = 250
_MOST_ROWS = 500


def items_by_year(of: Described) -> Section | None:
    """Draw how many items, and how many ratings of them, are of which year."""
    groups = () if of.known is None else by_year(of.known)
    if of.known is None or not groups:
        return None
    first, last = groups[0].name, groups[-1].name
    fullest = max(groups, key=lambda group: group.n_items)
    undated = of.known.n_unknown + sum(year is None for year in of.known.years)
    lead = (
        f"From {first} to {last}; the year with the most items is {fullest.name}, with "
        f"{fullest.n_items:,}."
    )
    if undated:
        lead += f" The year of {counted(undated, 'item')} is not known."
    figures = [
        figure_of("Items by year", _bars_by_year(groups, "item"), HALF, lead),
        figure_of("Ratings by year of the item", _bars_by_year(groups, "rating"), HALF, lead),
    ]
    return Section("Items by year", lead, figures, [_numbers("year", groups, of)])


def _bars_by_year(groups: Sequence[ItemGroup], one: str) -> Callable[[Axes], None]:
    counts = [group.n_items if one == "item" else group.n_ratings for group in groups]

    def draw(axes: Axes) -> None:
        from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - an extra

        years = [group.name for group in groups]
        colour = ACCENT if one == "item" else SECOND
        if len(years) <= _MOST_YEARS:
            drawn = axes.bar(years, counts, 0.86, color=colour)
            for patch, year, count in zip(drawn, years, counts, strict=True):
                mark(patch, f"{year}: {counted(count, one)}")
        else:
            axes.fill_between(years, counts, color=colour)
        axes.margins(x=0.02)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(lambda year, _: f"{year:.0f}")
        count_axis(axes, f"{one}s")

    return draw


def items_by_genre(of: Described) -> Section | None:
    """Draw how many items, and how many ratings of them, are of which genre."""
    groups = () if of.known is None else by_genre(of.known)
    if not groups:
        return None
    n = of.summary.n_ratings
    lead = (
        f"{groups[0].name} has the most ratings, {percent(groups[0].n_ratings, n)} of all. "
        "An item counts for each of its genres."
    )
    shown = groups[:_MOST_GENRES]
    if len(groups) > len(shown):
        lead += f" The {len(shown)} largest of {len(groups)} are drawn."
    size = HALF[0], 0.5 + 0.19 * len(shown)
    figures = [
        figure_of("Items by genre", _bars_by_genre(shown, "item"), size, lead),
        figure_of("Ratings by genre of the item", _bars_by_genre(shown, "rating"), size, lead),
    ]
    return Section("Items by genre", lead, figures, [_numbers("genre", groups, of)])


def _bars_by_genre(groups: Sequence[ItemGroup], one: str) -> Callable[[Axes], None]:
    counts = [group.n_items if one == "item" else group.n_ratings for group in groups]

    def draw(axes: Axes) -> None:
        names = [str(group.name)[:24] for group in groups]
        drawn = axes.barh(range(len(names)), counts, 0.8, color=ACCENT if one == "item" else SECOND)
        for patch, group, count in zip(drawn, groups, counts, strict=True):
            mark(patch, f"{group.name}: {counted(count, one)}")
        axes.bar_label(
            drawn,
            [short(count) if count < 1000 else f"{count:,}" for count in counts],
            padding=3,
            fontsize=8,
            color=INK,
        )
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.margins(x=0.18, y=0.01)
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
        axes.set_xticks([])

    return draw


def _numbers(kind: str, groups: Sequence[ItemGroup], of: Described) -> Table:
    rows = [
        (
            str(group.name),
            f"{group.n_items:,}",
            f"{group.n_ratings:,}",
            percent(group.n_ratings, of.summary.n_ratings),
        )
        for group in [group for group in groups if group.n_items][:_MOST_ROWS]
    ]
    return Table("The numbers", (kind, "items", "ratings", "share of all ratings"), rows)
