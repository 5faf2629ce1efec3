"""What a caller may choose from: one of a few words."""

from __future__ import annotations

from typing import Any, get_args

from fastmf.errors import ParameterError

__all__ = ["check_choice"]


def check_choice(name: str, value: object, kind: Any) -> None:
    """Refuse what is none of the words of a literal type.

    Parameters
    ----------
    name : str
        The option, for the message.
    value : object
        What was chosen.
    kind : Literal type
        What there is.

    Raises
    ------
    ParameterError
    """
    if value not in get_args(kind):
        choices = ", ".join(get_args(kind))
        raise ParameterError(f"{name} is {value!r}, but must be one of {choices}")
