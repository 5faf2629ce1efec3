"""The page of a report: one HTML file that needs no network and runs no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from fastmf._version import __version__
from fastmf.report.theme import STYLE

__all__ = ["Fact", "Figure", "Section", "Table", "page"]

# Whatever slipped through could load and run nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Fact:
    """One number at the top of a report: `value` of `name`, and what else there is to say."""

    name: str
    value: str
    more: str = ""


@dataclass(frozen=True)
class Table:
    """Numbers as a table.

    Attributes
    ----------
    title : str
        What the reader opens it by.
    header : sequence of str
        Names of the columns.
    rows : sequence of sequences of str
        Cells, as long as the header.
    text_columns : sequence of int
        Columns that hold text and not numbers.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: Sequence[int] = (0,)


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes
    ----------
    title : str
    markup : str
        HTML, already escaped: an ``<svg>`` of `fastmf.report.drawing.figure_of`, or a table.
    """

    title: str
    markup: str


@dataclass(frozen=True)
class Section:
    """One subject of a report.

    Attributes
    ----------
    title : str
    lead : str
        What there is to see, in a sentence or two.
    figures : sequence of Figure
        Side by side where the page is wide enough; the title of a single one is not shown.
    tables : sequence of Table
        The numbers of the pictures, folded until they are asked for.
    """

    title: str
    lead: str
    figures: Sequence[Figure]
    tables: Sequence[Table] = ()


def page(
    title: str,
    source: str,
    facts: Sequence[Fact],
    sections: Sequence[Section],
    notes: Sequence[str] = (),
) -> str:
    """Put a report together.

    Parameters
    ----------
    title, source : str
        What the report is of, and where that was read from.
    facts : sequence of Fact
    sections : sequence of Section
    notes : sequence of str, optional
        What reading had to say.

    Returns
    -------
    str
        HTML; every text but the pictures' markup is escaped here.
    """
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f'<meta name="generator" content="fastmf {__version__}">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            "<header>",
            f"<h1>{escape(title)}</h1>",
            f'<p class="source">{escape(source)}</p>',
            *(f'<p class="note">{escape(note)}</p>' for note in notes),
            "</header>",
            "<main>",
            f'<dl class="facts">{"".join(map(_fact, facts))}</dl>',
            *map(_section, sections),
            "</main>",
            f"<footer>Made by fastmf {__version__}.</footer>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _fact(fact: Fact) -> str:
    more = f"<small>{escape(fact.more)}</small>" if fact.more else ""
    return f"<div><dt>{escape(fact.name)}</dt><dd>{escape(fact.value)}{more}</dd></div>"


def _section(section: Section) -> str:
    shown = len(section.figures) > 1
    figures = "".join(
        f"<figure>{f'<figcaption>{escape(figure.title)}</figcaption>' if shown else ''}"
        f"{figure.markup}</figure>\n"
        for figure in section.figures
    )
    return (
        f"<section>\n<h2>{escape(section.title)}</h2>\n"
        f'<p class="lead">{escape(section.lead)}</p>\n'
        f'<div class="figures">\n{figures}</div>\n'
        f"{''.join(map(_table, section.tables))}</section>"
    )


def _table(table: Table) -> str:
    def row(cells: Sequence[str], kind: str) -> str:
        return "".join(
            _cell(cell, kind, place in table.text_columns) for place, cell in enumerate(cells)
        )

    scope = 'th scope="col"'
    body = "\n".join(f"<tr>{row(cells, 'td')}</tr>" for cells in table.rows)
    return (
        f"<details><summary>{escape(table.title)}</summary>\n"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}">'
        f"<table>\n<thead><tr>{row(table.header, scope)}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody></table></div></details>\n"
    )


def _cell(text: str, kind: str, is_text: bool) -> str:
    words = ' class="text"' if is_text else ""
    return f"<{kind}{words}>{escape(text)}</{kind[:2]}>"
