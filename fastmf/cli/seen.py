"""What users have seen: the ratings that recommendations leave out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmf.cli.reading import load_ratings
from fastmf.errors import DataError

if TYPE_CHECKING:
    from fastmf import Ratings
    from fastmf.cli.console import Console
    from fastmf.models import RatingModel
    from fastmf.models.folding.training_ratings import FoundRatings

__all__ = ["all_training_ratings", "seen_ratings"]


def seen_ratings(
    model: RatingModel,
    seen: Path | None,
    reading: Mapping[str, Any],
    console: Console,
    threads: int | None,
) -> Ratings | None:
    """Read the ratings whose items are left out; say so where there are none.

    Parameters
    ----------
    model : RatingModel
        A fitted model.
    seen : pathlib.Path or None
        The ratings; default those of the training, as long as they are what they were.
    reading : mapping
        Columns, duplicates and cache, as `fastmf.read_ratings` takes them. The file of the
        training is read as it was then, but for columns named here.
    console : Console
        Where progress and notes go.
    threads : int or None
        Default every processor.

    Returns
    -------
    Ratings or None

    Raises
    ------
    DataError
        When `seen` cannot be read.
    """
    if seen is not None:
        if _is_source(model, seen):
            reading = _as_recorded(model.source_options_, reading)
        ratings = load_ratings(seen, reading, console, threads=threads)
        _note_unknown(model, ratings, seen, console)
        return ratings
    found = _training_ratings(model, reading, console, threads)
    if found.lacking is not None:
        console.note(
            f"note: {found.lacking}, so items that a user has rated may be among these; --seen "
            "names them"
        )
    return found.ratings


def all_training_ratings(
    model: RatingModel,
    reading: Mapping[str, Any],
    console: Console,
    threads: int | None,
    purpose: str,
    option: str,
) -> Ratings:
    """Read the ratings of training and updates, all of which are needed.

    Parameters
    ----------
    model : RatingModel
        A fitted model.
    reading : mapping
        Columns, duplicates and cache, as `fastmf.read_ratings` takes them.
    console : Console
    threads : int or None
    purpose, option : str
        What they are needed for, and the option that names others, for the message.

    Returns
    -------
    Ratings

    Raises
    ------
    DataError
        When they are not what they were.
    """
    found = _training_ratings(model, reading, console, threads)
    if found.ratings is None or found.lacking is not None:
        raise DataError(
            f"{purpose} needs the training ratings, but {found.lacking}; name others with {option}"
        )
    return found.ratings


def _training_ratings(
    model: RatingModel, reading: Mapping[str, Any], console: Console, threads: int | None
) -> FoundRatings:
    """Read the ratings of training and updates, or say why they are of no use."""
    from fastmf.models.folding.training_ratings import find_training_ratings

    def load(path: Path, options: Mapping[str, str | None]) -> Ratings:
        # Training showed the notes.
        how = _as_recorded(options, reading)
        return load_ratings(path, how, console, threads=threads, show_notes=False)

    return find_training_ratings(model, load)


def _is_source(model: RatingModel, seen: Path) -> bool:
    """Whether a path is that of the training ratings."""
    try:
        return model.source_ is not None and seen.samefile(model.source_)
    except OSError:
        return False  # whoever reads it says what is wrong with it


def _as_recorded(options: Mapping[str, str | None], reading: Mapping[str, Any]) -> dict[str, Any]:
    """Return how ratings of a model were read, but for columns that are named now."""
    named = {name: value for name, value in reading.items() if name.endswith("_column") and value}
    return {**reading, **options, **named}


def _note_unknown(model: RatingModel, ratings: Ratings, seen: Path, console: Console) -> None:
    """Say how many users and items of seen ratings the model does not know."""
    counts = []
    for role, ours, theirs in (
        ("users", model.users_, ratings.users),
        ("items", model.items_, ratings.items),
    ):
        unknown = int((ours.lookup(theirs.ids) < 0).sum())
        if unknown:
            counts.append((unknown, f"{unknown:,} of {len(theirs):,} {role}", len(theirs)))
    if not counts:
        return
    text = f"note: the model does not know {' and '.join(text for _, text, _ in counts)} in {seen}"
    if any(unknown == total for unknown, _, total in counts):
        text += "; are its columns the right ones (--user-column, --item-column)?"
    console.note(text)
