"""Splits of ratings into a training and a held-out part: two views, nothing is copied.

Every rating is in exactly one of the two, the same seed gives the same split, and neither the
number of threads nor the place of the ratings (memory, memory map, store) changes it. Splits are
drawn over rows and dense indices: a file with the same ratings in another order splits otherwise.
"""

from __future__ import annotations

from fastmf.data.splits.at_random import k_folds, random_split
from fastmf.data.splits.by_pairs import is_list_of_pairs, pairs_split
from fastmf.data.splits.by_time import time_split, unix_seconds
from fastmf.data.splits.by_user import last_split, leave_n_out, user_split

__all__ = [
    "is_list_of_pairs",
    "k_folds",
    "last_split",
    "leave_n_out",
    "pairs_split",
    "random_split",
    "time_split",
    "unix_seconds",
    "user_split",
]
