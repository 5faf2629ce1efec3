"""Where stores are kept between runs, and which store belongs to which source."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastmf.data.fingerprint import describe_files
from fastmf.data.store_header import is_store, read_header
from fastmf.errors import DataError

__all__ = [
    "cached_store",
    "describe_source",
    "is_current",
    "store_cache_folder",
    "store_cache_size",
    "work_folder",
]

# Raised when readers make something else of the same file, so that stores of before are made anew.
_READERS_VERSION = 1


def store_cache_folder() -> Path:
    """Return the folder that holds the stores of files read before.

    Returns
    -------
    pathlib.Path
        ``stores`` in ``$FASTMF_CACHE_DIR``, or in ``fastmf`` in ``$XDG_CACHE_HOME`` or
        ``~/.cache``. It need not exist.
    """
    return _cache_folder() / "stores"


def work_folder() -> Path:
    """Return the folder for files that last no longer than a run.

    Returns
    -------
    pathlib.Path
        ``work`` beside the stores, or the system's temporary folder where that cannot be made.
    """
    folder = _cache_folder() / "work"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir())
    return folder


def _cache_folder() -> Path:
    own = os.environ.get("FASTMF_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path("~/.cache").expanduser()) / "fastmf"


def store_cache_size() -> int:
    """Return the bytes of all stores in the cache.

    Returns
    -------
    int
        0 where there is none.
    """
    total = 0
    for file in store_cache_folder().rglob("*"):
        # Another process may be replacing a store right now.
        with contextlib.suppress(OSError):
            total += file.stat().st_size if file.is_file() else 0
    return total


def cached_store(path: Path, options: Mapping[str, Any]) -> Path:
    """Return where the store of a source is kept.

    Parameters
    ----------
    path : pathlib.Path
        The source.
    options : mapping
        How it is read: another way of reading is another store.

    Returns
    -------
    pathlib.Path
        A name one can read, and a hash of the absolute path and the options.
    """
    key = json.dumps([str(path.absolute()), dict(options)], sort_keys=True)
    hashed = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", path.name).strip(".")[:60] or "ratings"
    return store_cache_folder() / f"{readable}-{hashed}"


def describe_source(path: Path, parts: list[Path], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a store remembers of its source: path, options, identities of its files.

    Parameters
    ----------
    path : pathlib.Path
        The source.
    parts : list of pathlib.Path
        Its files.
    options : mapping
        How it is read.

    Returns
    -------
    dict
        Ready for JSON.
    """
    try:
        files = describe_files(parts)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return {
        "path": str(path),
        "options": dict(options),
        "files": files,
        "readers": _READERS_VERSION,
    }


def is_current(store: Path, source: Mapping[str, Any]) -> bool:
    """Whether a store was made from this very version of its source.

    Parameters
    ----------
    store : pathlib.Path
        Where the store would be.
    source : mapping
        What `describe_source` says now.

    Returns
    -------
    bool
        False also when there is no store, or none that can be read.
    """
    if not is_store(store):
        return False
    try:
        remembered = read_header(store)["source"]
    except DataError:
        return False
    same = ("options", "files")
    return isinstance(remembered, dict) and all(remembered.get(k) == source[k] for k in same)
