"""The pictures of ratings: a function each, which returns a section of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fastmf.data.arrays import Array
from fastmf.data.spectrum import bars_between, doubling_bars
from fastmf.report.axes import count_axis, time_axis
from fastmf.report.described import Described
from fastmf.report.drawing import HALF, WHOLE, figure_of, mark
from fastmf.report.numbers import counted, percent, short
from fastmf.report.page import Section, Table
from fastmf.report.theme import ACCENT, INK, SECOND

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["by_owner", "by_value", "over_time"]

# More periods than this are drawn as a line and not as bars.
_MOST_BARS = 60


def by_value(of: Described) -> Section:
    """Draw how many ratings have which value."""
    bars, n = of.summary.histogram, of.summary.n_ratings
    fullest = max(bars, key=lambda bar: bar.n_ratings)
    single = all(bar.low == bar.high for bar in bars)

    def draw(axes: Axes) -> None:
        drawn = axes.bar(range(len(bars)), [bar.n_ratings for bar in bars], 0.86, color=ACCENT)
        for patch, bar in zip(drawn, bars, strict=True):
            mark(patch, f"{bar.label}: {bar.n_ratings:,} ({percent(bar.n_ratings, n)})")
        shares = [percent(bar.n_ratings, n) for bar in bars]
        axes.bar_label(drawn, shares, padding=2, fontsize=8, color=INK)
        axes.margins(x=0.02, y=0.12)
        if single:
            axes.set_xticks(range(len(bars)), [bar.label for bar in bars])
        else:
            edges = [*(bar.low for bar in bars), bars[-1].high]
            axes.set_xticks(np.arange(0, len(edges), 2) - 0.5, [f"{e:.4g}" for e in edges[::2]])
        count_axis(axes, "ratings")

    lead = (
        f"The mean is {of.summary.mean:.4g}, the standard deviation {of.summary.std:.4g}; "
        f"{'the most frequent rating' if single else 'the fullest bar'} is {fullest.label}."
    )
    rows = [(bar.label, f"{bar.n_ratings:,}", percent(bar.n_ratings, n)) for bar in bars]
    return Section(
        "Ratings by value",
        lead,
        [figure_of("Ratings by value", draw, WHOLE, lead)],
        [Table("The numbers", ("rating", "ratings", "share"), rows)],
    )


def by_owner(of: Described) -> Section:
    """Draw how many users, and how many items, have how many ratings."""
    n = of.summary.n_ratings
    figures, tables, leads = [], [], []
    for one, counts in (("user", of.summary.user_counts), ("item", of.summary.item_counts)):
        tenth, held = _first_tenth(counts)
        lead = (
            f"The median {one} has {counted(round(np.median(counts[counts > 0])), 'rating')}; "
            f"the {counted(tenth, one)} with the most {'holds' if tenth == 1 else 'hold'} "
            f"{percent(held, n)} of all."
        )
        leads.append(lead)
        title = "Ratings a user" if one == "user" else "Ratings an item"
        draw = _draw_owners(one, counts)
        figures.append(figure_of(title, draw, HALF, f"Both axes are logarithmic. {lead}"))
        rows = [
            (bar.label, f"{bar.n_owners:,}", f"{bar.n_ratings:,}", percent(bar.n_ratings, n))
            for bar in doubling_bars(counts)
        ]
        header = (f"ratings of one {one}", f"{one}s", "ratings of them all", "share")
        tables.append(Table(f"The numbers of the {one}s", header, rows))
    return Section("Who has how many ratings", " ".join(leads), figures, tables)


def _first_tenth(counts: Array) -> tuple[int, int]:
    """Return how many are a tenth of those with ratings, and what those with the most hold."""
    ordered = np.sort(counts[counts > 0])[::-1]
    tenth = -(-len(ordered) // 10)
    return tenth, int(ordered[:tenth].sum())


def _draw_owners(one: str, counts: Array) -> Callable[[Axes], None]:
    # Steps of a third: fine enough to see the shape. Few ratings have a bar each.
    steps = np.arange(np.log(counts.max() + 1) / np.log(1.3) + 2)
    bars = bars_between(counts, np.unique(np.ceil(1.3**steps).astype(np.int64)))
    median = float(np.median(counts[counts > 0]))
    lows = np.array([bar.low for bar in bars])
    highs = np.array([bar.high for bar in bars]) + 1
    owners = np.array([bar.n_owners for bar in bars])
    floor = 0.6  # a logarithmic axis has no zero, and a single owner must show

    def draw(axes: Axes) -> None:
        axes.set_xscale("log")
        axes.set_yscale("log")
        heights = np.maximum(owners - floor, 0)
        drawn = axes.bar(lows, heights, 0.94 * (highs - lows), floor, align="edge", color=ACCENT)
        for patch, bar in zip(drawn, bars, strict=True):
            mark(patch, f"{bar.label} ratings: {counted(bar.n_owners, one)}")
        axes.set_xlim(lows[0] * 0.9, highs[-1] * 1.1)
        axes.set_ylim(floor, max(float(owners.max()) * 4, 12))
        axes.axvline(median, color=SECOND, linewidth=1.2, linestyle=(0, (4, 3)))
        right = median > np.sqrt(lows[0] * highs[-1])  # write towards the middle
        axes.annotate(
            f"median {median:,.0f}", (median, 1), (-4 if right else 4, -3), color=SECOND,
            ha="right" if right else "left", va="top", fontsize=8,
            xycoords=("data", "axes fraction"), textcoords="offset points",
        )  # fmt: skip
        axes.xaxis.set_major_formatter(lambda count, _: short(count))
        axes.xaxis.set_minor_formatter("")
        axes.set_xlabel(f"ratings of one {one}")
        count_axis(axes, f"{one}s")

    return draw


def over_time(of: Described) -> Section | None:
    """Draw how many ratings were given when; nothing without times."""
    timeline = of.summary.timeline
    if timeline is None:
        return None
    labels, counts = timeline.labels(), timeline.n_ratings
    fullest = int(np.argmax(counts))

    def draw(axes: Axes) -> None:
        x = time_axis(axes, timeline.starts, labels)
        if len(x) <= _MOST_BARS:
            width = 0.86 * (np.diff(x).min() if len(x) > 1 else 1)
            drawn = axes.bar(x, counts, width, color=ACCENT)
            for patch, label, count in zip(drawn, labels, counts.tolist(), strict=True):
                mark(patch, f"{label}: {counted(count, 'rating')}")
        else:
            axes.fill_between(x, counts, color=ACCENT, alpha=0.2, linewidth=0)
            axes.plot(x, counts, color=ACCENT, linewidth=1.2)
        axes.margins(x=0.01)
        axes.set_ylim(0, float(counts.max()) * 1.08)
        count_axis(axes, f"ratings by {timeline.unit}")

    name = f"Ratings by {timeline.unit}"
    lead = (
        f"From {labels[0]} to {labels[-1]}: {np.median(counts):,.0f} ratings in the middle "
        f"{timeline.unit}, {counts[fullest]:,} in the fullest, {labels[fullest]}."
    )
    if timeline.unit == "week":
        lead += " A week has the name of its Monday."
    rows = [(label, f"{count:,}") for label, count in zip(labels, counts.tolist(), strict=True)]
    table = Table("The numbers", (timeline.unit, "ratings"), rows)
    return Section(name, lead, [figure_of(name, draw, WHOLE, lead)], [table])
