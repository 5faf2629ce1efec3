"""Ratings in words and numbers: for people in a terminal, and for programs."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastmf.cli.text_table import counted, table

if TYPE_CHECKING:
    import numpy as np

    from fastmf.data.crosstab import Crosstab
    from fastmf.data.summary import RatingsSummary
    from fastmf.report import Described

__all__ = ["ratings_document", "ratings_lines"]

_LINE = 80  # columns of a terminal
_BAR_WIDTH = 40
_HALF_BAR_WIDTH = 14
_BLOCKS = " ▁▂▃▄▅▆▇█"
_MOST_GENRES = 8
_LONGEST_USER = 14


def ratings_document(of: Described) -> dict[str, Any]:
    """Return what there is to say of ratings, ready for JSON.

    Parameters
    ----------
    of : Described

    Returns
    -------
    dict
    """
    from fastmf.data.item_groups import by_genre, by_year
    from fastmf.data.spectrum import doubling_bars
    from fastmf.data.summary import QUANTILES

    summary = of.summary
    plain = ("n_ratings", "n_users", "n_items", "density", "n_repeated", "mean", "std")
    document: dict[str, Any] = {name: getattr(summary, name) for name in plain}
    document["histogram"] = [bar._asdict() for bar in summary.histogram]
    for name, values in (("user", summary.user_quantiles), ("item", summary.item_quantiles)):
        pairs = zip(QUANTILES, values, strict=True)
        document[f"ratings_a_{name}"] = {f"{quantile:g}": value for quantile, value in pairs}
    for name, counts in (("users", summary.user_counts), ("items", summary.item_counts)):
        document[f"{name}_by_ratings"] = [
            {
                "low": bar.low,
                "high": bar.high,
                f"n_{name}": bar.n_owners,
                "n_ratings": bar.n_ratings,
            }
            for bar in doubling_bars(counts)
        ]
    document["first_time"], document["last_time"] = summary.first_time, summary.last_time
    document["timeline"] = _timeline_document(summary)
    if of.known is not None:
        document["n_items_unknown"] = of.known.n_unknown
        for kind, groups in (("year", by_year(of.known)), ("genre", by_genre(of.known))):
            document[f"items_by_{kind}"] = [
                {kind: group.name, "n_items": group.n_items, "n_ratings": group.n_ratings}
                for group in groups
            ]
    document["crosstab"] = _crosstab_document(of)
    return document


def _timeline_document(summary: RatingsSummary) -> dict[str, Any] | None:
    timeline = summary.timeline
    if timeline is None:
        return None
    names = timeline.labels()
    return {
        "unit": timeline.unit,
        "periods": [
            {"name": name, "start": start, "n_ratings": count}
            for name, start, count in zip(names, timeline.starts, timeline.n_ratings, strict=True)
        ],
    }


def _crosstab_document(of: Described) -> dict[str, Any]:
    crosstab = of.summary.crosstab
    users, items = of.users.take(crosstab.users).tolist(), of.items.take(crosstab.items).tolist()
    titles = [{"title": of.titles[str(i)]} if str(i) in of.titles else {} for i in items]
    of_users = zip(users, crosstab.user_counts, crosstab.user_means, strict=True)
    of_items = zip(items, titles, crosstab.item_counts, crosstab.item_means, strict=True)
    return {
        "users": [{"user": user, "n_ratings": n, "mean": mean} for user, n, mean in of_users],
        "items": [
            {"item": item, **title, "n_ratings": n, "mean": mean}
            for item, title, n, mean in of_items
        ],
        "ratings": [
            [None if math.isnan(rating) else rating for rating in row]
            for row in crosstab.cells.tolist()
        ],
    }


def ratings_lines(of: Described) -> list[str]:
    """Return what there is to say of ratings, for a terminal of 80 columns.

    Parameters
    ----------
    of : Described

    Returns
    -------
    list of str
    """
    summary = of.summary
    repeated = counted(summary.n_repeated, "(user, item) pair") + " more than once in the source"
    facts = [
        ("ratings", f"{summary.n_ratings:,}"),
        ("users", f"{summary.n_users:,} ({of.users.kind} ids)"),
        ("items", f"{summary.n_items:,} ({of.items.kind} ids)"),
        ("density", f"{summary.density:.4%}"),
        ("duplicates", repeated if summary.n_repeated else "none"),
        ("mean", f"{summary.mean:.4f} (standard deviation {summary.std:.4f})"),
        ("dates", _dates(summary)),
    ]
    return [
        table(facts),
        "",
        "Ratings by value",
        table(_histogram_rows(summary), right=(0, 1, 2)),
        "",
        table(_quantile_rows(summary), right=range(1, 8)),
        "",
        "Users and items by their number of ratings",
        table(_owner_rows(summary), right=(0, 1, 3)),
        *_timeline_lines(summary),
        *_group_lines(of),
        *_crosstab_lines(of),
    ]


def _bar(count: int, most: int, width: int) -> str:
    # Half blocks, so that what is rare still shows.
    halves = round(2 * width * count / most)
    return "█" * (halves // 2) + "▌" * (halves % 2)


def _histogram_rows(summary: RatingsSummary) -> list[tuple[str, ...]]:
    most = max(bar.n_ratings for bar in summary.histogram)
    return [
        (
            bar.label,
            f"{bar.n_ratings:,}",
            f"{bar.n_ratings / summary.n_ratings:.1%}",
            _bar(bar.n_ratings, most, _BAR_WIDTH),
        )
        for bar in summary.histogram
    ]


def _quantile_rows(summary: RatingsSummary) -> list[tuple[str, ...]]:
    from fastmf.data.summary import QUANTILES

    names = {0.0: "least", 0.5: "median", 1.0: "most"}
    header = ["", *(names.get(q, f"{100 * q:g}%") for q in QUANTILES)]
    rows: list[tuple[str, ...]] = [tuple(header)]
    for label, values in (
        ("ratings a user", summary.user_quantiles),
        ("ratings an item", summary.item_quantiles),
    ):
        rows.append((label, *(f"{value:,.0f}" for value in values)))
    return rows


def _owner_rows(summary: RatingsSummary) -> list[tuple[str, ...]]:
    from fastmf.data.spectrum import doubling_bars

    sides = [
        {bar.label: (bar.low, bar.n_owners) for bar in doubling_bars(counts)}
        for counts in (summary.user_counts, summary.item_counts)
    ]
    lows = {label: low for side in sides for label, (low, _) in side.items()}
    rows: list[tuple[str, ...]] = [("ratings", "users", "", "items", "")]
    for label in sorted(lows, key=lambda label: lows[label]):
        cells = [label]
        for side in sides:
            owners = side.get(label, (0, 0))[1]
            most = max(count for _, count in side.values())
            cells += [f"{owners:,}" if owners else "-", _bar(owners, most, _HALF_BAR_WIDTH)]
        rows.append(tuple(cells))
    return rows


def _dates(summary: RatingsSummary) -> str:
    from fastmf.data.timeline import day_text

    if summary.first_time is None or summary.last_time is None:
        return "none"
    return f"{day_text(summary.first_time)} to {day_text(summary.last_time)}"


def _timeline_lines(summary: RatingsSummary) -> list[str]:
    timeline = summary.timeline
    if timeline is None or len(timeline.starts) == 1:
        return []
    names, counts = timeline.labels(), timeline.n_ratings.tolist()
    fullest = max(range(len(counts)), key=counts.__getitem__)
    line, each = _line_of_blocks(counts)
    merged = f", {each} to a column" if each > 1 else ""
    return [
        "",
        f"Ratings by {timeline.unit}, {names[0]} to {names[-1]}{merged}",
        f"  {line}",
        f"  at most {counts[fullest]:,}, in {names[fullest]}",
    ]


def _line_of_blocks(counts: Sequence[int], width: int = _LINE - 4) -> tuple[str, int]:
    """Draw counts as a line of blocks; return also how many of them each stands for."""
    each = -(-len(counts) // width)
    sums = [sum(counts[start : start + each]) for start in range(0, len(counts), each)]
    most = max(sums)
    # What is not zero shows.
    return "".join(_BLOCKS[-(-8 * count // most)] for count in sums), each


def _group_lines(of: Described) -> list[str]:
    from fastmf.data.item_groups import by_genre, by_year

    if of.known is None:
        return []
    lines = []
    if of.known.n_unknown:
        lines += ["", f"{counted(of.known.n_unknown, 'item')} not in the table of items"]
    years = by_year(of.known)
    if years:
        items, each = _line_of_blocks([year.n_items for year in years], _LINE - 16)
        ratings, _ = _line_of_blocks([year.n_ratings for year in years], _LINE - 16)
        merged = f", {each} to a column" if each > 1 else ""
        lines += ["", f"Items by year, {years[0].name} to {years[-1].name}{merged}"]
        lines += [f"  items    {items}".rstrip(), f"  ratings  {ratings}".rstrip()]
    genres = by_genre(of.known)
    if genres:
        rows: list[tuple[str, ...]] = [("genre", "items", "ratings", "")]
        for genre in genres[:_MOST_GENRES]:
            bar = _bar(genre.n_ratings, genres[0].n_ratings, _HALF_BAR_WIDTH)
            name = _cut(str(genre.name), 28)
            rows.append((name, f"{genre.n_items:,}", f"{genre.n_ratings:,}", bar))
        rest = f" ({_MOST_GENRES} of {len(genres)})" if len(genres) > _MOST_GENRES else ""
        lines += ["", f"Items by genre{rest}", table(rows, right=(1, 2))]
    return lines


def _crosstab_lines(of: Described) -> list[str]:
    crosstab = of.summary.crosstab
    rows = _crosstab_rows(of, crosstab)
    legend: list[tuple[str, ...]] = [("", "item", "ratings", "mean")]
    for column in range(len(rows[0]) - 1):
        item = str(of.items.take(crosstab.items[column : column + 1])[0])
        name = of.titles.get(item, item)
        count, mean = crosstab.item_counts[column], crosstab.item_means[column]
        legend.append((str(column + 1), _cut(name, 44), f"{count:,}", f"{mean:.3f}"))
    return [
        "",
        "Ratings of the most rated items by the most active users",
        table(rows, right=range(1, len(rows[0]))),
        "",
        table(legend, right=(0, 2, 3)),
    ]


def _crosstab_rows(of: Described, crosstab: Crosstab) -> list[tuple[str, ...]]:
    """Return as many columns as fit on a line."""
    users = [_cut(str(user), _LONGEST_USER) for user in of.users.take(crosstab.users)]
    cells = [[_rating(rating) for rating in row] for row in crosstab.cells]
    widest = max(2, *(len(cell) for row in cells for cell in row))
    shown = (_LINE - 2 - max(map(len, users)) - 2) // (widest + 2)
    header = ("user", *(str(column) for column in range(1, len(crosstab.items) + 1)))
    rows = [header, *((user, *row) for user, row in zip(users, cells, strict=True))]
    return [row[: 1 + max(shown, 1)] for row in rows]


def _rating(rating: np.float32) -> str:
    return "·" if math.isnan(rating) else f"{rating:.3g}"


def _cut(text: str, columns: int) -> str:
    """Shorten a name to some columns of the terminal, and keep it from steering that."""
    shown, width = "", 0
    for character in text:
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > columns:
            return shown[:-1].rstrip() + "…"
        shown += character if character.isprintable() else " "
    return shown
