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
    from fastmf.models import FactorModel

__all__ = ["seen_ratings"]


def seen_ratings(
    model: FactorModel,
    seen: Path | None,
    reading: Mapping[str, Any],
    console: Console,
    threads: int | None,
) -> Ratings | None:
    """Read the ratings whose items are left out; say so where there are none.

    Parameters
    ----------
    model : FactorModel
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
            reading = _as_trained(model, reading)
        ratings = load_ratings(seen, reading, console, threads=threads)
        _note_unknown(model, ratings, seen, console)
        return ratings
    found = _training_ratings(model, reading, console, threads)
    if not isinstance(found, str):
        return found
    console.note(
        f"note: {found}, so items that a user has rated may be among these; --seen names them"
    )
    return None


def _training_ratings(
    model: FactorModel, reading: Mapping[str, Any], console: Console, threads: int | None
) -> Ratings | str:
    """Read the training ratings, or say why they are of no use."""
    from fastmf.models.training_source import source_has_changed

    if model.source_ is None:
        return "the model does not record where its training ratings are"
    path = Path(model.source_)
    if not path.exists():
        return f"the training ratings {path} are no longer there"
    if model.source_files_ is not None and source_has_changed(path, model.source_files_):
        return f"the training ratings {path} have changed since"
    try:
        # Training showed the notes.
        ratings = load_ratings(
            path, _as_trained(model, reading), console, threads=threads, show_notes=False
        )
    except DataError as error:
        return f"the training ratings cannot be read ({error})"
    # Ids in another number or order: another file, or other columns than in training.
    if ratings.users != model.users_ or ratings.items != model.items_:
        return f"the training ratings {path} do not hold the users and items of the model"
    return ratings


def _is_source(model: FactorModel, seen: Path) -> bool:
    """Whether a path is that of the training ratings."""
    try:
        return model.source_ is not None and seen.samefile(model.source_)
    except OSError:
        return False  # whoever reads it says what is wrong with it


def _as_trained(model: FactorModel, reading: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the training ratings were read, but for columns that are named now."""
    named = {name: value for name, value in reading.items() if name.endswith("_column") and value}
    return {**reading, **model.source_options_, **named}


def _note_unknown(model: FactorModel, ratings: Ratings, seen: Path, console: Console) -> None:
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
