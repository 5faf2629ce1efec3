"""A configuration of `fastmf train`: its options in a TOML file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

__all__ = ["Config", "option_value"]


def option_value(arguments: Sequence[str], option: str) -> str | None:
    """Find the last value of an option among arguments that cannot be parsed as a whole yet.

    Parameters
    ----------
    arguments : sequence of str
    option : str
        With its dashes.

    Returns
    -------
    str or None
    """
    value = None
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == option and place + 1 < len(arguments):
            value = arguments[place + 1]
        elif argument.startswith(f"{option}="):
            value = argument.removeprefix(f"{option}=")
    return value


class Config:
    """What a configuration file says; what is given on the command line counts before it.

    Parameters
    ----------
    path : pathlib.Path or None
        None is an empty configuration.
    ctx : click.Context
        For messages.

    Raises
    ------
    click.BadParameter
        If the file cannot be read or is not TOML.
    """

    def __init__(self, path: Path | None, ctx: click.Context) -> None:
        self._path, self._ctx = path, ctx
        self.values: dict[str, Any] = {}
        if path is None:
            return
        import tomllib

        try:
            self.values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise self._refused(f"cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise self._refused(f"is not TOML: {error}") from error

    @property
    def model(self) -> str | None:
        """The model it names, if it does."""
        model = self.values.get("model")
        if model is not None and not isinstance(model, str):
            raise self._refused(f'says model = {model!r}; write a name such as model = "mlp"')
        return model

    def defaults(self, parameters: Sequence[click.Parameter]) -> Mapping[str, Any]:
        """Return the values by the names of a command's parameters.

        Parameters
        ----------
        parameters : sequence of click.Parameter

        Returns
        -------
        mapping

        Raises
        ------
        click.BadParameter
            If the command has no option of a name, or a value is a table.
        """
        names: dict[str, str] = {}
        for option in parameters:
            if isinstance(option, click.Option) and option.name not in (None, "config"):
                for name in (str(option.name), *(one.lstrip("-") for one in option.opts)):
                    names[name.replace("-", "_")] = str(option.name)
        found = {}
        for key, value in self.values.items():
            plain = key.replace("-", "_")
            if plain not in names:
                near = difflib.get_close_matches(plain, names, 1)
                hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"
                raise self._refused(f"has {key!r}, which this model has no option for{hint}")
            if isinstance(value, dict):
                raise self._refused(f"has a table [{key}]; write options without tables")
            found[names[plain]] = value
        return found

    def _refused(self, complaint: str) -> click.BadParameter:
        return click.BadParameter(f"{self._path} {complaint}", self._ctx, param_hint="'--config'")
