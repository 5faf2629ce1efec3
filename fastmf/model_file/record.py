"""What a model file says of the training, checked before anybody believes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fastmf.errors import ModelFileError

__all__ = ["check_record"]


def check_record(record: dict[str, Any], where: str) -> None:
    """Refuse a record with entries that training never writes.

    Models differ in what they record: entries that are missing or that nobody knows pass.

    Parameters
    ----------
    record : dict
        As parsed from JSON.
    where : str
        The file, for the message.

    Raises
    ------
    ModelFileError
    """
    for name, (is_right, wanted) in _ENTRIES.items():
        if name in record and not is_right(record[name]):
            raise ModelFileError(f"{where} is damaged: {name} of the record is not {wanted}")
    epochs = len(record.get("history", ()))
    if record.get("best_epoch", 0) > epochs:
        raise ModelFileError(f"{where} is damaged: best_epoch lies past its {epochs} epochs")


def _is_number(value: object) -> bool:
    # JSON's true is a number in Python, and its whole numbers have no end.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_count(value: object) -> bool:
    return type(value) is int and 1 <= value < 1 << 63


def _is_range(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(map(_is_number, value))
        and value[0] <= value[1]
    )


def _is_epoch(value: object) -> bool:
    """Say whether this is an epoch with its errors; those of ratings held out may be null."""
    return (
        isinstance(value, dict)
        and _is_count(value.get("epoch"))
        and all(
            _is_number(number) or (number is None and name.startswith("valid_"))
            for name, number in value.items()
        )
    )


_NUMBER = (_is_number, "a finite number")
_COUNT = (_is_count, "a whole number from 1 on")
_ENTRIES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "mean": _NUMBER,
    "offset": _NUMBER,
    "spread": _NUMBER,
    "baseline_mean": _NUMBER,
    "train_rmse": _NUMBER,
    "rating_range": (_is_range, "two finite numbers, the lower one first"),
    "n_ratings": _COUNT,
    "best_epoch": _COUNT,
    "history": (
        lambda value: isinstance(value, list) and all(map(_is_epoch, value)),
        "a list of epochs and their errors",
    ),
    "source": (lambda value: value is None or isinstance(value, str), "a path or null"),
    "stopped": (lambda value: isinstance(value, str), "text"),
    "seconds": (
        lambda value: isinstance(value, dict) and all(map(_is_number, value.values())),
        "an object of finite numbers",
    ),
    "schedule": (lambda value: isinstance(value, dict), "an object"),
}
