"""Writing a report: whole or not at all, and over nothing but an earlier one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from fastmf.data.table_files import check_writable
from fastmf.errors import DataError

__all__ = ["check_html_target", "write_html"]

_ENDINGS = (".html", ".htm")


def check_html_target(path: Path) -> None:
    """Refuse a file that cannot be written, before any work is done for it.

    Raises
    ------
    DataError
        On another ending than .html, a folder or a device in its place, a missing or unwritable
        folder.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise DataError(f"{path}: a report is an HTML file; give it a name that ends in .html")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file")
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: is not a regular file; name another")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise DataError(f"{path}: no folder {folder}; make it first")
    check_writable(folder, path)


def write_html(path: Path, text: str) -> None:
    """Write a page to a file that appears only when it is whole.

    Parameters
    ----------
    path : pathlib.Path
        The file; an existing one is replaced.
    text : str
        HTML.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("wb") as file:
            # What is no valid Unicode, as names of files can be, is shown as what it is not.
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path}: cannot be written: {reason}; choose another place") from error
    finally:
        beside.unlink(missing_ok=True)
