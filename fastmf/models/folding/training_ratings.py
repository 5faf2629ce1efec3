"""The ratings that a model was trained on and updated with, read again from where they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastmf.data import Ratings, Vocabulary, read_ratings
from fastmf.data.arrays import Columns, frozen
from fastmf.errors import DataError
from fastmf.models.training_source import SourceFile, source_has_changed

__all__ = ["FoundRatings", "find_training_ratings", "joined", "training_ratings"]

Load = Callable[[Path, Mapping[str, str | None]], Ratings]


class FoundRatings(NamedTuple):
    """What was found of a model's ratings."""

    ratings: Ratings | None
    lacking: str | None  # why some are not there, in words


def find_training_ratings(model: Any, load: Load) -> FoundRatings:
    """Read a model's training ratings, and those it was updated with.

    Parameters
    ----------
    model : FactorModel
        Fitted.
    load : callable
        Takes a path and reading options of the model's record, and returns ratings.

    Returns
    -------
    FoundRatings
    """
    training = model.source_, model.source_files_, model.source_options_
    found = [_read("training ratings", *training, load)]
    if isinstance(found[0], Ratings) and not _are_of_the_model(model, found[0]):
        found[0] = (
            f"the training ratings {model.source_} do not hold the users and items of the model"
        )
    found += [
        _read("ratings of an update", one["path"], one["files"], one["options"], load)
        for one in model.updates_
    ]
    parts = [part for part in found if isinstance(part, Ratings)]
    lacking = next((part for part in found if isinstance(part, str)), None)
    if not parts:
        return FoundRatings(None, lacking)
    if len(parts) == 1:
        return FoundRatings(parts[0], lacking)
    return FoundRatings(joined(parts, model.users_, model.items_), lacking)


def _read(
    what: str,
    source: str | None,
    files: list[SourceFile] | None,
    options: Mapping[str, str | None],
    load: Load,
) -> Ratings | str:
    """Read one source, or say why it is of no use."""
    if source is None:
        return f"the model does not record where its {what} are"
    path = Path(source)
    if not path.exists():
        return f"the {what} {path} are no longer there"
    if files is not None and source_has_changed(path, files):
        return f"the {what} {path} have changed since"
    try:
        return load(path, options)
    except DataError as error:
        return f"the {what} cannot be read ({error})"


def _are_of_the_model(model: Any, ratings: Ratings) -> bool:
    """Whether a model may have learned its ids from these; cleaning leaves fewer."""
    first = model.updates_[0] if model.updates_ else None
    sides = (
        (ratings.users, model.users_, first["n_users"] if first else len(model.users_)),
        (ratings.items, model.items_, first["n_items"] if first else len(model.items_)),
    )
    # Other ids: another file, or other columns than in training.
    return all(
        known == learned or bool((known.lookup(learned.ids[:n]) >= 0).all())
        for known, learned, n in sides
    )


def training_ratings(model: Any, seen: Any, purpose: str) -> Ratings:
    """Return given ratings, or those of the training.

    Parameters
    ----------
    model : FactorModel
        Fitted.
    seen : object or None
        What `read_ratings` takes; None reads those of the training.
    purpose : str
        What they are needed for, for the message.

    Returns
    -------
    Ratings

    Raises
    ------
    DataError
        If they cannot be had.
    """
    if seen is not None:
        return read_ratings(seen, trainable=False)
    found = find_training_ratings(
        model,
        lambda path, options: read_ratings(path, **options, trainable=False),  # type: ignore[arg-type]
    )
    if found.ratings is None or found.lacking is not None:
        raise DataError(f"{purpose} needs the training ratings, but {found.lacking}; give seen=")
    return found.ratings


def joined(parts: list[Ratings], users: Vocabulary, items: Vocabulary) -> Ratings:
    """Return the ratings of several tables by users and of items of given vocabularies, in memory.

    Parameters
    ----------
    parts : list of Ratings
    users, items : Vocabulary
        Others are left out.

    Returns
    -------
    Ratings
    """
    columns: list[list[Any]] = [[], [], []]
    for part in parts:
        user_row, item_row = users.lookup(part.users.ids), items.lookup(part.items.ids)
        for chunk in part.chunks():
            rows = user_row[chunk.user_index], item_row[chunk.item_index]
            known = (rows[0] >= 0) & (rows[1] >= 0)
            for column, values in zip(columns, (*rows, chunk.value), strict=True):
                column.append(values[known])
        part.release()
    user_index, item_index, value = (frozen(np.concatenate(column)) for column in columns)
    low = min(part.rating_range[0] for part in parts)
    high = max(part.rating_range[1] for part in parts)
    return Ratings(Columns(user_index, item_index, value, None), users, items, (low, high))
