"""Slow twins of kernels.tables.string_ids: a dictionary of the strings cut out of their bytes."""

from itertools import pairwise

import numpy as np

from tests.reference.tables import integer_ids


def strings(offsets: np.ndarray, data: np.ndarray) -> list[bytes]:
    """Cut the strings out of their bytes."""
    text = data.tobytes()
    return [text[begin:end] for begin, end in pairwise(offsets)]


def encode(offsets: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, list[bytes]]:
    """Give strings dense indices in order of first appearance."""
    return integer_ids.encode(strings(offsets, data))


def lookup(
    offsets: np.ndarray, data: np.ndarray, id_offsets: np.ndarray, id_data: np.ndarray
) -> np.ndarray:
    """Find strings among unique ids, -1 where there is none."""
    return integer_ids.lookup(strings(offsets, data), strings(id_offsets, id_data))
