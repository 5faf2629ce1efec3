"""The data of published comparisons, cleaned and split by fastmf's own functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.dataset import Split, published_split
from bench.harness import Progress
from bench.process import BenchError
from fastmf import Ratings, clean_ratings, random_split, read_ratings, user_split

POPULAR = 1000
# Of few movies most users rated one or two, of which no embedding learns anything.
LEAST_RATED = 5


@dataclass(frozen=True)
class Recipe:
    """How ratings of a folder become training and validation ratings.

    Attributes
    ----------
    title : str
        What the tables say.
    ratings : str
        File below the folder of data.
    items : str or None
        Table of items, below the folder of data.
    make : callable
        Takes the two paths and a seed; returns training and validation ratings.
    """

    title: str
    ratings: str
    items: str | None
    make: Callable[[Path, Path | None, int], tuple[Ratings, Ratings]]


@dataclass(frozen=True)
class SeedData:
    """Data of one recipe and seed.

    Attributes
    ----------
    split : Split
        For every library; the Parquet files are what fastmf reads.
    items : Path or None
        Table of items.
    """

    split: Split
    items: Path | None


def _at_random(fraction: float) -> Callable[[Path, Path | None, int], tuple[Ratings, Ratings]]:
    return lambda ratings, _, seed: random_split(read_ratings(ratings), fraction, seed)


def _popular_series(ratings: Path, items: Path | None, seed: int) -> tuple[Ratings, Ratings]:
    """Return ratings of the most rated television series."""
    from fastmf.data.metadata import read_metadata  # noqa: PLC0415 - loads compilers

    assert items is not None
    table = read_ratings(ratings)
    metadata = read_metadata(items)
    kinds = dict(zip(metadata.ids, metadata.columns["type"], strict=True))
    ids = table.items.take(np.arange(table.n_items))
    is_series = np.array([kinds.get(str(one)) == "TV" for one in ids])
    series = table.select(np.packbits(is_series[table.item_index], bitorder="little"))
    return random_split(clean_ratings(series, top_items=POPULAR), 0.1, seed)


def _of_raters(ratings: Path, _: Path | None, seed: int) -> tuple[Ratings, Ratings]:
    """Return ratings of users who have some."""
    table = clean_ratings(read_ratings(ratings), min_user_ratings=LEAST_RATED)
    return random_split(table, 0.1, seed)


RECIPES = {
    "latest-small": Recipe(
        "MovieLens latest-small, 90/10", "ml-latest-small/ratings.csv", None, _at_random(0.1)
    ),
    "anime": Recipe(
        "anime-5k, 95/5", "anime-5k/anime_ratings.dat", "anime-5k/anime_info.dat", _at_random(0.05)
    ),
    "anime series": Recipe(
        f"anime-5k, the {POPULAR:,} most rated TV series, 90/10",
        "anime-5k/anime_ratings.dat",
        "anime-5k/anime_info.dat",
        _popular_series,
    ),
    "anime by user": Recipe(
        "anime-5k, 90/10 of every user",
        "anime-5k/anime_ratings.dat",
        "anime-5k/anime_info.dat",
        lambda ratings, _, seed: user_split(read_ratings(ratings), 0.1, seed),
    ),
    "netflix": Recipe(
        f"703 movies of the Netflix Prize, users of {LEAST_RATED} ratings or more, 90/10",
        "netflix/combined_subset_derived.txt",
        None,
        _of_raters,
    ),
}


def seed_data(name: str, folder: Path, cache: Path, seed: int, progress: Progress) -> SeedData:
    """Return the data of a recipe, prepared where it is not there yet.

    Parameters
    ----------
    name : str
        Of the recipe.
    folder : Path
        Holds the folders of data.
    cache : Path
        Keeps what is prepared.
    seed : int
        Of the split.
    progress : Progress

    Raises
    ------
    BenchError
        A file is missing.
    """
    recipe = RECIPES[name]
    ratings = folder / recipe.ratings
    items = None if recipe.items is None else folder / recipe.items
    for path in (ratings, items):
        if path is not None and not path.exists():
            raise BenchError(f"{path} is missing; --data names the folder that holds it")
    prepared = cache / "seeds" / f"{name.replace(' ', '-')}-{seed}"
    files = [prepared / f"{part}.parquet" for part in ("train", "valid")]
    if not all(file.exists() for file in files):
        prepared.mkdir(parents=True, exist_ok=True)
        for file, part in zip(files, recipe.make(ratings, items, seed), strict=True):
            _write(part, file)
    split = published_split(files[0], files[1], cache / "seeds", progress)
    return SeedData(split, items)


def _write(ratings: Ratings, path: Path) -> None:
    """Write raw ids and ratings as Parquet."""
    columns = {
        "user_id": ratings.users.take(ratings.user_index),
        "item_id": ratings.items.take(ratings.item_index),
        "rating": ratings.value,
    }
    partial = path.with_suffix(".partial")
    pq.write_table(pa.table(columns), partial)
    partial.replace(path)


def write_features(data: SeedData, path: Path) -> None:
    """Write what fastmf makes of the table of items, for a peer to take.

    Parameters
    ----------
    data : SeedData
        With items.
    path : Path
        Receives ``numbers`` and ``texts`` as `bench.peers.pytorch_networks.ItemFeatures` has
        them, by the dense indices of the split.
    """
    from fastmf.data.item_features import FeatureEncoder  # noqa: PLC0415 - loads compilers
    from fastmf.data.metadata import read_metadata  # noqa: PLC0415
    from fastmf.data.vocabulary import Vocabulary  # noqa: PLC0415

    parts = [pq.read_table(part)["item_id"] for part in (data.split.train, data.split.valid)]
    ids = [part.combine_chunks() for part in parts]
    vocabulary = Vocabulary.from_ids(pa.concat_arrays(ids).unique())
    counts = np.bincount(vocabulary.lookup(ids[0]), minlength=len(vocabulary))
    metadata = read_metadata(data.items)
    encoder = FeatureEncoder.learn(metadata, vocabulary, counts.astype(np.int64))
    features, _ = encoder.encode(metadata, vocabulary)
    texts = level_shares(features)
    np.savez(path, numbers=features.numbers[:-1], texts=texts[:, :-1])


def level_shares(features: Any) -> Any:
    """Return (n_texts, n + 1, n_levels) float32: the share of each level in each column's cell.

    Parameters
    ----------
    features : fastmf.data.item_features.Features
    """
    n_rows, n_texts = len(features.numbers), features.n_texts
    shares = np.zeros((n_texts, n_rows, features.n_levels), np.float32)
    for row in range(n_rows):
        for text in range(n_texts):
            cell = row * n_texts + text
            levels = features.levels[features.starts[cell] : features.starts[cell + 1]]
            shares[text, row, levels] = 1 / max(len(levels), 1)
    return shares
