"""Options of `fastmf train` made from a model's hyperparameters, so that there is one truth."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterable
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import click

__all__ = ["Several", "hyperparameter_options", "spellings", "whose_option"]

# Hyperparameters whose option has a shorter name.
_OPTION_NAMES = {"random_state": "seed"}
_SIMPLE_TYPES: dict[Any, click.ParamType[Any]] = {
    int: click.INT,
    float: click.FLOAT,
    str: click.STRING,
}


class Several(click.ParamType[tuple[Any, ...]]):
    """Values with commas between them; an empty text is none.

    Parameters
    ----------
    kind : click.ParamType
        Of each value.
    """

    name = "several"

    def __init__(self, kind: click.ParamType[Any]) -> None:
        self.kind = kind

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return how the help page writes the value."""
        return f"{self.kind.name.upper()},..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """Return a tuple of values."""
        parts = value if isinstance(value, list | tuple) else str(value).split(",")
        texts = [part for part in parts if str(part).strip()]
        return tuple(self.kind.convert(part, param, ctx) for part in texts)


def hyperparameter_options(hyperparameters: type) -> list[click.Option]:
    """Make one option of each field of a hyperparameter dataclass.

    Parameters
    ----------
    hyperparameters : type
        Dataclass; every field has a default, a type of int, float, str, bool or Literal (or one
        of these or None), or a tuple of any number of int, float or str, and a ``help`` text in
        its metadata. Those whose metadata say ``"cli": False`` get no option.

    Returns
    -------
    list of click.Option
        In the order of the fields, with the fields' names as the parameters' names.

    Raises
    ------
    TypeError
        On a field of another type.
    """
    hints = get_type_hints(hyperparameters)
    return [
        _option(field, hints[field.name])
        for field in dataclasses.fields(hyperparameters)
        if field.init and field.metadata.get("cli", True)
    ]


def _option(field: dataclasses.Field[Any], hint: Any) -> click.Option:
    dashed = _OPTION_NAMES.get(field.name, field.name).replace("_", "-")
    described = {"default": field.default, "help": field.metadata["help"]}
    kind = _without_none(hint)
    if kind is bool:
        return click.Option(
            [f"--{dashed}/--no-{dashed}", field.name],
            show_default=field.default is True,  # that nothing is set goes without saying
            **described,
        )
    # A default of None stands for a rule that the help text tells, and so does one of nothing.
    shown = field.default not in (None, ())
    return click.Option(
        [f"--{dashed}", field.name], type=_click_type(kind, field), show_default=shown, **described
    )


def _without_none(hint: Any) -> Any:
    """Return X of ``X | None``; anything else as it is."""
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 else hint


def _click_type(kind: Any, field: dataclasses.Field[Any]) -> click.ParamType[Any]:
    if get_origin(kind) is Literal:
        return click.Choice([str(choice) for choice in get_args(kind)])
    if kind in _SIMPLE_TYPES:
        return _SIMPLE_TYPES[kind]
    if get_origin(kind) is tuple and get_args(kind)[1:] == (...,):
        of_each = get_args(kind)[0]
        if of_each in _SIMPLE_TYPES:
            return Several(_SIMPLE_TYPES[of_each])
    raise TypeError(f"hyperparameter {field.name} has type {kind}, which no option can hold")


def spellings(options: Iterable[click.Parameter]) -> dict[str, tuple[click.Option, bool]]:
    """Return options by the words that name them, without dashes.

    Parameters
    ----------
    options : iterable of click.Parameter
        Arguments among them are left out, and so is what is no value of the command, as ``--help``.

    Returns
    -------
    dict
        Of each long name, and of the name of the hyperparameter where that is another, with ``_``
        for ``-``: the option, and whether the word means it rather than its contrary, as that of
        ``--no-cache`` does.
    """
    found = {}
    for option in options:
        if not isinstance(option, click.Option) or not option.expose_value:
            continue
        meant = [(word, option.flag_value is not False) for word in option.opts]
        meant += [(word, False) for word in option.secondary_opts]
        meant += [(f"--{option.name}", True)] if option.name in _OPTION_NAMES else []
        for word, means_it in meant:
            if word.startswith("--"):
                found[word[2:].replace("-", "_")] = (option, means_it)
    return found


def whose_option(word: str, model: str) -> str | None:
    """Say which models have an option that a model has not.

    Parameters
    ----------
    word : str
        What names the option, with or without its dashes.
    model : str
        The model that has none such.

    Returns
    -------
    str or None
        The rest of a sentence; None where no model has it.
    """
    from fastmf.models import MODELS, model_class

    plain = word.lstrip("-").replace("-", "_")
    owners = [
        kind
        for kind in MODELS
        if plain in spellings(hyperparameter_options(model_class(kind).hyperparameters))
    ]
    return f"is an option of {', '.join(owners)}; {model} has none such" if owners else None
