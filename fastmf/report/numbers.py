"""Numbers written for people."""

from __future__ import annotations

__all__ = ["counted", "percent", "short"]


def counted(count: int, one: str) -> str:
    """Write a number of things: 1 rating, 2,000 ratings.

    Parameters
    ----------
    count : int
    one : str
        The name of one.

    Returns
    -------
    str
    """
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def percent(part: float, whole: float) -> str:
    """Write a share with as many digits as tell something: 34%, 3.4%, 0.034%.

    Parameters
    ----------
    part, whole : float
        `whole` is positive.

    Returns
    -------
    str
    """
    share = 100 * part / whole
    if share == 0 or share >= 99.95:
        return f"{share:.0f}%"
    return f"{share:.1f}%" if share >= 1 else f"{share:.2g}%"


def short(number: float, greatest: float | None = None) -> str:
    """Write a number on an axis: 7, 3,000, 400k, 1.5M.

    Parameters
    ----------
    number : float
    greatest : float, optional
        The greatest number of the axis, which decides on the unit of all; default this one.

    Returns
    -------
    str
    """
    size = abs(number if greatest is None else greatest)
    for least, unit, suffix in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e5, 1e3, "k")):
        if size >= least and number:
            return f"{number / unit:,.10g}{suffix}"
    return f"{number:,.10g}"
