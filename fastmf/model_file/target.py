"""Whether a model could be saved in a place, asked before it is trained and when it is saved."""

from __future__ import annotations

from pathlib import Path

from fastmf.data.table_files import check_writable
from fastmf.errors import DataError, ModelFileError
from fastmf.model_file.header import FILES, HEADER, is_model

__all__ = ["check_model_target", "check_replaceable"]


def check_model_target(path: Path) -> None:
    """Refuse a place where a model cannot be saved, before it is trained.

    Parameters
    ----------
    path : pathlib.Path

    Raises
    ------
    ModelFileError
        On what must not be replaced, or a place that cannot be written.
    """
    try:
        check_replaceable(path)
        folder = path.resolve().parent
        while not folder.exists():
            folder = folder.parent
        check_writable(folder, path)
    except OSError as error:
        raise ModelFileError(
            f"{path}: cannot be written: {error.strerror}; choose another place"
        ) from error
    except DataError as error:
        raise ModelFileError(str(error)) from error


def check_replaceable(target: Path) -> None:
    """Refuse to replace anything but an empty folder or a saved model alone.

    Parameters
    ----------
    target : pathlib.Path

    Raises
    ------
    ModelFileError
    OSError
        If it cannot be looked at.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise ModelFileError(f"{target} is a file; name a folder that does not exist yet")
    names = {entry.name for entry in target.iterdir()}
    if not names:
        return
    if not is_model(target):
        raise ModelFileError(
            f"{target} exists and is not a saved model; name a folder that does not exist yet"
        )
    foreign = sorted(names - {HEADER, *FILES})
    if foreign:
        raise ModelFileError(
            f"{target} holds {foreign[0]} beside the saved model, which would be lost; "
            "move it away or name another folder"
        )
