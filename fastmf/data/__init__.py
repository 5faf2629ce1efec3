"""Ratings on disk and in memory: reading, storing, selecting."""

from __future__ import annotations

from fastmf.data.cache import store_cache_folder, store_cache_size
from fastmf.data.cleaning import clean_ratings
from fastmf.data.cleaning_options import Cleaning
from fastmf.data.filters import Duplicates
from fastmf.data.ratings import RatingChunk, Ratings
from fastmf.data.reading import read_ratings
from fastmf.data.splits import (
    k_folds,
    last_split,
    leave_n_out,
    pairs_split,
    random_split,
    time_split,
    user_split,
)
from fastmf.data.store import open_store, verify_store, write_store
from fastmf.data.vocabulary import Vocabulary

__all__ = [
    "Cleaning",
    "Duplicates",
    "RatingChunk",
    "Ratings",
    "Vocabulary",
    "clean_ratings",
    "k_folds",
    "last_split",
    "leave_n_out",
    "open_store",
    "pairs_split",
    "random_split",
    "read_ratings",
    "store_cache_folder",
    "store_cache_size",
    "time_split",
    "user_split",
    "verify_store",
    "write_store",
]
