"""A configuration of `fastmf train`: its options in a TOML file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from fastmf.cli.hyperparameters import Several, spellings, whose_option

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
            # Numbers stay the texts they are: what they may be, the options say.
            self.values = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=str)
        except OSError as error:
            raise self._refused(f"cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise self._refused(f"is not TOML: {error}") from error
        except (ValueError, RecursionError) as error:
            raise self._refused("has a number too long, or lists too deep, to be read") from error

    @property
    def model(self) -> str | None:
        """The model it names, if it does."""
        model = self.values.get("model")
        if model is not None and not isinstance(model, str):
            raise self._refused(f'says model = {model!r}; write a name such as model = "mlp"')
        return model

    def defaults(self, parameters: Sequence[click.Parameter], model: str) -> dict[str, Any]:
        """Return the values by the names of a command's parameters, as click takes them.

        Parameters
        ----------
        parameters : sequence of click.Parameter
        model : str
            Name of the model that the parameters are for.

        Returns
        -------
        dict
            A bool for a flag, a list of texts for several values, else the text that one would
            type on the command line.

        Raises
        ------
        click.BadParameter
            If the command has no option of a name, one is given twice, or a value is none that
            the option takes.
        """
        # A configuration names no other one.
        known = spellings(option for option in parameters if option.name != "config")
        found: dict[str, Any] = {}
        keys: dict[str, str] = {}
        for key, value in self.values.items():
            plain = key.replace("-", "_")
            if plain not in known:
                raise self._refused(f"has {key!r}, which {_no_option(plain, known, model)}")
            option, means_it = known[plain]
            name = str(option.name)
            if name in keys:
                raise self._refused(f"says the same twice, as {keys[name]!r} and as {key!r}")
            keys[name] = key
            if option.is_flag and isinstance(value, bool):
                found[name] = value is means_it
            else:
                found[name] = self._typed(key, value, option)
        return found

    def _typed(self, key: str, value: Any, option: click.Option) -> str | list[str]:
        """Return what one would type for an option, having seen that it takes that."""
        takes_several = isinstance(option.type, Several) and isinstance(value, list)
        parts = value if takes_several else [value]
        for part in parts:
            if option.is_flag or not _is_typed(part):
                verb = "holds" if takes_several else "is"
                wanted = "true or false" if option.is_flag else option.make_metavar(self._ctx)
                raise self._refused(
                    f"says that {key} {verb} {_named(part)}, but {option.opts[0]} takes {wanted}"
                )
        texts = [str(part) for part in parts]
        typed = texts if takes_several else texts[0]
        try:
            option.type_cast_value(self._ctx, typed)
        except click.BadParameter as error:
            shown = ", ".join(texts)
            raise self._refused(f"says {key} = {shown}: {error.message}") from error
        return typed

    def _refused(self, complaint: str) -> click.BadParameter:
        return click.BadParameter(f"{self._path} {complaint}", self._ctx, param_hint="'--config'")


def _no_option(key: str, known: Mapping[str, tuple[click.Option, bool]], model: str) -> str:
    """Say why a key means nothing: the rest of a sentence."""
    of_others = whose_option(key, model)
    if of_others is not None:
        return of_others
    near = difflib.get_close_matches(key, known, 1)
    if near:
        return f"{model} has no option for; did you mean {near[0]}?"
    shown = dict.fromkeys(option.opts[0] for option, _ in known.values() if not option.hidden)
    return f"{model} has no option for; there are {', '.join(name[2:] for name in shown)}"


def _is_typed(value: Any) -> bool:
    """Tell values that can be typed on a command line; whole numbers of TOML have 64 bits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value.bit_length() < 64
    return isinstance(value, str)


def _named(value: Any) -> str:
    """Name a value that no option takes as it is."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if value.bit_length() < 64 else "a number of more than 64 bits"
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a table"
    return f"a date without quotes ({value})"
