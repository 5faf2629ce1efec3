"""Slow twins of fastmf.kernels.tables.integer_ids: a dictionary does it all."""

from collections.abc import Hashable, Sequence

import numpy as np


def encode(values: Sequence[Hashable]) -> tuple[np.ndarray, list[Hashable]]:
    """Give values dense indices in order of first appearance."""
    known: dict[Hashable, int] = {}
    indices = [known.setdefault(value, len(known)) for value in values]
    return np.array(indices, np.int32), list(known)


def lookup(values: Sequence[Hashable], ids: Sequence[Hashable]) -> np.ndarray:
    """Find values among unique ids, -1 where there is none."""
    places = {value: place for place, value in enumerate(ids)}
    return np.array([places.get(value, -1) for value in values], np.int32)
