"""Putting a folder in its place whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from fastmf.errors import ModelFileError

__all__ = ["replace_folder"]


def replace_folder(
    target: Path,
    write: Callable[[Path], None],
    *,
    is_own: Callable[[Path], bool],
    known_files: Collection[str],
) -> None:
    """Write a folder beside its target, flush it to disk, and give it the target's name.

    A folder already in the target's place keeps its name until the new one is complete, is then
    renamed aside, and is deleted last; if the new one cannot take the name, it gets it back. (No
    portable call exchanges two folders at once: a crash of the machine between the two renames
    leaves the old folder whole beside the target, as ``.fastmf-*.old``.)

    Parameters
    ----------
    target : Path
        The folder to make. Missing parents are made, and removed again when writing fails.
    write : callable
        Writes the files into the empty folder it is given.
    is_own : callable
        Whether an existing folder may be replaced, for it was written here.
    known_files : collection of str
        All that such a folder may hold; anything else in it would be lost.

    Raises
    ------
    ModelFileError
        If the target is something that must not be replaced.
    OSError
        If writing or renaming fails.
    """
    target = target.resolve()
    _check_replaceable(target, is_own, known_files)
    made = _make_parents(target.parent)
    token = secrets.token_hex(6)
    beside = target.parent / f".fastmf-{token}.tmp"
    try:
        beside.mkdir()
        write(beside)
        for path in (*beside.iterdir(), beside):
            _flush(path)
        _take_name(beside, target, target.parent / f".fastmf-{token}.old")
        _flush(target.parent)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        for parent in made:
            with suppress(OSError):
                parent.rmdir()
        raise


def _check_replaceable(
    target: Path, is_own: Callable[[Path], bool], known_files: Collection[str]
) -> None:
    """Refuse to replace anything but an empty folder or one that was written here."""
    if not target.exists():
        return
    if not target.is_dir():
        raise ModelFileError(f"{target} is a file; name a folder that does not exist yet")
    names = {entry.name for entry in target.iterdir()}
    if not names:
        return
    if not is_own(target):
        raise ModelFileError(
            f"{target} exists and is not a saved model; name a folder that does not exist yet"
        )
    foreign = sorted(names - set(known_files))
    if foreign:
        raise ModelFileError(
            f"{target} holds {foreign[0]} beside the saved model, which would be lost; "
            "move it away or name another folder"
        )


def _make_parents(folder: Path) -> list[Path]:
    """Make missing folders and return them, the deepest first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    made: list[Path] = []
    for parent in reversed(missing):
        parent.mkdir(exist_ok=True)
        made.insert(0, parent)
    return made


def _take_name(beside: Path, target: Path, aside: Path) -> None:
    """Rename the new folder to the target, moving an old one aside first and deleting it last."""
    if not target.exists():
        beside.rename(target)
        return
    try:
        target.rename(aside)
        beside.rename(target)
    except BaseException:
        if aside.exists() and not target.exists():
            aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _flush(path: Path) -> None:
    """Have the system write a file or a folder's entries to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
