"""Random ratings by row, as the tests of AutoRec's kernels take them."""

import numpy as np

from fastmf.data.arrays import frozen
from fastmf.kernels.alternating.normal_equations import RatedRows


def random_rows(counts, n_columns, seed, *, coded=True):
    """Return rows of distinct columns, with one of eleven values each."""
    rng = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    columns = [rng.permutation(n_columns)[:count] for count in counts]
    index = np.concatenate([*columns, []]).astype(np.int32)
    levels = np.zeros(256, np.float32)
    levels[:11] = rng.standard_normal(11)
    codes = rng.integers(0, 11, len(index)).astype(np.uint8)
    values = np.empty(0, np.float32) if coded else levels[codes]
    codes = codes if coded else np.empty(0, np.uint8)
    return RatedRows(*(frozen(array) for array in (starts, index, codes, values, levels)))


def values_of(rated):
    """Return the value of each rating."""
    return rated.levels[rated.codes] if len(rated.codes) else rated.values
