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
from typing import Any

__all__ = ["held_folder", "new_folder", "remove_stale_folders"]

# Locks that end with their process; Windows has none of the kind.
_locks: Any = importlib.import_module("fcntl") if os.name == "posix" else None
_MARK = ".unfinished-"
# Where locks cannot tell, on Windows, age does.
_STALE_SECONDS = 24 * 3600
_ATTEMPTS = 20


@contextmanager
def new_folder(
    path: Path, *, replace: Callable[[Path], bool] = lambda path: True, synced: bool = True
) -> Iterator[Path]:
    """Make a folder that appears under its name only when it is complete.

    The body fills a temporary sibling, which is renamed at the end, and removed when the body
    raises. A process that dies leaves a sibling that nobody holds locked; the next writer removes
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
    unlock: Callable[[], None] = lambda: None  # noqa: E731 - until there is a lock
    try:
        # Begun within: an interrupt may come between any two steps.
        working, unlock = _make_working_folder(path, made)
        yield working
        if synced:
            _sync_folder(working)
        _move_into_place(working, path, replace)
        if synced:
            _sync_folder(path.parent)
    finally:
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)
        unlock()


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
    folder, unlock = _make_working_folder(path, [], mode=0o700)

    def remove() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        unlock()

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
    if _locks is None:
        if time.time() - leftover.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)
        return
    unlock = _locked(leftover, _locks.LOCK_EX | _locks.LOCK_NB)
    try:
        # While the lock is held, so that whoever waits for it sees the folder gone.
        shutil.rmtree(leftover, ignore_errors=True)
    finally:
        unlock()


def _locked(folder: Path, how: int) -> Callable[[], None]:
    """Lock a folder for as long as this process lives, or until the returned function is called.

    The folder itself is locked, not a file in it, which would come later and go earlier: a process
    that dies in between would leave what looks alive.

    Raises
    ------
    OSError
        When it is not there, or another process holds it and `how` is not to wait.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _locks.flock(descriptor, how)
    except OSError:
        os.close(descriptor)
        raise
    held = [descriptor]

    def unlock() -> None:
        while held:  # once only: the number may be another file's by then
            os.close(held.pop())

    return unlock


def _make_working_folder(
    path: Path, made: list[Path], mode: int = 0o777
) -> tuple[Path, Callable[[], None]]:
    """Make a temporary sibling and hold it locked; also return what unlocks it.

    What is made is noted in `made` before it is.
    """
    for _ in range(_ATTEMPTS):
        working = path.parent / f".{path.name}{_MARK}{secrets.token_hex(6)}"
        made.append(working)
        working.mkdir(mode)
        if _locks is None:
            return working, lambda: None
        # Another process may take the folder for a stale one before the lock is held.
        with contextlib.suppress(FileNotFoundError):
            unlock = _locked(working, _locks.LOCK_EX)
            if working.exists():
                return working, unlock
            unlock()
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
