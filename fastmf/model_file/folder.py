"""Putting a folder in its place whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["replace_folder"]

# A folder that nobody has written to for so long belongs to a process that was killed.
_LEFTOVER_SECONDS = 3600


def replace_folder(target: Path, write: Callable[[Path], None]) -> None:
    """Write a folder beside its target, flush it to disk, and give it the target's name.

    A folder already in the target's place keeps its name until the new one is complete, is then
    renamed aside, and is deleted last; if the new one cannot take the name, it gets it back. (No
    portable call exchanges two folders at once: a crash of the machine between the two renames
    leaves the old folder whole beside the target, as ``.fastmf-*.old``.) What a process that was
    killed left beside the same target goes when the next has written there, after an hour.

    Parameters
    ----------
    target : Path
        The folder to make; a folder in its place is one that may be replaced. Missing parents are
        made, and removed again when writing fails.
    write : callable
        Writes the files into the empty folder it is given.

    Raises
    ------
    OSError
        If writing or renaming fails.
    """
    target = target.resolve()
    made = _make_parents(target.parent)
    prefix = f".fastmf-{zlib.crc32(os.fsencode(target.name)):08x}-"
    token = secrets.token_hex(6)
    beside = target.parent / f"{prefix}{token}.tmp"
    try:
        beside.mkdir()
        write(beside)
        for path in (*beside.iterdir(), beside):
            _flush(path)
        _take_name(beside, target, target.parent / f"{prefix}{token}.old")
        _flush(target.parent)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        for parent in made:
            with suppress(OSError):
                parent.rmdir()
        raise
    _clear_leftovers(target.parent, prefix)


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


def _clear_leftovers(parent: Path, prefix: str) -> None:
    """Remove folders that were on their way into or out of a place that now holds a whole one."""
    for folder in parent.glob(f"{prefix}*.*"):
        with suppress(OSError):  # another process may be clearing it
            newest = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
            if time.time() - newest > _LEFTOVER_SECONDS:
                shutil.rmtree(folder)


def _flush(path: Path) -> None:
    """Have the system write a file or a folder's entries to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
