"""Ratings on disk and in memory: reading, storing, selecting."""

from __future__ import annotations

from fastmf.data.cache import store_cache_folder, store_cache_size
from fastmf.data.ratings import Duplicates, RatingChunk, Ratings
from fastmf.data.reading import read_ratings
from fastmf.data.split import random_split
from fastmf.data.store import open_store, verify_store, write_store
from fastmf.data.vocabulary import Vocabulary

__all__ = [
    "Duplicates",
    "RatingChunk",
    "Ratings",
    "Vocabulary",
    "open_store",
    "random_split",
    "read_ratings",
    "store_cache_folder",
    "store_cache_size",
    "verify_store",
    "write_store",
]
