"""Axes that read well: counts, dates, and text along them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmf.data.arrays import Array
from fastmf.report.numbers import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["count_axis", "time_axis"]

_DAY = 86400
# What calendars know: the years 1 to 9999, with some room for what lies beside the data.
_CALENDAR = -719_000, 2_932_000


def count_axis(axes: Axes, label: str) -> None:
    """Have the vertical axis count things.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    label : str
        What is counted.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator  # noqa: PLC0415 - an extra

    axes.set_ylabel(label)
    if axes.get_yscale() == "log":
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_major_formatter(lambda count, _: short(count))
    else:
        greatest = axes.get_ylim()[1]
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(lambda count, _: short(count, greatest))
    axes.yaxis.set_minor_formatter("")


def time_axis(axes: Axes, starts: Array, labels: Sequence[str]) -> Array:
    """Have the horizontal axis show times.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    starts : ndarray
        (n,) int64 begins of periods, Unix seconds.
    labels : sequence of str
        Their names.

    Returns
    -------
    ndarray
        (n,) float64 where the periods begin on the axis.
    """
    from matplotlib import dates as untyped  # noqa: PLC0415

    dates: Any = untyped
    days = starts / _DAY
    if _CALENDAR[0] < days[0] and days[-1] < _CALENDAR[1]:
        locator = dates.AutoDateLocator(minticks=3, maxticks=10)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
        return np.asarray(days)
    shown = np.unique(np.linspace(0, len(days) - 1, 5).round().astype(int))
    axes.set_xticks(shown, [labels[place] for place in shown])
    return np.arange(len(days), dtype=np.float64)
