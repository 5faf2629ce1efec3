"""Reads LIBMF's text back into arrays, and scores predictions the same way for everyone."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv


class Triples(NamedTuple):
    """Ratings as three columns: dense int32 indices and float32 values, each of shape (n,)."""

    user_index: npt.NDArray[np.int32]
    item_index: npt.NDArray[np.int32]
    value: npt.NDArray[np.float32]


def read_triples(path: str | Path) -> Triples:
    """Read ``user item rating`` lines."""
    types = {"user": pa.int32(), "item": pa.int32(), "value": pa.float32()}
    table = pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(column_names=list(types)),
        parse_options=pyarrow.csv.ParseOptions(delimiter=" "),
        convert_options=pyarrow.csv.ConvertOptions(column_types=types),
    )
    return Triples(*(column.to_numpy() for column in table.columns))


def rmse(
    predicted: npt.NDArray[np.floating],
    observed: npt.NDArray[np.floating],
    minimum: float,
    maximum: float,
) -> float:
    """Root mean squared error of predictions clipped to the rating range, summed in float64."""
    error = np.clip(predicted, minimum, maximum).astype(np.float64) - observed
    return float(np.sqrt(np.mean(error * error)))
