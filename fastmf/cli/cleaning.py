"""The options of cleaning, which several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from fastmf.cli.sections import SectionOption

__all__ = ["cleaning_options"]

_SECTION = "Cleaning, in this order"


class _SampleSize(click.ParamType[float]):
    """How many to draw: a whole number, or a fraction."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return an int or a float; what they may be, `Cleaning` says."""
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
        self.fail(f"{value!r} is no number; write 100000, or a fraction like 0.1", param, ctx)


# Name, parameter of `fastmf.clean_ratings`, type, what stands for the value, help.
_OPTIONS: tuple[tuple[str, str, Any, str, str], ...] = (
    ("--min-rating", "min_rating", float, "X", "Leave out ratings below X."),
    ("--max-rating", "max_rating", float, "X", "Leave out ratings above X."),
    ("--top-items", "top_items", int, "N", "Keep the N most rated items."),
    ("--top-users", "top_users", int, "N", "Keep the N users with the most ratings."),
    (
        *("--sample-users", "sample_users", _SampleSize(), "N|0.1"),
        "Keep a number or a fraction of the users, drawn at random.",
    ),
    (
        *("--sample", "sample", _SampleSize(), "N|0.1"),
        "Keep a number or a fraction of the ratings, drawn at random.",
    ),
    (
        *("--min-user-ratings", "min_user_ratings", int, "N"),
        "Leave out users with fewer than N ratings.",
    ),
    (
        *("--min-item-ratings", "min_item_ratings", int, "N"),
        "Leave out items with fewer than N ratings of the users left.",
    ),
)


def cleaning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of cleaning; stands below `fastmf.cli.options.reading_options`.

    The command gets them with the options of reading: ``reading["cleaning"]`` is a
    `fastmf.data.Cleaning`, which `fastmf.cli.reading.load_ratings` applies.
    """

    @functools.wraps(command)
    def gather(*arguments: Any, reading: dict[str, Any], **options: Any) -> Any:
        from fastmf.data.cleaning_options import Cleaning

        names = (*(option[1] for option in _OPTIONS), "until_stable")
        chosen = {name: options.pop(name) for name in names}
        cleaning = Cleaning(**chosen, random_state=options.pop("sample_seed"))
        return command(*arguments, reading={**reading, "cleaning": cleaning}, **options)

    decorated: Callable[..., Any] = click.option(
        "--sample-seed",
        type=int,
        default=0,
        metavar="N",
        cls=SectionOption,
        section=_SECTION,
        show_default=True,
        help="Seed of the samples.",
    )(gather)
    decorated = click.option(
        "--until-stable",
        is_flag=True,
        cls=SectionOption,
        section=_SECTION,
        help="Repeat both until every user and item that is left has enough: the k-core.",
    )(decorated)
    for flag, name, kind, metavar, text in reversed(_OPTIONS):
        decorated = click.option(
            flag,
            name,
            type=kind,
            metavar=metavar,
            cls=SectionOption,
            section=_SECTION,
            help=text,
        )(decorated)
    return decorated
