"""The batches of a part: decoded, and their ids and ratings checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from fastmf.data.arrays import Array
from fastmf.data.id_tables import as_ids
from fastmf.data.readers.part import Part, RawBatch, TextIdsError, unreadable
from fastmf.data.values import BadRowError, read_values
from fastmf.errors import DataError, FastMFError

__all__ = ["Decoder", "PreparedBatch", "guarded_batches", "prepare_batch", "unreadable"]

Decoder = Callable[[], RawBatch | None]

# Integers that are encoded as they are; all others become int64 first.
_INTEGERS = frozenset(
    (pa.int64(), pa.int32(), pa.int16(), pa.int8(), pa.uint32(), pa.uint16(), pa.uint8())
)


class PreparedBatch(NamedTuple):
    """A decoded batch whose ids, ratings and row count are checked."""

    users: pa.Array  # integers that fit int64, or large_string
    items: pa.Array
    values: Array  # integers or float32
    time: pa.Array | None


def guarded_batches(part: Part) -> Iterator[Decoder]:
    """Yield the functions that decode a part; what goes wrong in reading becomes a `DataError`.

    Parameters
    ----------
    part : Part
        What to read.

    Yields
    ------
    callable
        As `Part.batches` does.

    Raises
    ------
    DataError
        Naming the part.
    """
    jobs = part.batches()
    while True:
        try:
            job = next(jobs, None)
        except (FastMFError, TextIdsError):
            raise
        except Exception as error:
            raise unreadable(part.name, error) from error
        if job is None:
            return
        yield job


def prepare_batch(part: Part, decode: Decoder) -> PreparedBatch | BadRowError | None:
    """Decode one batch and check it; runs on any thread.

    Parameters
    ----------
    part : Part
        Where it comes from.
    decode : callable
        Decodes it.

    Returns
    -------
    PreparedBatch, BadRowError or None
        None for no rows. A bad row is returned, not raised: only who collects the batches in order
        knows which row of the file it is.

    Raises
    ------
    DataError
        On anything else that is unusable.
    """
    try:
        raw = decode()
        if raw is None or len(raw.values) == 0:
            return None
        return PreparedBatch(
            _checked_ids(raw.users, "user", part.name),
            _checked_ids(raw.items, "item", part.name),
            read_values(raw.values),
            raw.time,
        )
    except BadRowError as error:
        return error
    except TextIdsError:
        raise
    except FastMFError as error:
        if str(error).startswith(part.name):
            raise
        raise DataError(f"{part.name}: {error}") from error
    except Exception as error:
        # Arrow reports damage by a dozen types of exception, from OSError to OverflowError.
        raise unreadable(part.name, error) from error


def _checked_ids(column: pa.Array, role: str, name: str) -> pa.Array:
    """Return ids as integers that fit int64 or as large_string, all present."""
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise BadRowError(row, f"the {role} id is missing")
    ids = column if column.type in _INTEGERS else as_ids(column)
    if ids is None:
        raise DataError(
            f"{name}: the {role} column holds {column.type} that are neither integers nor text; "
            f"convert it, or name another with --{role}-column ({role}_column= in Python)"
        )
    return ids
