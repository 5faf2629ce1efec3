"""What ``--valid`` and ``--by`` mean: which ratings are held out, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastmf.errors import ParameterError

if TYPE_CHECKING:
    from fastmf import Ratings

__all__ = ["WAYS", "HoldOut", "known_only_option", "parse_hold_out"]

_FRACTION = "a fraction between 0 and 1, for example 0.1"
_WHOLE = "a whole number from 1: so many ratings of each user"
# What each way takes, to say it in messages.
WAYS = {
    "random": _FRACTION,
    "user": _FRACTION,
    "last": f"{_FRACTION}, or {_WHOLE}",
    "leave-n-out": _WHOLE,
    "time": f"{_FRACTION}, or a date like 2005-06-01",
    "pairs": "a file of pairs",
}

known_only_option: Callable[[Any], Any] = click.option(
    "--known-only",
    is_flag=True,
    help="Hold out no rating whose user or item the training part would not have; such ratings "
    "stay in it.",
)


@dataclass(frozen=True)
class HoldOut:
    """Which of the ratings to hold out.

    Attributes
    ----------
    by : str
        One of `WAYS`.
    amount : float, int, str or pathlib.Path
        A fraction, a number for each user, a date, or the file of pairs.
    known_only : bool
        Whether only ratings of users and items that the rest has.
    """

    by: str
    amount: Any
    known_only: bool = False

    def split(
        self, ratings: Ratings, seed: int, threads: int | None = None
    ) -> tuple[Ratings, Ratings]:
        """Return the training part and the part held out.

        Parameters
        ----------
        ratings : Ratings
        seed : int
            Of the ways that draw at random.
        threads : int, optional
            Default every processor.

        Raises
        ------
        ParameterError, DataError
            When the split means nothing for these ratings.
        """
        import fastmf

        amount = self.amount
        also: dict[str, Any] = {"keep_known": self.known_only, "num_threads": threads}
        is_fraction = isinstance(amount, float)
        if self.by == "random":
            return fastmf.random_split(ratings, amount, seed, **also)
        if self.by == "user":
            return fastmf.user_split(ratings, amount, seed, **also)
        if self.by == "last":
            return fastmf.last_split(
                ratings, **{"fraction" if is_fraction else "n": amount}, **also
            )
        if self.by == "leave-n-out":
            return fastmf.leave_n_out(ratings, amount, seed, **also)
        if self.by == "time":
            return fastmf.time_split(
                ratings, **{"fraction" if is_fraction else "since": amount}, **also
            )
        return fastmf.pairs_split(ratings, amount, **also)


def parse_hold_out(valid: str, by: str, known_only: bool) -> HoldOut:
    """Tell what ``--valid`` means for a way to hold ratings out.

    Parameters
    ----------
    valid : str
        As given.
    by : str
        One of `WAYS`.
    known_only : bool
        As of `HoldOut`.

    Returns
    -------
    HoldOut

    Raises
    ------
    ParameterError
        When it means nothing.
    """
    if by == "pairs":
        return HoldOut(by, Path(valid), known_only)
    number = _number(valid)
    fits = {
        "random": _is_fraction(number),
        "user": _is_fraction(number),
        "last": _is_fraction(number) or _is_count(number),
        "leave-n-out": _is_count(number),
        "time": _is_fraction(number) or number is None,
    }
    if not fits[by]:
        how = "at random" if by == "random" else f"by {by}"
        raise ParameterError(f"--valid is {valid}, but holding out {how} takes {WAYS[by]}")
    if number is None:
        from fastmf.data.splits import unix_seconds

        unix_seconds(valid)  # a date that is none is refused before any work is done
        return HoldOut(by, valid, known_only)
    return HoldOut(by, number, known_only)


def _number(text: str) -> Any:
    """Return an int, a float, or None where it is neither."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _is_fraction(number: Any) -> bool:
    return isinstance(number, float) and 0.0 < number < 1.0


def _is_count(number: Any) -> bool:
    return isinstance(number, int) and number >= 1
