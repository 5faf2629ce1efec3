"""model.json of a model folder: what it must say, written and checked."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from fastmf._version import __version__
from fastmf.data.store import is_store
from fastmf.errors import ModelFileError
from fastmf.model_file.record import check_record

__all__ = [
    "ARRAYS",
    "FILES",
    "FORMAT",
    "HEADER",
    "ITEMS",
    "USERS",
    "VERSION",
    "header_text",
    "is_model",
    "read_header",
]

FORMAT = "fastmf-model"
VERSION = 1

HEADER = "model.json"
ARRAYS = "arrays.safetensors"
USERS = "users.arrow"
ITEMS = "items.arrow"
FILES = (ARRAYS, USERS, ITEMS)

# Far above any real header; keeps a file that merely looks like one out of memory.
_HEADER_LIMIT = 64 << 20


def header_text(header: dict[str, Any]) -> str:
    """Return the text of a header with its checksum.

    Parameters
    ----------
    header : dict
        Anything JSON can hold, NumPy scalars included.

    Returns
    -------
    str
        ASCII.

    Raises
    ------
    ModelFileError
        If a value does not fit into JSON, or if the text is longer than what is read.
    """
    complete = json.loads(_json(header))
    complete["crc32"] = _checksum(_canonical(complete))
    text = _json(complete, indent=2) + "\n"
    if len(text) > _HEADER_LIMIT:
        raise ModelFileError(
            f"cannot save the model: what is recorded of it takes {len(text) / 2**20:.0f} MiB of "
            f"{HEADER}, which may have {_HEADER_LIMIT >> 20}; leave columns of long texts out of "
            "its metadata"
        )
    return text


def _json(document: dict[str, Any], **form: Any) -> str:
    try:
        return json.dumps(document, allow_nan=False, default=_plain, **form)
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelFileError(
            f"cannot save the model: {error}, in what is recorded of it"
        ) from error


def _canonical(document: dict[str, Any]) -> bytes:
    """Return the one JSON text of a document: sorted keys, no spaces, ASCII."""
    return _json(document, sort_keys=True, separators=(",", ":")).encode("ascii")


def _plain(value: object) -> Any:
    """Return the Python number behind a NumPy scalar."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not fit into JSON")


def _checksum(data: bytes) -> str:
    return f"{zlib.crc32(data):08x}"


def is_model(folder: Path) -> bool:
    """Say whether a folder holds a model of any version.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    bool
    """
    try:
        return isinstance(_parse_header(folder / HEADER), dict)
    except (ModelFileError, OSError):
        return False


def _parse_header(path: Path) -> dict[str, Any]:
    """Return the JSON object of a header that says it is one of ours."""
    if path.stat().st_size > _HEADER_LIMIT:
        raise ModelFileError(f"{path} is too large for the header of a model")
    try:
        header = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} is damaged: it is not JSON ({error})") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ModelFileError(f'{path} is not the header of a model: no "format": "{FORMAT}"')
    return header


def read_header(folder: Path) -> dict[str, Any]:
    """Return the checked header of a model folder.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    dict

    Raises
    ------
    ModelFileError
        If there is none, or if it is damaged, forged or of a newer version.
    """
    path = folder / HEADER
    if not path.is_file():
        raise ModelFileError(f"{folder} is not a saved model: {_describe(folder)}")
    header = _parse_header(path)
    version = header.get("version")
    if isinstance(version, int) and version > VERSION:
        raise ModelFileError(
            f"{path} has format version {version}, written by {header.get('written_by')}; "
            f"this is fastmf {__version__}, which reads up to version {VERSION}: upgrade fastmf"
        )
    checksum = header.pop("crc32", None)
    try:
        intact = checksum == _checksum(_canonical(header))
    except ModelFileError:
        intact = False
    if not intact:
        raise ModelFileError(f"{path} is altered: its checksum differs; copy it again")
    _check_header(path, header)
    return header


def _check_header(path: Path, header: dict[str, Any]) -> None:
    """Refuse a header whose entries are not of the types that version 1 has."""
    if type(header.get("version")) is not int or header["version"] != VERSION:
        raise ModelFileError(f"{path} is damaged: there is no version {header.get('version')!r}")
    types = {"kind": str, "hyperparameters": dict, "record": dict, "files": dict}
    for name, expected in types.items():
        if not isinstance(header.get(name), expected):
            raise ModelFileError(f"{path} is damaged: {name} is missing or of the wrong type")
    files = header["files"]
    # Names are compared, never followed: a path that leads out of the folder is just unknown.
    if set(files) != set(FILES):
        raise ModelFileError(f"{path} is damaged: it lists the files {sorted(files)}")
    for name, entry in files.items():
        if not isinstance(entry, dict) or set(entry) != {"bytes", "crc32"}:
            raise ModelFileError(f"{path} is damaged: the entry of {name} is incomplete")
    check_record(header["record"], str(path))


def _describe(path: Path) -> str:
    """Say in one clause what lies at a path where a model was expected."""
    if not path.exists():
        return "there is no such folder"
    if not path.is_dir():
        return "it is a file, while a model is a folder with model.json in it"
    if is_store(path):
        return "it is a prepared store of ratings; give it where ratings are asked for"
    names = sorted(entry.name for entry in path.iterdir())
    if not names:
        return "the folder is empty"
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"it has no model.json, but {shown}"
