"""Options of `fastmf train` made from a model's hyperparameters, so that there is one truth."""

from __future__ import annotations

import dataclasses
import types
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import click

from fastmf.cli.config_file import Config, option_value
from fastmf.cli.sections import SectionedCommand

if TYPE_CHECKING:
    from fastmf.models import RatingModel

__all__ = ["DEFAULT_MODEL", "Several", "TrainCommand", "hyperparameter_options"]

DEFAULT_MODEL = "mf"

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
    if kind is bool and field.default is False:
        return click.Option([f"--{dashed}", field.name], is_flag=True, **described)
    if kind is bool:
        return click.Option(
            [f"--{dashed}/--no-{dashed}", field.name], show_default=True, **described
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


class TrainCommand(SectionedCommand):
    """A command whose options grow by the hyperparameters of the model that ``--model`` names.

    The callback gets them as keyword arguments under the names of the fields.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the model and the configuration before the arguments are parsed as a whole."""
        path = option_value(args, "--config")
        config = Config(None if path is None else Path(path), ctx)
        ctx.obj = _model_class(option_value(args, "--model") or config.model or DEFAULT_MODEL, ctx)
        ctx.default_map = {**(ctx.default_map or {}), **config.defaults(self.get_params(ctx))}
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters and those of the model."""
        own = [_of_model(option, ctx.obj) for option in super().get_params(ctx)]
        if ctx.obj is None:  # the model named does not exist
            return own
        # On the help page they stand behind the model they belong to.
        behind = 1 + next(place for place, option in enumerate(own) if "--model" in option.opts)
        return [
            *own[:behind],
            *hyperparameter_options(ctx.obj.hyperparameters),
            *own[behind:],
        ]


def _of_model(option: click.Parameter, model: type[RatingModel] | None) -> click.Parameter:
    """Return an option as it is for a model: patience counts late, from the start, or never."""
    patience = getattr(model, "patience_counts", "late")
    if "--patience" not in option.opts or patience == "late":
        return option
    told: Any = copy(option)
    told.hidden = patience == "never"
    told.help = "Epochs without a better validation RMSE before training stops; 0 runs them all."
    return cast(click.Parameter, told)


def _model_class(kind: str, ctx: click.Context) -> type[RatingModel]:
    from fastmf.models import MODELS, model_class

    if kind not in MODELS:
        raise click.BadParameter(
            f"no model {kind!r}; there are: {', '.join(MODELS)}", ctx, param_hint="'--model'"
        )
    return model_class(kind)
