"""What a caller may choose from: one of a few values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fastmf.errors import ParameterError

__all__ = ["check_choice"]


def check_choice(name: str, value: Any, choices: Iterable[Any]) -> None:
    """Refuse what is not one of a few values.

    Parameters
    ----------
    name : str
        The option, for the message.
    value : object
        What was chosen.
    choices : iterable
        What there is.

    Raises
    ------
    ParameterError
    """
    choices = list(choices)
    plain = value.item() if isinstance(value, np.bool_) else value
    # By type as well: 1 equals True, but is not meant by it.
    if not any(isinstance(plain, type(choice)) and plain == choice for choice in choices):
        raise ParameterError(
            f"{name} is {value!r}, but it must be one of {', '.join(map(str, choices))}"
        )
