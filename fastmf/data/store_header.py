"""The header of a store: what is in its files, which vouches for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastmf.errors import DataError

__all__ = ["STORE_VERSION", "header_checksum", "is_store", "read_header"]

STORE_FORMAT = "fastmf ratings store"
STORE_VERSION = 2
HEADER = "store.json"
RATINGS = "ratings.arrow"
USERS = "users.arrow"
ITEMS = "items.arrow"
FILES = (RATINGS, USERS, ITEMS)
REMAKE = "delete the store and read its source again"


def is_store(path: Path) -> bool:
    """Whether a path is a folder that claims to be a ratings store.

    Parameters
    ----------
    path : pathlib.Path
        Any path.

    Returns
    -------
    bool
    """
    return (path / HEADER).is_file()


def read_header(folder: Path) -> dict[str, Any]:
    """Read and check the header of a store.

    Parameters
    ----------
    folder : pathlib.Path
        The store.

    Returns
    -------
    dict
        As docs/FORMAT.md describes it.

    Raises
    ------
    DataError
        When it is missing, altered, or of another version.
    """
    try:
        header = json.loads((folder / HEADER).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{folder}: not a ratings store: {HEADER} cannot be read") from error
    if not isinstance(header, dict) or header.get("format") != STORE_FORMAT:
        raise DataError(f"{folder}: not a ratings store")
    version = header.get("version")
    if not isinstance(version, int) or version < 1:
        raise DataError(f"{folder}: {HEADER} names no version; {REMAKE}")
    if version > STORE_VERSION:
        raise DataError(
            f"{folder}: written by a newer fastmf (store version {version}, this one reads "
            f"{STORE_VERSION}); upgrade fastmf, or read the source again"
        )
    if version < STORE_VERSION:
        raise DataError(
            f"{folder}: written by an older fastmf (store version {version}, this one reads "
            f"{STORE_VERSION}); {REMAKE}"
        )
    if header.get("checksum") != header_checksum(header):
        raise DataError(f"{folder}: {HEADER} was altered; {REMAKE}")
    return header


def header_checksum(header: Mapping[str, Any]) -> str:
    """Hash a header without its own checksum.

    Parameters
    ----------
    header : mapping
        What `store.json` holds.

    Returns
    -------
    str
        BLAKE2b, 16 bytes, in hexadecimal.
    """
    rest = {key: value for key, value in header.items() if key != "checksum"}
    text = json.dumps(rest, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()
