"""Plain text tables and numbers for people."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["bytes_text", "counted", "seconds_text", "speed_text", "table"]


def _width(text: str) -> int:
    """Return the columns that a text takes in a terminal: wide letters take two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), indent: int = 2) -> str:
    """Lay rows of cells out in columns.

    Parameters
    ----------
    rows : sequence of sequences of str
        All of one length; the first may be a header.
    right : sequence of int, optional
        Columns that are aligned to the right.
    indent : int, optional
        Spaces before each line.

    Returns
    -------
    str
        One line a row, without trailing spaces and without the last line end.
    """
    widths = [max(_width(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            " " * (width - _width(cell)) + cell
            if place in right
            else cell + " " * (width - _width(cell))
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((" " * indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def counted(count: int, what: str) -> str:
    """Write a number of things: 1 rating, 2,000 ratings.

    Parameters
    ----------
    count : int
    what : str
        The name of one.

    Returns
    -------
    str
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def bytes_text(count: int) -> str:
    """Write a number of bytes with the unit that suits it."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"


def seconds_text(seconds: float) -> str:
    """Write a duration as one reads it: 0.31 s, 12.4 s, 3 min 20 s."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def speed_text(ratings_per_second: float) -> str:
    """Write a speed: 71.5 million ratings/s, or 38,000 ratings/s.

    Parameters
    ----------
    ratings_per_second : float

    Returns
    -------
    str
    """
    if ratings_per_second < 1e5:
        return f"{float(f'{ratings_per_second:.2g}'):,.0f} ratings/s"
    return f"{ratings_per_second / 1e6:.1f} million ratings/s"
