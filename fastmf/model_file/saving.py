"""A fitted model on disk: a folder of JSON, safetensors and Arrow files.

The folder is described byte by byte in docs/FORMAT.md. Nothing in it is executed: arrays are
memory-mapped, everything else is parsed, and every file is checked against the byte size and the
checksum in model.json before it is used.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from safetensors import SafetensorError

from fastmf._version import __version__
from fastmf.data.store import is_store
from fastmf.data.vocabulary import Vocabulary
from fastmf.errors import ModelFileError
from fastmf.model_file.folder import replace_folder
from fastmf.model_file.parts import check_array, map_arrays, read_ids, write_arrays, write_ids
from fastmf.model_file.record import check_record

__all__ = ["ModelFile", "load_model_file", "save_model"]

FORMAT = "fastmf-model"
VERSION = 1

_HEADER = "model.json"
_ARRAYS = "arrays.safetensors"
_USERS = "users.arrow"
_ITEMS = "items.arrow"
_FILES = (_ARRAYS, _USERS, _ITEMS)

# Far above any real header; keeps a file that merely looks like one out of memory.
_HEADER_LIMIT = 64 << 20


class ModelFile(NamedTuple):
    """What a model folder holds."""

    kind: str
    hyperparameters: dict[str, Any]
    arrays: dict[str, NDArray[Any]]  # read-only, memory-mapped
    users: Vocabulary
    items: Vocabulary
    record: dict[str, Any]


def save_model(
    folder: str | os.PathLike[str],
    *,
    kind: str,
    hyperparameters: dict[str, Any],
    arrays: dict[str, NDArray[Any]],
    users: Vocabulary,
    items: Vocabulary,
    record: dict[str, Any],
) -> None:
    """Write a model folder, whole or not at all.

    Everything is written to a folder beside the target, flushed to disk, and renamed. A model
    that was in the target's place is only removed once the new one has its name.

    Parameters
    ----------
    folder : path
        The folder to make; missing parents are made too. May be a saved model, which is
        replaced, or an empty folder.
    kind : str
        Name of the model class in the registry.
    hyperparameters, record : dict
        Anything JSON can hold (NumPy scalars included): numbers, text, lists, dicts, None.
    arrays : dict of str to ndarray
        float32, float64, int32, int64 or uint8. A name that begins with ``user_`` or ``item_``
        promises one row for each user or item.
    users, items : Vocabulary
        The raw ids behind the rows.

    Raises
    ------
    ModelFileError
        If an array holds NaN or infinity or has the wrong number of rows or type, if a value
        does not fit into JSON, if the target is something other than a model, or if writing
        fails (disk full, no permission). Then nothing is left behind and an old model stays.
    """
    for name, array in arrays.items():
        check_array(name, array)
    _check_rows(arrays, users, items, "cannot save the model: ")
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "written_by": f"fastmf {__version__}",
        "kind": kind,
        "hyperparameters": hyperparameters,
        "record": record,
    }
    _canonical(header)  # before anything is written

    def write(target: Path) -> None:
        write_arrays(target / _ARRAYS, arrays)
        for name, vocabulary in ((_USERS, users), (_ITEMS, items)):
            write_ids(target / name, vocabulary)
        files = {name: _measure(target / name) for name in _FILES}
        complete = json.loads(json.dumps(header | {"files": files}, default=_plain))
        complete["crc32"] = _checksum(_canonical(complete))
        text = json.dumps(complete, indent=2)
        (target / _HEADER).write_text(text + "\n", encoding="utf-8")

    target = Path(folder)
    try:
        replace_folder(target, write, is_own=_is_model, known_files=(_HEADER, *_FILES))
    except (OSError, SafetensorError, pa.ArrowException) as error:
        known = isinstance(error, OSError) and error.strerror
        reason = known or " ".join(str(error).split())
        raise ModelFileError(
            f"cannot write the model to {target}: {reason}; nothing was left behind, choose "
            "another place or make room"
        ) from error


def load_model_file(folder: str | os.PathLike[str]) -> ModelFile:
    """Open a model folder by memory map, after checking every file in it.

    Parameters
    ----------
    folder : path
        What `save_model` wrote.

    Returns
    -------
    ModelFile
        Its arrays are read-only views of the mapped file, which stays mapped while they live.

    Raises
    ------
    ModelFileError
        If this is not a model folder, was written by a newer version, or if a file is missing,
        truncated, altered, does not fit the others or holds what training never writes.
    """
    path = Path(folder)
    try:
        header = _read_header(path)
        for name in _FILES:
            _verify(path / name, header["files"][name])
        arrays = map_arrays(path / _ARRAYS)
        users = read_ids(path / _USERS)
        items = read_ids(path / _ITEMS)
    except OSError as error:
        raise ModelFileError(f"cannot read the model {path}: {error.strerror or error}") from error
    _check_rows(arrays, users, items, f"{path / _ARRAYS}: ")
    return ModelFile(
        header["kind"], header["hyperparameters"], arrays, users, items, header["record"]
    )


def _check_rows(
    arrays: dict[str, NDArray[Any]], users: Vocabulary, items: Vocabulary, where: str
) -> None:
    """Refuse arrays named for users or items that do not have a row for each."""
    for name, array in arrays.items():
        for prefix, vocabulary in (("user", users), ("item", items)):
            rows = array.shape[0] if array.ndim else 0
            if name.startswith(f"{prefix}_") and rows != len(vocabulary):
                raise ModelFileError(
                    f"{where}{name} has {rows} rows for {len(vocabulary)} {prefix}s"
                )


def _canonical(document: dict[str, Any]) -> bytes:
    """Return the one JSON text of a document: sorted keys, no spaces, ASCII."""
    try:
        text = json.dumps(
            document,
            sort_keys=True,
            separators=(",", ":"),
            allow_nan=False,
            default=_plain,
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelFileError(
            f"cannot save the model: {error}, in what is recorded of it"
        ) from error
    return text.encode("ascii")


def _plain(value: object) -> Any:
    """Return the Python number behind a NumPy scalar."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not fit into JSON")


def _checksum(data: bytes) -> str:
    return f"{zlib.crc32(data):08x}"


def _measure(path: Path) -> dict[str, Any]:
    """Return the byte size and the checksum of a file."""
    size, checksum = 0, 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            checksum = zlib.crc32(block, checksum)
    return {"bytes": size, "crc32": f"{checksum:08x}"}


def _verify(path: Path, expected: dict[str, Any]) -> None:
    """Refuse a file that is not, byte for byte, what was saved."""
    if not path.is_file():
        raise ModelFileError(f"{path} is missing; the model is incomplete, copy it again whole")
    size = path.stat().st_size
    if size != expected["bytes"]:
        raise ModelFileError(
            f"{path} has {size} bytes instead of {expected['bytes']}; it is truncated or altered, "
            "copy the model again whole"
        )
    if _measure(path) != expected:
        raise ModelFileError(f"{path} is altered: its checksum differs; copy the model again whole")


def _is_model(folder: Path) -> bool:
    """Say whether a folder holds a model of any version."""
    try:
        return isinstance(_parse_header(folder / _HEADER), dict)
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


def _read_header(folder: Path) -> dict[str, Any]:
    """Return the checked header of a model folder."""
    path = folder / _HEADER
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
    if set(files) != set(_FILES):
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
