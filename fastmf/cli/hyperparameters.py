"""Options of `fastmf train` made from a model's hyperparameters, so that there is one truth."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

import click

from fastmf.cli.sections import SectionedCommand

if TYPE_CHECKING:
    from fastmf.models import RatingModel

__all__ = ["DEFAULT_MODEL", "TrainCommand", "hyperparameter_options"]

DEFAULT_MODEL = "mf"

# Hyperparameters whose option has a shorter name.
_OPTION_NAMES = {"random_state": "seed"}
_SIMPLE_TYPES: dict[Any, click.ParamType[Any]] = {
    int: click.INT,
    float: click.FLOAT,
    str: click.STRING,
}


def hyperparameter_options(hyperparameters: type) -> list[click.Option]:
    """Make one option of each field of a hyperparameter dataclass.

    Parameters
    ----------
    hyperparameters : type
        Dataclass; every field has a default, a type of int, float, str, bool or Literal (or one
        of these or None), and a ``help`` text in its metadata.

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
        if field.init
    ]


def _option(field: dataclasses.Field[Any], hint: Any) -> click.Option:
    dashed = _OPTION_NAMES.get(field.name, field.name).replace("_", "-")
    described = {"default": field.default, "help": field.metadata["help"]}
    kind = _without_none(hint)
    if kind is bool and field.default is False:
        return click.Option([f"--{dashed}", field.name], is_flag=True, **described)
    if kind is bool:
        return click.Option(
            [f"--{dashed}/--no-{dashed}", field.name], show_default=True, **described
        )
    # A default of None stands for a rule that the help text tells.
    shown = field.default is not None
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
    raise TypeError(f"hyperparameter {field.name} has type {kind}, which no option can hold")


class TrainCommand(SectionedCommand):
    """A command whose options grow by the hyperparameters of the model that ``--model`` names.

    The callback gets them as keyword arguments under the names of the fields.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the model before the arguments are parsed as a whole."""
        ctx.obj = _model_class(_model_named(args), ctx)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters and those of the model."""
        own = super().get_params(ctx)
        if ctx.obj is None:  # the model named does not exist
            return own
        # On the help page they stand behind the model they belong to.
        behind = 1 + next(place for place, option in enumerate(own) if "--model" in option.opts)
        return [
            *own[:behind],
            *hyperparameter_options(ctx.obj.hyperparameters),
            *own[behind:],
        ]


def _model_named(arguments: Sequence[str]) -> str:
    """Find the value of ``--model`` among arguments that cannot be parsed as a whole yet."""
    kind = DEFAULT_MODEL
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == "--model" and place + 1 < len(arguments):
            kind = arguments[place + 1]
        elif argument.startswith("--model="):
            kind = argument.removeprefix("--model=")
    return kind


def _model_class(kind: str, ctx: click.Context) -> type[RatingModel]:
    from fastmf.models import MODELS, model_class

    if kind not in MODELS:
        raise click.BadParameter(
            f"no model {kind!r}; there are: {', '.join(MODELS)}", ctx, param_hint="'--model'"
        )
    return model_class(kind)
