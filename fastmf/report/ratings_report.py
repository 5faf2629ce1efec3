"""The report of a table of ratings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastmf.data.timeline import day_text
from fastmf.report.crosstab import by_the_most_active
from fastmf.report.described import Described
from fastmf.report.items_pictures import items_by_genre, items_by_year
from fastmf.report.numbers import percent
from fastmf.report.page import Fact, Section, page
from fastmf.report.ratings_pictures import by_owner, by_value, over_time

__all__ = ["PICTURES", "ratings_report"]

# In the order of the page. A picture returns None where there is nothing to draw it from.
PICTURES: tuple[Callable[[Described], Section | None], ...] = (
    by_value,
    by_owner,
    over_time,
    items_by_year,
    items_by_genre,
    by_the_most_active,
)


def ratings_report(of: Described, name: str, source: str, notes: Sequence[str] = ()) -> str:
    """Describe ratings on a page.

    Parameters
    ----------
    of : Described
    name, source : str
        What the ratings are called, and where they were read from.
    notes : sequence of str, optional
        What reading them had to say.

    Returns
    -------
    str
        HTML: self-contained, the same bytes every time.

    Raises
    ------
    MissingDependencyError
        When matplotlib is not installed.
    """
    drawn = (picture(of) for picture in PICTURES)
    sections = [section for section in drawn if section is not None]
    return page(f"Ratings in {name}", source, _facts(of), sections, notes)


def _facts(of: Described) -> list[Fact]:
    summary = of.summary
    facts = [
        Fact("Ratings", f"{summary.n_ratings:,}", _repeated(summary.n_repeated)),
        Fact("Users", f"{summary.n_users:,}", _each(summary.n_ratings, summary.n_users)),
        Fact("Items", f"{summary.n_items:,}", _each(summary.n_ratings, summary.n_items)),
        Fact("Density", percent(summary.density, 1), "of all cells hold a rating"),
        Fact("Mean", f"{summary.mean:.4g}", f"standard deviation {summary.std:.4g}"),
    ]
    if summary.first_time is not None and summary.last_time is not None:
        first, last = day_text(summary.first_time), day_text(summary.last_time)
        facts.append(Fact("From", first, f"to {last}"))
    return facts


def _repeated(pairs: int) -> str:
    return f"{pairs:,} repeated in the source" if pairs else "none repeated"


def _each(n_ratings: int, n_owners: int) -> str:
    return f"{n_ratings / n_owners:,.1f} ratings each on average"
