"""Whether a model could be saved in a place, asked before it is trained."""

from __future__ import annotations

from pathlib import Path

from fastmf.data.table_files import check_writable
from fastmf.errors import DataError, ModelFileError

__all__ = ["check_model_target"]


def check_model_target(path: Path) -> None:
    """Refuse a place where a model cannot be saved, before it is trained.

    Raises
    ------
    ModelFileError
        On a file, a folder that is no model, or a place that cannot be written.
    """
    if path.exists() and not path.is_dir():
        raise ModelFileError(f"{path}: is a file; name a folder with --out")
    if path.is_dir() and any(path.iterdir()) and not (path / "model.json").is_file():
        raise ModelFileError(
            f"{path}: is a folder with other things in it and not a saved model; name another "
            "with --out"
        )
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    try:
        check_writable(folder, path)
    except DataError as error:
        raise ModelFileError(str(error)) from error
