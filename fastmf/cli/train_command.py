"""A command whose options depend on the model it is given."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from fastmf.cli.config_file import Config, option_value
from fastmf.cli.hyperparameters import hyperparameter_options, whose_option
from fastmf.cli.sections import SectionedCommand

if TYPE_CHECKING:
    from fastmf.models import RatingModel

__all__ = ["DEFAULT_MODEL", "TrainCommand"]

DEFAULT_MODEL = "mf"


class TrainCommand(SectionedCommand):
    """A command whose options grow by the hyperparameters of the model that ``--model`` names.

    The callback gets them as keyword arguments under the names of the fields.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the model and the configuration before the arguments are parsed as a whole."""
        path = option_value(args, "--config")
        config = Config(None if path is None else Path(path), ctx)
        named = (option_value(args, "--model"), config.model, DEFAULT_MODEL)
        kind = next(name for name in named if name is not None)
        ctx.obj = _model_class(kind, ctx)
        defaults = config.defaults(self.get_params(ctx), kind)
        ctx.default_map = {**(ctx.default_map or {}), **defaults}
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            told = whose_option(error.option_name, kind)
            if told is None:
                raise
            raise click.UsageError(f"{error.option_name} {told}", ctx) from error

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

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, and behind them what models there are."""
        from fastmf.models import MODELS, model_class

        super().format_options(ctx, formatter)
        with formatter.section("Models; --model NAME --help shows the options of one"):
            formatter.write_dl([(kind, _in_a_line(model_class(kind))) for kind in MODELS])


def _in_a_line(model: type[RatingModel]) -> str:
    """Return how a model describes itself."""
    return (model.__doc__ or "").partition("\n")[0].replace("`", "")


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
