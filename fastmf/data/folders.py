"""Folders that appear whole or not at all: written beside, then renamed into place."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

__all__ = ["held_folder", "new_folder", "remove_stale_folders"]

# Locks that end with their process; Windows has none of the kind.
_locks: Any = importlib.import_module("fcntl") if os.name == "posix" else None
_MARK = ".unfinished-"
_LOCK = "lock"
# Where locks cannot tell (Windows; a folder whose lock file is not there yet), age does.
_STALE_SECONDS = 24 * 3600
_ATTEMPTS = 20


@contextmanager
def new_folder(
    path: Path, *, replace: Callable[[Path], bool] = lambda path: True, synced: bool = True
) -> Iterator[Path]:
    """Make a folder that appears under its name only when it is complete.

    The body fills a temporary sibling, which is renamed at the end, and removed when the body
    raises. A process that dies leaves a sibling nobody holds the lock of; the next writer removes
    it. Several writers of one name may work at the same time: each of them leaves a whole folder.

    Parameters
    ----------
    path : pathlib.Path
        Final name; its parent is made where missing.
    replace : callable, optional
        Asked when the final name is taken: whether to replace what is there, or to drop the new
        folder in its favour.
    synced : bool, optional
        Whether to wait until the names of folder and files have reached the disk.

    Yields
    ------
    pathlib.Path
        The temporary folder.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_stale_folders(path.parent)
    made: list[Path] = []
    try:
        # Begun within: an interrupt may come between any two steps.
        working, lock = _make_working_folder(path, made)
        yield working
        (working / _LOCK).unlink()
        if synced:
            _sync_folder(working)
        _move_into_place(working, path, replace)
        if synced:
            _sync_folder(path.parent)
        lock.close()
    finally:
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)


def held_folder(path: Path) -> tuple[Path, Callable[[], None]]:
    """Make a folder for as long as this process uses it; only its owner may look into it.

    What a process that died left behind, the next call for the same path removes.

    Parameters
    ----------
    path : pathlib.Path
        Tells where and how the folder is called; the name gets an ending of its own.

    Returns
    -------
    folder : pathlib.Path
    remove : callable
        Removes it.

    Raises
    ------
    OSError
        When it cannot be made.
    """
    remove_stale_folders(path.parent, path.name)
    folder, lock = _make_working_folder(path, [], mode=0o700)

    def remove() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()

    return folder, remove


def remove_stale_folders(parent: Path, name: str = "*") -> None:
    """Remove what dead processes left half-written in a folder.

    Parameters
    ----------
    parent : pathlib.Path
        Folder that holds stores.
    name : str, optional
        Final name of what was being written; default any.
    """
    for leftover in parent.glob(f".{name}{_MARK}*"):
        with contextlib.suppress(OSError):
            _remove_if_stale(leftover)


def _remove_if_stale(leftover: Path) -> None:
    if _locks is None or not (leftover / _LOCK).exists():
        if time.time() - leftover.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)
        return
    with (leftover / _LOCK).open("rb") as lock:
        # Held by its writer for as long as that lives: this raises then.
        _locks.flock(lock, _locks.LOCK_EX | _locks.LOCK_NB)
        # Removed while the lock is held, so that whoever waits for it sees it gone.
        shutil.rmtree(leftover, ignore_errors=True)


def _make_working_folder(path: Path, made: list[Path], mode: int = 0o777) -> tuple[Path, IO[bytes]]:
    """Make a temporary sibling and hold its lock for as long as the file is open.

    What is made is noted in `made` before it is.
    """
    for _ in range(_ATTEMPTS):
        working = path.parent / f".{path.name}{_MARK}{secrets.token_hex(6)}"
        made.append(working)
        working.mkdir(mode)
        lock = (working / _LOCK).open("wb")
        if _locks is None:
            return working, lock
        _locks.flock(lock, _locks.LOCK_EX)
        # Another process may have taken the folder for a stale one before the lock was held.
        if (working / _LOCK).exists():
            return working, lock
        lock.close()
    raise OSError(f"cannot keep a temporary folder beside {path}")


def _move_into_place(working: Path, path: Path, replace: Callable[[Path], bool]) -> None:
    for _ in range(_ATTEMPTS):
        try:
            working.rename(path)
            return
        except OSError as error:
            # Only a name that is taken is worth another attempt.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        if not replace(path):
            return
        # Swapped out before it is removed: nobody ever sees half a folder under the name.
        old = path.parent / f".{path.name}{_MARK}{secrets.token_hex(6)}"
        with contextlib.suppress(FileNotFoundError):
            path.rename(old)
        shutil.rmtree(old, ignore_errors=True)
    raise OSError(f"{path} is being replaced by others all the time")


def _sync_folder(folder: Path) -> None:
    """Bring a folder's entries to disk, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
