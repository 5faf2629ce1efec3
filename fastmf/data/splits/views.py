"""From the rows to hold out to two views of the table, nothing copied."""

from __future__ import annotations

from typing import Any

from fastmf.data.arrays import Array, frozen
from fastmf.data.ratings import Ratings
from fastmf.data.row_passes import choose_known, take_census
from fastmf.errors import DataError, ParameterError

__all__ = ["check_fraction", "check_whole", "two_views"]


def check_fraction(fraction: Any) -> None:
    """Refuse what is no fraction to hold out.

    Raises
    ------
    ParameterError
        If it does not lie between 0 and 1.
    """
    if isinstance(fraction, bool) or not hasattr(fraction, "__float__"):
        raise ParameterError(f"the fraction to hold out is {fraction!r}, but must be a number")
    if not 0.0 < fraction < 1.0:
        raise ParameterError(
            f"the fraction to hold out is {fraction:g}, but it must lie between 0 and 1, "
            "for example 0.1"
        )


def check_whole(name: str, value: Any, least: int) -> None:
    """Refuse what is no whole number, or too small a one.

    Parameters
    ----------
    name : str
        What it is called.
    value : object
    least : int

    Raises
    ------
    ParameterError
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ParameterError(f"{name} is {value!r}, but must be a whole number from {least}")


def two_views(
    ratings: Ratings,
    bitmap: Array,
    *,
    how: str,
    keep_known: bool = False,
    notes: tuple[str, ...] = (),
    num_threads: int | None = None,
) -> tuple[Ratings, Ratings]:
    """Part ratings in those held out and the rest.

    Parameters
    ----------
    ratings : Ratings
        The table; may be a selection.
    bitmap : ndarray
        (ceil(n_rows / 8),) uint8, the rows to hold out.
    how : str
        What was asked for, for messages.
    keep_known : bool, optional
        Whether held-out rows whose user or item has no row in the rest go back to it.
    notes : tuple of str, optional
        What there is to say about the split.
    num_threads : int, optional
        Default all processors.

    Returns
    -------
    train, held_out : Ratings

    Raises
    ------
    ParameterError
        If one of them would be empty.
    DataError
        If none would be held out because all would go back.
    """
    held_out = ratings.select(frozen(bitmap))
    n = len(ratings)
    if len(held_out) in (0, n):
        side = "nothing" if len(held_out) == 0 else "everything"
        raise ParameterError(f"{how} of {n:,} ratings holds out {side}; choose another")
    train = ratings.select(frozen(~bitmap))
    if keep_known:
        known = take_census(train, num_threads=num_threads)
        choose = choose_known(known.of_user > 0, known.of_item > 0)
        stays = take_census(held_out, choose, num_threads=num_threads).ratings
        if len(stays) == 0:
            raise DataError(
                f"{how}: every rating held out has a user or an item that the rest does not have; "
                "hold out less, or take away rare users and items first (clean_ratings, "
                "--min-user-ratings, --min-item-ratings)"
            )
        back = len(held_out) - len(stays)
        if back:
            held_out, train = stays, ratings.select(frozen(~stays.selected_rows))
            noun = "1 rating" if back == 1 else f"{back:,} ratings"
            notes += (
                f"{noun} of users or items that the rest does not have went back to it: "
                f"{len(held_out):,} held out, {len(train):,} left",
            )
    train.notes = held_out.notes = (*ratings.notes, *notes)
    return train, held_out
