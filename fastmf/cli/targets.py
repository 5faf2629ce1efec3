"""What a command must not write over: what it reads, and the insides of stores and models."""

from __future__ import annotations

from pathlib import Path

from fastmf.errors import ParameterError

__all__ = ["check_apart"]

# What tells a folder that is written and read as a whole, and what to call it.
_WHOLES = {"store.json": "a ratings store", "model.json": "a saved model"}


def check_apart(out: Path, *sources: Path | None) -> None:
    """Refuse a target that is a source, or lies within one, or within a store or a model.

    Parameters
    ----------
    out : pathlib.Path
        What is to be written.
    *sources : pathlib.Path or None
        What is read; None is passed over.

    Raises
    ------
    ParameterError
    """
    folders = _folders_of(out)
    for source in sources:
        if source is None:
            continue
        if _same(out, source):
            raise ParameterError(f"{out}: this is what is read; write to another name")
        if any(_same(folder, source) for folder in folders):
            raise ParameterError(f"{out}: lies in {source}, which is read; write to another folder")
    for folder in folders:
        for name, whole in _WHOLES.items():
            if (folder / name).is_file():
                raise ParameterError(f"{out}: lies in {whole}, {folder}; write to another folder")


def _folders_of(out: Path) -> list[Path]:
    absolute = out.expanduser().absolute()
    return [absolute.parent, *absolute.parent.parents]


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False  # what does not exist is nothing to write over
